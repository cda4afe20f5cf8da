"""lm-eval's ``samples_<task>_<iso>.jsonl``, with the results file beside it where it is there.

A line is one document under one filter, with every repeat in ``resps`` even where the score
used the first alone: lines of one ``doc_id`` are one problem, and all repeats are its samples.
"""

import re
from pathlib import Path
from typing import Any

from reasonbench.errors import ReasonbenchError
from reasonbench.identity import digest
from reasonbench.interchange.import_files import Log
from reasonbench.interchange.import_values import (
    brief,
    conversation,
    sampling_of,
    score_of,
    target_of,
)
from reasonbench.interchange.imported import MAX_NAMED, Collector, Imported, Item, Row, Told
from reasonbench.interchange.source_grader import FIELD
from reasonbench.records import FinishReason

FORMAT = "lm-eval"
MAJORITY = ("majority_vote",)
"""Filters whose score is of all repeats together."""
MEAN = re.compile(r"(?:pass@1|pass_at_1|mean|avg|acc)\b")
"""Metrics that are the mean over the repeats."""
STATEMENTS = ("statement", "problem", "question", "Problem", "Question")
"""Fields of a document that hold what is asked."""
_NAME = re.compile(r"samples_(?P<task>.+)_(?P<iso>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\Z")


def matches(row: Row) -> bool:
    """Whether a first row is of this format."""
    return {"doc_id", "resps"} <= row.data.keys()


def read(log: Log) -> Imported:
    """Return the samples of a log."""
    results, beside = _results(log.path)
    named = _NAME.match(log.path.stem)
    reader = _Reader(log.path, named["task"] if named else log.path.stem, results)
    if not beside:
        reader.found.missing.append(
            f"no results file lies beside {log.path.name}, so model, version and filters are "
            "not known"
        )
    for row in log.rows():
        reader.take(row)
    reader.finish()
    version = results.text("lm_eval_version") or "unknown"
    told = Told(
        model=_model(results),
        revision=results.table("config").data.get("model_revision"),
        sampling=reader.sampling,
        versions={"lm-eval": version} if results.data.get("lm_eval_version") else {},
    )
    if not isinstance(told.revision, str):
        told = Told(model=told.model, sampling=told.sampling, versions=told.versions)
    return reader.found.done(log.sha256, FORMAT, version, told, sort=False)


def _results(path: Path) -> tuple[Row, bool]:
    """Return the results of the same call, and whether they are there."""
    named = _NAME.match(path.stem)
    beside = path.with_name(f"results_{named['iso']}.json") if named else path
    if not named or not beside.is_file():
        return Row(path, 1, {}, "results"), False
    with Log(beside) as log:
        document = log.document()
    if not isinstance(document, dict):
        raise ReasonbenchError(f"{beside} is no results file of lm-eval: {brief(document)}")
    return Row(beside, 1, document, "results"), True


def _model(results: Row) -> str | None:
    """Return the model: of the arguments of the wrapper, else the name that is shown."""
    arguments = results.table("config").data.get("model_args")
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key.strip(): value.strip() for key, _, value in pairs}
    for source, keys in ((arguments, ("pretrained", "model")), (results.data, ("model_name",))):
        for key in keys:
            name = source.get(key) if isinstance(source, dict) else None
            if isinstance(name, str) and name:
                return name
    return None


class _Reader:
    def __init__(self, path: Path, task: str, results: Row) -> None:
        self.found = Collector(path)
        self.sampling: dict[str, Any] = {}
        self._task = task
        self._results = results
        self._config = results.inner(results.table("configs").data.get(task))
        self._seen: dict[tuple[str, str], int] = {}
        self._texts: dict[str, tuple[int, list[Any]]] = {}
        self._first: dict[int, str | None] = {}
        self._filters: dict[str, None] = {}

    def take(self, row: Row) -> None:
        """Take one line."""
        doc_id = row.needs(row.name("doc_id"), "doc_id")
        filter_name = row.text("filter") or "none"
        if (first := self._seen.setdefault((doc_id, filter_name), row.number)) != row.number:
            raise row.bad(
                f"document {doc_id} under the filter {brief(filter_name)} stands in row {first:,} "
                "already",
                hint="take the duplicate out: n would count its samples twice",
            )
        self._filters[filter_name] = None
        texts = _texts(row)
        if doc_id in self._texts:
            first, known = self._texts[doc_id]
            if known != texts:
                raise row.bad(f"document {doc_id} has other samples than in row {first:,}")
            return
        self._texts[doc_id] = row.number, texts
        own = row.table("doc").table("reasonbench")
        item = self._problem(row, doc_id, own)
        scores, item.mean = self._scores(row, filter_name, len(texts), own)
        for i, text in enumerate(texts):
            self.found.add(
                row,
                item,
                repeat=_whole_at(own, "sample_index", i, i),
                text=None if _at(own, "has_text", i) is False else text,
                score=scores[i],
                answer=_answer(row, i, len(texts)),
                finish_reason=_finish(_at(own, "finish_reason", i)),
                n_tokens=_whole_at(own, "n_tokens", i, 0),
                seed=_whole_at(own, "seed", i, 0),
            )

    def _problem(self, row: Row, doc_id: str, own: Row) -> Item:
        doc = row.table("doc")
        prompt, kwargs = _arguments(row)
        self.sampling = self.sampling or sampling_of(kwargs)
        fields = (doc.data.get(key) for key in STATEMENTS)
        statement = next((text for text in fields if isinstance(text, str) and text), prompt)
        ours = bool(own.data)
        metadata = dict(doc.table("metadata").data) if ours else {}
        metadata.pop(FIELD, None)
        tests = (dict(doc.table("tests").data) or None) if ours else None
        try:
            digest(metadata, tests)
        except (ValueError, TypeError, RecursionError) as error:
            raise row.bad(f"its metadata or tests cannot be kept: {error}") from error
        return self.found.problem(
            row,
            (own.name("task") if ours else None) or self._task,
            (doc.name("id") if ours else None) or doc_id,
            statement=statement,
            prompt=prompt,
            target=target_of(doc.data.get("target") if ours else row.data.get("target")),
            tests=tests,
            grader=(own.text("grader") or "").partition("/")[0] or None,
            metadata=metadata,
        )

    def _scores(
        self, row: Row, filter_name: str, n: int, own: Row
    ) -> tuple[list[float | None], float | None]:
        """Return the source's score of each sample, and their mean where only that is told."""
        verdicts = own.items("verdict")
        if verdicts is not None and len(verdicts) == n:
            return [{"correct": 1.0, "incorrect": 0.0}.get(str(v)) for v in verdicts], None
        metrics = [name for name in row.items("metrics") or () if isinstance(name, str)]
        value, name = next(
            ((s, m) for m in metrics if (s := score_of(row.data.get(m))) is not None), (None, "")
        )
        if value is None or n == 1:
            return [value] * n, None
        if MEAN.match(name) and self._functions(filter_name) not in ([], ["take_first"]):
            return [value if value in (0, 1) else None] * n, value
        functions = self._functions(filter_name)
        if functions is not None and not set(functions) & set(MAJORITY):
            return [value, *[None] * (n - 1)], None
        return [None] * n, None

    def _functions(self, filter_name: str) -> list[str] | None:
        """Return the functions of a filter; None where the log does not tell."""
        if not self._config.data:
            return None
        listed = self._config.data.get("filter_list")
        if not listed:
            return ["take_first"]
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and entry.get("name") == filter_name:
                steps = entry.get("filter")
                steps = steps if isinstance(steps, list) else []
                return [str(s.get("function")) for s in steps if isinstance(s, dict)]
        return None

    def finish(self) -> None:
        """Say what is known of the whole log."""
        missing = self.found.missing
        if len(self._filters) > 1:
            names = ", ".join(self._filters)
            missing.append(
                f"it has the filters {names}: each sample is taken once, and its own score is that "
                f"of {next(iter(self._filters))}"
            )
        if "think_end_token" in str(self._results.table("config").data.get("model_args")):
            missing.append("the model ran with think_end_token: the thinking was cut off and lost")
        counts = self._results.table("n-samples").table(self._task)
        expected = counts.whole("effective")
        if expected is not None and expected != len(self._texts):
            gone = [str(i) for i in range(expected) if str(i) not in self._texts][:MAX_NAMED]
            missing.append(
                f"the results count {expected:,} documents, and the samples hold "
                f"{len(self._texts):,} in {len(self._seen):,} rows; not there: doc_id "
                f"{', '.join(gone) or '-'}"
            )
        repeats = self._config.whole("repeats")
        most = max((len(texts) for _, texts in self._texts.values()), default=0)
        if repeats is not None and most and repeats != most:
            missing.append(f"the task asked for {repeats} repeats, and the log holds {most}")


def _texts(row: Row) -> list[Any]:
    resps = row.needs(row.items("resps"), "resps")
    texts = [text for group in resps for text in (group if isinstance(group, list) else [group])]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise row.bad(
            f"resps must hold generated texts, got {brief(resps)}",
            hint="log-likelihoods are no samples; only generate_until tasks can be imported",
        )
    return texts


def _arguments(row: Row) -> tuple[str | None, dict[str, Any]]:
    first = next(iter(row.table("arguments").data.values()), None)
    if not isinstance(first, dict):
        return None, {}
    prompt, kwargs = first.get("arg_0"), first.get("arg_1")
    return conversation(prompt), kwargs if isinstance(kwargs, dict) else {}


def _answer(row: Row, i: int, n: int) -> str | None:
    """Return the answer that the filter found in a sample, where it names one for each."""
    filtered = row.items("filtered_resps") or []
    if len(filtered) == 1 and isinstance(filtered[0], list):
        filtered = filtered[0]
    if len(filtered) != n or not isinstance(filtered[i], str) or filtered[i] == "[invalid]":
        return None
    answer: str = filtered[i]
    return answer


def _at(own: Row, field: str, i: int) -> Any:
    values = own.items(field) or []
    return values[i] if i < len(values) else None


def _whole_at(own: Row, field: str, i: int, default: int) -> int:
    found = own.inner({field: _at(own, field, i)}).whole(field)
    return default if found is None else found


def _finish(value: Any) -> FinishReason | None:
    return FinishReason(value) if value in ("stop", "length", "filter") else None
