"""The code behind the public coding tasks; needs reasonbench installed beside lm-eval."""

import functools
import json
from typing import Any

from reasonbench.graders.code import CodeGrader
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.tasks.public import load_for_lm_eval as load

__all__ = ["load", "process_results"]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the code grader of reasonbench does."""
    problem = Problem(
        task="public_code", id=doc["id"], statement=doc["question"], tests=json.loads(doc["tests"])
    )
    completion = Completion(
        key=doc["id"],
        task="public_code",
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
