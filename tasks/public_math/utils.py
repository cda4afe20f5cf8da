"""The code behind the public mathematics tasks; needs reasonbench installed beside lm-eval."""

import json
from typing import Any

from reasonbench.graders import extraction, math
from reasonbench.graders.maths.options import read_options
from reasonbench.tasks.public import load_for_lm_eval as load

__all__ = ["load", "process_results"]

SECONDS = 5
"""lm-eval grades in its own process, so math-verify has to watch the time itself."""


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the math grader of reasonbench does."""
    answer = extraction.extract(results[0], fallback="stated").whole
    if answer is None:
        return {"acc": 0}
    grading = json.loads(doc["grading"]) if doc.get("grading") else None
    options = read_options({"grading": grading})
    judged = math.judge(doc["answer"], answer, seconds=SECONDS, options=options)
    return {"acc": int(judged.reason == "ok")}
