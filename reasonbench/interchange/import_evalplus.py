"""Samples of HumanEval and EvalPlus: ``task_id, completion|solution``, and their results.

The samples' scores stand in a file beside them, ``<stem>_eval_results.json`` or
``<stem>.jsonl_results.jsonl``; such a file can be imported by itself too, where it holds the
programs.  Lines of one ``task_id`` are its samples in their order, whatever they say: a model
may well write one program twice.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from reasonbench.interchange.import_files import Log
from reasonbench.interchange.import_values import brief
from reasonbench.interchange.imported import Collector, Imported, Row, Told

FORMAT = "evalplus"


def matches(row: Row) -> bool:
    """Whether a first row is of this format."""
    return "task_id" in row.data and bool({"completion", "solution"} & row.data.keys())


def is_results(document: Any) -> bool:
    """Whether a JSON document holds EvalPlus's results."""
    if not isinstance(document, dict) or not isinstance(document.get("eval"), dict):
        return False
    return "version" not in document


def read(log: Log) -> Imported:
    """Return the samples of a log."""
    found = Collector(log.path)
    scores = defaultdict[str, list[float | None]](list)
    if log.kind != "json":
        scores = _beside(log.path, found)
    at: dict[str, int] = defaultdict(int)
    for row in _results_rows(log) if log.kind == "json" else log.rows():
        name = row.needs(row.name("task_id"), "task_id")
        text = row.text("solution")
        text = row.text("completion") if text is None else text
        item = found.problem(row, log.path.stem, name)
        own = _score(row)
        if own is None and at[name] < len(scores[name]):
            own = scores[name][at[name]]
        at[name] += 1
        found.add(row, item, repeat=None, text=row.needs(text, "completion"), score=own)
    uneven = [name for name in scores if scores[name] and len(scores[name]) != at[name]]
    if uneven:
        name = uneven[0]
        raise log.bad(
            f"has {at[name]} samples of {brief(name)}, and the results beside it have "
            f"{len(scores[name])}",
            "evaluate these samples again, or move the results away",
        )
    return found.done(log.sha256, FORMAT, "samples", Told(), sort=False)


def _score(row: Row) -> float | None:
    """Return whether a sample passed: with the added tests where they were run."""
    for key in ("plus_status", "base_status"):
        if (status := row.text(key)) is not None:
            return float(status == "pass" and row.data.get("base_status", "pass") == "pass")
    passed = row.data.get("passed")
    return float(passed) if isinstance(passed, bool) else None


def _results_rows(log: Log) -> list[Row]:
    document = log.document()
    rows = []
    for number, (name, samples) in enumerate(document["eval"].items(), start=1):
        if not isinstance(samples, list) or not all(isinstance(s, dict) for s in samples):
            raise Row(log.path, number, {}, "task").bad(
                f"{brief(name)} must hold a list of results, got {brief(samples)}",
                hint="results of EvalPlus before 0.2 hold no programs; import the samples",
            )
        rows += [Row(log.path, number, {"task_id": name, **s}, "task") for s in samples]
    return rows


def _beside(path: Path, found: Collector) -> defaultdict[str, list[float | None]]:
    scores: defaultdict[str, list[float | None]] = defaultdict(list)
    for name in (
        f"{path.stem}_eval_results.json",
        f"{path.stem}.eval_results.json",
        f"{path.name}_results.jsonl",
    ):
        beside = path.with_name(name)
        if not beside.is_file():
            continue
        with Log(beside) as log:
            rows = _results_rows(log) if log.kind == "json" else list(log.rows())
        for row in rows:
            scores[row.needs(row.name("task_id"), "task_id")].append(_score(row))
        return scores
    return scores
