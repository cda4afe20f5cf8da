"""The code behind the fresh_math tasks; needs reasonbench installed beside lm-eval."""

from typing import Any

import datasets

from reasonbench.graders import extraction, math
from reasonbench.tasks.fresh_set import prompt_text, shipped_set

SECONDS = 5
"""lm-eval grades in its own process, so math-verify has to watch the time itself."""


def load(set: str, **_: Any) -> dict[str, datasets.Dataset]:
    """Return the math problems of a shipped set."""
    rows = [
        {
            "id": problem.id,
            "question": problem.statement,
            "prompt": prompt_text(problem),
            "answer": problem.answer,
            "family": problem.family,
            "level": problem.level,
            "topic": problem.topic,
            "kind": problem.answers,
        }
        for problem in shipped_set(set).problems
        if problem.kind == "math"
    ]
    return {"test": datasets.Dataset.from_list(rows)}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the math grader of reasonbench does."""
    answer = extraction.extract(results[0], fallback="stated").whole
    if answer is None:
        return {"acc": 0}
    return {"acc": int(math.judge(doc["answer"], answer, seconds=SECONDS)[0] == "ok")}
