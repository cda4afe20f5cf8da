r"""``Problem.tests`` of a coding problem: its schema, and what is run from it.

::

    {"style": "stdio",                      # a program: standard input, standard output
     "cases": [{"input": "1 2\n", "output": "3\n"}, ...]}

    {"style": "function",                   # a function, or "Solution.method"
     "entry_point": "Solution.twoSum",
     "cases": [{"args": [[2, 7], 9], "expected": [0, 1]},       # plain JSON; or, as in
               {"input": "[2, 7]\n9", "output": "[0, 1]"}]}     # LiveCodeBench, JSON by line

    {"style": "assert",                     # assertions about the names of the program
     "entry_point": "similar_elements",     # optional: the function that they call
     "cases": ["assert set(similar_elements((3, 4), (4, 5))) == {4}", ...],
     "code": "..."}                         # before them; HumanEval's check(candidate) alone

Further fields, all optional: ``prefix`` is the code that the prompt ends with (HumanEval): a
completion may go on from it, and what it defines beside the entry point belongs to the program
and to the assertions.  ``imports`` is code before the program; ``prelude`` puts the imports
there that contest solutions expect, by default for ``function`` alone.  ``limits`` holds
``cpu_s`` (of a case; of all assertions together) and ``memory_mb``.  ``literals`` says that
``args`` and ``expected`` are texts of Python literals, which tell tuples, sets and whole
numbers beyond 64 bits.  ``in_place`` is the index of the argument that is looked at instead
of the returned value, of all cases or as a field of one.  ``reference`` is a program that must
pass.

``checker`` says what is right (see ``code_compare``): ``{"kind": "equal"}``, with ``tolerance``
for floats; ``unordered`` and ``unordered_deep``; or ``{"kind": "code", "code": "def check(input,
expected, output): ..."}``, which runs in a sandbox too and returns True or False.
"""

import ast
import builtins
import dataclasses
import json
from typing import Annotated, Any, Literal

import msgspec

from reasonbench.errors import ReasonbenchError, TaskError
from reasonbench.records import Problem
from reasonbench.sandbox import Limits


class UnusableTestsError(TaskError):
    """The tests of a problem cannot be run, whatever the completion."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Case(_Part, frozen=True, kw_only=True):
    """One test."""

    input: str | None = None
    """Standard input; of a function, one JSON value a line."""
    output: str | None = None
    """Standard output; of a function, the expected value as JSON."""
    args: Any = None
    """Positional arguments of a function."""
    expected: Any = msgspec.UNSET
    """What it returns."""
    in_place: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """As the field of this name of all tests, for this one."""


class Checker(_Part, frozen=True, kw_only=True):
    """What counts as the expected output."""

    kind: Literal["equal", "unordered", "unordered_deep", "code"] = "equal"
    """How it is compared."""
    tolerance: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    """Absolute or relative, where the expected number is written as a float."""
    code: str = ""
    """Defines the function of a ``code`` checker."""
    entry_point: str = "check"
    """Its name."""


class CodeLimits(_Part, frozen=True, kw_only=True):
    """What a program may use."""

    cpu_s: Annotated[float, msgspec.Meta(ge=0.01, le=600)] = 10.0
    """CPU seconds of one case, or of all assertions."""
    memory_mb: Annotated[int, msgspec.Meta(ge=64, le=1 << 20)] = 1024
    """Address space."""


class CodeTests(_Part, frozen=True, kw_only=True):
    """The tests of a coding problem; see the module."""

    style: Literal["stdio", "function", "assert"]
    """What a test is."""
    entry_point: str = ""
    """Function, class, or ``Class.method``."""
    cases: list[Case | str] = []
    """The tests, in the order in which they are run."""
    code: str = ""
    """Of ``assert``: what stands before the cases, or a whole suite."""
    prefix: str = ""
    """The code that the prompt ends with."""
    imports: str = ""
    """Code before the program."""
    prelude: bool | None = None
    """Whether the imports of contests stand before it; by default in ``function`` alone."""
    checker: Checker = Checker()
    """What is right."""
    limits: CodeLimits = CodeLimits()
    """What one program may use."""
    literals: bool = False
    """Whether args and expected are texts of Python literals."""
    in_place: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """The argument to look at instead of the returned value."""
    reference: str = ""
    """A program that must pass."""

    @property
    def sandbox_limits(self) -> Limits:
        """The limits as the sandbox takes them."""
        return Limits(cpu_s=self.limits.cpu_s, memory_mb=self.limits.memory_mb)


@dataclasses.dataclass(frozen=True, slots=True)
class CallCase:
    """A call, and what it must come to."""

    args: tuple[Any, ...]
    expected: Any
    in_place: int | None = None


def load_tests(problem: Problem) -> CodeTests:
    """Return the tests of a problem.

    Raises:
        UnusableTestsError: there are none, or they are not what the module says.
    """
    if problem.tests is None:
        raise UnusableTestsError("the problem has no tests")
    try:
        tests = msgspec.convert(problem.tests, CodeTests)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UnusableTestsError(f"the tests are malformed: {error}") from None
    if (said := _fault(tests)) is not None:
        raise UnusableTestsError(f"the tests are malformed: {said}")
    if tests.style == "assert" and not tests.entry_point:
        tests = msgspec.structs.replace(tests, entry_point=tested_name(tests))
    return tests


def _fault(tests: CodeTests) -> str | None:
    """Return what is wrong beyond the types of the fields, or None."""
    checker, style = tests.checker, tests.style
    if not tests.cases and not (style == "assert" and tests.code.strip()):
        return f"style {style} has no cases"
    kind = str if style == "assert" else Case
    if any(not isinstance(case, kind) for case in tests.cases):
        return f"a case of style {style} must be {'a text' if kind is str else 'an object'}"
    if (checker.kind == "code") != bool(checker.code.strip()):
        return "a checker has code where its kind is code, and only there"
    if checker.tolerance is not None and checker.kind != "equal":
        return f"a checker of kind {checker.kind} takes no tolerance"
    if style == "assert":
        return "style assert takes no checker" if checker != Checker() else None
    if tests.code:
        return f"code is for style assert, and the style is {style}"
    if style == "function":
        return None if tests.entry_point else "style function needs an entry_point"
    return _stdio_fault(tests)


def _stdio_fault(tests: CodeTests) -> str | None:
    for number, case in enumerate(tests.cases, 1):
        assert isinstance(case, Case)
        if case.args is not None or case.expected is not msgspec.UNSET:
            return f"case {number} of style stdio has input and output, not args and expected"
        if case.in_place is not None:
            return f"case {number} of style stdio has no argument that in_place could name"
        if case.output is None and tests.checker.kind != "code":
            return f"case {number} has no output"
    return None


def call_cases(tests: CodeTests) -> list[CallCase]:
    """Return the calls of a ``function`` problem.

    Raises:
        UnusableTestsError: a case cannot be read.
    """
    found = []
    for number, case in enumerate(tests.cases, 1):
        assert isinstance(case, Case)
        try:
            found.append(_call_case(case, tests))
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise UnusableTestsError(f"case {number} cannot be read: {error}") from None
    return found


def _call_case(case: Case, tests: CodeTests) -> CallCase:
    args: Any
    if case.input is not None:
        args = [json.loads(line) for line in case.input.split("\n") if line.strip()]
    else:
        args = ast.literal_eval(case.args) if tests.literals else case.args
    if not isinstance(args, list | tuple):
        raise ValueError("args must be a list")
    if case.output is not None:
        expected = json.loads(case.output)
    elif case.expected is not msgspec.UNSET:
        expected = ast.literal_eval(case.expected) if tests.literals else case.expected
    elif tests.checker.kind == "code":
        expected = None
    else:
        raise ValueError("it has no expected value")
    place = tests.in_place if case.in_place is None else case.in_place
    if place is not None and place >= len(args):
        raise ValueError(f"in_place is {place}, and it has {len(args)} arguments")
    return CallCase(tuple(args), expected, place)


def tested_name(tests: CodeTests) -> str:
    """Return the function that assertions without an ``entry_point`` call: the first stranger.

    Where they call builtins alone it is the first of those: MBPP has a task named ``sum``.

    Raises:
        UnusableTestsError: they call none, or are no Python.
    """
    cases = parsed("\n".join(c for c in tests.cases if isinstance(c, str)), "the assertions")
    code = parsed(tests.code, "the code of the tests")
    known = _bound_names(cases) | _bound_names(code) | set(dir(builtins))
    called = [
        node.func.id
        for statement in (*cases.body, *code.body)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    if not called:
        raise UnusableTestsError("the assertions call no function of the program")
    return next((name for name in called if name not in known), called[0])


def _bound_names(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def parsed(code: str, what: str) -> ast.Module:
    """Return the syntax tree of the tests' own code.

    Raises:
        UnusableTestsError: it is no Python.
    """
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnusableTestsError(f"{what} cannot be compiled: {error}") from None


def as_sentence(error: ReasonbenchError) -> str:
    """Return an error's message with its hint."""
    return error.message if error.hint is None else f"{error.message}; {error.hint}"
