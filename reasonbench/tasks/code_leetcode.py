"""The assertions of LeetCodeDataset as calls with expected values.

``test`` is ``def check(candidate)`` with assertions in three shapes::

    assert candidate(nums = [3, 3], target = 6) == [0, 1]
    assert is_same_list(candidate(head = list_node([1, 2])), list_node([2, 1]))
    assert is_same_tree(candidate(root = tree_node([1, None, 2])), tree_node([1]))

where ``list_node``, ``tree_node`` and the rest come from the row's ``prompt``.  Read as data,
the expected values need not enter the program's process: its arguments are built there, and
what it returns is told as plain data, by code that stands before it.

Any other suite is run as assertions, unless it needs what ``prompt`` defines: that lives with
the program, which could make it say what it likes.

``prompt``, which no model is shown, may import a library that the sandbox does not have: then
it goes without, and a solution that uses it is no reference.
"""

import ast
import re
from collections import deque
from typing import Any, NamedTuple

from reasonbench.tasks.row_fields import foreign, parsed
from reasonbench.tasks.rows import RowError, Unusable

NODES = {"list_node": "list", "tree_node": "tree"}
SAME = {"is_same_list": "list", "is_same_tree": "tree"}
MAX_NODES = 200_000
CALL = "run_case_"
"""The function that builds arguments; calls of plain data go to the method itself."""
_ENTRY = re.compile(r"(?:(\w+)\(\)\.)?(\w+)\Z")
_INT_BOUND = 1 << 63

ADAPTER = """
def {call}(kind, *arguments):
    makers = {makers}
    value = {target}(*[makers[how](value) if how else value for how, value in arguments])
    if not kind or value is None:
        return [] if kind else value
    told, nodes = [], [value]
    for node in nodes:
        if len(told) > {most}:
            raise ValueError("more nodes than any answer has; the last may lead to the first")
        told.append(None if node is None else node.val)
        if node is not None and kind == "tree":
            nodes += [node.left, node.right]
        elif node is not None and node.next is not None:
            nodes.append(node.next)
    while kind == "tree" and told and told[-1] is None:
        told.pop()
    return told
"""
"""A tree is told level by level, a missing child as None, none of those at the end."""
FORWARD = """
def {call}(*arguments, **named):
    return {target}(*arguments, **named)
"""


class _UnreadError(Exception):
    """An assertion of a shape that is not read."""


class _Case(NamedTuple):
    kind: str
    arguments: list[tuple[str, Any]]
    expected: Any


def tests_of(
    *, entry_point: str, prompt: str, starter: str, test: str, solution: str
) -> dict[str, Any]:
    """Return the tests of a row.

    Raises:
        RowError: a field is not what its data set says.
        Unusable: its assertions cannot be judged apart from the program.
    """
    matched = _ENTRY.match(entry_point)
    if matched is None:
        raise RowError(f"'entry_point' must be as 'Solution().name', got {entry_point!r:.60}")
    owner, name = matched.groups()
    target = f"{owner}().{name}" if owner else name
    prompt, lost = _without_libraries(prompt)
    tree = parsed(test, "test")
    reference = {} if _needs(solution, lost) else {"reference": solution}
    try:
        cases = _cases(tree, _parameters(starter, name))
    except _UnreadError:
        return {**_as_assertions(tree, test, prompt, target), **reference}
    if not any(case.kind or any(how for how, _ in case.arguments) for case in cases):
        given = [[value for _, value in case.arguments] for case in cases]
        entry, before = (f"{owner}.{name}" if owner else name), prompt
    else:
        given = [[case.kind, *map(list, case.arguments)] for case in cases]
        used = {how for case in cases for how, _ in case.arguments if how}
        adapter = ADAPTER.format(
            call=CALL, target=target, makers=_makers(used, prompt), most=MAX_NODES
        )
        entry, before = CALL, f"{prompt}\n{adapter}"
    return {
        "style": "function",
        "entry_point": entry,
        "imports": before,
        **_encoded(given, [case.expected for case in cases]),
        **reference,
    }


def _without_libraries(prompt: str) -> tuple[str, set[str]]:
    """Return a prompt without imports of what is not there, and the names that they bind."""
    lines, lost = prompt.split("\n"), set()
    for node in parsed(prompt, "prompt").body:
        if isinstance(node, ast.Import | ast.ImportFrom) and foreign(node):
            lost |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines), lost


def _needs(solution: str, lost: set[str]) -> bool:
    """Return whether a solution uses a library that is not there."""
    tree = parsed(solution, "completion")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(foreign(tree) or used & lost)


def _encoded(given: list[list[Any]], expected: list[Any]) -> dict[str, Any]:
    """Return cases as JSON where that keeps every value, else as texts of Python literals."""
    if _is_json([given, expected]):
        plain = zip(given, expected, strict=True)
        return {"cases": [{"args": args, "expected": value} for args, value in plain]}
    texts = zip(map(_literal, given), map(_literal, expected), strict=True)
    return {"literals": True, "cases": [{"args": a, "expected": e} for a, e in texts]}


def _literal(value: Any) -> str:
    return ast.unparse(ast.Constant(value)) if isinstance(value, float) else _of_parts(value)


def _of_parts(value: Any) -> str:
    """Return a literal of a value, infinity as a number that is read as such."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, tuple):
        return f"({''.join(_literal(item) + ', ' for item in value)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(k)}: {_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, set) and value:
        return f"{{{', '.join(map(_literal, value))}}}"
    return repr(value)


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_json, value.values()))
    if type(value) is float:
        return abs(value) < float("inf")
    if type(value) is int:
        return -_INT_BOUND <= value < _INT_BOUND
    return value is None or type(value) in (bool, str)


def _cases(tree: ast.Module, parameters: list[str]) -> list[_Case]:
    """Return the assertions as calls.

    Raises:
        _UnreadError: the suite is not one function of assertions in the known shapes.
    """
    if len(tree.body) != 1 or not isinstance(check := tree.body[0], ast.FunctionDef):
        raise _UnreadError
    if check.name != "check" or [a.arg for a in check.args.args] != ["candidate"]:
        raise _UnreadError
    cases = [_case(statement, parameters) for statement in check.body]
    if not cases:
        raise _UnreadError
    return cases


def _case(statement: ast.stmt, parameters: list[str]) -> _Case:
    if not isinstance(statement, ast.Assert):
        raise _UnreadError
    match statement.test:
        case ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[right]):
            kind, expected = "", _value(right)
        case ast.Call(func=ast.Name(id=same), args=[ast.Call() as call, right], keywords=[]) if (
            same in SAME
        ):
            kind, expected = SAME[same], _shape(SAME[same], right)
        case _:
            raise _UnreadError
    if not isinstance(call.func, ast.Name) or call.func.id != "candidate":
        raise _UnreadError
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    names = parameters[len(call.args) : len(call.args) + len(named)]
    if set(named) != set(names):
        raise _UnreadError
    arguments = [*call.args, *(named[name] for name in names)]
    return _Case(kind, [_argument(node) for node in arguments], expected)


def _argument(node: ast.expr) -> tuple[str, Any]:
    match node:
        case ast.Call(func=ast.Name(id=maker), args=[inner], keywords=[]) if maker in NODES:
            return NODES[maker], _value(inner)
    return "", _value(node)


def _shape(kind: str, node: ast.expr) -> Any:
    """Return the expected list or tree as the adapter tells it."""
    if isinstance(node, ast.Constant) and node.value is None:
        return []
    how, value = _argument(node)
    if how != kind or not isinstance(value, list):
        raise _UnreadError
    return _levels(value) if kind == "tree" else value


def _levels(values: list[Any]) -> list[Any]:
    """Return the values of a tree that a node can hold, without the missing ones at the end."""
    waiting, at = deque(range(min(1, len(values)))), 1
    kept = values[:1]
    while waiting and at < len(values):
        waiting.popleft()
        for value in values[at : at + 2]:
            kept.append(value)
            if value is not None:
                waiting.append(len(kept))
        at += 2
    while kept and kept[-1] is None:
        kept.pop()
    return kept


class _Infinity(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(float("inf")) if node.id == "inf" else node


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(_Infinity().visit(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _UnreadError from None


def _parameters(starter: str, name: str) -> list[str]:
    """Return the parameters of the method in the starter code, whose body is still missing."""
    lines = starter.rstrip().split("\n")
    indent = len(lines[-1]) - len(lines[-1].lstrip()) + 4
    tree = parsed(starter.rstrip() + "\n" + " " * indent + "pass\n", "starter_code")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            names = [argument.arg for argument in node.args.args]
            return names[1:] if names[:1] == ["self"] else names
    raise RowError(f"'starter_code' defines no {name!r}, which 'entry_point' names")


def _as_assertions(tree: ast.Module, test: str, prompt: str, target: str) -> dict[str, Any]:
    used = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & _defined(prompt))
    if used:
        raise Unusable("its assertions use helpers that the program could replace", ", ".join(used))
    before = f"{prompt}\n{FORWARD.format(call=CALL, target=target)}"
    return {"style": "assert", "entry_point": CALL, "imports": before, "code": test}


def _makers(used: set[str], prompt: str) -> str:
    """Return the helpers that build arguments as a dict in Python; the prompt must define them."""
    makers = {how: name for name, how in NODES.items() if how in used}
    if missing := sorted(set(makers.values()) - _defined(prompt)):
        raise RowError(f"'prompt' defines no {missing[0]!r}, which 'test' uses")
    return "{" + ", ".join(f"{how!r}: {name}" for how, name in sorted(makers.items())) + "}"


def _defined(prompt: str) -> set[str]:
    return {
        node.name
        for node in parsed(prompt, "prompt").body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
