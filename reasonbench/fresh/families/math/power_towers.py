"""The remainder of a tower of powers, or of a sum of two."""

from collections.abc import Sequence

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import worded
from reasonbench.fresh.family import MathFamily, Params

_MODULI = ((11, 40), (13, 60), (50, 200), (100, 999), (200, 1999))
_FORMS = {
    "power": (
        r"Find the remainder when $@first$ is divided by $@m$.",
        r"What remainder does $@first$ leave on division by $@m$?",
        r"Determine the integer $r$ with $0 \le r < @m$ such that $@first \equiv r \pmod{@m}$.",
    ),
    "sum": (
        r"Find the remainder when $@first + @second$ is divided by $@m$.",
        r"Let $N = @first + @second$. What remainder does $N$ leave on division by $@m$?",
        r"Determine the integer $r$ with $0 \le r < @m$ such that "
        r"$@first + @second \equiv r \pmod{@m}$.",
    ),
}


def _tower(bases: Sequence[int]) -> str:
    first, *rest = bases
    return f"{first}^{{{_tower(rest)}}}" if rest else str(first)


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        low, high = _MODULI[level]
        height = (2, 2, 3, 4, 3)[level]
        towers = []
        for _ in range(2 if level == 4 else 1):
            bases = [draw.integer(2, 9 if level == 0 else 30)]
            bases += [draw.integer(2, 12) for _ in range(height - 1)]
            towers.append(bases)
        if level < 2:
            towers[0][1] = draw.integer(3, 6) if level == 0 else draw.integer(20, 99)
        form = "sum" if level == 4 else "power"
        return {"form": form, "towers": towers, "m": draw.integer(low, high)}

    return redrawn(make, lambda p: int(_solve(p)) > 1)


def _lift(value: int, modulus: int) -> int:
    """Reduce, but keep the mark of having been large: Euler's theorem needs it."""
    return value if value < modulus else value % modulus + modulus


def _totient(number: int) -> int:
    result, left, prime = number, number, 2
    while prime * prime <= left:
        if left % prime == 0:
            result -= result // prime
            while left % prime == 0:
                left //= prime
        prime += 1
    return result - result // left if left > 1 else result


def _lifted(bases: Sequence[int], modulus: int) -> int:
    if len(bases) == 1 or modulus == 1:
        return _lift(bases[0], modulus)
    exponent = _lifted(bases[1:], _totient(modulus))
    result, base = 1, _lift(bases[0], modulus)
    while exponent:
        if exponent & 1:
            result = _lift(result * base, modulus)
        base = _lift(base * base, modulus)
        exponent >>= 1
    return result


def _solve(p: Params) -> str:
    return str(sum(_lifted(bases, p["m"]) for bases in p["towers"]) % p["m"])


def _capped(bases: Sequence[int], cap: int) -> int:
    """The tower, or the cap if that is smaller."""
    value = 1
    for base in reversed(bases):
        value = cap if value > cap.bit_length() else min(cap, base**value)
    return value


def _by_cycle(bases: Sequence[int], modulus: int) -> int:
    """Walk through the powers of the base until they repeat."""
    base, *rest = bases
    if not rest:
        return base % modulus
    seen: dict[int, int] = {}
    powers: list[int] = []
    value = 1 % modulus
    while value not in seen:
        seen[value] = len(powers)
        powers.append(value)
        value = value * base % modulus
    tail, period = seen[value], len(powers) - seen[value]
    if (exponent := _capped(rest, len(powers) + 1)) < len(powers):
        return powers[exponent]
    return powers[tail + (_by_cycle(rest, period) - tail) % period]


def _check(p: Params) -> str:
    return str(sum(_by_cycle(bases, p["m"]) for bases in p["towers"]) % p["m"])


FAMILY = MathFamily(
    name="power_towers",
    topic="number theory",
    kind="integer",
    levels=5,
    draw=_draw,
    templates=worded(
        _FORMS, lambda p: {"first": _tower(p["towers"][0]), "second": _tower(p["towers"][-1])}
    ),
    solve=_solve,
    check=_check,
)
