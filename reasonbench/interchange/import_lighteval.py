"""lighteval's details: ``details/<model>/<time>/details_<task>_<time>.parquet``.

A row is a document with all its samples; its metric is of the document, so it is a sample's
score only where there is one sample, or where a mean is 0 or 1.  The columns were called
``__doc__``, ``__metric__`` and ``__model_response__`` up to 0.12, and are plain since.
"""

import re
from typing import Any

from reasonbench.interchange.import_files import Log, decode
from reasonbench.interchange.import_values import score_of, target_of, with_thought
from reasonbench.interchange.imported import Collector, Imported, Row, Told

FORMAT = "lighteval"
MEAN = re.compile(r"(?:[a-z_]*pass@1:|pass@k:k=1\b|avg@|.*mean|acc|.*match$)")
"""Metrics that are the mean over the samples, at n > 1."""
COLUMNS = (
    ("doc", "model_response", "metric"),
    ("__doc__", "__model_response__", "__metric__"),
)
"""Names of the columns: document, response and metric."""
_NAME = re.compile(r"details_(?P<task>.+)_\d{4}-\d\d-\d\dT.*\Z")


def matches(row: Row) -> bool:
    """Whether a first row is of this format."""
    return any({doc, response} <= row.data.keys() for doc, response, _ in COLUMNS)


def read(log: Log) -> Imported:
    """Return the samples of a log."""
    found = Collector(log.path)
    named = _NAME.match(log.path.stem)
    task = named["task"] if named else log.path.stem
    cut = 0
    metrics: dict[str, None] = {}
    for row in log.rows():
        names = next((names for names in COLUMNS if names[1] in row.data), COLUMNS[0])
        doc, response, metrics_of = (_table(row, name) for name in names)
        item = found.problem(
            row,
            task,
            (doc.name("id") if doc.data.get("id") != "" else None) or str(row.number - 1),
            statement=doc.text("query"),
            target=_target(doc),
        )
        if item.samples:
            raise row.bad(
                f"document {item.id!r:.60} stands in row {item.row:,} already",
                hint="take the duplicate out: n would count its samples twice",
            )
        texts = _list(response, "text")
        thoughts = _list(response, "reasonings")
        tokens = _list(response, "output_tokens")
        n = len(texts)
        if not n:
            raise row.bad("it has no text: only generative tasks can be imported")
        scores, item.mean, metric = _scores(metrics_of, n)
        metrics |= {metric: None} if metric else {}
        # It counts the tokens that were cut off the prompt.
        cut += bool(response.whole("truncated_tokens_count"))
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise row.bad(f"text must be a list of texts, got {type(text).__name__} in it")
            thought = thoughts[i] if i < len(thoughts) else None
            found.add(
                row,
                item,
                repeat=i,
                text=with_thought(thought if isinstance(thought, str) else None, text),
                score=scores[i],
                n_tokens=len(tokens[i]) if i < len(tokens) and isinstance(tokens[i], list) else 0,
            )
    if cut:
        found.missing.append(f"the prompts of {cut:,} documents were cut off before sampling")
    if metrics:
        found.missing.append(f"its own score is {', '.join(metrics)}")
    return found.done(log.sha256, FORMAT, "details", Told(model=_model(log)), sort=False)


def _table(row: Row, key: str) -> Row:
    """Return a struct, which some versions write as JSON."""
    value = row.data.get(key)
    if isinstance(value, str):
        value = decode(value.encode("utf-8", "surrogatepass"), row)
    if value is not None and not isinstance(value, dict):
        raise row.bad(f"{key} must be an object, got {type(value).__name__}")
    return row.inner(value)


def _list(row: Row, key: str) -> list[Any]:
    """Return a list; a single text is a list of one."""
    value = row.data.get(key)
    return [value] if isinstance(value, str) else row.items(key) or []


def _target(doc: Row) -> str | None:
    choices, gold = doc.items("choices") or [], doc.data.get("gold_index")
    if isinstance(gold, list) and len(gold) == 1:
        gold = gold[0]
    if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(choices):
        return None
    return target_of(choices[gold])


def _scores(metric: Row, n: int) -> tuple[list[float | None], float | None, str | None]:
    for name in metric.data:
        score = score_of(metric.data[name])
        if score is None:
            continue
        if n == 1:
            return [score], None, name
        if MEAN.match(name):
            return [score if score in (0, 1) else None] * n, score, name
    return [None] * n, None, None


def _model(log: Log) -> str | None:
    """Return the model, which only the folders name: those between ``details`` and the time."""
    parts = log.path.resolve().parts
    if "details" not in parts[:-2]:
        return None
    start = len(parts) - 1 - parts[::-1].index("details")
    return "/".join(parts[start + 1 : -2]) or None
