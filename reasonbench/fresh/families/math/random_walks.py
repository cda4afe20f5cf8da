"""Games that end: ruin, races, and waiting for a pattern."""

from fractions import Fraction

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import fraction, worded
from reasonbench.fresh.family import MathFamily, Params

_FORMS = {
    "ruin": (
        "A gambler has @coins. In each round he wins one coin with probability $@p$ and loses "
        "one coin otherwise, independently of the other rounds. He stops when he has $@n$ coins or "
        "none. Find the probability that he stops with $@n$ coins, as a fraction in lowest terms.",
        "A token stands on the number $@i$ of the number line. In every move it goes one step to "
        "the right with probability $@p$ and one step to the left otherwise, independently of "
        "earlier moves. What is the probability, as a common fraction, that it reaches $@n$ before "
        "it reaches $0$?",
        "A bug sits on rung $@i$ of a ladder whose ends are rung $0$ and rung $@n$. Each second, "
        "independently, it climbs one rung with probability $@p$, or else goes down one rung. "
        "Determine the probability that it gets to rung $@n$ before rung $0$; answer with a "
        "fraction in lowest terms.",
    ),
    "length": (
        "A gambler has @coins. In each round he wins one coin with probability $@p$ and loses "
        "one coin otherwise, independently of the other rounds. He stops when he has $@n$ coins or "
        "none. Find the expected number of rounds, as an integer or a fraction in lowest terms.",
        "A token stands on the number $@i$ of the number line. In every move it goes one step to "
        "the right with probability $@p$ and one step to the left otherwise, independently of "
        "earlier moves. What is the expected number of moves until it first reaches $0$ or $@n$? "
        "Answer with an integer or a common fraction.",
        "A bug sits on rung $@i$ of a ladder whose ends are rung $0$ and rung $@n$. Each second, "
        "independently, it climbs one rung with probability $@p$, or else goes down one rung. "
        "Determine the expected number of seconds until it reaches an end of the ladder, as an "
        "integer or a fraction in lowest terms.",
    ),
    "pattern": (
        "A coin that shows heads (H) with probability $@p$ and tails (T) otherwise is tossed "
        "repeatedly. Find the expected number of tosses until the pattern @pattern first appears "
        "in consecutive tosses. Answer with an integer or a fraction in lowest terms.",
        "A machine prints letters independently, each one H with probability $@p$ and T otherwise, "
        "until its last letters read @pattern. What is the expected number of letters that it "
        "prints, as an integer or a common fraction?",
        "In each game, independently, a player scores a hit (H) with probability $@p$ and a miss "
        "(T) otherwise. Determine the expected number of games up to and including the first time "
        "that the latest games, in order, are @pattern. Give an integer or a fraction in lowest "
        "terms.",
    ),
}


def _texts(p: Params) -> dict[str, str]:
    i = p.get("i", 0)
    return {"coins": f"${i}$ coin" + "s" * (i != 1), "p": rf"\frac{{{p['top']}}}{{{p['bottom']}}}"}


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        bottom = draw.integer(3, 11 if level == 0 else 7)
        chance = {"top": draw.integer(1, bottom - 1), "bottom": bottom}
        if level == 0:
            return {"form": "ruin", **chance, "i": draw.integer(1, 2), "n": 3}
        if level == 3:
            letters = [draw.choice("HT") for _ in range(draw.integer(3, 4))]
            return {"form": "pattern", **chance, "pattern": "".join(letters)}
        if level == 4:
            letters = [draw.choice("HT") for _ in range(draw.integer(5, 6))]
            return {"form": "pattern", **chance, "pattern": "".join(letters)}
        n = draw.integer(4, 7)
        form = "ruin" if level == 1 else "length"
        return {"form": form, **chance, "i": draw.integer(1, n - 1), "n": n}

    def fine(p: Params) -> bool:
        chance = Fraction(p["top"], p["bottom"])
        plain = chance.denominator == p["bottom"]
        if p["form"] == "pattern":
            return plain and len(set(p["pattern"])) > 1
        return plain and _value(p).denominator < 10**6

    return redrawn(make, fine)


def _value(p: Params) -> Fraction:
    win = Fraction(p["top"], p["bottom"])
    if p["form"] == "pattern":
        # Conway: one term for each prefix that is also a suffix.
        word, answer = p["pattern"], Fraction(0)
        for size in range(1, len(word) + 1):
            if word[:size] == word[-size:]:
                chance = Fraction(1)
                for letter in word[:size]:
                    chance *= win if letter == "H" else 1 - win
                answer += 1 / chance
        return answer
    i, n = p["i"], p["n"]
    ratio = (1 - win) / win
    if ratio == 1:
        return Fraction(i, n) if p["form"] == "ruin" else Fraction(i * (n - i))
    reach = (1 - ratio**i) / (1 - ratio**n)
    return Fraction(reach if p["form"] == "ruin" else (n * reach - i) / (2 * win - 1))


def _solve(p: Params) -> str:
    return fraction(_value(p))


def _moves(p: Params) -> list[list[tuple[int, Fraction]]]:
    """Where each state goes with what chance; -1 is the wanted end and -2 the other."""
    win = Fraction(p["top"], p["bottom"])
    states = []
    if p["form"] == "pattern":
        word = p["pattern"]
        for done in range(len(word)):
            moves = []
            for letter, chance in (("H", win), ("T", 1 - win)):
                text = word[:done] + letter
                size = next(s for s in range(len(text), -1, -1) if text.endswith(word[:s]))
                moves.append((-1 if size == len(word) else size, chance))
            states.append(moves)
        return states
    for i in range(1, p["n"]):
        up, down = (-1 if i == p["n"] - 1 else i), (-2 if i == 1 else i - 2)
        states.append([(up, win), (down, 1 - win)])
    return states


def _check(p: Params) -> str:
    """First-step equations, solved by elimination."""
    moves = _moves(p)
    size, reward = len(moves), 0 if p["form"] == "ruin" else 1
    rows = []
    for i, options in enumerate(moves):
        row = [Fraction(int(j == i)) for j in range(size)] + [Fraction(reward)]
        for target, chance in options:
            if target >= 0:
                row[target] -= chance
            elif target == -1 and not reward:
                row[size] += chance
        rows.append(row)
    for i in range(size):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return fraction(rows[p["i"] - 1 if "i" in p else 0][-1])


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
