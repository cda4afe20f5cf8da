"""The Hub's ``.eval_results/<name>.yaml``: one entry a task, its pass@1.

A board has a scale of its own, 41.2 or 0.412, and a run cannot know it: the caller says.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reasonbench.errors import ReasonbenchError, SpecError
from reasonbench.interchange.export_view import (
    DIGITS,
    Exported,
    caveats,
    file_name,
    pass_at,
    sampling_words,
)
from reasonbench.models.files import is_hub_id
from reasonbench.results import TaskResult

FOLDER = ".eval_results"
SCALES = {"percent": 100.0, "proportion": 1.0}
SELF_DEPLOYED = ("transformers", "vllm")
"""Engines that load the weights themselves, and record the commit of those from the Hub."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


def hub_model(run: Exported) -> str | None:
    """Return the model's id on the Hub; None of a folder, whose path may look like one."""
    engine = run.result.engine
    folder = engine.engine in SELF_DEPLOYED and engine.revision is None
    return engine.model if is_hub_id(engine.model) and not folder else None


@dataclasses.dataclass(frozen=True, slots=True)
class Board:
    """Where the scores belong; a name that is not given is the dataset's."""

    datasets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Hub id of the benchmark, by task; the task's source where it is one."""
    task_ids: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Id in the benchmark's ``eval.yaml``, by task; the dataset's id where not given."""
    scale: str = "percent"
    """``percent`` or ``proportion``."""
    source_url: str | None = None
    """Page that the board links to."""


def write(run: Exported, out: Path, board: Board | None = None) -> list[Path]:
    """Write one file a task.

    Raises:
        SpecError: a task's benchmark has no id on the Hub.
        ReasonbenchError: no task has a score.
    """
    import yaml
    from huggingface_hub import eval_result_entries_to_yaml

    board = board or Board()
    (out / FOLDER).mkdir()
    paths = []
    for task in run.result.tasks:
        entry = _entry(run, task, board)
        if entry is None:
            run.skipped.append(f"{task.spec.name} has no pass@1")
            continue
        text = dump(yaml, eval_result_entries_to_yaml([entry]))
        path = out / FOLDER / f"{file_name(task.spec.name)}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    if not paths:
        raise ReasonbenchError(
            f"{run.result.path} has no score to export: none of its tasks has a graded completion",
            hint=f"grade it: reasonbench regrade {run.result.path}",
        )
    return paths


def dump(yaml: Any, entries: list[dict[str, Any]]) -> str:
    """Return entries as the text of their file."""
    text: str = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _entry(run: Exported, task: TaskResult, board: Board) -> Any:
    from huggingface_hub import EvalResultEntry

    name = task.spec.name
    estimate = pass_at(task, 1)
    if estimate is None or estimate.value is None:
        return None
    dataset = board.datasets.get(name) or task.spec.source
    if not is_hub_id(dataset):
        raise SpecError(
            f"task {name!r} does not say which dataset on the Hub it is: its source is {dataset!r}",
            hint=f"say it: --dataset-id {name}=OWNER/NAME",
        )
    scale = SCALES[board.scale]
    notes = [f"pass@1 {sampling_words(run, task)}"]
    if estimate.superpopulation is not None:
        low, high = (scale * end for end in _ends(estimate.superpopulation))
        notes.append(f"{100 * estimate.level:g}% CI {low:.{DIGITS}g} to {high:.{DIGITS}g}")
    notes.append(f"grader {run.result.grader_versions[name]}")
    notes.append(f"reasonbench {run.version}")
    revision = task.spec.revision
    own = dataset == task.spec.source
    return EvalResultEntry(
        dataset_id=dataset,
        task_id=board.task_ids.get(name) or dataset,
        value=round(scale * estimate.value, DIGITS if scale == 1 else 2),
        dataset_revision=revision if own and revision and _COMMIT.fullmatch(revision) else None,
        date=run.date.date().isoformat(),
        source_url=board.source_url,
        notes="; ".join([*notes, *caveats(run, task)]),
    )


def _ends(interval: Any) -> tuple[float, float]:
    return interval.low, interval.high
