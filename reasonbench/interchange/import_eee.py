"""Instances of Every Eval Ever, schema 0.3.0: one row a completion.

``metadata.rep`` numbers the samples where it is there, else their order does.
"""

from reasonbench.interchange.import_files import Log
from reasonbench.interchange.import_values import brief, score_of, target_of, with_thought
from reasonbench.interchange.imported import Collector, Imported, Row, Told
from reasonbench.records import FinishReason

FORMAT = "eee"
VERSION = "0.3.0"
"""Schema version that is read."""


def matches(row: Row) -> bool:
    """Whether a first row is of this format."""
    return {"schema_version", "evaluation_id", "sample_id"} <= row.data.keys()


def read(log: Log) -> Imported:
    """Return the samples of a file of instances."""
    found = Collector(log.path)
    model: str | None = None
    for row in log.rows():
        if row.data.get("schema_version") != VERSION:
            raise row.bad(
                f"it has schema version {brief(row.data.get('schema_version'))}, and {VERSION} is "
                "read",
                hint="convert the file with every-eval-ever",
            )
        if (kind := row.text("interaction_type")) not in (None, "single_turn"):
            raise row.bad(f"interaction_type must be single_turn, got {brief(kind)}")
        name = row.name("model_id")
        if model is not None and name != model:
            raise row.bad(f"it is of model {brief(name)}, and the rows before of {brief(model)}")
        model = name
        asked, about = row.table("input"), row.table("metadata")
        item = found.problem(
            row,
            row.name("evaluation_name") or log.path.stem,
            row.needs(row.name("sample_id"), "sample_id"),
            statement=asked.text("raw"),
            target=target_of(asked.data.get("reference")),
        )
        usage = row.table("token_usage")
        found.add(
            row,
            item,
            repeat=about.whole("rep"),
            text=_text(row.table("output")),
            score=_score(row.table("evaluation")),
            answer=_answer(row),
            finish_reason=_finish(about),
            n_prompt_tokens=usage.whole("input_tokens") or 0,
            n_tokens=usage.whole("output_tokens") or 0,
            seed=about.whole("seed") or 0,
        )
    return found.done(log.sha256, FORMAT, VERSION, Told(model=model))


def _text(output: Row) -> str | None:
    raw, thought = (output.items(key) or [] for key in ("raw", "reasoning_trace"))
    if not raw or not isinstance(raw[0], str):
        return None
    said = thought[0] if thought and isinstance(thought[0], str) else None
    return with_thought(said, raw[0])


def _score(evaluation: Row) -> float | None:
    correct = evaluation.data.get("is_correct")
    return score_of(correct if isinstance(correct, bool) else evaluation.data.get("score"))


def _answer(row: Row) -> str | None:
    for entry in row.items("answer_attribution") or []:
        value = entry.get("extracted_value") if isinstance(entry, dict) else None
        if isinstance(value, str):
            return value
    return None


def _finish(about: Row) -> FinishReason | None:
    value = about.data.get("finish_reason")
    return FinishReason(value) if value in ("stop", "length", "filter") else None
