"""Verdicts on programs: the tests' schema, and what a grade says.

Programs run in the sandbox; the references of HumanEval and MBPP are tried by
``benchmarks/code_references.py``, and a few of them here where their files are.
"""

import gzip
import json
from pathlib import Path

import pytest
from real_sandbox import missing

from reasonbench.graders.code import CodeGrader, check_reference, identity_of
from reasonbench.graders.code_programs import program_of, suite_of
from reasonbench.graders.code_runs import _is_doubtful
from reasonbench.graders.code_tests import UnusableTestsError, load_tests
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.sandbox import Outcome, SandboxPool, Status

BENCHMARKS = Path(__file__).parents[3] / "shared" / "data" / "benchmarks"
SANDBOX = pytest.mark.skipif(
    bool(missing()),
    reason="bubblewrap is NOT installed: no program is run",
)


@pytest.fixture(scope="module")
def grader():
    with SandboxPool(workers=1) as pool:
        yield CodeGrader(pool)


def problem(**tests):
    return Problem(task="t", id="p", statement="s", tests=tests)


def completion(text, finish_reason=FinishReason.STOP):
    return Completion(
        key="k", task="t", problem_id="p", sample_index=0, text=text,
        finish_reason=finish_reason, n_prompt_tokens=1, n_tokens=1, seed=0, engine="e",
    )  # fmt: skip


def fenced(code):
    return f"So:\n```python\n{code}\n```\n"


def graded(grader, tests, code):
    return grader.grade(problem(**tests), completion(fenced(code)))


def stdio(*pairs, **more):
    return {"style": "stdio", "cases": [{"input": i, "output": o} for i, o in pairs], **more}


def function(*pairs, entry_point="f", **more):
    cases = [{"args": args, "expected": expected} for args, expected in pairs]
    return {"style": "function", "entry_point": entry_point, "cases": cases, **more}


ADD = stdio(("1 2\n", "3\n"), ("5 6", "11"), ("0 0", "0"))
ADD_CODE = "a, b = map(int, input().split())\nprint(a + b)"
SUM = function([[1, 2], 3], [[5, 6], 11])
ANYTHING = {"kind": "code", "code": "def check(*a): return True"}
ASSERTS = {"style": "assert", "cases": ["assert f(1, 2) == 3", "assert f(5, 6) == 11"]}
SUITE = {
    "style": "assert",
    "entry_point": "f",
    "prefix": "from math import fabs\n\ndef twice(x):\n    return 2 * x\n\n"
    'def f(x):\n    """D."""\n',
    "code": "def check(candidate):\n    for x in range(9):\n"
    "        assert twice(candidate(x)) == 2 * (x + 1)\n",
}


# --- the schema ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (None, "has no tests"),
        ({}, "style"),
        ({"style": "other"}, "style"),
        ({"style": "stdio"}, "no cases"),
        ({"style": "stdio", "cases": ["x"]}, "must be an object"),
        ({"style": "stdio", "cases": [{"input": "1"}]}, "case 1 has no output"),
        ({"style": "stdio", "cases": [{"args": [1], "expected": 1}]}, "not args and expected"),
        (stdio(("1", "1"), code="x"), "code is for style assert"),
        (stdio(("1", "1"), typo=1), "typo"),
        (stdio(("1", "1"), limits={"cpu_s": 0}), "cpu_s"),
        (stdio(("1", "1"), checker={"kind": "code"}), "has code where"),
        (stdio(("1", "1"), checker={"kind": "unordered", "tolerance": 0.1}), "no tolerance"),
        ({"style": "function", "cases": [{"args": [], "expected": 1}]}, "entry_point"),
        ({"style": "assert", "code": " "}, "no cases"),
        ({"style": "assert", "cases": ["assert 1 == 1"]}, "call no function"),
        ({"style": "assert", "cases": ["assert f(1 == 1"]}, "cannot be compiled"),
        ({**ASSERTS, "checker": {"kind": "unordered"}}, "takes no checker"),
    ],
)
def test_tests_that_cannot_be_used_are_named(tests, said):
    with pytest.raises(UnusableTestsError, match=said):
        load_tests(Problem(task="t", id="p", statement="s", tests=tests))


def test_the_tested_function_is_found_in_the_assertions():
    tests = load_tests(
        problem(
            style="assert",
            cases=["import math\nassert set(min_cost(Node(1))) == {math.inf}"],
            code="root = Node(1)",
        )
    )
    assert tests.entry_point == "min_cost"
    assert load_tests(problem(style="assert", cases=["assert sum(1, 2) == 3"])).entry_point == "sum"


def test_a_future_import_stays_the_first_statement():
    tests = load_tests(problem(**SUM))
    program = program_of(tests, "from __future__ import annotations\nx = 1\n", continues=False)
    assert program.startswith("from __future__ import annotations\nfrom string")
    compile(program, "program", "exec")


def test_helpers_of_the_prefix_belong_to_the_program_and_to_the_assertions():
    tests = load_tests(problem(**SUITE))
    program = program_of(tests, "def f(x): return 0", continues=False)
    suite = suite_of(tests)
    for text in (program, suite.code):
        assert "def twice" in text
        assert '"""D."""' not in text
    assert suite.check == "check"


def test_a_suite_that_asserts_nothing_cannot_be_used():
    with pytest.raises(UnusableTestsError, match="assert nothing"):
        suite_of(load_tests(problem(style="assert", entry_point="f", code="f(1)")))


def test_the_identity_names_every_part_and_a_backend_that_is_not_the_default():
    assert identity_of("zygote").startswith("code/1+rules-")
    for part in ("python-3.", "code-extraction-", "+extraction-"):
        assert part in identity_of("zygote")
    assert "sandbox" not in identity_of("zygote")
    assert identity_of("landlock") == identity_of("zygote") + "+sandbox-landlock"


@pytest.mark.parametrize(
    ("queued_s", "cpu_s", "doubtful"), [(0.0, 0.0, False), (20.0, 1.0, True), (9.0, 9.0, False)]
)
def test_a_wall_time_out_is_doubtful_only_for_what_others_did(queued_s, cpu_s, doubtful):
    ended = Outcome(status=Status.TLE_WALL, wall_s=30, queued_s=queued_s, cpu_s=cpu_s)
    assert _is_doubtful(ended) is doubtful


# --- verdicts --------------------------------------------------------------------------------


@SANDBOX
class TestRightPrograms:
    @pytest.mark.parametrize(
        ("tests", "code"),
        [
            (ADD, ADD_CODE),
            (ADD, "import os\nprint(sum(map(int, os.read(0, 99).split())))"),
            (ADD, "import sys\nif __name__ == '__main__':\n    " + ADD_CODE.replace("\n", "\n    ")
             + "\n    sys.exit(0)"),
            (SUM, "def f(a, b): return a + b"),
            (SUM, "from __future__ import annotations\ndef f(a: List, b) -> int: return a + b"),
            (ASSERTS, "def f(a, b): return a + b"),
            (SUITE, "def f(x): return x + 1"),
            (function([[[2, 7], 9], [0, 1]], entry_point="Solution.two"),
             "class Solution:\n    def two(self, a: List[int], t):\n"
             "        d = defaultdict(int)\n        return 0, 1"),
            (function([[[2, 7], 9], [0, 1]], entry_point="Solution.two"),
             "def two(a, t): return [0, 1]"),
            ({"style": "function", "entry_point": "f", "cases": [
                {"input": '[1, 2]\n"x"', "output": '{"x": [1, 2]}'}]},
             "def f(a, b): return {b: a}"),
            (function(["((1, 2),)", "{1, 2}"], literals=True), "def f(t): return set(t)"),
            (function([[[3, 1, 2]], [1, 2, 3]], in_place=0), "def f(a): a.sort()"),
            (function([[3], [[1, 2], [0, 3]]], checker={"kind": "unordered"}),
             "def f(n): return [(0, 3), (1, 2)]"),
            (function([[3], 0.3], checker={"tolerance": 1e-9}), "def f(n): return 0.1 + 0.2"),
            ({"style": "function", "entry_point": "f", "cases": [
                {"args": [[2, 1]], "expected": [1, 2], "in_place": 0},
                {"args": [[2, 1]], "expected": None}]}, "def f(a): a.sort()"),
            (function([[3], [0, 1, 2]]), "def f(n): return range(n)"),
            (function([[3], [0, 1, 2]]), "import numpy as np\ndef f(n): return np.arange(n)"),
            (function([[3], 2]), "import enum\nclass E(enum.IntEnum):\n    A = 2\n"
             "def f(n): return E.A"),
            (ADD, "\ufeff" + ADD_CODE),
            (function([[], 1]), "import numpy as np\ndef f(): return np.int64(1)"),
        ],
    )  # fmt: skip
    def test_they_are_correct(self, grader, tests, code):
        grade = graded(grader, tests, code)
        assert (grade.verdict, grade.reason) == (Verdict.CORRECT, "ok"), grade.detail
        assert grade.layer == "zygote"
        assert grade.answer == code[:2000]
        assert "cpu " in grade.detail
        assert "load " in grade.detail

    def test_a_base_models_continuation_is_correct(self, grader):
        text = "    return x + 1\n\n\ndef g():\n    return\nprint(f("
        for finish in FinishReason.STOP, FinishReason.LENGTH:
            grade = grader.grade(problem(**SUITE), completion(text, finish))
            assert grade.verdict is Verdict.CORRECT, grade.detail


@SANDBOX
@pytest.mark.parametrize(
    ("tests", "code", "reason", "said"),
    [
        (ADD, "print(3)", "wrong", "test 2 of 3: line 1, token 1: expected '11', got '3'"),
        (ADD, "print(", "compile_error", "test 1 of 3: SyntaxError"),
        (ADD, "1 / 0", "runtime_error", "ZeroDivisionError"),
        (ADD, f"{ADD_CODE}\nimport sys; sys.exit(3)", "runtime_error", "exit code 3"),
        (ADD, "print('3\\x1b[2J\\u202e')", "wrong", r"\x1b[2J\u202e"),
        ({**ADD, "limits": {"cpu_s": 0.3}}, "while True: pass", "timeout", "CPU time"),
        ({**ADD, "limits": {"memory_mb": 128}}, "x = [0] * 10**8", "memory", "128 MiB"),
        (ADD, "while True: print('3' * 10**6)", "output_limit", "test 1 of 3"),
        (ADD, "import socket; socket.socket()", "runtime_error", "PermissionError"),
        (SUM, "import os\ndef f(a, b): os.write(3, b'D' * 99)", "security_violation", "protocol"),
        (ADD, "import os; os._exit(0)", "wrong", "expected '3', got the end"),
        (ADD, "import sys; print(*sys.argv, open('/proc/self/cmdline').read())", "wrong", ""),
        (SUM, "def f(a, b): return 3", "wrong", "test 2 of 2: expected 11, got 3"),
        (SUM, "def g(a, b): return a + b", "runtime_error", "test 1 of 2: NameError"),
        (SUM, "def f(a, b): return a + b + 0j if a > 1 else '3'", "wrong", "expected 3, got '3'"),
        (SUM, "def f(a, b): raise SystemExit(0)", "runtime_error", "SystemExit"),
        (SUM, "import os\ndef f(a, b): os._exit(0)", "runtime_error", "before every call"),
        (SUM, "class L:\n    __eq__ = lambda s, o: True\ndef f(a, b): return L()", "wrong", "L"),
        (SUM, "import decimal\ndef f(a, b): return decimal.Decimal('sNaN')", "wrong", "compared"),
        (SUM, "import builtins\nbuiltins.all = builtins.any = lambda *a: 1\ndef f(a, b): pass",
         "wrong", "test 1 of 2"),
        (SUM, "def f(a, b): return [0] * 10**7", "output_limit", "a list of more size"),
        (SUM, "def f(a, b) return", "compile_error", "SyntaxError"),
        (SUM, "def f(a, b): return map(int, [a + b])", "wrong", "Opaque('map'"),
        (function(*[[[1], "x"]] * 20, checker=ANYTHING),
         "def f(n): return 'x' * (7 << 20)", "output_limit", "MiB of returned values"),
        (function(*[[[1], [[]]]] * 20, checker=ANYTHING),
         "def f(n): return [[]] * 600_000", "output_limit", "too large"),
        (ASSERTS, "def f(a, b): return 3", "wrong", "test 2 of 2: line 2 of the tests: Assertion"),
        (ASSERTS, "def f(a, b): return None", "wrong", "test 1 of 2"),
        (ASSERTS, "def f(a, b): return g()", "runtime_error", "test 1 of 2: NameError"),
        (ASSERTS, "import sys\ndef f(a, b): sys.exit(0)", "runtime_error", "SystemExit"),
        (ASSERTS, "class L:\n    __eq__ = lambda s, o: True\ndef f(a, b): return L()", "wrong", ""),
        (SUITE, "def f(x): return 7\ndef twice(x):\n    class L:\n"
         "        __eq__ = lambda s, o: True\n    return L()", "wrong", "Assertion"),
        (SUITE, "def f(x): return 7\ndef check(candidate): pass", "wrong", "Assertion"),
    ],
)  # fmt: skip
def test_other_programs_are_not(grader, tests, code, reason, said):
    grade = graded(grader, tests, code)
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, reason), grade.detail
    assert said in grade.detail
    assert len(grade.detail) <= 300
    assert grade.detail.isprintable()


@SANDBOX
def test_a_sleeper_is_timed_out_by_the_clock(grader):
    tests = {**ADD, "limits": {"cpu_s": 0.05}}
    grade = graded(grader, tests, "import time; time.sleep(60)")
    assert (grade.reason, grade.verdict) in [
        ("timeout", Verdict.INCORRECT),
        ("timeout_unconfirmed", Verdict.UNGRADED),  # this machine may be busy
    ]


@SANDBOX
def test_a_checker_runs_apart_and_is_asked_for_each_case(grader):
    check = (
        "def check(input, expected, output):\n"
        "    a, b = map(int, output.split())\n"
        "    return a + b == int(input) and expected is None\n"
    )
    cases = [{"input": "7"}, {"input": "9"}]
    tests = {"style": "stdio", "cases": cases, "checker": {"kind": "code", "code": check}}
    assert graded(grader, tests, "print(int(input()) - 2, 2)").reason == "ok"
    wrong = graded(grader, tests, "print(5, 2)")
    assert (wrong.reason, "test 2 of 2: the checker rejected" in wrong.detail) == ("wrong", True)
    assert "did not accept" in graded(grader, tests, "print('x')").detail
    checker = {"kind": "code", "code": "def check(i, e, o): return sorted(o) == e and i == [2]"}
    values = function([[2], [1, 2]], checker=checker)
    assert graded(grader, values, "def f(n): return [2, 1]").reason == "ok"
    assert graded(grader, values, "def f(n): return [2, 2]").reason == "wrong"
    forged = {**values, "checker": {"kind": "code", "code": "def check(i, e, o): return o or 1"}}
    assert graded(grader, forged, "def f(n): return [1]").reason == "wrong"


@SANDBOX
def test_without_a_program_the_end_of_the_completion_says_why(grader):
    for finish, reason in (FinishReason.STOP, "no_answer"), (FinishReason.LENGTH, "truncated"):
        grade = grader.grade(problem(**ADD), completion("I think it is hard.", finish))
        assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, reason)
        assert grade.layer == "extraction"


@SANDBOX
def test_what_cannot_be_graded_has_no_verdict(grader):
    filtered = grader.grade(problem(**ADD), completion("", FinishReason.FILTER))
    assert (filtered.verdict, filtered.reason) == (Verdict.UNGRADED, "filtered")
    for tests in (
        None,
        {"style": "stdio"},
        {**ASSERTS, "cases": ["import nowhere_to_be_found\nassert f(1) == 1"]},
        {**ASSERTS, "cases": ["class N: pass\nassert f(N()) == 1"]},
        {**ASSERTS, "cases": ["import sys, io\nsys.stdout = io.StringIO()\nf(1)\nassert 1"]},
        {**SUM, "entry_point": "f()"},
        {**SUM, "cases": [{"input": "[1", "output": "1"}]},
    ):  # fmt: skip
        grade = grader.grade(
            Problem(task="t", id="p", statement="s", tests=tests),
            completion(fenced("def f(x): return 1")),
        )
        assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "gold_unparsed"), tests
        assert grade.detail
        assert grade.layer == "tests"


@SANDBOX
def test_more_code_than_is_ever_run_is_too_big(grader):
    grade = graded(grader, ADD, "# " + "x" * (2 << 20))
    assert (grade.verdict, grade.reason) == (Verdict.INCORRECT, "too_big")


class BrokenPool:
    """A sandbox whose infrastructure fails."""

    backend = "zygote"

    def run(self, program, limits, *, go_on=None):
        return Outcome(status=Status.INTERNAL, detail="no worker", backend="zygote", attempts=3)


@pytest.mark.parametrize("tests", [ADD, SUM, ASSERTS])
def test_a_fault_of_the_infrastructure_is_never_a_score(tests):
    grade = graded(CodeGrader(BrokenPool()), tests, "def f(a, b): return 3")
    assert (grade.verdict, grade.reason) == (Verdict.UNGRADED, "infrastructure")
    assert "run 3 times" in grade.detail


@SANDBOX
def test_a_reference_that_fails_its_own_tests_is_named(grader):
    assert grader.check_gold(problem(**ADD, reference=ADD_CODE)) is None
    said = grader.check_gold(problem(**ADD, reference="print(3)"))
    assert "own reference does not pass: wrong, test 2 of 3" in said
    assert grader.check_gold(problem(**SUITE, reference="    return x + 1\n")) is None
    assert "no cases" in grader.check_gold(problem(style="stdio"))
    assert grader.check_gold(problem(**ADD)) is None


@SANDBOX
def test_a_grader_of_its_own_sandbox_ends_it(monkeypatch):
    assert "does not pass" in check_reference(problem(**ADD, reference="print(3)"))
    monkeypatch.setenv("REASONBENCH_SANDBOX", "bwrap")
    grader = CodeGrader()
    assert grader.identity.endswith("+sandbox-bwrap")
    assert graded(grader, ADD, ADD_CODE).layer == "bwrap"
    grader.close()
    with pytest.raises(RuntimeError, match="closed"):
        graded(grader, ADD, ADD_CODE)


@SANDBOX
def test_some_references_of_humaneval_and_mbpp_pass_and_empty_functions_do_not(grader):
    humaneval, mbpp = BENCHMARKS / "HumanEval.jsonl.gz", BENCHMARKS / "mbpp.jsonl"
    if not (humaneval.exists() and mbpp.exists()):
        pytest.skip(f"{BENCHMARKS} is NOT there: no published reference is graded")
    with gzip.open(humaneval, "rt") as file:
        rows = [json.loads(line) for line in file]
    for row in (rows[0], rows[32], rows[38], rows[50]):
        tests = {"style": "assert", "entry_point": row["entry_point"],
                 "prefix": row["prompt"], "code": row["test"]}  # fmt: skip
        reference = row["canonical_solution"]
        assert grader.check_gold(problem(**tests, reference=reference)) is None
        grade = grader.grade(problem(**tests), completion("    pass\n"))
        assert grade.verdict is Verdict.INCORRECT
    with mbpp.open() as file:
        rows = [json.loads(line) for line in file]
    for row in (rows[0], rows[1], next(row for row in rows if row["test_setup_code"])):
        tests = {"style": "assert", "cases": row["test_list"], "code": row["test_setup_code"]}
        assert grader.check_gold(problem(**tests, reference=row["code"])) is None
