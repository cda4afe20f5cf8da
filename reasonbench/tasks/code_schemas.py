"""Rows of public coding data sets, as problems with tests that the code grader reads.

A reader takes one row as its makers publish it and returns ``id``, ``question``, ``tests`` (see
``graders.code_tests``), ``published``, ``cluster``, ``solution`` and what the prompt needs
beside.  A canonical solution is the tests' ``reference`` too, so that ``reasonbench tasks
validate`` grades it.

Expected outputs stand in ``cases``, apart from what the program is given, wherever the source
says them as data: LiveCodeBench, Codeforces and, where its assertions can be read, LeetCode.
HumanEval, MBPP and their plus versions are assertions, which the grader runs apart from the
program.

Limits, of CPU time for each case: 6 s in LiveCodeBench, as in its harness; in Codeforces four
times its own, which are set for compiled programs, at most a minute, with at least 256 MB.  All
others have the grader's own.

Numbers: contests accept an answer near the expected one.  A number that is expected with a
decimal point may be 1e-6 off, absolute or relative, in LiveCodeBench and Codeforces; all else
is exact.
"""

import ast
import builtins
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reasonbench.tasks import code_leetcode, row_fields
from reasonbench.tasks.rows import Reader, RowError, Unusable
from reasonbench.tasks.safe_pickle import OversizeError, UnsafePickleError, unpack

MAX_TESTS_BYTES = 64 << 20
"""Of one problem; the sandbox takes no more as one input."""
TOLERANCE = 1e-6
LIVECODEBENCH_CPU_S = 6.0
CODEFORCES_FACTOR = 4.0
CODEFORCES_CPU_S = (1.0, 60.0)
CODEFORCES_MEMORY_MB = (256, 8192)


def _doc(name: str, question: str, tests: dict[str, Any], **beside: Any) -> dict[str, Any]:
    """Return a document; every row of a schema has the same fields."""
    try:
        size = len(json.dumps(tests, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise RowError("its tests hold half of a surrogate pair") from None
    if size > MAX_TESTS_BYTES:
        raise Unusable("its tests are larger than is read", f"{size} bytes")
    common = {"id": name, "question": question, "tests": tests}
    return {**common, "published": None, "cluster": None, "solution": None, **beside}


def _case(case: Mapping[str, Any], field: str, position: int) -> dict[str, str]:
    """Return the input and the output of a case."""
    given, output = case.get("input"), case.get("output")
    if not (isinstance(given, str) and isinstance(output, str)):
        raise RowError(f"case {position} of {field!r} must have the texts 'input' and 'output'")
    return {"input": given, "output": output}


def _within(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return min(max(value, low), high)


# --- HumanEval and MBPP ----------------------------------------------------------------------


def humaneval(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``openai/openai_humaneval``, and ``evalplus/humanevalplus``, which is laid out alike."""
    prompt = row_fields.text(row, "prompt")
    solution = prompt + row_fields.text(row, "canonical_solution")
    entry_point = row_fields.text(row, "entry_point")
    tests = {
        "style": "assert",
        "entry_point": entry_point,
        "prefix": prompt,
        "code": row_fields.text(row, "test"),
        "reference": solution,
    }
    return _doc(
        row_fields.text(row, "task_id"), prompt, tests, solution=solution, entry_point=entry_point
    )


def mbpp(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``google-research-datasets/mbpp``, either configuration.

    ``challenge_test_list`` is left out, as in the scores that are published.
    """
    cases = row_fields.texts(row, "test_list")
    if not cases:
        raise RowError("'test_list' is empty")
    before = [
        row_fields.text(row, "test_setup_code", ""),
        *row_fields.texts(row, "test_imports", []),
    ]
    tests = {"style": "assert", "cases": cases, "code": "\n".join(filter(None, before))}
    return _mbpp_doc(row, cases, tests)


def mbpp_plus(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``evalplus/mbppplus``; ``test`` is the suite, ``test_list`` what the prompt shows."""
    tests = {"style": "assert", "cases": [], "code": row_fields.text(row, "test")}
    return _mbpp_doc(row, row_fields.texts(row, "test_list"), tests)


def _mbpp_doc(
    row: Mapping[str, Any], shown: Sequence[str], tests: dict[str, Any]
) -> dict[str, Any]:
    name = str(row_fields.first(row, ("task_id",), (int, str)))
    question = row_fields.first(row, ("text", "prompt"), (str,)).strip()
    solution = row_fields.text(row, "code").replace("\r\n", "\n")
    entry_point = _tested(shown, solution)
    if entry_point:
        tests["entry_point"] = entry_point
    tests["reference"] = solution
    return _doc(
        name,
        question,
        tests,
        solution=solution,
        entry_point=entry_point,
        shown_tests="\n".join(shown),
    )


def _tested(assertions: Sequence[str], solution: str) -> str:
    """Return the function of the solution that the assertions call, or empty."""
    defined = {
        node.name
        for node in row_fields.parsed(solution, "code").body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    called = [
        node.func.id
        for text in assertions
        for node in ast.walk(row_fields.parsed(text, "test_list"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    own = [name for name in called if name in defined]
    plain = [name for name in own if not hasattr(builtins, name)]
    return next(iter(plain or own), "")


# --- LiveCodeBench ---------------------------------------------------------------------------


def livecodebench(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``livecodebench/code_generation_lite``; both kinds of test cases count."""
    cases = [*_cases(row, "public_test_cases"), *_cases(row, "private_test_cases")]
    if not cases:
        raise Unusable("it has no tests")
    starter = row_fields.text(row, "starter_code", "")
    name = row_fields.decoded(row_fields.text(row, "metadata", "{}"), "metadata", dict).get(
        "func_name"
    )
    kinds = {str(case.get("testtype")) for case in cases}
    if kinds != {"functional" if name else "stdin"} or not isinstance(name, str | None):
        raise RowError(f"func_name is {name!r} in 'metadata', and the tests are of type {kinds}")
    tests: dict[str, Any] = {
        "style": "function" if name else "stdio",
        "cases": [_case(case, "test_cases", i) for i, case in enumerate(cases, 1)],
        "prelude": True,  # its harness puts imports before programs of both kinds
        "checker": {"kind": "equal", "tolerance": TOLERANCE},
        "limits": {"cpu_s": LIVECODEBENCH_CPU_S},
    }
    if name:
        tests["entry_point"] = f"Solution.{name}"
    return _doc(
        row_fields.text(row, "question_id"),
        row_fields.text(row, "question_content"),
        tests,
        published=row_fields.day(row, "contest_date"),
        title=row_fields.text(row, "question_title"),
        starter_code=starter,
        platform=row_fields.text(row, "platform"),
        contest_id=row_fields.text(row, "contest_id"),
        difficulty=row_fields.text(row, "difficulty"),
    )


def _cases(row: Mapping[str, Any], field: str) -> list[Any]:
    """Return test cases that stand there as JSON, or as base64 of zlib of a pickle of JSON."""
    value = row.get(field)
    if isinstance(value, list):
        cases = value
    else:
        text = row_fields.text(row, field)
        if text and not text.lstrip().startswith(("[", '"')):
            text = _unpacked(text, field)
        cases = row_fields.decoded(text, field, list) if text else []
    if not all(isinstance(case, Mapping) for case in cases):
        raise RowError(f"{field!r} must be a list of objects")
    return cases


def _unpacked(text: str, field: str) -> str:
    try:
        unpacked = unpack(text)
    except OversizeError as error:
        raise Unusable("its tests are larger than is read", f"{field!r}: {error}") from None
    except UnsafePickleError as error:
        raise RowError(f"{field!r} cannot be unpacked: {error}") from None
    if not isinstance(unpacked, str):
        raise RowError(f"{field!r} packs a {type(unpacked).__name__}, not a text of JSON")
    return unpacked


# --- Codeforces ------------------------------------------------------------------------------


def codeforces(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``open-r1/codeforces``.

    Problems that are interactive, read files, have no tests, or need a checker that cannot be
    run are unusable.  ``tests_complete`` says whether Codeforces showed all of its tests whole:
    where it did not, wrong programs may pass.
    """
    if row_fields.text(row, "interaction_format", "").strip():
        raise Unusable("it is interactive")
    if (mode := row_fields.text(row, "input_mode", "stdio") or "stdio") != "stdio":
        raise Unusable("it reads and writes files", f"input_mode is {mode!r}")
    cases = row_fields.objects(row, "official_tests")
    if not cases:
        raise Unusable("it has no official tests")
    cpu_s, memory = row_fields.number(row, "time_limit"), row_fields.number(row, "memory_limit")
    limits: dict[str, Any] = {}
    if cpu_s:
        limits["cpu_s"] = _within(cpu_s * CODEFORCES_FACTOR, CODEFORCES_CPU_S)
    if memory:
        limits["memory_mb"] = int(_within(memory, CODEFORCES_MEMORY_MB))
    checker = row_fields.text(row, "generated_checker", "")
    tests = {
        "style": "stdio",
        "cases": [_case(case, "official_tests", i) for i, case in enumerate(cases, 1)],
        "checker": {"kind": "code", "code": checker_code(checker)}
        if checker.strip()
        else {"kind": "equal", "tolerance": TOLERANCE},
        "limits": limits,
    }
    return _doc(
        row_fields.text(row, "id"),
        _statement(row),
        tests,
        published=row_fields.day_of_second(row, "contest_start"),
        title=row_fields.text(row, "title"),
        contest_id=str(row_fields.first(row, ("contest_id",), (int, str))),
        time_limit=cpu_s,
        memory_limit=memory,
        tests_complete=bool(row.get("official_tests_complete")),
    )


def _statement(row: Mapping[str, Any]) -> str:
    """Return a problem as open-r1 writes it into its prompts, without the limits."""
    parts = [row_fields.text(row, "description", "").strip()]
    for field, heading in (("input_format", "Input Format"), ("output_format", "Output Format")):
        if text := row_fields.text(row, field, "").strip():
            parts.append(f"## {heading}\n{text}")
    examples = [
        _case(example, "examples", i)
        for i, example in enumerate(row_fields.objects(row, "examples"), 1)
    ]
    if examples:
        parts.append("## Examples")
    for example in examples:
        parts.append(f"```input\n{example['input'].strip()}\n```")
        parts.append(f"```output\n{example['output'].strip()}\n```")
    if note := row_fields.text(row, "note", "").strip():
        parts.append(f"## Note\n{note}")
    return "\n\n".join(filter(None, parts))


def checker_code(source: str) -> str:
    """Return a checker for the grader from a program that judges three files.

    It is called as ``checker.py input.txt correct_output.txt solution_output.txt`` and prints
    1 last where the solution is right.

    Raises:
        Unusable: it is no Python, or imports what is not there.
    """
    try:
        tree = row_fields.parsed(source, "generated_checker")
    except RowError as error:
        raise Unusable("its checker is no Python", str(error)) from None
    if missing := row_fields.foreign(tree):
        raise Unusable("its checker needs a library", f"it imports {missing[0]!r}")
    return f"SOURCE = {source!r}\n{_CHECKER}"


_CHECKER = """
import contextlib, io, os, sys, tempfile

NAMES = ("input.txt", "correct_output.txt", "solution_output.txt")

def check(given, expected, output):
    folder = tempfile.mkdtemp()
    paths = [os.path.join(folder, name) for name in NAMES]
    for path, text in zip(paths, (given, expected, output)):
        with open(path, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text or "")
    sys.argv = ["checker.py", *paths]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(SOURCE, "checker.py", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if end.code not in (None, 0):
            return False
    return printed.getvalue().split()[-1:] in (["1"], ["1.0"])
"""


# --- LeetCode --------------------------------------------------------------------------------


def leetcode(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Read ``newfacade/LeetCodeDataset``; see ``code_leetcode`` for its tests."""
    solution = row_fields.text(row, "completion")
    starter = row_fields.text(row, "starter_code")
    tests = code_leetcode.tests_of(
        entry_point=row_fields.text(row, "entry_point"),
        prompt=row_fields.text(row, "prompt"),
        starter=starter,
        test=row_fields.text(row, "test"),
        solution=solution,
    )
    return _doc(
        row_fields.text(row, "task_id"),
        row_fields.text(row, "problem_description"),
        tests,
        published=row_fields.day(row, "estimated_date"),
        solution=solution,
        starter_code=starter,
        difficulty=row_fields.text(row, "difficulty", ""),
    )


SCHEMAS: dict[str, Reader] = {
    "humaneval": humaneval,
    "humaneval_plus": humaneval,
    "mbpp": mbpp,
    "mbpp_plus": mbpp_plus,
    "livecodebench": livecodebench,
    "codeforces": codeforces,
    "leetcode": leetcode,
}
"""Readers by the name that a task's YAML gives as its schema."""
