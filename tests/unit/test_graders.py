"""The built-in graders, called directly."""

import itertools
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reasonbench.errors import SpecError
from reasonbench.graders import countdown, math
from reasonbench.graders.countdown import CountdownGrader
from reasonbench.graders.exact import ExactGrader
from reasonbench.graders.lm_eval import LmEvalGrader
from reasonbench.graders.math import MathGrader, judge
from reasonbench.graders.math_verify import MathVerifyGrader
from reasonbench.graders.maths import symbolic
from reasonbench.graders.pool import GraderPool
from reasonbench.plugins import GRADERS
from reasonbench.records import Completion, FinishReason, Grade, Problem, Verdict
from reasonbench.tasks.lm_eval_task import LmEvalTask

SHARED = Path(__file__).parents[3] / "shared" / "data" / "benchmarks"
COUNTDOWN = {"numbers": [3, 7, 11], "target": 110, "ops": "+-*"}


def completion(text, finish_reason=FinishReason.STOP, prefilled=False, key="k"):
    return Completion(
        key=key,
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
        ("Paris", r"\boxed{Rome} or \boxed{Paris}", "ambiguous"),
        ("Rome, Paris", r"\boxed{Rome} and \boxed{Paris}", "ok"),
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
        ("1234567", r"1\,234\,567", "text"),
        (r"\frac{3}{2}", "1 1/2", "number"),
        (r"\text{Evelyn}", "evelyn", "words"),
        ("(C) 12", "C", "words"),
        ("18", "18.00", "number"),
        ("2^{10}", "1024", "number"),
        ("70", r"70\text{ miles}", "number"),
        ("9", "3^2", "number"),
        ("1234_5", "1234_{5}", "text"),
        (r"\{1,2\}", r"\{2,1\}", "text"),
        (r"(3,\frac{\pi}{2})", r"(3,\frac{2\pi}{4})", "math-verify"),
        (r"\sqrt{2}", "2^{1/2}", "math-verify"),
        ("y=2x", "2y=4x", "math-verify"),
    ],
)
def test_math_names_the_layer_that_found_answers_equal(target, answer, layer):
    assert judge(target, answer) == ("ok", layer)


@pytest.mark.parametrize(
    ("target", "answer", "reason", "layer"),
    [
        ("18", "19", "wrong", "number"),
        ("5", "4=5", "wrong", "number"),
        ("42", "42_8", "wrong", "number"),
        ("5 cm", "5 m", "wrong", "unit"),
        (r"\text{Evelyn}", "Bob", "wrong", "words"),
        ("(1,2)", "[1,2]", "wrong", "structure"),
        ("5", "3 or 5", "ambiguous", "structure"),
        (r"\pi", "3.14159265", "wrong", "math-verify"),
        ("5", "5 # 6", "unparsed", "math-verify"),
        ("5", "9^9^9", "too_big", "cost"),
        ("5", r"\binom{10^9}{5\cdot 10^8}\pi", "too_big", "cost"),
        (r"\frac{1", "3", "gold_unparsed", "math-verify"),
    ],
)
def test_math_names_the_layer_that_found_answers_unequal(target, answer, reason, layer):
    assert judge(target, answer) == (reason, layer)


def test_math_gives_no_verdict_on_a_target_that_it_cannot_read():
    for target in (r"\frac{1", "", None):
        grade = MathGrader().grade(problem(target), completion(r"\boxed{3}"))
        assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "gold_unparsed")


def test_math_takes_an_answer_in_words_where_there_is_no_box():
    grade = MathGrader().grade(problem("18"), completion("<think>x</think>The answer is $18$."))
    assert grade.verdict is Verdict.CORRECT
    assert MathGrader().grade(problem("18"), completion("18")).verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    ("grading", "said"),
    [
        ({"tolerence": 0.1}, "no option 'tolerence'"),
        ({"tolerance": 2}, "cannot be used"),
        ({"percent": "sometimes"}, "cannot be used"),
        ({"order": 5}, "cannot be used"),
        ("strict", "must be a table"),
    ],
)
def test_math_refuses_options_that_do_not_exist(grading, said):
    asked = problem("5", {"grading": grading})
    with pytest.raises(SpecError, match=said):
        MathGrader().grade(asked, completion(r"\boxed{5}"))
    with pytest.raises(SpecError, match=said):
        math.check_gold(asked)


def test_math_takes_options_from_a_task_and_not_from_a_field_of_its_documents():
    from_task = {"grading": "strict", "lm_eval": {"task": "t", "grading": {"tolerance": 0.1}}}
    grade = MathGrader().grade(problem("5", from_task), completion(r"\boxed{5.2}"))
    assert grade.reason == "ok"
    without = {"grading": {"tolerance": 0.1}, "lm_eval": {"task": "t"}}
    assert MathGrader().grade(problem("5", without), completion(r"\boxed{5.2}")).reason == "wrong"


@pytest.mark.parametrize(
    ("gold", "text", "flagged"),
    [
        ("60", "print(x)\n```output\n60\n```\n60% of them dance.", True),
        ("60", "I cannot tell.", False),
        ("60", r"It is 60. \boxed{61}", False),
        ("60", r"\boxed{61}, no, it is 60.", True),
        ("60", r"\boxed{160}, or 600, or 0.60", False),
        ("42_8", r"\boxed{42}", False),
        ("42", r"\boxed{42_8}", True),
        ("7", r"\boxed{7 times ten}", True),
        ("6", r"\boxed{5 or 6}", True),
        ("6", r"<think>6</think>\boxed{5}", False),
    ],
)
def test_math_tells_of_a_gold_answer_that_was_not_extracted_and_changes_no_verdict(
    gold, text, flagged
):
    grade = MathGrader().grade(problem(gold), completion(text))
    assert grade.verdict is Verdict.INCORRECT
    assert ("suspected_false_negative" in grade.detail) == flagged


def test_math_suspects_nothing_of_a_truncated_completion():
    grade = MathGrader().grade(problem("60"), completion("It is 60", FinishReason.LENGTH))
    assert (grade.reason, grade.detail) == ("truncated", "")


@pytest.mark.parametrize(
    ("gold", "fault"),
    [
        ("5", None),
        (r"\text{Evelyn}", None),
        (r"\left(3,\frac{\pi}{2}\right)", None),
        (r"x^2+y^2=1", None),
        ("2516_8", None),
        ("so\n#### 1,018", None),
        ('["5", "five"]', None),
        (None, "has no gold answer"),
        ("", "it is empty"),
        (r"\frac{1", "cannot be read"),
        ("99999999!", "too large"),
        (r"x^{99999}", "not given to SymPy"),
        ("(1, 5 # 6)", "cannot be read"),
    ],
)
def test_a_gold_answer_that_cannot_be_graded_is_told(gold, fault):
    said = MathGrader().check_gold(problem(gold))
    assert (said is None) if fault is None else (fault in said)


INJECTIONS = (
    "open('{mark}','w')",
    "__import__('pathlib').Path('{mark}').touch()",
    r"\text{{open('{mark}','w')}}",
    "exec(\"open('{mark}','w')\")",
    "eval(\"open('{mark}','w')\")",
    r"\mathrm{{open}}('{mark}','w')",
    r"\frac{{open('{mark}','w')}}{{1}}",
    r"\sqrt{{__import__('os').system('touch {mark}')}}",
    "[open('{mark}','w') for x in (1,)]",
    "(lambda: open('{mark}','w'))()",
    "1 if open('{mark}','w') else 2",
    "{{1, open('{mark}','w')}}",
    "x = open('{mark}','w')",
    "\uff4f\uff50\uff45\uff4e('{mark}','w')",
    "\U0001d5c8\U0001d5c9\U0001d5be\U0001d5c7('{mark}','w')",
    "open\uff08'{mark}'\uff0c'w'\uff09",
    "o\u200bpen('{mark}','w')",
    "5; open('{mark}','w')",
    "5\nopen('{mark}','w')",
    "print(open('{mark}','w'))",
    "().__class__.__base__.__subclasses__()",
    'S(\'open("{mark}","w")\')',
)


def injected(mark):
    """Completions and problems that would make a file if anything of them were run."""
    for number, payload in enumerate(INJECTIONS):
        said = payload.format(mark=mark)
        for text in (f"\\boxed{{{said}}}", f"the answer is {said}", f"the answer is ${said}$"):
            yield problem("5"), completion(text, key=f"{number}/{len(text)}/a")
            yield problem(said), completion(r"\boxed{5}", key=f"{number}/{len(text)}/g")
        yield problem(said), completion(f"\\boxed{{{said} + 0}}", key=f"{number}/b")


@pytest.mark.parametrize("grader", ["math", "math_verify"])
def test_nothing_that_a_completion_says_is_run_in_this_process(tmp_path, grader):
    mark = tmp_path / "mark"
    judge_of = GRADERS.load(grader)
    for asked, answered in injected(mark):
        judge_of.grade(asked, answered)
    assert not mark.exists()


@pytest.mark.parametrize("grader", ["math", "math_verify"])
def test_nothing_that_a_completion_says_is_run_in_a_worker(tmp_path, grader):
    mark = tmp_path / "mark"
    pairs = list(injected(mark))
    with GraderPool(grader, workers=1) as pool:
        pids = pool.pids
        outcomes = list(pool.grade_all(pairs))
        assert pool.pids == pids
    assert len(outcomes) == len(pairs)
    assert all(isinstance(outcome, Grade) for outcome in outcomes)
    assert not mark.exists()


def test_the_injection_test_can_fail(tmp_path):
    mark = tmp_path / "mark"
    exec(INJECTIONS[1].format(mark=mark))
    assert mark.exists()


BOMBS = (
    "99999999!",
    "9^9^9",
    "9^{9^{9^9}}",
    "10^{10^{10}}",
    "(10^{10})!",
    "((((5!)!)!)!)",
    r"\binom{10^9}{5\cdot10^8}",
    r"{10^9 \choose 10^8}\pi",
    r"\sum_{k=1}^{10^9}k",
    r"\prod_{k=1}^{99999999}k",
    r"\sum_{k=1}^{1999}k^{2000}x",
    r"\int_0^1\int_0^1 \sin(xy)e^{x^2}dxdy",
    r"\sqrt{\sqrt{\sqrt{x^{2999}+1}}}",
    r"\cos(((10^{1000}+\sqrt2)^{1000})^{1000})",
    r"((((x^{99})^{99})^{99})^{99})^{99}",
    "{" * 100_000 + "}" * 100_000,
    "(" * 100_000 + "1" + ")" * 100_000,
    r"\text{" * 50_000 + "}" * 50_000,
    "7" * 1_000_000,
    "1," * 500_000 + "1",
    r"\pm" * 300_000,
    "1 " * 500_000,
    r"\frac" * 200_000,
    "x=" * 300_000 + "1",
    r"\begin{pmatrix}" * 60_000,
    "7+" * 300 + "1!" * 100,
    "12|" * 80,
    "1/2 " * 100,
    "1:2 x" * 50,
    "12%" * 100,
    "x^'" * 100,
    r"x^\$" * 60,
    r"\text{a}_" * 30,
    r"\text{a}^" * 30,
    "(A)" * 300,
    r"\sum_{k=1}^{9}" * 5,
)


def test_no_bomb_costs_a_worker(tmp_path):
    golds = ("5", r"\sqrt{2}", "x^2+1", "(1,2)")
    pairs = [
        (problem(gold), completion(f"\\boxed{{{bomb}}}", key=f"{i}/{gold}"))
        for i, bomb in enumerate(BOMBS)
        for gold in golds
    ]
    with GraderPool("math", workers=1) as pool:
        pids = pool.pids
        outcomes = list(pool.grade_all(pairs))
        assert pool.pids == pids
    assert {outcome.verdict for outcome in outcomes} == {Verdict.INCORRECT}
    assert {outcome.reason for outcome in outcomes} <= {"too_big", "wrong", "unparsed"}


def test_a_time_limit_gives_the_callers_alarm_back():
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 600)
        assert judge(r"\sqrt{7}", r"\frac{7}{\sqrt{7}}", seconds=60).reason == "ok"
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        assert 0 < left <= 600
        with pytest.raises(symbolic.OutOfTimeError), symbolic.time_limit(0.01):
            while True:
                pass
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert not heard
    finally:
        signal.signal(signal.SIGALRM, before)


def test_an_answer_can_be_judged_outside_the_main_thread():
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(judge, r"\sqrt{11}", r"\frac{11}{\sqrt{11}}", seconds=5).result()
    assert found.reason == "ok"


@pytest.mark.parametrize(
    ("target", "text", "reason"),
    [
        ("5", r"<think>\boxed{6}</think>\boxed{5}", "ok"),
        ("5", "The final answer is $5$. I hope it is correct.", "ok"),
        ("0.1234567", r"\boxed{0.1234568}", "ok"),
        ("3,5", r"\boxed{3}, \boxed{5}", "ok"),
        ("5", r"\boxed{6}", "wrong"),
        ("5", "<think>5", "no_answer"),
        ("5", "no idea", "no_answer"),
    ],
)
def test_math_verify_judges_and_extracts_by_itself(target, text, reason):
    grade = MathVerifyGrader().grade(problem(target), completion(text))
    assert grade.reason == reason
    assert grade.layer == ("extraction" if reason == "no_answer" else "math-verify")


@pytest.mark.parametrize(("file", "count"), [("gsm8k_test.jsonl", 1319), ("math500.jsonl", 500)])
def test_every_gold_answer_of_a_real_benchmark_is_right_and_a_changed_one_is_not(file, count):
    if not (SHARED / file).is_file():
        pytest.skip(f"needs {file}")
    rows = [json.loads(line) for line in (SHARED / file).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == count
    assert [said for row in rows if (said := math.check_gold(problem(row["answer"])))] == []
    golds = [math.gold_answer(row["answer"]) for row in rows]
    assert {judge(row["answer"], gold)[0] for row, gold in zip(rows, golds, strict=True)} == {"ok"}
    changed = [judge(gold, f"({gold}) + 1")[0] for gold in golds[:200]]
    assert "ok" not in changed
    pairs = [(one, other) for one, other in itertools.pairwise(golds) if one != other]
    equal = [pair for pair in pairs if judge(*pair).reason == "ok"]
    assert equal == ([("5", "x=5")] if file == "math500.jsonl" else [])


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
