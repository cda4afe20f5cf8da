"""The code behind math_jsonl.yaml; needs reasonbench installed beside lm-eval."""

from pathlib import Path
from typing import Any

import datasets

from reasonbench.errors import TaskError
from reasonbench.graders import extraction, math
from reasonbench.tasks.local import read_rows

SECONDS = 5
"""lm-eval grades in its own process, so math-verify has to watch the time itself."""


def load(path: str | None = None, **_: Any) -> dict[str, datasets.Dataset]:
    """Return the problems of the file that ``--metadata '{"path": ...}'`` names."""
    if path is None:
        raise TaskError(
            "math_jsonl needs a file",
            hint="""give its path as the task, or lm_eval run --metadata '{"path": "..."}'""",
        )
    return {"test": datasets.Dataset.from_list(read_rows(Path(path), _final_answer))}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the math grader of reasonbench does."""
    answer = extraction.extract(results[0], fallback="stated").whole
    if answer is None:
        return {"acc": 0}
    return {"acc": int(math.judge(doc["answer"], answer, seconds=SECONDS)[0] == "ok")}


def _final_answer(solution: str) -> str | None:
    found = extraction.gold_answer(solution)
    whole = "####" not in solution and extraction.last_boxed(solution) is None
    return None if whole else found
