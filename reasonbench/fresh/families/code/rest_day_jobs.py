"""Which jobs to do before their deadlines when some days are free: greedy with regret."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (12, 500, 26_000)

_TAIL = """
Write a function best_profit(jobs), where each job is a list [deadline, profit], that returns the
largest possible result (it may be negative).

Constraints:
- 1 <= len(jobs) <= @n
- 1 <= deadline <= @n
- 1 <= profit <= @pay
"""
_STORIES = (
    """
A workshop works on days 1, 2, 3, ..., except that it is closed on each day whose number is
divisible by @every. On a day on which it is open it can do up to @slots jobs. A job has to be done
on its deadline day or on an earlier day, and then it brings its profit; for each job that is not
done a fine of @fine is due. The result is the sum of the profits minus the fines.
""",
    """
A courier can deliver at most @slots parcels a day, and none on days @every, 2 * @every,
3 * @every and so on. Days are numbered from 1. Parcel [deadline, profit] pays its profit if it is
delivered no later than on day deadline, and otherwise costs a compensation of @fine (a late
delivery is worth nothing). The parcels are the jobs; what is the largest possible sum of payments
less compensations?
""",
    """
Choose a set of jobs and a day for each of them: a day that is at least 1, at most the job's
deadline and no multiple of @every, with at most @slots jobs on any day. The result of the choice is
the sum of the profits of the chosen jobs minus @fine for each job that is not chosen.
""",
)
_REFERENCE = """
import heapq


def best_profit(jobs):
    chosen = []
    for deadline, profit in sorted(jobs):
        heapq.heappush(chosen, profit)
        room = @slots * (deadline - deadline // @every)
        if len(chosen) > room:
            heapq.heappop(chosen)
    return sum(chosen) - @fine * (len(jobs) - len(chosen))
"""
_SLOW = """
def best_profit(jobs):
    used = {}
    result = 0
    for deadline, profit in sorted(jobs, key=lambda job: -job[1]):
        day = deadline
        while day > 0 and (day % @every == 0 or used.get(day, 0) == @slots):
            day -= 1
        if day > 0:
            used[day] = used.get(day, 0) + 1
            result += profit
        else:
            result -= @fine
    return result
"""


def _draw(draw: Draw, level: int) -> Params:
    return {
        "n": _N[level],
        "pay": (99, 10**6, 999)[level],
        "every": draw.integer(2, (4, 12, 30)[level]),
        "slots": draw.integer(2, 3),
        "fine": draw.integer(1, (9, 500, 999)[level]),
    }


def _jobs(draw: Draw, count: int, latest: int, pay: int, first: int = 1) -> list[Any]:
    pairs = zip(bulk(draw, count, first, latest), bulk(draw, count, 1, pay), strict=True)
    return [[list(pair) for pair in pairs]]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    slots, every, pay = p["slots"], p["every"], p["pay"]
    small = [_jobs(draw, draw.integer(5, 8), 4, 50) for _ in range(9)]
    edges: list[Any] = [[[[1, 1]]], [[[1, pay]] * 12], [[[p["n"], pay]] * 12]]
    crowd = slots * (every - 1)
    # One job more than fits before the first closed day, due on it and beside it.
    for day in (every - 1, every, every + 1):
        edges.append([[[day, 5 + i % 7] for i in range(min(crowd + slots + 1, p["n"]))]])
    edges.append([[[1 + i % 2, 90 - 7 * i] for i in range(10)]])
    edges.append([[[1 + i % 3, 1 + 7 * i] for i in range(10)]])
    # Most jobs are due at about the same time, and three of four can be done.
    due = 3 * p["n"] // (4 * slots)
    large = [_jobs(draw, p["n"], due + due // 8, pay, due)]
    if level < 2:
        large.append(_jobs(draw, p["n"], max(1, p["n"] // (2 * slots)), pay))
        large.append(_jobs(draw, p["n"], p["n"], pay))
        large.append(_jobs(draw, p["n"], 3, pay))
    return [*small, *edges, *large]


FAMILY = CodeFamily(
    name="rest_day_jobs",
    topic="greedy",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="best_profit",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        (" - deadline // @every", ""),
        ("deadline // @every", "(deadline - 1) // @every"),
        ("@slots * ", ""),
        ("heapq.heappop(chosen)", "chosen.remove(profit)"),
        ("len(chosen) > room", "len(chosen) >= room"),
        (" - @fine * (len(jobs) - len(chosen))", ""),
    ),
    cpu_s=1.0,
)
