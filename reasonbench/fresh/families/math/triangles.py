"""Lengths and areas of triangles with whole sides."""

from fractions import Fraction

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import root, worded
from reasonbench.fresh.family import MathFamily, Params

_END = " Give the exact value in simplest radical form."
_FORMS = {
    "third": (
        "In triangle $ABC$, $AB = @c$, $AC = @b$ and $\\angle BAC = @angle^\\circ$. Find $BC$."
        + _END,
        "Two sides of a triangle have lengths $@b$ and $@c$, and the angle between them is "
        "$@angle^\\circ$. How long is the third side?" + _END,
        "Two ships leave a harbour along straight lines that form an angle of $@angle^\\circ$. "
        "How many kilometres apart are they when one is $@b$ km and the other $@c$ km from the "
        "harbour?" + _END,
    ),
    "sides": (
        "In triangle $ABC$, $BC = @a$, $CA = @b$ and $AB = @c$. Find @what." + _END,
        "Let $ABC$ be a triangle with side lengths $AB = @c$, $BC = @a$ and $CA = @b$. Determine "
        "@what." + _END,
        "A triangle with vertices $A$, $B$ and $C$ satisfies $AB = @c$, $AC = @b$ and "
        "$BC = @a$. What is @what?" + _END,
    ),
}
_WHAT = {
    "area": "the area of the triangle",
    "circumradius": "the radius of the circle through $A$, $B$ and $C$",
    "inradius": "the radius of the inscribed circle of the triangle",
    "median": "the distance from $A$ to the midpoint of $BC$",
    "bisector": "the length of the segment $AD$, where $D$ is the point at which the bisector of "
    "angle $BAC$ meets $BC$",
    "centres": "the distance between the incentre and the circumcentre of the triangle",
    "centroid": "the distance between the centroid and the circumcentre of the triangle",
}
_LEVELS = (
    ("third",),
    ("area", "median"),
    ("circumradius", "inradius"),
    ("bisector",),
    ("centres", "centroid"),
)


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        high = 12 if level < 3 else 16
        b, c = draw.integer(3, high), draw.integer(3, high)
        if level == 0:
            return {
                "form": "third",
                "what": "third",
                "b": b,
                "c": c,
                "angle": draw.choice([60, 90, 120]),
            }
        what = draw.choice(_LEVELS[level])
        return {"form": "sides", "what": what, "a": draw.integer(3, high), "b": b, "c": c}

    def fine(p: Params) -> bool:
        if p["form"] == "third":
            return r"\sqrt" in _solve(p)
        a, b, c = p["a"], p["b"], p["c"]
        proper = a < b + c and b < a + c and c < a + b and len({a, b, c}) > 1 + (level > 1)
        return proper and r"\sqrt" in _solve(p)

    return redrawn(make, fine)


def _square(p: Params) -> Fraction:
    """The square of the wanted length or area, by the classical formulae."""
    b, c = int(p["b"]), int(p["c"])
    if p["what"] == "third":
        return Fraction(b * b + c * c + {60: -1, 90: 0, 120: 1}[p["angle"]] * b * c)
    a = int(p["a"])
    around = a + b + c
    area = Fraction(around * (b + c - a) * (a + c - b) * (a + b - c), 16)
    radius = Fraction(a * a * b * b * c * c) / (16 * area)
    match p["what"]:
        case "area":
            return area
        case "circumradius":
            return radius
        case "inradius":
            return Fraction(4 * area / around**2)
        case "median":
            return Fraction(2 * b * b + 2 * c * c - a * a, 4)
        case "bisector":
            return Fraction(b * c * ((b + c) ** 2 - a * a), (b + c) ** 2)
        case "centres":
            return radius - Fraction(a * b * c, around)
    return radius - Fraction(a * a + b * b + c * c, 9)


def _solve(p: Params) -> str:
    return root(_square(p))


def _check(p: Params) -> str:
    """With coordinates A = (0, 0), B = (c, 0), C = (x, y): heights are multiples of y."""
    b, c = p["b"], p["c"]
    if p["what"] == "third":
        x = b * Fraction({60: 1, 90: 0, 120: -1}[p["angle"]], 2)
        return root((x - c) ** 2 + b * b - x * x)
    a = p["a"]
    x = Fraction(b * b + c * c - a * a, 2 * c)
    y2 = b * b - x * x
    half = Fraction(a + b + c, 2)
    # The circumcentre is (c/2, v) and v = up / y.
    up = (x * x + y2 - c * x) / 2
    inner = c / (2 * half)
    match p["what"]:
        case "area":
            square = c * c * y2 / 4
        case "circumradius":
            square = Fraction(c * c, 4) + up * up / y2
        case "inradius":
            square = inner * inner * y2
        case "median":
            square = ((c + x) / 2) ** 2 + y2 / 4
        case "bisector":
            square = ((b * c + c * x) / (b + c)) ** 2 + Fraction(c, b + c) ** 2 * y2
        case "centres":
            square = (half - a - Fraction(c, 2)) ** 2 + (up - inner * y2) ** 2 / y2
        case _:
            square = ((c + x) / 3 - Fraction(c, 2)) ** 2 + (up - y2 / 3) ** 2 / y2
    return root(square)


FAMILY = MathFamily(
    name="triangles",
    topic="geometry",
    kind="surd",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, lambda p: {"what": _WHAT.get(p["what"], "")}),
    solve=_solve,
    check=_check,
)
