"""lm-eval's output files: ``results_<iso>.json`` and ``samples_<task>_<iso>.jsonl``.

A line is one problem with all its completions in ``resps``, and their extracted answers in
``filtered_resps``.  What lm-eval has no field for stands in ``doc.reasonbench``, list by list
in the order of ``resps``.  Prompts are not kept in a run: the argument is the statement.
"""

import hashlib
from pathlib import Path
from typing import Any

from reasonbench.interchange.export_view import Exported, Row, encode, file_name, write_pretty
from reasonbench.records import Completion
from reasonbench.results import TaskResult

FILTER = "reasonbench"
METRIC = "pass@1"
NO_ANSWER = "[invalid]"
"""What lm-eval writes where its filter finds no answer."""
KWARGS = {"max_tokens": "max_gen_toks", "stop": "until"}
"""lm-eval's names for what SamplingSpec calls otherwise."""
LM_EVAL_VERSION = "0.4.13"
"""Version of lm-eval whose output this is like."""


def write(run: Exported, out: Path) -> list[Path]:
    """Write one file of samples a task, and the results."""
    run.refuse_stopped("lm-eval's samples")
    iso = run.date.isoformat(timespec="microseconds").removesuffix("+00:00").replace(":", "-")
    folder = out / file_name(run.result.engine.model.replace("/", "__"))
    folder.mkdir()
    paths = []
    hashes = {}
    for task, rows in run.tasks():
        path = folder / f"samples_{file_name(task.spec.name)}_{iso}.jsonl"
        total = hashlib.sha256()
        with path.open("wb") as stream:
            for doc_id, row in enumerate(rows):
                if not row.samples:
                    run.skipped.append(f"{row.problem.task}/{row.problem.id} has no completion")
                    continue
                line = _line(run, doc_id, row)
                total.update(
                    (line["doc_hash"] + line["prompt_hash"] + line["target_hash"]).encode()
                )
                stream.write(encode(line))
        hashes[task.spec.name] = total.hexdigest()
        paths.append(path)
    results = write_pretty(folder / f"results_{iso}.json", _results(run, hashes))
    return [*paths, results]


def _line(run: Exported, doc_id: int, row: Row) -> dict[str, Any]:
    problem, samples = row.problem, row.samples
    graded = [(s.grade.verdict.value, s.grade.reason) if s.grade else None for s in samples]
    doc = {
        "id": problem.id,
        "statement": problem.statement,
        "target": problem.target,
        "tests": problem.tests,
        "metadata": problem.metadata,
        "reasonbench": {
            "task": problem.task,
            "sample_index": [s.completion.sample_index for s in samples],
            "has_text": [run.has_text(s.completion) for s in samples],
            "finish_reason": [_finish(run, s.completion) for s in samples],
            "n_tokens": [s.completion.n_tokens for s in samples],
            "seed": [s.completion.seed for s in samples],
            "thinking_prefilled": [s.completion.thinking_prefilled for s in samples],
            "verdict": [pair[0] if pair else None for pair in graded],
            "reason": [pair[1] if pair else None for pair in graded],
            "grader": run.result.grader_versions[problem.task],
            "published": problem.published,
            "cluster": problem.cluster,
        },
    }
    target = problem.target or ""
    score = row.counts.c / row.counts.n if row.counts.n else None
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": problem.statement, "arg_1": _gen_kwargs(run)}},
        "resps": [[s.completion.text for s in samples]],
        "filtered_resps": [(s.grade.answer if s.grade else None) or NO_ANSWER for s in samples],
        "filter": FILTER,
        "metrics": [METRIC],
        "doc_hash": _sha256(encode(doc)),
        "prompt_hash": _sha256(problem.statement.encode()),
        "target_hash": _sha256(target.encode()),
        METRIC: score,
    }


def _finish(run: Exported, drawn: Completion) -> str | None:
    return drawn.finish_reason.value if run.has_text(drawn) else None


def _gen_kwargs(run: Exported) -> dict[str, Any]:
    told = run.sampling
    named = {KWARGS.get(name, name): value for name, value in told.items() if name != "seed"}
    if "temperature" in told:
        named["do_sample"] = told["temperature"] > 0
    return named


def _results(run: Exported, hashes: dict[str, str]) -> dict[str, Any]:
    tasks = {task.spec.name: task for task in run.result.tasks}
    engine = run.result.engine
    return {
        "results": {name: _scores(name, task) for name, task in tasks.items()},
        "configs": {name: _config(run, task) for name, task in tasks.items()},
        "versions": {name: task.spec.version for name, task in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {name: {METRIC: True} for name in tasks},
        "n-samples": {
            name: {"original": len(task.problems), "effective": len(task.problems)}
            for name, task in tasks.items()
        },
        "config": {
            "model": engine.engine,
            "model_args": f"pretrained={engine.model}",
            "model_revision": engine.revision,
            "gen_kwargs": _gen_kwargs(run),
            "limit": run.plan.spec.limit,
            "random_seed": run.sampling.get("seed"),
        },
        "date": run.date.timestamp(),
        "lm_eval_version": LM_EVAL_VERSION,
        "model_name": engine.model,
        "model_source": engine.engine,
        "task_hashes": hashes,
        "reasonbench": {
            "version": run.version,
            "plan": run.result.plan,
            "invalid": run.invalid,
            "warnings": run.warnings,
            "not_told": run.result.engine.not_told,
            "owed": run.result.n_owed,
            "graders": run.result.grader_versions,
        },
    }


def _scores(name: str, task: TaskResult) -> dict[str, Any]:
    found: dict[str, Any] = {"alias": name}
    for estimate in task.estimates:
        found[f"pass@{estimate.k},{FILTER}"] = estimate.value
        found[f"pass@{estimate.k}_stderr,{FILTER}"] = "N/A"
        if estimate.superpopulation is not None:
            bounds = [estimate.superpopulation.low, estimate.superpopulation.high]
            found[f"pass@{estimate.k}_interval,{FILTER}"] = bounds
    return found


def _config(run: Exported, task: TaskResult) -> dict[str, Any]:
    return {
        "task": task.spec.name,
        "dataset_path": task.spec.source,
        "test_split": task.spec.split,
        "output_type": "generate_until",
        "repeats": task.n,
        "generation_kwargs": _gen_kwargs(run),
        "metadata": {"version": task.spec.version, "content_digest": task.spec.content_digest},
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
