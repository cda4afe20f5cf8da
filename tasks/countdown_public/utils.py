"""The code behind the Countdown tasks; needs reasonbench installed beside lm-eval."""

import json
from pathlib import Path
from typing import Any

import datasets

from reasonbench.graders import countdown


def load(config_source: str, **_: Any) -> dict[str, datasets.Dataset]:
    """Return the problems beside the YAML file that is being loaded."""
    file = Path(config_source).parent / "problems.jsonl"
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return {"test": datasets.Dataset.from_list(rows)}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
    """Score as the countdown grader of reasonbench does."""
    right = countdown.is_correct(results[0], doc["numbers"], doc["target"], doc["ops"])
    return {"acc": int(right)}
