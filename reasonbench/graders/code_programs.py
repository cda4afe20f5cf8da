"""From extracted code and a problem's tests to what the sandbox runs."""

import ast
import dataclasses
import re

from reasonbench.graders.code_extraction import entry_pattern
from reasonbench.graders.code_lines import lines_of
from reasonbench.graders.code_tests import CodeTests, UnusableTestsError, parsed

_STARRED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random",
    "statistics", "itertools", "functools", "operator", "io", "sys", "json", "typing",
)  # fmt: skip
PRELUDE = "\n".join(
    [
        *(f"from {name} import *" for name in _STARRED),
        "from builtins import *",  # operator and math hide pow, among others
        *(f"import {name}" for name in (*_STARRED, "time", "decimal", "fractions")),
        "sys.setrecursionlimit(50000)",
        "",
    ]
)
"""What solutions of contests expect to be there, as on LeetCode and in LiveCodeBench."""

_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import[ \t]+[^\n(]*\n?", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Suite:
    """Assertions as one text."""

    code: str
    check: str
    """The function to call with the candidate, or empty."""
    starts: tuple[int, ...]
    """The first line of each case, counted from 1."""

    def case_at(self, line: int | None) -> int | None:
        """Return the index of the case that stands on a line, or None."""
        before = [i for i, start in enumerate(self.starts) if line is not None and start <= line]
        return before[-1] if before else None


def program_of(tests: CodeTests, code: str, *, continues: bool) -> str:
    """Return the whole program: what the tests put before the code, and the code.

    Raises:
        UnusableTestsError: the prefix is no Python.
    """
    code = code.removeprefix("\ufeff")  # which a file may begin with
    wanted = tests.style == "function" if tests.prelude is None else tests.prelude
    before = [PRELUDE] if wanted else []
    if tests.imports:
        before.append(tests.imports + "\n")
    if continues:
        before.append(tests.prefix)
    elif helpers := prefix_helpers(tests):
        before.append(helpers)
    if not before:
        return code
    whole = "".join(before) + code
    future = [found if found.endswith("\n") else found + "\n" for found in _FUTURE.findall(whole)]
    return "".join(future) + _FUTURE.sub("\n", whole) if future else whole


def prefix_helpers(tests: CodeTests) -> str:
    """Return what the prefix imports and defines, but for the entry point that it only begins.

    Raises:
        UnusableTestsError: the prefix is no Python.
    """
    if not tests.prefix.strip():
        return ""
    lines = lines_of(tests.prefix.rstrip())
    last = lines[-1]
    indent = last[: len(last) - len(last.lstrip())] + ("    " if last.endswith(":") else "")
    code = "\n".join([*lines, f"{indent}pass", ""])
    name = tests.entry_point.partition(".")[0]
    kept = []
    for node in parsed(code, "the prefix").body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        # The last definition is the one that is left open.
        if getattr(node, "name", None) != name and (node.end_lineno or first) <= len(lines):
            kept += lines[first - 1 : node.end_lineno]
    return "\n".join([*kept, ""]) if kept else ""


def entry_of(tests: CodeTests, code: str) -> str:
    """Return what to call: a plain function stands in for a method of a class that is missing."""
    owner, _, method = tests.entry_point.partition(".")
    if method and not _defines(code, owner) and _defines(code, method):
        return method
    return tests.entry_point


def _defines(code: str, name: str) -> bool:
    pattern = entry_pattern(name)
    return pattern is not None and pattern.search(code) is not None


def suite_of(tests: CodeTests) -> Suite:
    """Return the suite of an ``assert`` problem.

    What the prefix defines is the suite's own: a completion that defines a helper of the
    tests anew changes nothing for them.

    Raises:
        UnusableTestsError: it is no Python, or asserts nothing.
    """
    text = prefix_helpers(tests) + tests.code.replace("\r\n", "\n").replace("\r", "\n")
    text = text if not text or text.endswith("\n") else text + "\n"
    starts = []
    for case in tests.cases:
        assert isinstance(case, str)
        starts.append(text.count("\n") + 1)
        text += case.replace("\r\n", "\n").strip() + "\n"
    tree = parsed(text, "the assertions")
    if (name := _unreachable(tree)) is not None:
        raise UnusableTestsError(
            f"the assertions use {name}, which cannot reach the program: it runs apart from them"
        )
    check = "check" if any(_is_check(node) for node in tree.body) else ""
    if not check and not any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(tree)):
        raise UnusableTestsError("the assertions assert nothing")
    return Suite(text, check, tuple(starts))


_UNREACHABLE = ("redirect_stdout", "redirect_stderr", "capsys", "monkeypatch", "patch")


def _unreachable(tree: ast.Module) -> str | None:
    """Return a name that assertions use on what the program prints, or to change it within."""
    for node in ast.walk(tree):
        name = getattr(node, "id", getattr(node, "attr", getattr(node, "arg", None)))
        if name in _UNREACHABLE and not isinstance(node, ast.keyword):
            return str(name)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = getattr(node.value, "id", "")
            if owner == "sys" and node.attr in ("stdout", "stderr", "stdin"):
                return f"sys.{node.attr}"
    return None


def _is_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "check"
