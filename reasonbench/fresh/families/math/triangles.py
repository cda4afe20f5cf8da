"""Lengths and areas of triangles whose sides are whole numbers or roots of whole numbers."""

from fractions import Fraction
from math import isqrt

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
    "orthocentre": "the distance between the orthocentre and the circumcentre of the triangle",
    "height": "the distance between the vertex $A$ and the orthocentre of the triangle",
}
_LEVELS = (
    ("third",),
    ("area", "median"),
    ("area", "circumradius", "median"),
    ("bisector", "inradius", "bisector"),
    ("centres", "centroid", "orthocentre", "height"),
)


def _texts(p: Params) -> dict[str, str]:
    texts = {"what": _WHAT.get(p["what"], "")}
    if p["form"] == "sides":
        shape = r"\sqrt{%d}" if p["roots"] else "%d"
        texts |= {name: shape % p[name] for name in "abc"}
    return texts


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        high = (20, 12, 40, 36, 36)[level]
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
        sides = {"a": draw.integer(3, high), "b": b, "c": c, "roots": int(level == 2)}
        return {"form": "sides", "what": what, **sides}

    def fine(p: Params) -> bool:
        if p["form"] == "third":
            return r"\sqrt" in _solve(p)
        sides = {p["a"], p["b"], p["c"]}
        if p["roots"] and any(isqrt(side) ** 2 == side for side in sides):
            return False
        return len(sides) > 1 + (level > 1) and _sixteen(_squares(p)) > 0 and r"\sqrt" in _solve(p)

    return redrawn(make, fine)


def _squares(p: Params) -> tuple[int, int, int]:
    """The squares of the sides."""
    a, b, c = (int(p[name]) for name in "abc")
    return (a, b, c) if p["roots"] else (a * a, b * b, c * c)


def _sixteen(squares: tuple[int, int, int]) -> int:
    """Sixteen times the square of the area, by Heron; positive if there is a triangle."""
    x, y, z = squares
    return 2 * (x * y + y * z + z * x) - x * x - y * y - z * z


def _square(p: Params) -> Fraction:
    """The square of the wanted length or area, by the classical formulae."""
    b, c = int(p["b"]), int(p["c"])
    if p["what"] == "third":
        return Fraction(b * b + c * c + {60: -1, 90: 0, 120: 1}[p["angle"]] * b * c)
    a, (x, y, z) = int(p["a"]), _squares(p)
    around, area = a + b + c, Fraction(_sixteen((x, y, z)), 16)
    radius = Fraction(x * y * z) / (16 * area)
    return {
        "area": area,
        "circumradius": radius,
        "inradius": 4 * area / around**2,
        "median": Fraction(2 * y + 2 * z - x, 4),
        "bisector": Fraction(b * c * ((b + c) ** 2 - a * a), (b + c) ** 2),
        "centres": radius - Fraction(a * b * c, around),
        "centroid": radius - Fraction(x + y + z, 9),
        "orthocentre": 9 * radius - (x + y + z),
        "height": 4 * radius - x,
    }[p["what"]]


def _solve(p: Params) -> str:
    return root(_square(p))


def _by_vectors(p: Params) -> Fraction:
    """From the products of the vectors u = AB and v = AC; sides are roots of whole numbers."""
    w2, v2, u2 = (Fraction(p[name]) for name in "abc")
    uv = (u2 + v2 - w2) / 2
    gram = u2 * v2 - uv * uv
    if p["what"] == "area":
        return gram / 4
    if p["what"] == "median":
        return (u2 + v2 + 2 * uv) / 4
    # The circumcentre s u + t v has the product u2 / 2 with u, and v2 / 2 with v.
    s, t = v2 * (u2 - uv) / 2 / gram, u2 * (v2 - uv) / 2 / gram
    return s * s * u2 + t * t * v2 + 2 * s * t * uv


def _check(p: Params) -> str:
    """With coordinates A = (0, 0), B = (c, 0), C = (x, y): heights are multiples of y."""
    b, c = p["b"], p["c"]
    if p["what"] == "third":
        x = b * Fraction({60: 1, 90: 0, 120: -1}[p["angle"]], 2)
        return root((x - c) ** 2 + b * b - x * x)
    if p["roots"]:
        return root(_by_vectors(p))
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
        case "inradius":
            square = inner * inner * y2
        case "median":
            square = ((c + x) / 2) ** 2 + y2 / 4
        case "bisector":
            square = ((b * c + c * x) / (b + c)) ** 2 + Fraction(c, b + c) ** 2 * y2
        case "orthocentre":
            square = (Fraction(c, 2) - x) ** 2 + (up - x * (c - x)) ** 2 / y2
        case "height":
            square = x * x + (x * (c - x)) ** 2 / y2
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
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
