"""Groups merge on request unless their size would break a rule: union-find."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (12, 400, 99_999)
_M = (12, 400, 18_000)
_CAP = ((5, 8), (20, 150), (5_000, 8_000))

_TAIL = """
Write a function merge_groups(n, first, second) that returns the list [number of accepted
requests, total cost].

Constraints:
- 1 <= n <= @n
- 0 <= len(first) = len(second) <= @m
- 0 <= first[i], second[i] <= n - 1
"""
_STORIES = (
    """
n people, numbered from 0, are each a group of their own at first. Requests come one after the
other: request i asks to merge the groups of first[i] and second[i]. It is refused if both are in
the same group already, if the merged group would have more than @cap members, or if the number of
members of the merged group would leave the remainder @s when divided by @q. Otherwise it is
accepted, and costs @slope times the difference of the sizes of the two groups (larger minus
smaller), plus @base.
""",
    """
A network has computers 0, ..., n - 1 and no cables yet. Cables are offered in the order
i = 0, 1, ...: cable i would join first[i] and second[i]. It is bought exactly if it joins two
different connected components, of x and y computers, with x + y <= @cap and x + y not congruent
to @s modulo @q. Its price is then @slope * |x - y| + @base.
""",
    """
Drops 0, ..., n - 1 of size 1 lie on a plate. In the i-th collision the drop that contains
first[i] meets the drop that contains second[i]. If these are two drops, of sizes x and y, they
flow together into one of size x + y, unless x + y exceeds @cap or (x + y) mod @q equals @s; then
nothing happens. A collision that flows together releases @slope * |x - y| + @base units of heat.
An accepted request is a collision that flows together, and the total cost is the heat in all.
""",
)
_REFERENCE = """
def merge_groups(n, first, second):
    parent = list(range(n))
    size = [1] * n

    def find(x):
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    accepted = cost = 0
    for u, v in zip(first, second):
        u, v = find(u), find(v)
        total = size[u] + size[v]
        if u == v or total > @cap or total % @q == @s:
            continue
        if size[u] < size[v]:
            u, v = v, u
        accepted += 1
        cost += @slope * (size[u] - size[v]) + @base
        parent[v] = u
        size[u] = total
    return [accepted, cost]
"""
_SLOW = """
def merge_groups(n, first, second):
    label = list(range(n))
    accepted = cost = 0
    for i in range(len(first)):
        one, other = label[first[i]], label[second[i]]
        x, y = label.count(one), label.count(other)
        if one != other and x + y <= @cap and (x + y) % @q != @s:
            label = [one if k == other else k for k in label]
            accepted += 1
            cost += @slope * abs(x - y) + @base
    return [accepted, cost]
"""


def _draw(draw: Draw, level: int) -> Params:
    q, cap = draw.integer(3, 5 + 4 * level), draw.integer(*_CAP[level])
    return {
        "n": _N[level],
        "m": _M[level],
        "cap": cap,
        "q": q,
        # Two single ones can merge, or nothing ever would; and the cap can be reached.
        "s": draw.choice([s for s in range(q) if s not in (2 % q, cap % q)]),
        "slope": draw.integer(2, 50),
        "base": draw.integer(1, 99),
    }


def _requests(draw: Draw, n: int, count: int) -> list[Any]:
    return [n, bulk(draw, count, 0, n - 1), bulk(draw, count, 0, n - 1)]


def _filling(p: Params) -> list[Any]:
    """Return requests that fill a group to the cap exactly, and ask for one more."""
    first, second = [], []
    size = node = 1
    while size < p["cap"]:
        if (size + 1) % p["q"] == p["s"]:
            first.append(node)
            second.append(node + 1)
        first.append(0)
        second.append(node)
        added = 2 if (size + 1) % p["q"] == p["s"] else 1
        size, node = size + added, node + added
    return [node + 1, [*first, 0], [*second, node]]


def _turned(requests: list[Any]) -> list[Any]:
    n, first, second = requests
    return [n, second, first]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [_requests(draw, draw.integer(5, 9), draw.integer(5, 10)) for _ in range(10)]
    edges: list[Any] = [[1, [], []], [1, [0], [0]], [2, [0, 1], [1, 0]], [2, [1], [1]]]
    n = p["n"]
    star = [n, [0] * (n - 1), list(range(1, n))] if level < 2 else [60, [0] * 59, [*range(1, 60)]]
    pairs = [8, [0, 2, 4, 6, 0, 4, 1, 0], [1, 3, 5, 7, 2, 6, 7, 6]]
    middle = [_requests(draw, 12, 12) for _ in range(4)] + [_requests(draw, min(n, 300), 300)]
    if level == 0:
        middle = [_requests(draw, 12, 12) for _ in range(9)]
    # Groups that grow large among many single ones.
    crowd = [n, *_requests(draw, p["m"], p["m"])[1:]]
    return [
        *small,
        *edges,
        star,
        pairs,
        _filling(p),
        _turned(_filling(p)),
        *middle,
        crowd,
    ]


FAMILY = CodeFamily(
    name="capped_groups",
    topic="union-find",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="merge_groups",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("total > @cap", "total >= @cap"),
        ("total > @cap or", ""),
        (" or total % @q == @s", ""),
        ("            u, v = v, u", "            pass"),
        ("u == v or", ""),
        ("size[u] = total", "size[u] += 1"),
    ),
    cpu_s=2.0,
)
