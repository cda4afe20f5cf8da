"""Rows of public coding data sets become tests that right programs pass and wrong ones do not.

The rows have the fields and the layout of the published ones; their wording is our own.
"""

import base64
import datetime
import json
import os
import pickle
import zlib

import jinja2
import msgspec
import pytest
import yaml
from code_rows import (
    CALLS,
    CHECKER,
    HIDDEN,
    HUMANEVAL,
    LISTS,
    MBPP,
    NODES,
    PLAIN,
    PLUS_SUITE,
    ROWS,
    STARTER,
    TREES,
    TURN_LIST,
    TURN_TREE,
    codeforces,
    functional,
    leetcode,
    livecodebench,
    packed,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from real_sandbox import missing

from reasonbench.graders.code import CodeGrader
from reasonbench.graders.code_programs import program_of
from reasonbench.graders.code_tests import call_cases, load_tests
from reasonbench.records import Completion, FinishReason, Problem, Verdict
from reasonbench.resources import data_dir
from reasonbench.tasks import code_leetcode, code_schemas
from reasonbench.tasks.code_schemas import SCHEMAS
from reasonbench.tasks.rows import RowError, Unusable

SANDBOX = pytest.mark.skipif(
    bool(missing()), reason="bubblewrap is NOT installed: no program is run"
)
COMMON = {"id", "question", "tests", "published", "cluster", "solution"}


@pytest.fixture(scope="module")
def grader():
    grader = CodeGrader()
    yield grader
    grader.close()


def read(schema, row):
    """The document of a row, its tests as they come back from JSON."""
    doc = SCHEMAS[schema](row, 1)
    assert set(doc) >= COMMON
    doc["tests"] = json.loads(json.dumps(doc["tests"], allow_nan=False))
    load_tests(problem_of(doc))
    return doc


def problem_of(doc):
    return Problem(task="t", id=doc["id"], statement=doc["question"], tests=doc["tests"])


def verdict(grader, doc, code, *, fenced=True):
    completion = Completion(
        key="k", task="t", problem_id=doc["id"], sample_index=0,
        text=f"Here it is.\n```python\n{code}\n```" if fenced else code,
        finish_reason=FinishReason.STOP, n_prompt_tokens=1, n_tokens=1, seed=0, engine="e",
    )  # fmt: skip
    grade = grader.grade(problem_of(doc), completion)
    assert grade.verdict is not Verdict.UNGRADED, grade.detail
    return grade.reason


# --- HumanEval -------------------------------------------------------------------------------


def test_a_humaneval_row_becomes_its_assertions_with_the_prompt_as_prefix():
    doc = read("humaneval", HUMANEVAL)
    assert (doc["id"], doc["question"]) == ("HumanEval/900", HUMANEVAL["prompt"])
    assert doc["solution"] == HUMANEVAL["prompt"] + HUMANEVAL["canonical_solution"]
    assert doc["tests"]["reference"] == doc["solution"]
    assert doc["tests"]["prefix"] == HUMANEVAL["prompt"]
    assert doc["published"] is None  # the task's YAML has the one day of all problems


@SANDBOX
def test_a_humaneval_program_is_judged_whole_and_as_a_body(grader):
    doc = read("humaneval", HUMANEVAL)
    assert grader.check_gold(problem_of(doc)) is None
    assert verdict(grader, doc, doc["solution"]) == "ok"
    assert verdict(grader, doc, HUMANEVAL["canonical_solution"], fenced=False) == "ok"
    assert verdict(grader, doc, "def total(values):\n    pass") == "wrong"


@SANDBOX
def test_a_humaneval_plus_row_runs_with_its_arrays(grader):
    suite = PLUS_SUITE + (
        "def check(candidate):\n    inputs = [[[1, -2, 3]], [[0.1, 0.2]], [[]]]\n"
        "    results = [4, 0.3, 0]\n"
        "    for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
        "        assertion(candidate(*inp), exp, 0)\n"
    )
    doc = read("humaneval_plus", {**HUMANEVAL, "test": suite})
    assert grader.check_gold(problem_of(doc)) is None
    assert verdict(grader, doc, "def total(values):\n    return 4") == "wrong"


# --- MBPP ------------------------------------------------------------------------------------


def test_an_mbpp_row_names_the_function_that_its_tests_call():
    doc = read("mbpp", MBPP)
    assert (doc["id"], doc["entry_point"]) == ("901", "dash")
    assert doc["question"] == MBPP["text"].strip()
    assert doc["shown_tests"].split("\n") == MBPP["test_list"]
    assert "\r" not in doc["solution"]
    assert "nothing of the kind" not in json.dumps(doc)


def test_the_sanitized_mbpp_is_read_too():
    row = {"source_file": "x", "task_id": 902, "prompt": "Write a function.", "code": MBPP["code"],
           "test_imports": ["import math", "from cmath import phase"],
           "test_list": MBPP["test_list"]}  # fmt: skip
    doc = read("mbpp", row)
    assert doc["question"] == "Write a function."
    assert doc["tests"]["code"] == "import math\nfrom cmath import phase"


def test_a_function_named_as_a_builtin_is_the_one_only_where_no_other_is_called():
    tests = ["assert sum(2, 3) == 5"]
    row = {**MBPP, "code": "def sum(a, b):\n    return a + b", "test_list": tests}
    assert read("mbpp", row)["entry_point"] == "sum"
    row = {**MBPP, "test_list": ["assert set(dash('a', 'b')) == set('ab-')"]}
    assert read("mbpp", row)["entry_point"] == "dash"
    both = "def len(text):\n    return 3\ndef dash(a, b):\n    return a"
    row = {**MBPP, "code": both, "test_list": ["assert len(dash('a', 'b')) == 3"]}
    assert read("mbpp", row)["entry_point"] == "dash"


@SANDBOX
def test_an_mbpp_reference_passes_and_an_empty_function_does_not(grader):
    row = {
        **MBPP,
        "test_setup_code": "WANTED = 'a-b'",
        "test_list": ["assert dash('a','b')==WANTED"],
    }
    for doc in (read("mbpp", MBPP), read("mbpp", row)):
        assert grader.check_gold(problem_of(doc)) is None
        assert verdict(grader, doc, "def dash(a, b):\n    pass") == "wrong"


@SANDBOX
def test_an_mbpp_plus_row_runs_its_suite_and_shows_its_list(grader):
    suite = PLUS_SUITE + (
        'inputs = [["a", "b"], ["x y", "z"]]\nresults = ["a-b", "xy-z"]\n'
        "for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
        "    assertion(dash(*inp), exp, 0)\n"
    )
    row = {"task_id": 903, "code": MBPP["code"], "prompt": MBPP["text"], "source_file": "x",
           "test_imports": [], "test_list": MBPP["test_list"], "test": suite}  # fmt: skip
    doc = read("mbpp_plus", row)
    assert doc["entry_point"] == "dash" and doc["shown_tests"].count("\n") == 1
    assert grader.check_gold(problem_of(doc)) is None
    assert verdict(grader, doc, "def dash(a, b):\n    return a + '-' + b") == "wrong"


# --- LiveCodeBench ---------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_livecodebench_has_its_public_and_its_private_tests(protocol):
    doc = read("livecodebench", livecodebench(private_test_cases=packed(HIDDEN, protocol)))
    assert doc["published"] == "2024-11-02"
    assert doc["tests"]["style"] == "stdio"
    assert doc["tests"]["cases"] == [
        {"input": "1 2\n", "output": "3"},
        {"input": "4 5\n", "output": "9.0"},
    ]
    assert doc == read("livecodebench", livecodebench(private_test_cases=json.dumps(HIDDEN)))


@SANDBOX
def test_livecodebench_programs_are_judged_in_both_styles(grader):
    doc = read("livecodebench", livecodebench())
    right = "a, b = map(int, input().split())\nprint(a + b if a == 1 else '9.00000001')"
    assert verdict(grader, doc, right) == "ok"
    assert verdict(grader, doc, "input()\nprint(3)") == "wrong"
    bare = "a, b = deque(map(int, input().split()))\nprint(a + b)"  # its harness imports deque
    assert verdict(grader, doc, bare.replace("a + b", "float(a + b)")) == "wrong"
    doc = read("livecodebench", functional())
    body = "return [by * n for n in sorted(nums)]"
    assert verdict(grader, doc, f"{STARTER}{body}") == "ok"
    assert verdict(grader, doc, f"def scale(nums: List[int], by):\n    {body}") == "ok"
    assert verdict(grader, doc, f"{STARTER}pass") == "wrong"


def test_a_livecodebench_pickle_that_would_run_something_is_refused_and_does_not(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/reached",)

    for protocol in range(6):
        data = base64.b64encode(zlib.compress(pickle.dumps(Hostile(), protocol))).decode()
        with pytest.raises(RowError, match="'private_test_cases' cannot be unpacked") as caught:
            SCHEMAS["livecodebench"](livecodebench(private_test_cases=data), 1)
        assert not isinstance(caught.value, Unusable)
    assert not list(tmp_path.iterdir())


def test_livecodebench_tests_that_are_too_large_are_left_out(monkeypatch):
    monkeypatch.setattr(code_schemas, "MAX_TESTS_BYTES", 1000)
    large = [{**HIDDEN[0], "input": "1" * 2000}]
    with pytest.raises(Unusable, match="larger than is read") as caught:
        SCHEMAS["livecodebench"](livecodebench(private_test_cases=packed(large)), 1)
    assert caught.value.reason == "its tests are larger than is read"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"private_test_cases": "?"}, "cannot be unpacked"),
        ({"private_test_cases": packed({"a": 1})}, "must be a JSON list"),
        ({"private_test_cases": None}, "'private_test_cases' must be a text"),
        ({"private_test_cases": packed(["x"])}, "must be a list of objects"),
        ({"private_test_cases": "[" * 100_000}, "is no JSON"),
        ({"public_test_cases": "[1"}, "'public_test_cases' is no JSON"),
        ({"public_test_cases": json.dumps([{"input": "1", "testtype": "stdin"}])}, "case 1"),
        ({"metadata": json.dumps({"func_name": "f"})}, "func_name is 'f'"),
        ({"private_test_cases": packed(CALLS)}, "of type"),
        ({"contest_date": "soon"}, "'contest_date' must be a date"),
        ({"question_id": 7}, "'question_id' must be a text"),
    ],
)
def test_a_livecodebench_row_of_another_form_is_said(changed, said):
    with pytest.raises(RowError, match=said):
        SCHEMAS["livecodebench"](livecodebench(**changed), 1)


def test_dates_come_as_texts_days_and_times():
    for day in (
        "2024-11-02",
        datetime.date(2024, 11, 2),
        datetime.datetime(2024, 11, 2, 5, tzinfo=datetime.UTC),
    ):
        assert read("livecodebench", livecodebench(contest_date=day))["published"] == "2024-11-02"


# --- Codeforces ------------------------------------------------------------------------------


def test_a_codeforces_row_has_the_whole_statement_and_stretched_limits():
    doc = read("codeforces", codeforces())
    assert doc["id"] == "9999/A"
    assert doc["published"] == "2024-12-03"
    assert doc["question"].split("\n\n") == [
        "Split n in two.", "## Input Format\nOne number.", "## Output Format\nTwo.",
        "## Examples", "```input\n5\n```", "```output\n2 3\n```", "## Note\nAny two will do.",
    ]  # fmt: skip
    assert doc["tests"]["limits"] == {"cpu_s": 8.0, "memory_mb": 512}
    assert (doc["time_limit"], doc["memory_limit"], doc["tests_complete"]) == (2.0, 512.0, True)
    small = read("codeforces", codeforces(time_limit=0.1, memory_limit=64.0))
    assert small["tests"]["limits"] == {"cpu_s": 1.0, "memory_mb": 256}
    long = read("codeforces", codeforces(time_limit=40, memory_limit=None))
    assert long["tests"]["limits"] == {"cpu_s": 60.0}
    assert read("codeforces", codeforces(official_tests_complete=False))["tests_complete"] is False


@SANDBOX
def test_a_codeforces_program_is_compared_or_checked(grader):
    right, other = "print('2 3' if input() == '5' else '4 4')", "print(1, int(input()) - 1)"
    compared = read("codeforces", codeforces())
    assert verdict(grader, compared, right) == "ok"
    assert verdict(grader, compared, other) == "wrong"
    checked = read("codeforces", codeforces(generated_checker=CHECKER))
    assert verdict(grader, checked, right) == "ok"
    assert verdict(grader, checked, other) == "ok"
    assert verdict(grader, checked, "print(1, 1)") == "wrong"
    assert verdict(grader, checked, "print('x')") == "wrong"


@SANDBOX
@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("print(1)", "ok"),
        ("print(1.0)", "ok"),
        ("print('yes'); print(0)", "wrong"),
        ("print(1); sys.exit(1)", "wrong"),
        ("print(1); sys.exit(0)", "ok"),
        ("print(0.5)", "wrong"),
        ("pass", "wrong"),
        ("raise ValueError", "wrong"),
    ],
)
def test_a_checker_accepts_by_what_it_prints_last_and_how_it_ends(grader, ending, reason):
    doc = read("codeforces", codeforces(generated_checker=f"import sys\n{ending}\n"))
    assert verdict(grader, doc, "print(7)") == reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"interaction_format": "Ask and be told."}, "it is interactive"),
        ({"input_mode": "file"}, "it reads and writes files"),
        ({"official_tests": None}, "it has no official tests"),
        ({"official_tests": []}, "it has no official tests"),
        ({"generated_checker": "#include <testlib.h>\nint main()"}, "its checker is no Python"),
        ({"generated_checker": "import sympy\nprint(1)"}, "its checker needs a library"),
        ({"generated_checker": "from .a import b"}, "its checker needs a library"),
    ],
)
def test_a_codeforces_problem_that_cannot_be_run_here_is_left_out_with_its_reason(changed, reason):
    with pytest.raises(Unusable) as caught:
        SCHEMAS["codeforces"](codeforces(**changed), 1)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"time_limit": "2"}, "'time_limit' must be a positive number"),
        ({"official_tests": [{"input": "5"}]}, "case 1 of 'official_tests'"),
        ({"official_tests": "x"}, "'official_tests' must be a list of objects"),
        ({"contest_start": -5}, "'contest_start' must be a positive number"),
        ({"id": None}, "'id' must be a text"),
    ],
)
def test_a_codeforces_row_of_another_form_is_said(changed, said):
    with pytest.raises(RowError, match=said) as caught:
        SCHEMAS["codeforces"](codeforces(**changed), 1)
    assert not isinstance(caught.value, Unusable)


# --- LeetCode --------------------------------------------------------------------------------


def test_plain_leetcode_assertions_become_calls_of_the_method():
    doc = read("leetcode", leetcode(PLAIN))
    assert doc["published"] == "2024-08-01"
    assert doc["tests"]["style"] == "function"
    assert doc["tests"]["entry_point"] == "Solution.turn"
    assert doc["tests"]["cases"] == [
        {"args": [[1, 2]], "expected": [2, 1]},
        {"args": [[]], "expected": []},
    ]


def test_named_arguments_take_the_places_that_the_starter_code_gives_them():
    row = leetcode(
        ["assert candidate(k = 3, nums = [1]) == -1", "assert candidate([2], k = -4) == 1"],
        parameters="nums: List[int], k: int, extra: int = 0",
    )
    cases = read("leetcode", row)["tests"]["cases"]
    assert [case["args"] for case in cases] == [[[1], 3], [[2], -4]]


@SANDBOX
@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (leetcode(PLAIN), "return nums"),
        (leetcode(LISTS, solution=TURN_LIST, parameters="head"), "return head"),
        (leetcode(LISTS, solution=TURN_LIST, parameters="head"), "return []"),
        (leetcode(LISTS, solution=TURN_LIST, parameters="head"),
         "if head: head.next = head\n        return head"),
        (leetcode(TREES, solution=TURN_TREE, parameters="root"), "return root"),
        (leetcode(["assert candidate(nums = [inf, -1]) == [-1, inf]"]), "return nums"),
        (leetcode([f"assert candidate(nums = [{2**70}, 1]) == [1, {2**70}]"]), "return nums"),
        (leetcode(["assert candidate(nums = ['a', (1, 2)]) == [(1, 2), 'a']"]), "return nums"),
        (leetcode(["assert sorted(candidate(nums = [2, 1])) == [1, 2]"]), "return [2, 2]"),
        (leetcode(["assert abs(candidate(nums = [0.5])[0] - 0.5) < 1e-5"]), "return [0.6]"),
    ],
)  # fmt: skip
def test_leetcode_references_pass_and_wrong_programs_do_not(grader, row, wrong):
    doc = read("leetcode", row)
    assert grader.check_gold(problem_of(doc)) is None
    assert verdict(grader, doc, row["completion"]) == "ok"
    assert verdict(grader, doc, row["starter_code"] + wrong) != "ok"
    assert verdict(grader, doc, row["starter_code"] + "pass") != "ok"


@SANDBOX
def test_a_program_that_replaces_the_helpers_gains_nothing(grader):
    for row in (
        leetcode(LISTS[:1], solution=TURN_LIST, parameters="head"),
        leetcode(TREES[:1], solution=TURN_TREE, parameters="root"),
    ):
        doc = read("leetcode", row)
        for name in ("is_same_list", "is_same_tree", "list_node", "tree_node", "run_case_"):
            cheat = f"def {name}(*args):\n    return True\n\n{row['starter_code']}return True"
            assert verdict(grader, doc, cheat) != "ok"


@SANDBOX
def test_a_library_that_is_not_there_is_missed_only_by_programs_that_use_it(grader):
    prompt = "from networkx import Graph\nimport math\n" + NODES
    doc = read("leetcode", leetcode(PLAIN, prompt=prompt))
    assert doc["tests"]["reference"] == doc["solution"]
    assert verdict(grader, doc, doc["solution"]) == "ok"
    user = leetcode(PLAIN, prompt=prompt, solution="return list(Graph(nums))[::-1]")
    doc = read("leetcode", user)
    assert doc["solution"] and "reference" not in doc["tests"]  # it cannot be tried here
    assert verdict(grader, doc, doc["solution"]) == "runtime_error"


@SANDBOX
def test_a_prompt_needs_only_the_helpers_that_its_assertions_use(grader):
    only_lists = NODES[: NODES.index("class TreeNode")]
    row = leetcode(LISTS, solution=TURN_LIST, parameters="head", prompt=only_lists)
    assert grader.check_gold(problem_of(read("leetcode", row))) is None


def test_leetcode_assertions_on_nodes_of_another_shape_are_left_out():
    for line in (
        "assert list_node([1]).val == candidate(head = list_node([1])).val",
        "assert is_same_list(list_node([1]), candidate(head = list_node([1])))",
        "assert candidate(head = list_node([1])) in [list_node([1])]",
    ):
        with pytest.raises(Unusable, match="helpers that the program could replace"):
            SCHEMAS["leetcode"](leetcode([line], parameters="head"), 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"entry_point": "turn it"}, "'entry_point' must be as"),
        ({"test": "def check(candidate:"}, "'test' is no Python"),
        ({"starter_code": "class Solution:\n    def other(self):\n        "}, "defines no 'turn'"),
        ({"starter_code": "int main() {"}, "'starter_code' is no Python"),
        ({"estimated_date": None}, "'estimated_date' must be a date"),
        ({"prompt": "import math\n"}, "'prompt' defines no 'list_node'"),
        ({"completion": None}, "'completion' must be a text"),
    ],
)
def test_a_leetcode_row_of_another_form_is_said(changed, said):
    with pytest.raises(RowError, match=said) as caught:
        SCHEMAS["leetcode"](leetcode(LISTS, parameters="head", **changed), 1)
    assert not isinstance(caught.value, Unusable)


VALUES = st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=24)


@settings(deadline=None)
@given(VALUES)
def test_an_expected_tree_is_told_as_the_adapter_tells_the_same_tree(values):
    names: dict = {}
    adapter = code_leetcode.ADAPTER.format(
        call="call", target="(lambda root: root)", makers="{'tree': tree_node}", most=1000
    )
    exec(NODES + adapter, names)
    assert names["call"]("tree", ["tree", values]) == code_leetcode._levels(values)


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False)),
        lambda parts: st.one_of(
            st.lists(parts, max_size=4),
            st.lists(parts, max_size=4).map(tuple),
            st.dictionaries(st.text(), parts, max_size=3),
            st.sets(st.integers(), min_size=1, max_size=3),
        ),
        max_leaves=12,
    )
)
def test_values_of_assertions_come_back_from_the_tests(value):
    written = code_leetcode._literal(value)
    doc = read("leetcode", leetcode([f"assert candidate(nums = {written}) == {written}"]))
    (case,) = call_cases(load_tests(problem_of(doc)))
    for got in (case.args[0], case.expected):
        assert got == value and type(got) is type(value)


# --- of all ----------------------------------------------------------------------------------

SECRET = "987654321"
ON_LISTS = f"assert is_same_list(candidate(head = list_node([1])), list_node([{SECRET}]))"


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        ("livecodebench",
         livecodebench(private_test_cases=packed([{**HIDDEN[0], "output": SECRET}]))),
        ("livecodebench", functional(private_test_cases=packed([{**CALLS[0], "output": SECRET}]))),
        ("codeforces", codeforces(official_tests=[{"input": "1", "output": SECRET}])),
        ("leetcode", leetcode([f"assert candidate(nums = [1]) == [{SECRET}]"])),
        ("leetcode", leetcode([ON_LISTS], parameters="head")),
    ],
)  # fmt: skip
def test_expected_outputs_are_in_no_part_that_the_program_is_given(schema, row):
    doc = read(schema, row)
    tests = load_tests(problem_of(doc))
    assert SECRET in json.dumps(doc["tests"])
    assert SECRET not in program_of(tests, "", continues=False)
    for case in doc["tests"]["cases"]:
        assert SECRET not in json.dumps([case.get("input"), case.get("args")])


@pytest.mark.parametrize("schema", sorted(SCHEMAS))
def test_a_row_of_nothing_is_said_to_lack_its_fields(schema):
    with pytest.raises(RowError, match=r"must be .* got nothing; its fields are 'x'"):
        SCHEMAS[schema]({"x": 1}, 1)


def written(name):
    """What a task's YAML says, with what it takes from another code task's."""
    content = yaml.safe_load((data_dir("tasks") / name / f"{name}.yaml").read_text())
    included = content["include"].rpartition("/")[2].removesuffix(".yaml")
    return {**written(included), **content} if included in ROWS else content


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_task_of_a_schema_asks_with_what_its_documents_hold(name):
    content = written(name)
    about = content["metadata"]["reasonbench"]
    assert content["task"] == about["schema"] == name
    assert about["grader"] == "code" and about["tests"] == "tests" and about["license"]
    docs = [read(name, row) for row in ROWS[name]]
    assert len({tuple(doc) for doc in docs}) == 1  # the columns of a table
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    for doc in docs:
        prompt = environment.from_string(content["doc_to_text"]).render(**doc)
        assert doc["question"].strip() in prompt
        assert doc.get("starter_code", "") in prompt
        assert (doc["published"] is None) == ("published" in about)
        if doc["solution"]:
            assert doc["solution"] not in prompt


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda parts: st.one_of(st.lists(parts), st.dictionaries(st.text(), parts)),
    max_leaves=6,
)
TEXTS = ["[[]]", "[{}]", '[{"testtype": []}]', "def f(:", "1e999", "2024", "\0", "\ud800"]
NEAR = st.sampled_from([*TEXTS, [{}], [""], ["f("], 1e300, -1, float("nan"), 10**400])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_value_in_a_field_gives_a_document_or_a_row_error(data):
    schema = data.draw(st.sampled_from(sorted(SCHEMAS)))
    row = dict(data.draw(st.sampled_from(ROWS[schema])))
    for field in data.draw(st.lists(st.sampled_from(sorted(row)), min_size=1, max_size=2)):
        row[field] = data.draw(st.one_of(ANYTHING, NEAR))
    try:
        doc = SCHEMAS[schema](row, 1)
    except RowError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert isinstance(doc["id"], str) and isinstance(doc["question"], str)
        json.dumps(doc["tests"], allow_nan=False)
        msgspec.msgpack.encode(doc["tests"])  # on its way to the grader
