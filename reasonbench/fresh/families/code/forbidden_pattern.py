"""Count coloured words without a pattern: an automaton, and powers of its matrix."""

from typing import Any

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.code.authoring import filled, mutants, rows, told
from reasonbench.fresh.family import CodeFamily, Params

_LETTERS = "abcd"
_LONGEST = (12, 2_000, 10**18)

_TAIL = """
Input: the first line has an integer t. Each of the next t lines has an integer n.
Output: for each n, one line with the number of words of length n, modulo @modulus.

Constraints:
- 1 <= t <= 5
- 1 <= n <= @longest
"""
_STORIES = (
    """
Words are written with coloured letters: @table. Two words are equal only if they have the same
letters in the same colours. How many words of n letters do not contain @pattern as a run of
consecutive letters, in whatever colours?
""",
    """
A necklace maker threads n beads on a straight string, from left to right. The stock of bead types:
@table. The beads of one letter differ in colour, and there are enough of each. The letters of
@pattern must not appear next to one another in this order anywhere on the string, whatever the
colours. Count the different strings of n beads; these are the words.
""",
    """
A machine sends n signals. A signal has a letter and a variant: @table. A message (or word) of n
signals is valid if its sequence of letters, variants ignored, has no substring equal to @pattern.
Count the valid messages.
""",
)
_REFERENCE = """
import sys

PATTERN, WEIGHTS, MODULUS = "@pattern", @weights, @modulus


def follow(state, letter):
    text = PATTERN[:state] + letter
    for length in range(min(len(text), len(PATTERN)), 0, -1):
        if text.endswith(PATTERN[:length]):
            return length
    return 0


def times(a, b):
    return [[sum(x * y for x, y in zip(row, column)) % MODULUS for column in zip(*b)] for row in a]


def main():
    size = len(PATTERN)
    matrix = [[0] * size for _ in range(size)]
    for state in range(size):
        for letter, weight in WEIGHTS:
            after = follow(state, letter)
            if after < size:
                matrix[state][after] += weight
    queries = list(map(int, sys.stdin.read().split()))[1:]
    powers = [matrix]
    for n in queries:
        states = [[1] + [0] * (size - 1)]
        for bit in range(n.bit_length()):
            if bit == len(powers):
                powers.append(times(powers[-1], powers[-1]))
            if n >> bit & 1:
                states = times(states, powers[bit])
        print(sum(states[0]) % MODULUS)


main()
"""
_SLOW = """
for _ in range(int(input())):
    n = int(input())
    words = {"": 1}
    for _ in range(n):
        longer = {}
        for tail, count in words.items():
            for letter, weight in @weights:
                word = tail + letter
                if not word.endswith("@pattern"):
                    key = word[-(len("@pattern") - 1):]
                    longer[key] = longer.get(key, 0) + count * weight
        words = longer
    print(sum(words.values()) % @modulus)
"""


def _view(p: Params) -> dict[str, Any]:
    pairs = list(zip(_LETTERS, p["colours"], strict=False))
    table = ", ".join(f"{letter} in {count} colours" for letter, count in pairs)
    return {**p, "weights": pairs, "table": table}


def _draw(draw: Draw, level: int) -> Params:
    kinds = draw.integer(2, 2 + level)
    length = draw.integer(3, 3 + level)
    pattern = _LETTERS[0]
    while len(set(pattern)) == 1:
        pattern = "".join(draw.choice(_LETTERS[:kinds]) for _ in range(length))
    return {
        "longest": _LONGEST[level],
        "colours": [draw.integer(2 if level else 6, 9) for _ in range(kinds)],
        "pattern": pattern,
        "modulus": draw.integer(10**8, 10**9),
    }


def _inputs(draw: Draw, p: Params, level: int) -> list[Any]:
    small = [rows(2, draw.integer(2, 6), draw.integer(7, 12)) for _ in range(9)]
    length = len(p["pattern"])
    edges = [rows(1, n) for n in (1, 2, length - 1, length, length + 1, 2 * length, 12)]
    top = p["longest"]
    large = [rows(5, *(draw.integer(top // 2, top) for _ in range(5))), rows(1, top)]
    powers = [2 ** draw.integer(1, top.bit_length() - 1) for _ in range(3)]
    return [*small, *edges, *large, rows(3, *powers), rows(2, top - 1, 1)]


FAMILY = CodeFamily(
    name="forbidden_pattern",
    topic="strings",
    style="stdio",
    levels=3,
    draw=_draw,
    templates=told(_TAIL, *_STORIES, view=_view),
    entry_point="",
    inputs=_inputs,
    n_examples=2,
    reference=filled(_REFERENCE, _view),
    slow=filled(_SLOW, _view),
    wrong=mutants(
        _REFERENCE,
        (
            "            return length\n    return 0",
            "            return length\n        break\n    return 0",
        ),
        ("range(n.bit_length())", "range(n.bit_length() - 1)"),
        ("matrix[state][after] += weight", "matrix[state][after] += 1"),
        ("zip(row, column)) % MODULUS", "zip(row, column)) % 2**32"),
        ("print(sum(states[0]) % MODULUS)", "print(states[0][0] % MODULUS)"),
        view=_view,
    ),
    cpu_s=2.0,
)
