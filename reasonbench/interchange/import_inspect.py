"""inspect_ai's logs, schema version 2: ``.eval`` (a zip, packed by zstd or deflate) and JSON.

A sample that ended in an error is no completion and is left out, with its entry named.
"""

from collections.abc import Iterator
from typing import Any

from reasonbench.interchange.import_files import Log, decode
from reasonbench.interchange.import_values import (
    brief,
    conversation,
    sampling_of,
    score_of,
    target_of,
    with_thought,
)
from reasonbench.interchange.imported import MAX_NAMED, Collector, Imported, Row, Told
from reasonbench.records import FinishReason

FORMAT = "inspect"
VERSION = 2
"""Schema version that is read."""
STOPPED = {
    "stop": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "content_filter": FinishReason.FILTER,
}
GRADES = {"C": 1.0, "I": 0.0, "N": 0.0, "P": 0.5}
"""Correct, incorrect, no answer, partial."""


def matches(document: Any) -> bool:
    """Whether a JSON document is of this format."""
    return isinstance(document, dict) and {"version", "eval", "status"} <= document.keys()


def read(log: Log) -> Imported:
    """Return the samples of a log."""
    header, samples = _zipped(log) if log.kind == "zip" else _plain(log)
    version = header.data.get("version")
    if version != VERSION or isinstance(version, bool):
        raise header.bad(
            f"the log has schema version {brief(version)}, and {VERSION} is read",
            hint="convert it with the inspect_ai that wrote it: inspect log convert",
        )
    reader = _Reader(log, header)
    for row in samples:
        reader.take(row)
    return reader.done()


def _plain(log: Log) -> tuple[Row, Iterator[Row]]:
    document = log.document()
    header = Row(log.path, 1, document if isinstance(document, dict) else {}, "document")
    listed = header.items("samples") or []
    return header, (
        Row(log.path, i, s if isinstance(s, dict) else {}, "sample")
        for i, s in enumerate(listed, start=1)
    )


def _zipped(log: Log) -> tuple[Row, Iterator[Row]]:
    """Return the header, which stands last in the zip, and the samples in a second reading."""
    header: Row | None = None
    for number, (name, data) in enumerate(log.entries(wanted=("header.json",)), start=1):
        where = Row(log.path, number, {}, "header")
        document = decode(data, where)
        if name == "header.json" and isinstance(document, dict):
            header = Row(log.path, 1, document, "header")
    if header is None:
        raise log.bad(
            "has no header.json: its evaluation did not end, or it is no log of inspect_ai",
            "recover it first: inspect log recover",
        )
    return header, _entries(log)


def _entries(log: Log) -> Iterator[Row]:
    for number, (_, data) in enumerate(log.entries(wanted=("samples/",)), start=1):
        where = Row(log.path, number, {}, "sample")
        found = decode(data, where)
        if not isinstance(found, dict):
            raise where.bad(f"it must be an object, got {brief(found)}")
        yield Row(log.path, number, found, "sample")


class _Reader:
    def __init__(self, log: Log, header: Row) -> None:
        self._log = log
        self._header = header
        self._eval = header.table("eval")
        self._task = self._eval.name("task") or log.path.stem
        self.found = Collector(log.path)
        self._failed: list[str] = []
        self._scorers: dict[str, None] = {}
        self._several = self._turns = self._redacted = 0

    def take(self, row: Row) -> None:
        """Take one sample."""
        name = row.needs(row.name("id"), "id")
        epoch = row.needs(row.whole("epoch"), "epoch")
        choices = row.table("output").items("choices") or []
        metadata = row.table("metadata")
        ours = "sample_index" in metadata.data  # an export of ours, of a run without its text
        if row.data.get("error") is not None or not (choices or ours):
            self._failed.append(f"{name} (epoch {epoch}, sample {row.number})")
            return
        self._several += len(choices) > 1
        choice = row.inner(choices[0] if choices else {})
        messages = row.items("messages") or []
        turns = sum(isinstance(m, dict) and m.get("role") == "assistant" for m in messages)
        self._turns += turns > 1
        text, redacted = None, False
        if choices:
            text, redacted = _text(choice.table("message").data.get("content"))
        self._redacted += redacted
        item = self.found.problem(
            row,
            self._task,
            (metadata.name("problem_id") if ours else None) or name,
            statement=conversation(row.data.get("input")),
            target=target_of(row.data.get("target")),
        )
        score, answer = self._score(row)
        usage = row.table("output").table("usage")
        self.found.add(
            row,
            item,
            repeat=epoch,
            text=text,
            finish_reason=STOPPED.get(str(choice.data.get("stop_reason"))),
            score=score,
            answer=answer,
            n_prompt_tokens=usage.whole("input_tokens") or 0,
            n_tokens=usage.whole("output_tokens") or 0,
        )

    def _score(self, row: Row) -> tuple[float | None, str | None]:
        scores = row.table("scores")
        for name in scores.data:
            self._scorers[name] = None
            score = scores.table(name)
            value = score.data.get("value")
            found = GRADES.get(value) if isinstance(value, str) else score_of(value)
            answer = score.data.get("answer")
            return found, answer if isinstance(answer, str) else None
        return None, None

    def done(self) -> Imported:
        """Return the log, with what must be known of it."""
        missing = self.found.missing
        status = self._header.text("status")
        if status != "success":
            missing.append(f"its evaluation ended with the status {brief(status)}")
        if self._failed:
            named = ", ".join(self._failed[:MAX_NAMED])
            missing.append(
                f"{len(self._failed):,} samples ended in an error and are left out: {named}"
            )
        for count, what in (
            (self._several, "have several choices, of which the first is taken"),
            (self._turns, "have several turns, of which the last text is taken"),
            (self._redacted, "have thinking that the provider withheld"),
        ):
            if count:
                missing.append(f"{count:,} samples {what}")
        if len(self._scorers) > 1:
            missing.append(
                f"it has the scorers {', '.join(self._scorers)}: its own score is the first of each"
            )
        config = self._eval.table("config").whole("epochs")
        most = max((len(i.samples) for i in self.found.items()), default=0)
        if config is not None and most and config != most:
            missing.append(f"it asked for {config} epochs, and holds {most} samples a problem")
        packages = self._eval.table("packages").data
        told = Told(
            model=self._eval.text("model"),
            sampling=self._sampling(),
            versions={k: v for k, v in packages.items() if isinstance(v, str)},
        )
        return self.found.done(self._log.sha256, FORMAT, str(VERSION), told)

    def _sampling(self) -> dict[str, Any]:
        later = self._header.table("plan").table("config").data
        return sampling_of(self._eval.table("model_generate_config").data) | sampling_of(later)


def _text(content: Any) -> tuple[str, bool]:
    """Return the text of a message, thinking first, and whether thinking was withheld."""
    if isinstance(content, str):
        return content, False
    thoughts: list[str] = []
    said: list[str] = []
    redacted = False
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        thought, text = part.get("reasoning"), part.get("text")
        if part.get("type") == "reasoning":
            redacted |= part.get("redacted") is True
            if isinstance(thought, str) and part.get("redacted") is not True:
                thoughts.append(thought)
        elif isinstance(text, str):
            said.append(text)
    return with_thought("\n\n".join(thoughts), "".join(said)), redacted
