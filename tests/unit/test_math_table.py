"""The math grader against a table of answers, right and wrong, of every kind.

``tests/data/math_table.jsonl`` holds a gold answer, an answer (or a whole completion as
``text``), perhaps the data set's options or how the text ended, and the reason that the grade
must have.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from reasonbench.graders.math import MathGrader
from reasonbench.records import Completion, FinishReason, Problem

TABLE = Path(__file__).parents[1] / "data" / "math_table.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def graded(grader, row):
    text = row["text"] if "text" in row else f"<think>so</think>\\boxed{{{row['answer']}}}"
    metadata = {"grading": row["options"]} if "options" in row else {}
    problem = Problem(task="t", id="p", statement="s", target=row["gold"], metadata=metadata)
    return grader.grade(
        problem,
        Completion(
            key="k",
            task="t",
            problem_id="p",
            sample_index=0,
            text=text,
            finish_reason=FinishReason(row.get("finish", "stop")),
            n_prompt_tokens=1,
            n_tokens=1,
            seed=0,
            engine="e",
        ),
    )


@pytest.fixture(scope="module")
def grades():
    grader = MathGrader()
    return [graded(grader, row) for row in ROWS]


def test_the_table_is_large_and_has_both_directions():
    reasons = Counter(row["reason"] for row in ROWS)
    assert len(ROWS) >= 2000
    assert min(reasons["ok"], reasons["wrong"]) >= 700
    assert set(reasons) == {
        *("ok", "wrong", "ambiguous", "unparsed", "too_big", "no_answer", "truncated"),
        "gold_unparsed",
    }
    assert len({json.dumps(row, sort_keys=True) for row in ROWS}) == len(ROWS)


def test_every_row_is_judged_as_it_says(grades):
    pairs = zip(ROWS, grades, strict=True)
    missed = [
        (row["note"], row["gold"][:60], row.get("answer", row.get("text"))[:60], grade.reason)
        for row, grade in pairs
        if (grade.reason, grade.verdict.value) != (row["reason"], row["verdict"])
    ]
    assert missed == []


def test_every_grade_names_the_layer_that_decided(grades):
    layers = Counter(grade.layer for grade in grades)
    assert set(layers) == {
        *("extraction", "text", "words", "number", "unit", "structure", "cost", "math-verify"),
    }


def test_every_gold_answer_that_has_a_right_row_can_be_graded():
    grader = MathGrader()
    golds = {
        (row["gold"], json.dumps(row.get("options", {})))
        for row in ROWS
        if row["reason"] == "ok" and "!" not in row["gold"]
    }
    faults = []
    for gold, options in sorted(golds):
        metadata = {"grading": json.loads(options)}
        problem = Problem(task="t", id="p", statement="s", target=gold, metadata=metadata)
        faults += [said] if (said := grader.check_gold(problem)) else []
    assert faults == []
