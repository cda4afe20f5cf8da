"""Games that end: ruin, lazy walks, waiting for a pattern, and a race of two patterns."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import fraction, listed, maths, worded
from reasonbench.fresh.family import MathFamily, Params

_GAMBLER = (
    "A gambler has @coins. In each round, independently, he wins one coin with probability "
    "$@p$@down. He stops when he has $@n$ coins or none. "
)
_TOKEN = (
    "A token stands on the number $@i$ of the number line. In every move, independently of earlier "
    "moves, it goes one step to the right with probability $@p$@left. "
)
_BUG = (
    "A bug sits on rung $@i$ of a ladder whose ends are rung $0$ and rung $@n$. Each second, "
    "independently, it climbs one rung with probability $@p$@fall. "
)
_FORMS = {
    "ruin": (
        _GAMBLER + "Find the probability that he stops with $@n$ coins, as a fraction in lowest "
        "terms.",
        _TOKEN + "What is the probability, as a common fraction, that it reaches $@n$ before it "
        "reaches $0$?",
        _BUG + "Determine the probability that it gets to rung $@n$ before rung $0$; answer with a "
        "fraction in lowest terms.",
    ),
    "length": (
        _GAMBLER + "Find the expected number of rounds, as an integer or a fraction in lowest "
        "terms.",
        _TOKEN + "What is the expected number of moves until it first reaches $0$ or $@n$? Answer "
        "with an integer or a common fraction.",
        _BUG + "Determine the expected number of seconds until it reaches an end of the ladder, as "
        "an integer or a fraction in lowest terms.",
    ),
    "pattern": (
        "A die shows only the letters A, B and C, with probabilities @chances, respectively. It is "
        "rolled repeatedly. Find the expected number of rolls until the pattern @word first "
        "appears in consecutive rolls. Answer with an integer or a fraction in lowest terms.",
        "Independently of each other, a machine prints letters that are A, B or C with the "
        "respective probabilities @chances, until the last letters that it has printed read @word. "
        "What is the expected number of letters that it prints, as an integer or a common "
        "fraction?",
        "Every day, independently of all other days, the weather is of type A, B or C with "
        "probabilities @chances, in this order. Determine the expected number of days up to and "
        "including the first day that completes the pattern @word on consecutive days. Give an "
        "integer or a fraction in lowest terms.",
    ),
    "race": (
        "A coin that shows heads (H) with probability $@p$ and tails (T) otherwise is tossed "
        "repeatedly. Find the probability that the pattern @word appears in consecutive tosses "
        "before the pattern @other does. Answer with a fraction in lowest terms.",
        "A machine prints letters independently, each one H with probability $@p$ and T otherwise, "
        "until its last letters read @word or @other. What is the probability, as a common "
        "fraction, that it stops with @word?",
        "In each game, independently, a player scores a hit (H) with probability $@p$ and a miss "
        "(T) otherwise. She wins a prize if the results of consecutive games read @word before "
        "they ever read @other. Determine the probability that she wins the prize, as a fraction "
        "in lowest terms.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    bottom = p["bottom"]
    written = [rf"\frac{{{top}}}{{{bottom}}}" for top in p["tops"]]
    i = p.get("i", 0)
    texts = {"coins": f"${i}$ coin" + "s" * (i != 1), "p": written[0]}
    if p["form"] in ("pattern", "race"):
        return {**texts, "chances": listed(maths(written))}
    if len(p["tops"]) == 1:
        return {
            **texts,
            "down": " and loses one coin otherwise",
            "left": " and one step to the left otherwise",
            "fall": " and goes down one rung otherwise",
        }
    chance = f"with probability ${written[1]}$"
    return {
        **texts,
        "down": f", loses one coin {chance}, and otherwise neither wins nor loses",
        "left": f", goes one step to the left {chance}, and otherwise stays where it is",
        "fall": f", goes down one rung {chance}, and otherwise rests",
    }


def _draw(draw: Draw, level: int) -> Params:
    def letters(alphabet: str, low: int, high: int) -> str:
        return "".join(draw.choice(alphabet) for _ in range(draw.integer(low, high)))

    def make() -> Params:
        bottom = draw.integer(3, (20, 12, 24, 14, 12)[level])
        top = draw.integer(1, bottom - 1)
        tops = [top]
        if level == 3:
            second = draw.integer(1, bottom)
            tops = [top, second, bottom - top - second]
            word = letters("ABC", 3, 5)
            return {"form": "pattern", "tops": tops, "bottom": bottom, "word": word}
        if level == 4:
            words = {"word": letters("HT", 3, 5), "other": letters("HT", 3, 5)}
            return {"form": "race", "tops": tops, "bottom": bottom, **words}
        form = "ruin" if level < 2 else draw.choice(["ruin", "length", "length"])
        if level == 2:
            tops.append(draw.integer(1, bottom))
        n = draw.integer(3, (4, 8, 8)[level])
        return {"form": form, "tops": tops, "bottom": bottom, "i": draw.integer(1, n - 1), "n": n}

    def fine(p: Params) -> bool:
        tops, bottom = p["tops"], p["bottom"]
        if gcd(*tops, bottom) > 1 or min(tops) < 1 or (level == 2 and sum(tops) >= bottom):
            return False
        words = [p.get("word", "AB"), p.get("other", "AB")]
        if any(len(set(word)) == 1 for word in words):
            return False
        if level == 4 and (words[0] in words[1] or words[1] in words[0]):
            return False
        return _value(p).denominator < 10**6

    return redrawn(make, fine)


def _outcomes(p: Params) -> list[Fraction]:
    """The given chances; of two outcomes the second is the rest."""
    found = [Fraction(top, p["bottom"]) for top in p["tops"]]
    return [found[0], 1 - found[0]] if len(found) == 1 else found


def _chances(p: Params) -> dict[str, Fraction]:
    names = "HT" if p["form"] == "race" else "ABC"
    return dict(zip(names, _outcomes(p), strict=True))


def _leading(p: Params, one: str, other: str) -> Fraction:
    """Conway: one term for each end of the first word with which the other begins."""
    chances, answer = _chances(p), Fraction(0)
    for size in range(1, min(len(one), len(other)) + 1):
        if one[-size:] == other[:size]:
            inverse = Fraction(1)
            for letter in other[:size]:
                inverse /= chances[letter]
            answer += inverse
    return answer


def _value(p: Params) -> Fraction:
    if p["form"] == "pattern":
        return _leading(p, p["word"], p["word"])
    if p["form"] == "race":
        a, b = p["word"], p["other"]
        good = _leading(p, b, b) - _leading(p, b, a)
        return good / (good + _leading(p, a, a) - _leading(p, a, b))
    win, lose = _outcomes(p)
    i, n = p["i"], p["n"]
    ratio = lose / win
    if ratio == 1:
        return Fraction(i, n) if p["form"] == "ruin" else Fraction(i * (n - i)) / (win + lose)
    reach = (1 - ratio**i) / (1 - ratio**n)
    return Fraction(reach if p["form"] == "ruin" else (n * reach - i) / (win - lose))


def _solve(p: Params) -> str:
    return fraction(_value(p))


_WON, _LOST = -1, -2
Moves = list[list[tuple[int, Fraction]]]


def _spelled(p: Params) -> Moves:
    """States are the beginnings of the words."""
    words = [p["word"], *([p["other"]] if "other" in p else [])]
    starts = sorted({word[:size] for word in words for size in range(len(word))})
    starts.sort(key=len)
    states = []
    for start in starts:
        moves = []
        for letter, chance in _chances(p).items():
            text = start + letter
            ended = [text.endswith(word) for word in words]
            while text not in starts and not any(ended):
                text = text[1:]
            target = starts.index(text) if not any(ended) else _WON if ended[0] else _LOST
            moves.append((target, chance))
        states.append(moves)
    return states


def _moves(p: Params) -> Moves:
    """Where each state goes with what chance."""
    if "word" in p:
        return _spelled(p)
    win, lose = _outcomes(p)
    states = []
    for i in range(1, p["n"]):
        up, down = (_WON if i == p["n"] - 1 else i), (_LOST if i == 1 else i - 2)
        states.append([(up, win), (down, lose), (i - 1, 1 - win - lose)])
    return states


def _eliminated(rows: Sequence[list[Fraction]]) -> list[Fraction]:
    rows = [list(row) for row in rows]
    for i in range(len(rows)):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(len(rows)):
            if k != i and rows[k][i]:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def _check(p: Params) -> str:
    """First-step equations, solved by elimination."""
    moves = _moves(p)
    size, reward = len(moves), int(p["form"] in ("length", "pattern"))
    rows = []
    for i, options in enumerate(moves):
        row = [Fraction(int(j == i)) for j in range(size)] + [Fraction(reward)]
        for target, chance in options:
            if target >= 0:
                row[target] -= chance
            elif target == _WON and not reward:
                row[size] += chance
        rows.append(row)
    return fraction(_eliminated(rows)[p["i"] - 1 if "i" in p else 0])


FAMILY = MathFamily(
    name="random_walks",
    topic="probability",
    kind="fraction",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
