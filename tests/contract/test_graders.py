"""What every built-in grader must do, whatever it judges by."""

import pytest

from reasonbench import plugins, protocols
from reasonbench.plugins import BUILT_IN
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.tasks.lm_eval_task import LmEvalTask

BUILT_INS = [
    name
    for name in plugins.GRADERS.names()
    if plugins.GRADERS.origin(name) == BUILT_IN and name not in ("code", "source")
]
"""Graders of final answers; code has a contract of its own, and source judges nothing."""
WRONG = "11"

YAML = """
task: one
custom_dataset: !function one.load
test_split: test
doc_to_text: "{{question}}"
doc_to_target: answer
filter_list:
  - name: boxed
    filter: [{function: regex, regex_pattern: 'boxed\\{([^{}]*)\\}'}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
generation_kwargs: {until: []}
"""
DATA = """
import datasets

def load(**_):
    return {"test": datasets.Dataset.from_list([{"question": "q", "answer": "7 + 3"}])}
"""


@pytest.fixture(params=BUILT_INS)
def grader(request):
    return plugins.GRADERS.load(request.param)


@pytest.fixture
def problem(tmp_path):
    """A problem that every built-in grader can judge: its target is 7 + 3."""
    (tmp_path / "one.yaml").write_text(YAML)
    (tmp_path / "one.py").write_text(DATA)
    (made,) = LmEvalTask.from_yaml(tmp_path / "one.yaml").problems()
    rules = {"numbers": [3, 7, 11], "target": 10, "ops": "+-"}
    rules["gym"] = {"name": "leg_counting", "level": None, "version": "0.1.25", "entry": {}}
    return Problem(
        task="one", id="p", statement="q", target="7 + 3", metadata=rules | made.metadata
    )


def completion(text, finish_reason=FinishReason.STOP, prefilled=False):
    return Completion(
        key="k1",
        task="one",
        problem_id="p",
        sample_index=3,
        text=text,
        finish_reason=finish_reason,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="e",
        thinking_prefilled=prefilled,
    )


def test_a_grader_satisfies_the_protocol_and_names_its_version(grader):
    assert isinstance(grader, protocols.Grader)
    name, _, version = grader.identity.partition("/")
    assert name in BUILT_INS
    assert version.startswith("1+")
    assert "extraction-" in version


def test_a_grade_says_which_completion_it_is_of(grader, problem):
    grade = grader.grade(problem, completion(r"\boxed{7 + 3}"))
    assert (grade.key, grade.task, grade.problem_id, grade.sample_index) == ("k1", "one", "p", 3)
    assert grade.grader == grader.identity


@pytest.mark.parametrize("finish", [FinishReason.STOP, FinishReason.LENGTH])
def test_a_complete_answer_counts_however_the_completion_ended(grader, problem, finish):
    right = grader.grade(problem, completion("<think>x</think>\\boxed{7 + 3} and", finish))
    assert (right.verdict, right.reason, right.answer) == (Verdict.CORRECT, "ok", "7 + 3")
    wrong = grader.grade(problem, completion(f"<think>x</think>\\boxed{{{WRONG}}} and", finish))
    assert (wrong.verdict, wrong.reason, wrong.answer) == (Verdict.INCORRECT, "wrong", WRONG)


@pytest.mark.parametrize(
    ("text", "prefilled"),
    [
        (r"<think>so \boxed{7 + 3}", False),
        (r"so \boxed{7 + 3}", True),
        ("<think>x</think>", False),
        ("<think>x</think>\n", False),
        ("", False),
        ("  ", True),
    ],
)
def test_without_an_answer_the_end_of_the_completion_says_why(grader, problem, text, prefilled):
    for finish, reason in ((FinishReason.LENGTH, "truncated"), (FinishReason.STOP, "no_answer")):
        grade = grader.grade(problem, completion(text, finish, prefilled))
        assert (grade.verdict, grade.reason, grade.answer) == (Verdict.INCORRECT, reason, None)


def test_an_answer_that_was_cut_off_is_truncated(grader, problem):
    grade = grader.grade(problem, completion("<think>x</think>\\boxed{7 +", FinishReason.LENGTH))
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, "truncated")


def test_what_the_engine_withheld_has_no_verdict(grader, problem):
    grade = grader.grade(problem, completion(r"\boxed{7 + 3}", FinishReason.FILTER))
    assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "filtered")


@pytest.mark.parametrize(
    "text", ["\x00", "\\boxed{" * 50_000, "7" * 200_000, "\\boxed{\x00}", "🙂"]
)
def test_strange_text_is_judged_and_not_right(grader, problem, text):
    assert grader.grade(problem, completion(text)).verdict is Verdict.INCORRECT
