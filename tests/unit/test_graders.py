"""The built-in graders, called directly."""

import json
from pathlib import Path

import pytest

from reasonbench.graders import countdown, math
from reasonbench.graders.countdown import CountdownGrader
from reasonbench.graders.exact import ExactGrader
from reasonbench.graders.lm_eval import LmEvalGrader
from reasonbench.graders.math import MathGrader, judge
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.tasks.lm_eval_task import LmEvalTask

SHARED = Path(__file__).parents[3] / "shared" / "data" / "benchmarks"
COUNTDOWN = {"numbers": [3, 7, 11], "target": 110, "ops": "+-*"}


def completion(text, finish_reason=FinishReason.STOP, prefilled=False):
    return Completion(
        key="k",
        task="t",
        problem_id="p",
        sample_index=0,
        text=text,
        finish_reason=finish_reason,
        n_prompt_tokens=1,
        n_tokens=1,
        seed=0,
        engine="e",
        thinking_prefilled=prefilled,
    )


def problem(target="5", metadata=None):
    return Problem(task="t", id="p", statement="s", target=target, metadata=metadata or {})


@pytest.mark.parametrize(
    ("target", "text", "reason"),
    [
        ("Paris", r"<think>x</think>\boxed{paris }", "ok"),
        ("Paris", "Paris", "ok"),
        ("Paris", "It is\nPARIS\n", "ok"),
        ("a b", r"\boxed{A   B}", "ok"),
        ("16 - 3 = 13\n#### 13", r"\boxed{13}", "ok"),
        ("Paris", r"\boxed{Rome}", "wrong"),
        ("5", r"\boxed{5.0}", "wrong"),
    ],
)
def test_exact_compares_text_but_for_spaces_and_case(target, text, reason):
    grade = ExactGrader().grade(problem(target), completion(text))
    assert grade.reason == reason
    assert (grade.verdict is Verdict.CORRECT) == (reason == "ok")


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        ("(3 + 7) * 11", "ok", ""),
        (r"11 \times (7 + 3) = 110", "ok", ""),
        ("110", "wrong", "number_not_given"),
        ("11 * 11 - 11", "wrong", "number_reused"),
        ("3 + 7 + 11", "wrong", "wrong_value"),
        ("__import__('os').abort()", "unparsed", "unparsed"),
        ("9**9**9**9", "wrong", "operation_not_allowed"),
    ],
)
def test_countdown_takes_every_right_expression_and_runs_none(answer, reason, detail):
    grade = CountdownGrader().grade(
        problem("(3 + 7) * 11", COUNTDOWN), completion(f"<think>x</think>\\boxed{{{answer}}}")
    )
    assert grade.reason == reason
    assert detail in grade.detail
    assert grade.answer == answer


def test_countdown_scores_raw_text_for_lm_eval_as_the_grader_does():
    assert countdown.is_correct(r"<think>\boxed{1}</think>\boxed{11*(7+3)}", [3, 7, 11], 110, "+-*")
    assert not countdown.is_correct(r"<think>\boxed{11*(7+3)}", [3, 7, 11], 110, "+-*")
    assert not countdown.is_correct("11*(7+3)", [3, 7, 11], 110, "+-*")


@pytest.mark.parametrize(
    ("target", "answer", "layer"),
    [
        ("18", "18", "text"),
        ("18", "18.00", "number"),
        ("1,234", "1234", "number"),
        ("1234567", r"1\,234\,567", "text"),
        ("42", "42.", "text"),
        ("18", r"\$18", "text"),
        ("18", "18 dollars per day.", "number"),
        ("1/2", r"\dfrac12", "number"),
        (r"\frac{1}{2}", "0.5", "number"),
        (r"\frac{3}{4}", r"\frac{6}{8}", "number"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})", "text"),
        (r"\text{Evelyn}", "Evelyn", "text"),
        (r"\sqrt{2}", "2^{1/2}", "math-verify"),
        ("x^2+1", "1+x^2", "math-verify"),
        ("70", r"70\text{ miles}", "number"),
        ("70", r"70\text{miles}^2", "math-verify"),
        (r"\sqrt{2}\cdot\frac12", r"\sqrt2\frac12", "math-verify"),
        ("5", "x=5", "math-verify"),
        ("9", "3^2=9", "math-verify"),
        ("2^{10}", "1024", "math-verify"),
        ("1234_5", "1234_{5}", "math-verify"),
        ("12345", "12 345", "text"),
        ("1234567", "1 234 567.", "text"),
        (r"\frac{3}{2}", "1 1/2", "text"),
        (r"1\frac{1}{2}", "1.5", "number"),
        ("1 1/2", r"1\ \dfrac12", "text"),
        ("-1.5", r"-1\frac{1}{2}", "number"),
        ("1.5", "1 1/2 cups", "number"),
        (r"(\frac{3}{2},1)", "(1 1/2, 1)", "text"),
        ("1000", "1e3", "number"),
        ("0.00001", "1e-05", "number"),
        ("1/3", r"0.\overline{3}", "number"),
        (r"\frac{1}{6}", r"0.1\overline{6}", "number"),
        ("5000000", "5 million", "number"),
        ("5 million", "5,000,000", "number"),
        ("5000000", r"\$5\text{ million}", "number"),
        ("24", "2 dozen eggs", "number"),
        ("200000", "2 hundred thousand", "number"),
        (r"(3,\frac{\pi}{2})", r"(3,\frac{2\pi}{4})", "math-verify"),
        (r"\{1,\sqrt{2}\}", r"\{2^{1/2},1\}", "math-verify"),
    ],
)
def test_math_finds_equal_answers_equal(target, answer, layer):
    assert judge(target, answer) == ("ok", layer)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("18", "19"),
        (r"\frac{1}{3}", "0.333333"),
        (r"\pi", "3.14159265"),
        (r"11\sqrt{2}", "15.5563"),
        ("0.1234567", "0.1234568"),
        ("1/2^{99}", "1/2^{98}"),
        ("9007199254740993", "9007199254740992"),
        ("1000050", "1000000"),
        ("5", "4=5"),
        ("1234_5", "1234_6"),
        ("42", "42_8"),
        ("(1,2)", "[1,2]"),
        ("6", "2 pi"),
        (r"\text{Evelyn}", "Bob"),
        ("12", "1 2"),
        ("11/2", "1 1/2"),
        ("34", r"3\quad 4"),
        ("34", r"3\ 4"),
        ("1.5", "1 .5"),
        ("2", "1 2"),
        ("3", "1 2"),
        ("5", "5 million"),
        ("5", r"5\text{ million}"),
        ("5 million", "5"),
        ("7", "7 times ten"),
        ("7", r"7\text{ squared}"),
        ("3", "3 to ten"),
        (r"(3,\frac{\pi}{2})", "(3,1.5707963)"),
        (r"\{1,\sqrt{2}\}", r"\{1,1.41421356\}"),
        (r"[0,\sqrt{2}]", "[0,1.41421356]"),
        (
            r"\begin{pmatrix} 1 \\ \sqrt{2} \end{pmatrix}",
            r"\begin{pmatrix} 1 \\ 1.41421356 \end{pmatrix}",
        ),
    ],
)
def test_math_finds_unequal_answers_unequal(target, answer):
    assert judge(target, answer)[0] == "wrong"


def test_math_gives_no_verdict_on_a_target_that_it_cannot_read():
    for target in (r"\frac{1", None):
        grade = MathGrader().grade(problem(target), completion(r"\boxed{3}"))
        assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "unparsed_target")


def test_math_calls_an_answer_that_it_cannot_read_unparsed():
    assert judge("5", "7" * 2000)[0] == "unparsed"
    grade = MathGrader().grade(problem("5"), completion("\\boxed{" + "7+" * 2000 + "1}"))
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, "unparsed")


def test_math_takes_an_answer_in_words_where_there_is_no_box():
    grade = MathGrader().grade(problem("18"), completion("<think>x</think>The answer is $18$."))
    assert grade.verdict is Verdict.CORRECT
    assert MathGrader().grade(problem("18"), completion("18")).verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    "hostile",
    [
        "open('{mark}','w')",
        "__import__('pathlib').Path('{mark}').touch()",
        r"\text{{open('{mark}','w')}}",
        "exec(\"open('{mark}','w')\")",
    ],
)
def test_math_never_runs_what_a_completion_says(tmp_path, hostile):
    mark = tmp_path / "mark"
    said = hostile.format(mark=mark)
    for text in (f"\\boxed{{{said}}}", f"the answer is {said}", f"the answer is ${said}$"):
        MathGrader().grade(problem("5"), completion(text))
        MathGrader().grade(problem(said), completion(r"\boxed{5}"))
    assert not mark.exists()


@pytest.mark.parametrize(("file", "count"), [("gsm8k_test.jsonl", 1319), ("math500.jsonl", 500)])
def test_every_gold_answer_of_a_real_benchmark_is_right_and_a_changed_one_is_not(file, count):
    if not (SHARED / file).is_file():
        pytest.skip(f"needs {file}")
    rows = [json.loads(line) for line in (SHARED / file).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == count
    golds = [math.gold_answer(row["answer"]) for row in rows]
    assert {judge(row["answer"], gold)[0] for row, gold in zip(rows, golds, strict=True)} == {"ok"}
    # math-verify itself reads every target: none would end without a verdict.
    assert {math._symbolic(gold, gold, None) for gold in golds} == {"ok"}
    changed = [judge(gold, f"({gold}) + 1")[0] for gold in golds[:200]]
    assert "ok" not in changed


TASK = """
task: tiny
dataset_path: json
test_split: test
doc_to_text: "{{question}}"
doc_to_target: answer
filter_list:
  - name: strict
    filter: [{function: regex, regex_pattern: "#### (\\\\d+)"}, {function: take_first}]
  - name: flexible-extract
    filter: [{function: regex, group_select: -1, regex_pattern: "(\\\\d+)"}, {function: take_first}]
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
generation_kwargs: {until: []}
metadata: {version: 1}
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Return a function that makes an lm-eval task over one document, and its problem."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))

    def make(text=TASK):
        data = tmp_path / "data.jsonl"
        data.write_text('{"question": "two and three?", "answer": "5"}\n')
        path = tmp_path / "tiny.yaml"
        path.write_text(text + f"dataset_kwargs: {{data_files: {{test: '{data}'}}}}\n")
        (made,) = LmEvalTask.from_yaml(path).problems()
        return made

    return make


@pytest.mark.parametrize(
    ("text", "finish", "reason", "answer"),
    [
        ("<think>9</think>it is 5", "stop", "ok", "5"),
        ("it is 5", "length", "ok", "5"),
        ("<think>5</think>it is 6", "stop", "wrong", "6"),
        ("<think>5</think>it is 6", "length", "truncated", "6"),
        (r"<think>5</think>\boxed{6} so", "length", "wrong", "6"),
        ("<think>5</think>no idea", "stop", "no_answer", None),
        ("<think>5</think>no idea", "length", "truncated", None),
        ("<think>5", "length", "truncated", None),
        ("<think>5", "stop", "no_answer", None),
    ],
)
def test_lm_eval_judges_with_the_tasks_own_filters(tiny, text, finish, reason, answer):
    grade = LmEvalGrader().grade(tiny(), completion(text, FinishReason(finish)))
    assert (grade.reason, grade.answer) == (reason, answer)


def test_lm_eval_uses_the_filter_that_the_task_names(tiny):
    named = tiny(TASK.replace("{version: 1}", "{version: 1, reasonbench: {filter: strict}}"))
    grade = LmEvalGrader().grade(named, completion("#### 5 and 6"))
    assert grade.verdict is Verdict.CORRECT
    assert grade.detail == "exact_match,strict = 1"
    assert LmEvalGrader().grade(tiny(), completion("#### 5 and 6")).reason == "wrong"


def test_lm_eval_gives_no_verdict_on_a_metric_between_0_and_1(tiny, tmp_path):
    (tmp_path / "scoring.py").write_text("def half(doc, results):\n    return {'f1': 0.5}\n")
    task = TASK + "process_results: !function scoring.half\n"
    task = task.replace("metric: exact_match", "metric: f1")
    grade = LmEvalGrader().grade(tiny(task), completion("5"))
    assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "not_binary")
