"""Choose values whose places are neither too close nor too far apart."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_N = (30, 2_000, 30_000)
_FAR = ((4, 8), (40, 100), (10_000, 14_000))

_TAIL = """
Write a function best_score(values) that returns the largest total score. Choosing nothing is
allowed and scores 0.

Constraints:
- 1 <= len(values) <= @n
- -1000 <= values[i] <= 1000
"""
_STORIES = (
    """
The list values is numbered from position 1. Choose some of its positions, so that any two
consecutive chosen positions differ by at least @near and by at most @far. A chosen value counts
once, but @times times where its position is divisible by @every. Each chosen position costs a
fee of @fee. The total score is the sum of what the chosen values count, minus the fees.
""",
    """
A frog visits stones 1, 2, ..., len(values) from left to right. It may begin on any stone and stop
on any stone, and each jump goes forward by no less than @near and no more than @far stones. Stone
i gives values[i-1] points, multiplied by @times if i is a multiple of @every, and every stone on
which the frog sits (the first and the last included) costs @fee points. The frog may also stay at
home. Maximise its points.
""",
    """
An inspector plans visits on days 1 to len(values). The visit on day i brings values[i-1] euros
(which may be negative); on days divisible by @every it brings @times times as much. A visit costs
@fee euros for travel. After a visit the next one must follow at least @near days later, and if
there is a next one, at most @far days later. Find the largest total, travel subtracted.
""",
)
_REFERENCE = """
from collections import deque


def best_score(values):
    best = []
    window = deque()
    top = 0
    for i, value in enumerate(values):
        entering = i - @near
        if entering >= 0:
            while window and best[window[-1]] <= best[entering]:
                window.pop()
            window.append(entering)
        while window and window[0] < i - @far:
            window.popleft()
        gain = value * (@times if (i + 1) % @every == 0 else 1) - @fee
        before = best[window[0]] if window else 0
        best.append(gain + max(0, before))
        top = max(top, best[i])
    return top
"""
_SLOW = """
def best_score(values):
    best = []
    for i in range(len(values)):
        place = i + 1
        worth = values[i] if place % @every else values[i] * @times
        options = [0]
        for j in range(i):
            if @near <= i - j <= @far:
                options.append(best[j])
        best.append(worth - @fee + max(options))
    return max([0] + best)
"""


def _draw(draw: Draw, level: int) -> Params:
    return {
        "n": _N[level],
        "near": draw.integer(2, 3 + 2 * level),
        "far": draw.integer(*_FAR[level]),
        "times": draw.integer(2, 5),
        "every": draw.integer(2, 9),
        "fee": draw.integer(1, 40),
    }


def _apart(p: Params, gap: int) -> list[Any]:
    return [[900, *[-999] * (gap - 1), 800]]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [[bulk(draw, draw.integer(4, 9), -60, 150)] for _ in range(8)]
    edges = [[[0]], [[1000]], [[-1000]], [[p["fee"] + 1] * 25], [[-5] * 9], [[1000] * 30]]
    gaps = [_apart(p, gap) for gap in (p["near"] - 1, p["near"], p["far"], p["far"] + 1)]
    large = [[bulk(draw, p["n"], -1000, 1000)]]
    if level < 2:
        large += [[bulk(draw, p["n"], -1000, 60)], [[1000] * p["n"]]]
    return [*small, *edges, *gaps, *large]


FAMILY = CodeFamily(
    name="spaced_picks",
    topic="dynamic programming",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES),
    entry_point="best_score",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE),
    slow=filled(_SLOW),
    wrong=mutants(
        _REFERENCE,
        ("i - @near", "i - @near + 1"),
        ("i - @far:", "i - @far + 1:"),
        ("i - @far:", "i - @far - 1:"),
        ("(i + 1) % @every", "i % @every"),
        ("gain + max(0, before)", "gain + before"),
        ("top = 0", "top = -10**9"),
        (" - @fee\n", "\n"),
    ),
    cpu_s=2.0,
)
