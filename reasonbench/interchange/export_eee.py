"""Every Eval Ever 0.3.0: one aggregate and one file of instances a task.

An instance needs a verdict, so completions without one are left out and counted in the
aggregate.  What is unknown is left out or called ``unknown``, never guessed; the command line
of the run is not given away.
"""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from reasonbench.identity import digest
from reasonbench.interchange.export_hub import SELF_DEPLOYED, hub_model
from reasonbench.interchange.export_view import (
    Exported,
    Row,
    Sample,
    caveats,
    encode,
    file_name,
    write_pretty,
)
from reasonbench.models.files import is_hub_id
from reasonbench.records import Estimate, Grade, Verdict
from reasonbench.results import TaskResult

SCHEMA_VERSION = "0.3.0"
SCHEMAS = Path(__file__).parent / "schemas"
"""JSON schemas of both files, closed: ``eee_aggregate.json`` and ``eee_instance.json``."""

ARGUMENTS = ("temperature", "top_p", "top_k", "max_tokens")
"""Fields of SamplingSpec that the closed ``generation_args`` has."""

Relationship = Literal["first_party", "third_party", "collaborative", "other"]
RELATIONSHIPS: tuple[Relationship, ...] = ("first_party", "third_party", "collaborative", "other")


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Who evaluated."""

    organization: str = "unknown"
    """Name of the evaluating organisation."""
    relationship: Relationship = "other"
    """How it stands to the model's makers."""


def write(run: Exported, out: Path, source: Source | None = None) -> list[Path]:
    """Write the aggregate and the instances of each task."""
    run.refuse_stopped("the instances of Every Eval Ever")
    paths = []
    for task, rows in run.tasks():
        paths += _write_task(run, task, rows, out, source or Source())
    return paths


def _write_task(
    run: Exported, task: TaskResult, rows: Iterable[Row], out: Path, source: Source
) -> list[Path]:
    owner, _, name = model_id(run).partition("/")
    folder = f"data/{file_name(task.spec.name)}/{file_name(owner)}/{file_name(name)}"
    # Made from the run, in the form of a version 4: the same run gives the same names.
    number = uuid.UUID(hex=digest(run.result.plan, task.spec.name), version=4)
    instances = f"{folder}/{number}_samples.jsonl"
    (out / folder).mkdir(parents=True)
    checksum, total = hashlib.sha256(), 0
    evaluation_id = f"{file_name(task.spec.name)}/{owner}_{name}/{_stamp(run)}"
    with (out / instances).open("wb") as stream:
        for row in rows:
            for sample in row.samples:
                if sample.grade is None or sample.grade.verdict is Verdict.UNGRADED:
                    continue
                line = encode(_instance(run, evaluation_id, row, sample))
                checksum.update(line)
                stream.write(line)
                total += 1
    aggregate = _aggregate(run, task, evaluation_id, source)
    aggregate["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": instances,
        "hash_algorithm": "sha256",
        "checksum": checksum.hexdigest(),
        "total_rows": total,
    }
    return [out / instances, write_pretty(out / folder / f"{number}.json", aggregate)]


def model_id(run: Exported) -> str:
    """Return the model as ``owner/name``; of a folder only its name is given away."""
    model = run.result.engine.model
    kind, separator, name = model.partition(":")
    if separator and kind == "embedded":
        return f"reasonbench/{name}"
    return hub_model(run) or f"unknown/{Path(model).name or 'model'}"


def _stamp(run: Exported) -> str:
    return f"{run.date.timestamp():.0f}"


def _aggregate(
    run: Exported, task: TaskResult, evaluation_id: str, source: Source
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation_id,
        "evaluation_timestamp": _stamp(run),
        "retrieved_timestamp": _stamp(run),
        "source_metadata": {
            "source_name": "reasonbench",
            "source_type": "evaluation_run",
            "source_organization_name": source.organization,
            "evaluator_relationship": source.relationship,
        },
        "model_info": _model_info(run),
        "eval_library": {"name": "reasonbench", "version": run.version},
        "evaluation_results": [
            _result(run, task, estimate)
            for estimate in task.estimates
            if estimate.value is not None
        ],
    }


def _model_info(run: Exported) -> dict[str, Any]:
    engine = run.result.engine
    deployed = engine.engine in SELF_DEPLOYED
    # A revision is a commit of the Hub that the engine loaded.
    is_open = engine.revision is not None or engine.model.startswith("embedded:")
    details = {
        "deployment_type": "self_deployed" if deployed else "unknown",
        "model_availability": "open_weights" if deployed and is_open else "unknown",
        "weights_digest": engine.weights_digest,
        "dtype": engine.dtype,
    }
    if engine.revision is not None:
        details["revision"] = engine.revision
    return {
        "name": model_id(run).partition("/")[2],
        "id": model_id(run),
        "developer": model_id(run).partition("/")[0],
        "inference_engine": {
            "name": engine.engine,
            "version": engine.versions.get(engine.engine, "unknown"),
        },
        "additional_details": details,
    }


def _result(run: Exported, task: TaskResult, estimate: Estimate) -> dict[str, Any]:
    uncertainty: dict[str, Any] = {"num_samples": estimate.n_samples}
    if estimate.superpopulation is not None:
        uncertainty["confidence_interval"] = {
            "lower": estimate.superpopulation.low,
            "upper": estimate.superpopulation.high,
            "confidence_level": estimate.level,
            "method": f"{estimate.method}; over other problems of the kind",
        }
    return {
        "evaluation_result_id": result_id(task.spec.name, estimate.k),
        "evaluation_name": task.spec.name,
        "evaluation_timestamp": _stamp(run),
        "source_data": _source_data(task),
        "metric_config": {
            "evaluation_description": f"share of problems solved by one of {estimate.k} samples",
            "metric_id": "pass_at_k",
            "metric_name": f"pass@{estimate.k}",
            "metric_kind": "pass_rate",
            "metric_unit": "proportion",
            "metric_parameters": {"k": estimate.k},
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": estimate.value,
            "details": _details(run, task, estimate),
            "uncertainty": uncertainty,
        },
        "generation_config": _generation_config(run, task),
    }


def result_id(task: str, k: int) -> str:
    """Return the id of one result; instances belong to that of k = 1."""
    return f"{task}/pass@{k}"


def _source_data(task: TaskResult) -> dict[str, Any]:
    spec = task.spec
    details = {"version": spec.version, "revision": spec.revision, "license": spec.license}
    details["content_digest"] = spec.content_digest
    data: dict[str, Any] = {"dataset_name": spec.name}
    if is_hub_id(spec.source):
        data |= {
            "source_type": "hf_dataset",
            "hf_repo": spec.source,
            "samples_number": len(task.problems),
            "sample_ids": [counts.problem_id for counts in task.problems],
        }
        if spec.split is not None:
            data["hf_split"] = spec.split
    else:
        data["source_type"] = "other"
        details |= {"source": spec.source or "unknown", "samples_number": str(len(task.problems))}
    data["additional_details"] = {key: text for key, text in details.items() if text is not None}
    return data


def _details(run: Exported, task: TaskResult, estimate: Estimate) -> dict[str, str]:
    details = {
        "n": str(task.n),
        "n_problems": str(estimate.n_problems),
        "n_excluded": str(estimate.n_excluded),
        "ungraded": str(sum(task.ungraded.values())),
        "owed": str(task.n_owed),
        "truncated": str(task.n_truncated),
        "grader": run.result.grader_versions[task.spec.name],
    }
    if estimate.fixed is not None:
        low, high = estimate.fixed.low, estimate.fixed.high
        details["interval_same_problems"] = f"{low:.6f} to {high:.6f}"
    if estimate.flags:
        details["flags"] = ", ".join(estimate.flags)
    if said := caveats(run, task):
        details["caveats"] = "; ".join(said)
    return details


def _generation_config(run: Exported, task: TaskResult) -> dict[str, Any]:
    told = run.sampling
    arguments: dict[str, Any] = {name: told[name] for name in ARGUMENTS if name in told}
    if arguments.get("max_tokens", 0) is None:
        del arguments["max_tokens"]
    if task.spec.prompt_template is not None:
        arguments["prompt_template"] = task.spec.prompt_template
    rest = {name: value for name, value in told.items() if name not in ARGUMENTS}
    more = {"n": str(task.n)}
    more |= {k: f"{v:g}" if isinstance(v, float) else json.dumps(v) for k, v in rest.items()}
    return {"generation_args": arguments, "additional_details": more}


def _instance(run: Exported, evaluation_id: str, row: Row, sample: Sample) -> dict[str, Any]:
    drawn, problem, grade = sample.completion, row.problem, sample.grade
    assert grade is not None
    has_text = run.has_text(drawn)
    asked = {"raw": problem.statement, "reference": _references(problem.target)}
    hashed = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    usage = None
    if drawn.n_prompt_tokens and drawn.n_tokens:
        usage = {
            "input_tokens": drawn.n_prompt_tokens,
            "output_tokens": drawn.n_tokens,
            "total_tokens": drawn.n_prompt_tokens + drawn.n_tokens,
        }
    attribution = {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": grade.answer,
        "extraction_method": grade.grader,
        "is_terminal": True,
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation_id,
        "model_id": model_id(run),
        "evaluation_name": problem.task,
        "evaluation_result_id": result_id(problem.task, 1),
        "sample_id": problem.id,
        "sample_hash": hashlib.sha256(hashed.encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": asked,
        "output": {
            # Required, and of any length: none where the run was imported without its text.
            "raw": [drawn.text] if has_text else [],
            "reasoning_trace": None if sample.thought is None else [sample.thought],
        },
        "messages": None,
        "answer_attribution": [] if grade.answer is None else [attribution],
        "evaluation": {"score": float(sample.correct), "is_correct": sample.correct},
        "token_usage": usage,
        "metadata": _about(run, sample, grade, has_text=has_text),
    }


def _about(run: Exported, sample: Sample, grade: Grade, *, has_text: bool) -> dict[str, str]:
    about = {"rep": str(sample.completion.sample_index)}
    if has_text:
        about["finish_reason"] = sample.completion.finish_reason.value
    about |= {"reason": grade.reason, "grader": grade.grader}
    # A log that tells no seed is imported with 0, which is no seed.
    if sample.completion.seed or "seed" in run.sampling:
        about["seed"] = str(sample.completion.seed)
    return about


def _references(target: str | None) -> list[str]:
    return [] if target is None else [target]
