"""Least time in which machines that rest make so many items: binary search on the answer."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (5, 100, 1_000)
_ITEMS = (100, 10**6, 10**15)
_TIME = (50, 10**6, 10**9)

_TAIL = """
Input: the first line has two integers n and k, the number of machines and of items wanted. The
second line has n integers t_1, ..., t_n.
Output: one integer, the least number of minutes after which at least k items are finished.

Constraints:
- 1 <= n <= @n
- 1 <= k <= @items
- 1 <= t_i <= @time
"""
_STORIES = (
    """
A factory has n machines that work in parallel, all switched on at minute 0. Each needs @warm
minutes to warm up. Then machine i finishes an item every t_i minutes, but after each @batch items
it must cool down for @rest minutes before it begins the next item. How long does it take to
make k items in total?
""",
    """
There are n printers. All of them start at time 0, and print nothing in their first @warm minutes.
After that printer i needs t_i minutes a page. Whenever a printer has completed @batch further
pages it pauses for @rest minutes (pauses do not delay the pages already completed). Find the
earliest time at which the printers have completed k pages together.
""",
    """
n bakers arrive at minute 0 and spend @warm minutes on preparing their tables. Baker i then takes
t_i minutes for each loaf, one loaf after the other, with a break of @rest minutes after every
@batch loaves. A loaf counts as soon as it is done. After how many minutes are k loaves done?
""",
)
_REFERENCE = """
import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    k, times = data[1], data[2:]

    def made(minutes):
        total = 0
        minutes -= @warm
        if minutes <= 0:
            return 0
        for t in times:
            full, left = divmod(minutes, @batch * t + @rest)
            total += full * @batch + min(@batch, left // t)
        return total

    low, high = 0, @warm + (k // @batch + 1) * (@batch * min(times) + @rest)
    while low < high:
        middle = (low + high) // 2
        if made(middle) >= k:
            high = middle
        else:
            low = middle + 1
    print(low)


main()
"""
_SLOW = """
import heapq
n, k = map(int, input().split())
queue = [(@warm + int(t), int(t), 1) for t in input().split()]
heapq.heapify(queue)
for _ in range(k):
    now, t, done = heapq.heappop(queue)
    pause = @rest if done % @batch == 0 else 0
    heapq.heappush(queue, (now + pause + t, t, done + 1))
print(now)
"""


def _draw(draw: Draw, level: int) -> Params:
    return {
        "n": _N[level],
        "items": _ITEMS[level],
        "time": _TIME[level],
        "warm": draw.integer(1, (20, 500, 10**6)[level]),
        "batch": draw.integer(2, (5, 60, 900)[level]),
        "rest": draw.integer(3, (30, 900, 10**6)[level]),
    }


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    given: list[tuple[int, list[int]]] = [
        (draw.integer(3, 12), bulk(draw, draw.integer(2, 4), 1, 12)) for _ in range(6)
    ]
    batch, items, time = p["batch"], p["items"], p["time"]
    given += [(1, [1]), (batch, [1]), (batch + 1, [2]), (2 * batch, [1]), (2 * batch + 1, [1])]
    given += [(min(items, 4 * batch), [1, 1, time]), (1, [time] * p["n"])]
    given += [(items, [time]), (items, [1]), (items, [time] * p["n"])]
    given += [(items, bulk(draw, p["n"], 1, time)), (items - 1, bulk(draw, p["n"], 1, 50))]
    return [rows((len(times), k), times) for k, times in given]


FAMILY = CodeFamily(
    name="resting_machines",
    topic="binary search",
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
        ("min(@batch, left // t)", "left // t"),
        ("low = middle + 1", "low = middle + 1 + (low + 1 == high)"),
        ("minutes -= @warm", "pass"),
        ("@batch * t + @rest", "@batch * t"),
        ("made(middle) >= k", "made(middle) > k"),
        ("* (@batch * min(times) + @rest)", "* @batch * min(times)"),
    ),
    cpu_s=2.0,
)
