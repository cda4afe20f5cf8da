"""Linear recurrences, modulo a number where the index is large."""

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import maths, total, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "term": (
        "A sequence is defined by @start, and $a_n = @rule$ for all $n > @order$. Find $a_{@N}$.",
        "Let @start, and let $a_n = @rule$ whenever $n > @order$. What is $a_{@N}$?",
        "The sequence $a_1, a_2, a_3, \\ldots$ satisfies @start, and, for every integer "
        "$n > @order$, $a_n = @rule$. Compute $a_{@N}$.",
    ),
    "remainder": (
        "A sequence is defined by @start, and $a_n = @rule$ for all $n > @order$. Find the "
        "remainder when $a_{@N}$ is divided by $@m$.",
        "Let @start, and let $a_n = @rule$ whenever $n > @order$. What remainder does $a_{@N}$ "
        "leave on division by $@m$?",
        "The sequence $a_1, a_2, a_3, \\ldots$ satisfies @start, and, for every integer "
        "$n > @order$, $a_n = @rule$. Determine the integer $r$ with $0 \\le r < @m$ and "
        "$a_{@N} \\equiv r \\pmod{@m}$.",
    ),
    "sum": (
        "A sequence is defined by @start, and $a_n = @rule$ for all $n > @order$. Let "
        "$S = a_1 + a_2 + \\cdots + a_{@N}$. Find the remainder when $S$ is divided by $@m$.",
        "Let @start, and let $a_n = @rule$ whenever $n > @order$. What remainder does "
        "$\\sum_{i=1}^{@N} a_i$ leave on division by $@m$?",
        "The sequence $a_1, a_2, a_3, \\ldots$ satisfies @start, and, for every integer "
        "$n > @order$, $a_n = @rule$. The sum of its first $@N$ terms is divided by $@m$; "
        "determine the remainder.",
    ),
}


def _texts(p: Params) -> dict[str, object]:
    terms = [(c, f"a_{{n-{i + 1}}}") for i, c in enumerate(p["weights"])]
    starts = [f"a_{i + 1} = {value}" for i, value in enumerate(p["start"])]
    return {
        "start": ", ".join(maths(starts)),
        "rule": total([*terms, (p["plus"], "")]),
        "order": len(p["start"]),
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        order = 3 if level in (3, 4) else 2
        weights = [draw.integer(1, 4 if level < 2 else 6) for _ in range(order)]
        plus = 0 if level < 2 else draw.integer(1, 9)
        start = [draw.integer(0 if level else 1, 9) for _ in range(order)]
        low, high = ((5, 7), (30, 99), (500, 9_999), (10**4, 10**6), (10**6, 10**9))[level]
        p = {"weights": weights, "plus": plus, "start": start, "N": draw.integer(low, high)}
        if level == 0:
            return {**p, "form": "term"}
        m = draw.integer(11, (0, 30, 97, 40, 40)[level])
        return {**p, "form": "sum" if level == 4 else "remainder", "m": m}

    return redrawn(make, lambda p: len(set(p["start"])) > 1 and abs(int(_solve(p))) > 1)


Matrix = list[list[int]]


def _times(a: Matrix, b: Matrix, m: int) -> Matrix:
    columns = list(zip(*b, strict=True))
    return [[sum(x * y for x, y in zip(row, col, strict=True)) % m for col in columns] for row in a]


def _solve(p: Params) -> str:
    """Powers of a matrix on (a_n, a_{n-1}, ..., 1, sum up to the oldest)."""
    k, m = len(p["start"]), p.get("m", 10**30)
    size = k + 2
    matrix = [[*p["weights"], p["plus"], 0]]
    matrix += [[int(j == i) for j in range(size)] for i in range(k - 1)]
    matrix += [[int(j == k) for j in range(size)]]
    matrix += [[*(int(j == k - 2) for j in range(k)), 0, 1]]
    state = [[value] for value in (*p["start"][::-1], 1, p["start"][0])]
    steps = p["N"] - (1 if p["form"] == "sum" else k)
    while steps:
        if steps & 1:
            state = _times(matrix, state, m)
        matrix = _times(matrix, matrix, m)
        steps >>= 1
    return str(state[-1 if p["form"] == "sum" else 0][0] % m)


def _check(p: Params) -> str:
    """Write terms down until they repeat."""
    n, k = p["N"], len(p["start"])
    terms = list(p["start"])

    def following() -> int:
        pairs = zip(p["weights"], terms[: -k - 1 : -1], strict=True)
        return int(p["plus"] + sum(w * t for w, t in pairs))

    if p["form"] == "term":
        while len(terms) < n:
            terms.append(following())
        return str(terms[n - 1])
    m = p["m"]
    terms = [t % m for t in terms]
    seen: dict[tuple[int, ...], int] = {}
    while (state := tuple(terms[-k:])) not in seen and len(terms) < n:
        seen[state] = len(terms)
        terms.append(following() % m)
    if len(terms) >= n:
        return str((sum(terms[:n]) if p["form"] == "sum" else terms[n - 1]) % m)
    period = len(terms) - seen[state]
    head = seen[state]
    rounds, rest = divmod(n - head, period)
    if p["form"] == "sum":
        cycle = terms[head : head + period]
        return str((sum(terms[:head]) + rounds * sum(cycle) + sum(cycle[:rest])) % m)
    return str(terms[head + rest - 1] % m)


FAMILY = MathFamily(
    name="recurrences",
    topic="sequences",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
