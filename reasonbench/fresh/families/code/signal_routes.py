"""Earliest arrival in a road network with traffic lights: shortest paths."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (8, 200, 5_000)
_M = (14, 800, 12_000)

_TAIL = """
Input: the first line has integers n and m. Each of the next m lines has integers u, v and d: a road
between u and v, to be used in both directions, that takes d.
Output: the earliest arrival at n when starting at 1 at time 0, or -1 if n cannot be reached.

Constraints:
- 2 <= n <= @n
- 0 <= m <= @m
- 1 <= u, v <= n and u != v
- 1 <= d <= 999
"""
_STORIES = (
    """
A town has junctions 1 to n. Junctions whose number is divisible by @free have no lights. At any
other junction v the light is red at the integer times t with (t + @shift * v) mod @period < @red
and green at all others. A car may leave a junction, the first one included, only while the light
there is green (or if there is none); it may wait at junctions. A road of length d takes d minutes.
""",
    """
Trams run between stops 1, ..., n. From stop v one may depart at an integer time t only if
(t + @shift * v) mod @period is at least @red, except that at stops with v divisible by @free one
may depart at any time. This holds for stop 1, too; arriving is always possible, and so is waiting
at a stop. Riding along a road takes d minutes, in either direction.
""",
    """
Messages travel through relays 1 to n. A message that is at relay v at time t can be sent on along a
road at once unless v is no multiple of @free and (t + @shift * v) mod @period < @red; in that case
it has to be kept until the first later integer time at which this inequality fails. Being sent
along a road takes d units of time. A message starts in relay 1.
""",
)
_REFERENCE = """
import heapq
import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    n = data[0]
    roads = [[] for _ in range(n + 1)]
    for i in range(2, len(data), 3):
        u, v, d = data[i:i + 3]
        roads[u].append((v, d))
        roads[v].append((u, d))
    best = [None] * (n + 1)
    heap = [(0, 1)]
    while heap:
        now, v = heapq.heappop(heap)
        if best[v] is not None:
            continue
        best[v] = now
        phase = (now + @shift * v) % @period
        if v % @free != 0 and phase < @red:
            now += @red - phase
        for u, d in roads[v]:
            if best[u] is None:
                heapq.heappush(heap, (now + d, u))
    print(-1 if best[n] is None else best[n])


main()
"""
_SLOW = """
n, m = map(int, input().split())
roads = [tuple(map(int, input().split())) for _ in range(m)]
roads += [(v, u, d) for u, v, d in roads]
reached = {1: 0}
last = n * (@period + max((d for _, _, d in roads), default=0))
for t in range(last + 1):
    if reached.get(n, last + 1) <= t:
        break
    for u, v, d in roads:
        if reached.get(u, last + 1) <= t:
            if u % @free == 0 or (t + @shift * u) % @period >= @red:
                reached[v] = min(reached.get(v, last + 1), t + d)
print(reached.get(n, -1))
"""


def _draw(draw: Draw, level: int) -> Params:
    period = draw.integer(6, (12, 60, 400)[level])
    return {
        "n": _N[level],
        "m": _M[level],
        "free": draw.integer(2, 5),
        "period": period,
        "red": draw.integer(period // 3, period - 2),
        "shift": draw.integer(2, period - 1),
    }


def _roads(draw: Draw, n: int, m: int, longest: int) -> str:
    starts, hops = bulk(draw, m, 1, n), bulk(draw, m, 1, n - 1)
    lengths = bulk(draw, m, 1, longest)
    lines = [(u, (u + hop - 1) % n + 1, d) for u, hop, d in zip(starts, hops, lengths, strict=True)]
    return rows((n, m), *lines)


def _chain(draw: Draw, n: int, m: int) -> str:
    """Return a chain from 1 to n, listed from its end, and long detours beside it."""
    lengths = bulk(draw, n, 1, 9)
    lines = [(v, v + 1, lengths[v]) for v in range(n - 1, 0, -1)]
    starts = bulk(draw, m - len(lines), 1, n - 3)
    lines += [(v, v + 2 + v % 2, 999) for v in starts]
    return rows((n, m), *lines)


def _switching(p: Params) -> list[Any]:
    """Return ways that come to a light just before, and just when, it turns green."""
    v = 3 if p["free"] == 2 else 2
    leaving = max(0, p["red"] - p["shift"] % p["period"])
    found = []
    for phase in (p["red"] - 1, p["red"], 0, p["period"] - 1):
        length = (phase - leaving - p["shift"] * v) % p["period"] or p["period"]
        found.append(rows((4, 2), (1, v, length), (v, 4, 1)))
    return found


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [_roads(draw, draw.integer(4, 7), draw.integer(6, 10), 20) for _ in range(12)]
    edges = [
        rows((2, 0)),
        rows((3, 1), (1, 2, 5)),
        rows((2, 1), (2, 1, 1)),
        rows((2, 1), (1, 2, 9)),
    ]
    edges += [rows((2, 2), (1, 2, 9), (2, 1, 7)), rows((3, 3), (1, 2, 1), (2, 3, 1), (1, 3, 999))]
    for d in range(1, 9):
        edges.append(rows((5, 4), (1, 2, d), (2, 3, 2), (3, 4, d), (5, 4, 3)))
    large = [_chain(draw, p["n"], p["m"])]
    large.append(_roads(draw, min(p["n"], 1_000), min(p["m"], 3_000), 999))
    return [*small, *edges, *_switching(p), *large]


FAMILY = CodeFamily(
    name="signal_routes",
    topic="graphs",
    style="stdio",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("phase < @red", "phase < @red - 1"),
        ("v % @free != 0 and ", ""),
        ("@red - phase", "@period - phase"),
        ("(now + @shift * v) % @period", "now % @period"),
        ("        roads[v].append((u, d))\n", ""),
        ("now += @red - phase", "now += @red - phase + 1"),
    ),
    cpu_s=2.0,
)
