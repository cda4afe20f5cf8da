"""Choose bookings of the largest income with a rest between any two: intervals."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (10, 500, 19_000)
_SPAN = (40, 2_000, 9_999)

_TAIL = """
Write a function max_income(bookings) that returns the largest total income; it is 0 if nothing is
chosen. Each booking is a list [start, end, price].

Constraints:
- 1 <= len(bookings) <= @n
- 0 <= start < end <= @span
- 1 <= price <= 999
"""
_STORIES = (
    """
A hall can be let for some of the requested bookings. Between the end of a booking and the start
of the next one there must be at least @gap hours. A booking from start to end brings its price, but
cleaning costs @fee for each booking, and each hour beyond @long hours of a booking costs @rate
for overtime. Which income can be reached?
""",
    """
A telescope serves requests that do not overlap: after a request has ended, at least @gap seconds
pass before the next may start (exactly @gap is enough). A served request scores its price minus
@fee; if it lasts more than @long seconds, @rate is subtracted further for every second over @long.
Choose the requests of the largest total score; the income is this score.
""",
    """
Call two bookings compatible if one of them starts at or after (end of the other) + @gap. The
income of a booking is price - @fee - @rate * max(0, end - start - @long). Choose pairwise
compatible bookings, possibly none, with the largest sum of incomes.
""",
)
_REFERENCE = """
from bisect import bisect_right


def max_income(bookings):
    bookings = sorted(bookings, key=lambda booking: booking[1])
    ends = [end for _, end, _ in bookings]
    best = [0]
    for i, (start, end, price) in enumerate(bookings):
        income = price - @fee - @rate * max(0, end - start - @long)
        before = bisect_right(ends, start - @gap)
        best.append(max(best[i], best[before] + income))
    return best[-1]
"""
_SLOW = """
def max_income(bookings):
    order = sorted(bookings)
    top = [0] * (len(order) + 1)
    for i in range(len(order) - 1, -1, -1):
        start, end, price = order[i]
        income = price - @fee
        if end - start > @long:
            income -= @rate * (end - start - @long)
        after = 0
        for j in range(i + 1, len(order)):
            if order[j][0] >= end + @gap and top[j] > after:
                after = top[j]
        top[i] = income + after
    return max(top)
"""


def _draw(draw: Draw, level: int) -> Params:
    return {
        "n": _N[level],
        "span": _SPAN[level],
        "gap": draw.integer(1, 4 + 3 * level),
        "fee": draw.integer(5, 60),
        "rate": draw.integer(2, 9),
        "long": draw.integer(3, 12 + 9 * level),
    }


def _bookings(draw: Draw, count: int, span: int, longest: int, price: int) -> list[Any]:
    lengths = bulk(draw, count, 1, longest)
    places, prices = bulk(draw, count, 0, 10**9), bulk(draw, count, 1, price)
    found = []
    for length, place, paid in zip(lengths, places, prices, strict=True):
        start = place % (span - length + 1)
        found.append([start, start + length, paid])
    return [found]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    gap, long, rate, fee = p["gap"], p["long"], p["rate"], p["fee"]
    small = [_bookings(draw, draw.integer(3, 7), 30 + 8 * level, 9, 300) for _ in range(9)]
    edges: list[Any] = [[[[0, 1, 1]]], [[[0, 1, fee]]], [[[0, 1, fee + 1]]], [[[2, 3, 999]] * 5]]
    for rest in (gap - 1, gap, gap + 1):
        edges.append([[[0, 2, fee + 9], [2 + rest, 4 + rest, fee + 7]]])
        edges.append([[[2 + rest, 4 + rest, fee + 7], [0, 2, fee + 9]]])
    edges += [[[[0, long + more, 99 + fee + rate]]] for more in (0, 1, 2, 5)]
    edges += [[[[0, p["span"], 999]]], [[[i, i + 1, 999] for i in range(10)]]]
    large = [_bookings(draw, p["n"], p["span"], min(60, p["span"]), 999)]
    if level < 2:
        large.append(_bookings(draw, p["n"], p["span"], long, 999))
    return [*small, *edges, *large]


FAMILY = CodeFamily(
    name="rested_bookings",
    topic="intervals",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="max_income",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("start - @gap)", "start - @gap - 1)"),
        ("start - @gap)", "start)"),
        ("end - start - @long", "end - start - @long + 1"),
        ("max(0, end - start - @long)", "(end - start > @long)"),
        ("max(best[i], best[before] + income)", "best[before] + income"),
        ("price - @fee", "price"),
        ("key=lambda booking: booking[1]", "key=lambda booking: booking[0]"),
    ),
    cpu_s=2.0,
)
