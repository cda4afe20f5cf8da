"""Count substrings within a budget of cost and of different letters: two pointers."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import bulk, filled, mutants, told
from reasonbench.fresh.family import CodeFamily, Params

_LETTERS = "abcdef"
_N = (40, 1_500, 60_000)
_REACH = ((2, 6), (20, 100), (10_000, 20_000))

_TAIL = """
Write a function count_pieces(text) that returns this number.

Constraints:
- 1 <= len(text) <= @n
- text consists of the letters @letters
"""
_STORIES = (
    """
Letters have costs: @table. The cost of a piece of a text is the sum of the costs of its letters,
each occurrence counted. Count the non-empty pieces (runs of consecutive letters; equal ones at
different places count separately) that cost at most @budget and have at most @kinds different
letters.
""",
    """
A train is a row of wagons, given as a text with a letter for each wagon. Wagons weigh, in tonnes:
@table. A locomotive can take any wagons that stand directly one after the other, at least one, if
they weigh no more than @budget tonnes in all and are of no more than @kinds types. In how many
ways can the stretch of wagons be chosen?
""",
    """
For 0 <= i < j <= len(text) call (i, j) affordable if text[i:j] contains at most @kinds distinct
letters and the prices of its letters add up to at most @budget, where the prices are @table. How
many affordable pairs are there?
""",
)
_REFERENCE = """
def count_pieces(text):
    prices = dict(@prices)
    counts = dict.fromkeys(prices, 0)
    start = cost = kinds = found = 0
    for end, letter in enumerate(text):
        cost += prices[letter]
        kinds += counts[letter] == 0
        counts[letter] += 1
        while cost > @budget or kinds > @kinds:
            gone = text[start]
            start += 1
            cost -= prices[gone]
            counts[gone] -= 1
            kinds -= counts[gone] == 0
        found += end - start + 1
    return found
"""
_SLOW = """
def count_pieces(text):
    prices = dict(@prices)
    found = 0
    for i in range(len(text)):
        letters = set()
        total = 0
        for letter in text[i:]:
            letters.add(letter)
            total += prices[letter]
            if total <= @budget and len(letters) <= @kinds:
                found += 1
    return found
"""


def _view(p: Params) -> dict[str, Any]:
    pairs = list(zip(_LETTERS, p["costs"], strict=False))
    table = ", ".join(f"{letter} {cost}" for letter, cost in pairs)
    letters = ", ".join(letter for letter, _ in pairs)
    return {**p, "prices": pairs, "table": table, "letters": letters}


def _draw(draw: Draw, level: int) -> Params:
    size = (3, 4, 6)[level]
    costs = [draw.integer(2, 9) for _ in range(size)]
    return {
        "n": _N[level],
        "costs": costs,
        # A run of the letter a can cost exactly this, and all letters together fit.
        "budget": costs[0] * max(draw.integer(*_REACH[level]), sum(costs) // costs[0] + 1),
        "kinds": draw.integer(2, size - 1),
    }


def _text(draw: Draw, p: Params, count: int, block: int) -> list[Any]:
    """Return a text in blocks that each lack some letters, so that long pieces occur."""
    pieces: list[str] = []
    letters = _LETTERS[: len(p["costs"])]
    for begin in range(0, count, block):
        few = draw.sample(letters, p["kinds"])
        places = bulk(draw, min(block, count - begin), 0, len(few) - 1)
        pieces += [few[place] for place in places]
    return ["".join(pieces)]


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    letters = _LETTERS[: len(p["costs"])]
    small = [_text(draw, p, draw.integer(6, 12), 3) for _ in range(10)]
    run = p["budget"] // p["costs"][0]
    edges: list[Any] = [["a"], [letters[-1]], [letters], [letters * 4], ["ab" * 9], ["b" * 20]]
    edges += [["a" * run], ["a" * (run + 1)], [letters[: p["kinds"]]], [letters + letters[::-1]]]
    return [*small, *edges, _text(draw, p, p["n"], max(5, run)), _text(draw, p, p["n"] // 2, 40)]


FAMILY = CodeFamily(
    name="budget_windows",
    topic="two pointers",
    style="function",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES, view=_view),
    entry_point="count_pieces",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE, _view),
    slow=filled(_SLOW, _view),
    wrong=mutants(
        _REFERENCE,
        ("cost > @budget", "cost >= @budget"),
        ("kinds > @kinds", "kinds >= @kinds"),
        (" or kinds > @kinds", ""),
        ("cost > @budget or ", ""),
        ("end - start + 1", "end - start"),
        ("            kinds -= counts[gone] == 0\n", "            kinds -= 1\n"),
        view=_view,
    ),
    cpu_s=2.0,
)
