"""The code behind the fresh_code tasks; needs reasonbench installed beside lm-eval."""

import functools
import json
from typing import Any

import datasets

from reasonbench.graders.code import CodeGrader
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.tasks.fresh_set import prompt_text, shipped_set, tests_of


def load(set: str, **_: Any) -> dict[str, datasets.Dataset]:
    """Return the coding problems of a shipped set, with their tests as JSON."""
    found = shipped_set(set)
    rows = []
    for problem in found.problems:
        if problem.kind == "code":
            tests = tests_of(found, problem)
            rows.append(
                {
                    "id": problem.id,
                    "question": problem.statement,
                    "prompt": prompt_text(problem),
                    "reference": tests["reference"],
                    "tests": json.dumps(tests),
                    "family": problem.family,
                    "level": problem.level,
                    "topic": problem.topic,
                    "kind": problem.answers,
                }
            )
    return {"test": datasets.Dataset.from_list(rows)}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the code grader of reasonbench does."""
    problem = Problem(
        task="fresh_code", id=doc["id"], statement=doc["question"], tests=json.loads(doc["tests"])
    )
    completion = Completion(
        key=doc["id"],
        task="fresh_code",
        problem_id=doc["id"],
        sample_index=0,
        text=results[0],
        finish_reason=FinishReason.STOP,
        n_prompt_tokens=0,
        n_tokens=0,
        seed=0,
        engine="lm_eval",
    )
    grade = _grader().grade(problem, completion)
    if grade.verdict is Verdict.UNGRADED:
        raise RuntimeError(f"{doc['id']} cannot be graded: {grade.reason}: {grade.detail}")
    return {"acc": int(grade.verdict is Verdict.CORRECT)}


@functools.cache
def _grader() -> CodeGrader:
    return CodeGrader()
