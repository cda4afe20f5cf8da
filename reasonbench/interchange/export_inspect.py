"""inspect_ai's log, schema v2: one ``.eval`` a task, a zip that ``inspect view`` opens.

Written with DEFLATE, which inspect reads as it does its own zstd.  A completion without a
verdict has no score.  Prompts are not kept in a run: the input is the statement.
"""

import datetime
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec

from reasonbench.identity import digest
from reasonbench.interchange.export_view import Exported, Row, Sample, caveats, file_name
from reasonbench.records import Estimate, FinishReason
from reasonbench.results import TaskResult

STOP_REASONS = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.FILTER: "content_filter",
}
CONFIG = ("temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty")
"""Fields of SamplingSpec that inspect's configuration has under the same name."""
THIN = 1024
"""Characters of a text that a summary holds, as inspect's own."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every entry, so that one run gives one file."""
_UNFIT = re.compile(r"[\\%\x00-\x1f]|(?<![^/])\.{1,2}(?![^/])|(?<![^/])/|/$")
"""What no name in a zip may hold: it would leave the folder, or not be one name."""


def write(run: Exported, out: Path) -> list[Path]:
    """Write one log a task."""
    run.refuse_stopped("inspect's logs")
    return [_write_log(run, task, rows, out) for task, rows in run.tasks()]


def _write_log(run: Exported, task: TaskResult, rows: Iterable[Row], out: Path) -> Path:
    iso = run.date.isoformat(timespec="seconds").replace(":", "-").replace("+", "-")
    log_id = digest(run.result.plan, task.spec.name)[:22]
    path = out / f"{iso}_{file_name(task.spec.name)}_{log_id}.eval"
    header = _header(run, task, log_id)
    summaries, reductions = _Array(path, "summaries"), _Array(path, "reductions")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
        start = {"version": 2, "eval": header["eval"], "plan": header["plan"]}
        _add(log, "_journal/start.json", msgspec.json.encode(start))
        for row in rows:
            name = sample_id(row.problem.id)
            for sample in row.samples:
                full = _sample(run, row, sample)
                _add(log, f"samples/{name}_epoch_{full['epoch']}.json", msgspec.json.encode(full))
                summaries.append(_summary(full))
            if row.counts.n:
                mean = row.counts.c / row.counts.n
                reductions.append({"sample_id": name, "value": mean})
        name = _scorer(run, task)
        summaries.add_to(log, "summaries.json", b"[", b"]")
        opening = msgspec.json.encode({"scorer": name, "reducer": "mean"})[:-1]
        reductions.add_to(log, "reductions.json", b"[" + opening + b',"samples":[', b"]}]")
        _add(log, "header.json", msgspec.json.encode(header))
    return path


class _Array:
    """A JSON array that grows on disk: a log may have a million summaries."""

    def __init__(self, log: Path, name: str) -> None:
        self._path = log.with_name(f"{log.name}.{name}")
        self._stream: IO[bytes] = self._path.open("w+b")
        self._between = b""

    def append(self, value: Any) -> None:
        self._stream.write(self._between + msgspec.json.encode(value))
        self._between = b","

    def add_to(self, log: zipfile.ZipFile, name: str, opening: bytes, closing: bytes) -> None:
        self._stream.seek(0)
        with log.open(_entry(name), "w") as entry:
            entry.write(opening)
            while chunk := self._stream.read(1 << 20):
                entry.write(chunk)
            entry.write(closing)
        self._stream.close()
        self._path.unlink()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _add(log: zipfile.ZipFile, name: str, data: bytes) -> None:
    log.writestr(_entry(name), data)


def sample_id(problem_id: str) -> str:
    """Return a problem's id as inspect's sample id, which names an entry of the zip."""
    return _UNFIT.sub(lambda found: "".join(f"%{ord(c):02X}" for c in found[0]), problem_id)


def _scorer(run: Exported, task: TaskResult) -> str:
    return run.plan.graders[task.spec.name]


def _header(run: Exported, task: TaskResult, log_id: str) -> dict[str, Any]:
    engine, told = run.result.engine, run.sampling
    created = _time(run.date)
    present = sum(c.n + sum(c.ungraded.values()) for c in task.problems) + task.n_ungraded
    config = {name: told.get(name) for name in CONFIG} | {"stop_seqs": told.get("stop") or None}
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": log_id,
            "run_id": run.result.plan[:22],
            "task_id": digest(task.spec.name)[:22],
            "created": created,
            "task": task.spec.name,
            "task_version": task.spec.version,
            "dataset": {
                "name": task.spec.name,
                "location": task.spec.source or None,
                "samples": len(task.problems),
                "sample_ids": [sample_id(c.problem_id) for c in task.problems],
                "shuffled": False,
            },
            "model": engine.model,
            "model_generate_config": config,
            "config": {"epochs": task.n, "epochs_reducer": ["mean"], "limit": run.plan.spec.limit},
            "packages": {"reasonbench": run.version, **engine.versions},
            "metadata": _eval_metadata(run, task),
        },
        "plan": {"name": "reasonbench", "steps": [], "config": {}},
        "results": {
            "total_samples": len(task.problems) * task.n,
            "completed_samples": present,
            "scores": [_score(run, task, e) for e in task.estimates if e.value is not None],
        },
        "stats": {"started_at": created, "completed_at": created},
    }


def _eval_metadata(run: Exported, task: TaskResult) -> dict[str, Any]:
    return {
        "exported_by": f"reasonbench {run.version}",
        "plan": run.result.plan,
        "grader": run.result.grader_versions[task.spec.name],
        "min_p": run.sampling.get("min_p"),
        "repetition_penalty": run.sampling.get("repetition_penalty"),
        "input": "the statement; the prompt around it is not kept",
        "caveats": caveats(run, task),
    }


def _score(run: Exported, task: TaskResult, estimate: Estimate) -> dict[str, Any]:
    assert estimate.value is not None
    name = "accuracy" if estimate.k == 1 else f"pass_at_{estimate.k}"
    metrics = {name: {"name": name, "value": estimate.value}}
    if estimate.superpopulation is not None:
        for end in ("low", "high"):
            key = f"{name}_{end}_{100 * estimate.level:g}"
            value = getattr(estimate.superpopulation, end)
            metrics[key] = {"name": key, "value": value}
    return {
        "name": _scorer(run, task),
        "scorer": _scorer(run, task),
        "reducer": "mean" if estimate.k == 1 else f"pass_at_{estimate.k}",
        "scored_samples": sum(c.n for c in task.problems),
        "unscored_samples": sum(sum(c.ungraded.values()) for c in task.problems) + task.n_owed,
        "metrics": metrics,
        "metadata": {"method": estimate.method, "flags": estimate.flags},
    }


def _sample(run: Exported, row: Row, sample: Sample) -> dict[str, Any]:
    drawn, problem, grade = sample.completion, row.problem, sample.grade
    content: Any = sample.said
    if sample.thought is not None:
        content = [
            {"type": "reasoning", "reasoning": sample.thought},
            {"type": "text", "text": sample.said},
        ]
    message = {"role": "assistant", "content": content, "source": "generate"}
    stop_reason = STOP_REASONS.get(drawn.finish_reason, "unknown")
    # A run that was imported without its text has no choice to show; inspect allows none.
    has_text = run.has_text(drawn)
    choices = [{"message": message, "stop_reason": stop_reason}] if has_text else []
    scores = None
    if grade is not None and grade.verdict != "ungraded":
        scores = {
            run.plan.graders[problem.task]: {
                "value": "C" if sample.correct else "I",
                "answer": grade.answer,
                "explanation": grade.detail or None,
                "metadata": {"reason": grade.reason, "grader": grade.grader, "layer": grade.layer},
            }
        }
    total = drawn.n_prompt_tokens + drawn.n_tokens
    usage = {"input_tokens": drawn.n_prompt_tokens, "output_tokens": drawn.n_tokens}
    usage["total_tokens"] = total
    return {
        "id": sample_id(problem.id),
        "epoch": drawn.sample_index + 1,
        "input": problem.statement,
        "target": problem.target or "",
        "messages": [
            {"role": "user", "content": problem.statement, "source": "input"},
            *(choice["message"] for choice in choices),
        ],
        "output": {
            "model": run.result.engine.model,
            "choices": choices,
            "usage": usage if total else None,
        },
        "scores": scores,
        "metadata": {
            "problem_id": problem.id,
            "sample_index": drawn.sample_index,
            "seed": drawn.seed,
            "thinking": sample.thinking,
            "verdict": grade.verdict.value if grade else None,
            "reason": grade.reason if grade else None,
        },
    }


def _summary(full: dict[str, Any]) -> dict[str, Any]:
    scores = {
        name: {
            **score,
            "answer": _thin(score["answer"]),
            "explanation": _thin(score["explanation"]),
        }
        for name, score in (full["scores"] or {}).items()
    }
    return {
        "id": full["id"],
        "epoch": full["epoch"],
        "input": _thin(full["input"]),
        "target": _thin(full["target"]),
        "metadata": full["metadata"],
        "scores": scores or None,
        "completed": True,
        "message_count": len(full["messages"]),
    }


def _thin(text: str | None) -> str | None:
    return text if text is None or len(text) <= THIN else f"{text[: THIN - 1]}…"


def _time(when: datetime.datetime) -> str:
    return when.isoformat(timespec="seconds")
