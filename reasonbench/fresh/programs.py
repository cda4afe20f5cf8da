"""Coding problems: statements with examples, and tests as the code grader reads them.

Expected outputs come from the family's reference, which runs in this process: it is code of the
generator, as its ``solve`` would be.  On the examples the slow program must agree.

Not covered: references that read descriptor 0 itself, or start processes.
"""

import contextlib
import copy
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reasonbench.errors import ReasonbenchError
from reasonbench.fresh.catalogue import answers_of
from reasonbench.fresh.family import CodeFamily, Params
from reasonbench.fresh.problems import (
    MintedProblem,
    check_statement,
    encoded,
    problem_id,
    sha256,
    stated,
)
from reasonbench.fresh.seeds import draw_of

Tests = dict[str, Any]
"""``Problem.tests``; see ``graders.code_tests``."""

MAX_TESTS_BYTES = 1_000_000
"""Of one problem; a run keeps a hundred of them in memory and in its store."""
INT_BOUND = 2**63
"""Whole numbers beyond it are no JSON that every reader keeps."""


def code_problem(
    family: CodeFamily, params: Params, seed: bytes, level: int, index: int
) -> tuple[MintedProblem, Tests]:
    """Return the problem of some parameters, and its tests.

    Raises:
        ReasonbenchError: the family made something that cannot be asked or tested.
    """
    name = problem_id(family.name, level, index)
    inputs = inputs_of(family, params, seed, level)
    with _attributed(family, name):
        outputs = _outputs(family, family.reference(params), inputs)
        shown = list(zip(inputs, outputs, strict=True))[: family.n_examples]
        slow = _outputs(family, family.slow(params), [given for given, _ in shown])
    if slow != [output for _, output in shown]:
        raise _flaw(family, name, "its two programs disagree on an example")
    tests = _tests(family, params, inputs, outputs)
    size = len(text := encoded(tests))
    if size > MAX_TESTS_BYTES:
        raise _flaw(family, name, f"its tests have {size:,} bytes")
    statement = stated(family, params, draw_of(seed, "statement")).strip()
    if family.cpu_s is not None:
        statement += f"\n\nTime limit: {family.cpu_s:g} s of CPU time for each test."
    problem = MintedProblem(
        id=name,
        kind="code",
        family=family.name,
        topic=family.topic,
        answers=answers_of(family),
        level=level,
        index=index,
        statement="\n\n".join((statement, *_examples(family, shown))),
        tests=sha256(text),
    )
    check_statement(problem)
    return problem, tests


def inputs_of(family: CodeFamily, params: Params, seed: bytes, level: int) -> list[Any]:
    """Return the inputs of a problem, examples first."""
    return family.inputs(draw_of(seed, "inputs"), params, level)


def case_of(family: CodeFamily, given: Any, output: Any, *, literals: bool) -> dict[str, Any]:
    """Return one test."""
    if family.style == "stdio":
        return {"input": given, "output": output}
    if literals:
        return {"args": repr(given), "expected": repr(output)}
    return {"args": given, "expected": output}


def run_reference(family: CodeFamily, params: Params, given: Any) -> Any:
    """Return the reference's output on one input."""
    (output,) = _outputs(family, family.reference(params), [given])
    return output


def _tests(
    family: CodeFamily, params: Params, inputs: Sequence[Any], outputs: Sequence[Any]
) -> Tests:
    literals = family.style == "function" and not _is_json([list(inputs), list(outputs)])
    tests: Tests = {
        "style": family.style,
        "cases": [
            case_of(family, given, output, literals=literals)
            for given, output in zip(inputs, outputs, strict=True)
        ],
        "reference": family.reference(params),
    }
    if family.cpu_s is not None:
        tests["limits"] = {"cpu_s": family.cpu_s}
    if family.style == "function":
        tests["entry_point"] = family.entry_point
    if literals:
        tests["literals"] = True
    return tests


def _is_json(value: Any) -> bool:
    """Tell whether JSON gives a value back as it is."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    if type(value) is int:
        return -INT_BOUND <= value < INT_BOUND
    return value is None or type(value) in (bool, str)


def _examples(family: CodeFamily, shown: Sequence[tuple[Any, Any]]) -> Iterator[str]:
    for number, (given, output) in enumerate(shown, start=1):
        if family.style == "function":
            call = f"{family.entry_point}({', '.join(map(repr, given))})"
            yield f"Example {number}:\nInput: {call}\nOutput: {output!r}"
        else:
            yield f"Example {number}:\nInput:\n{given.rstrip()}\nOutput:\n{output.rstrip()}"


def _outputs(family: CodeFamily, source: str, inputs: Sequence[Any]) -> list[Any]:
    """Return what a program of the family gives for each input."""
    code = compile(source, f"<{family.name}>", "exec")
    depth = sys.getrecursionlimit()
    try:
        if family.style == "stdio":
            return [_printed(code, given) for given in inputs]
        return _returned(family, code, inputs)
    finally:
        sys.setrecursionlimit(depth)


def _returned(family: CodeFamily, code: Any, inputs: Sequence[Any]) -> list[Any]:
    names: dict[str, Any] = {"__name__": "solution"}
    exec(code, names)
    function: Callable[..., Any] = names[family.entry_point.partition(".")[0]]
    method = family.entry_point.partition(".")[2]
    # A program may write on its arguments, and these are stored.
    return [_called(function, method, copy.deepcopy(given)) for given in inputs]


def _called(function: Callable[..., Any], method: str, args: list[Any]) -> Any:
    return getattr(function(), method)(*args) if method else function(*args)


def _printed(code: Any, given: str) -> str:
    stdin, written = sys.stdin, io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding="utf-8", newline="\n")
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(stdout), contextlib.suppress(SystemExit):
            exec(code, {"__name__": "__main__"})
        stdout.flush()
        printed = written.getvalue()
    finally:
        sys.stdin = stdin
    return printed.decode()


@contextlib.contextmanager
def _attributed(family: CodeFamily, name: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:200]
        raise _flaw(family, name, f"a program failed: {type(error).__name__}: {said}") from error


def _flaw(family: CodeFamily, name: str, what: str) -> ReasonbenchError:
    return ReasonbenchError(
        f"the family {family.name!r} made an unusable problem, {name}: {what}",
        hint="report it, with the round; --family chooses other families",
    )
