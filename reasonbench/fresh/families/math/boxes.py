"""Rectangular boxes: diagonals, volumes, distances, and paths on the surface."""

from fractions import Fraction
from math import hypot

from reasonbench.fresh.draw import Draw
from reasonbench.fresh.families.math.drawing import redrawn
from reasonbench.fresh.families.math.format import listed, maths, root, worded
from reasonbench.fresh.family import MathFamily, Params

_END = " Give the exact value in simplest radical form."
_FORMS = {
    "diagonal": (
        "A rectangular box has edge lengths @edges. Find the length of its space diagonal." + _END,
        "What is the distance between two opposite vertices of a box with dimensions @edges?"
        + _END,
        "Determine the length of the longest straight rod that fits into a closed rectangular box "
        "with inner dimensions @edges." + _END,
    ),
    "surface": (
        "A spider sits at a vertex of a rectangular box with edge lengths @edges and crawls on the "
        "surface of the box to the opposite vertex. Find the length of its shortest path." + _END,
        "A closed rectangular box measures @product. What is the length of the shortest path along "
        "its surface that joins two opposite vertices (the ends of a space diagonal)?" + _END,
        "Two opposite vertices of a solid rectangular block with dimensions @edges are to be "
        "joined by a thread that stays on the surface. Determine the least possible length of the "
        "thread." + _END,
    ),
    "faces": (
        "The diagonals of three faces that meet at a vertex of a rectangular box have lengths "
        "@roots. Find the volume of the box." + _END,
        "A rectangular box has face diagonals of lengths @roots. What is its volume?" + _END,
        "The faces of a rectangular block have diagonals of three lengths, namely @roots. "
        "Determine the volume of the block." + _END,
    ),
    "sums": (
        "The total surface area of a rectangular box is $@area$, and the sum of the lengths of its "
        "$12$ edges is $@around$. Find the length of its space diagonal." + _END,
        "A wire frame of a rectangular box uses wire of total length $@around$ for its $12$ edges, "
        "and covering all six faces takes paper of total area $@area$. What is the distance "
        "between two opposite vertices of the box?" + _END,
        "The edges of a rectangular block have total length $@around$ (there are $12$ of them), "
        "and its six faces have total area $@area$. Determine the length of a space diagonal."
        + _END,
    ),
    "plane": (
        "In a rectangular box, $A$ is a vertex and $P$, $Q$, $R$ are the three vertices joined to "
        "$A$ by an edge. The diagonals of the three faces that meet at $A$ have lengths @roots. "
        "Find the distance from $A$ to the plane $PQR$." + _END,
        "A corner is cut off a rectangular block by the plane through the three vertices adjacent "
        "to that corner. The cut is a triangle with side lengths @roots. How far is the corner "
        "from the plane of the cut?" + _END,
        "In the tetrahedron $APQR$ the edges $AP$, $AQ$ and $AR$ are mutually perpendicular, and "
        "$PQ$, $QR$ and $RP$ have the lengths @roots, respectively. Determine the length of the "
        "altitude from $A$." + _END,
    ),
}


def _texts(p: Params) -> dict[str, object]:
    numbers = p["numbers"]
    return {
        "edges": listed(maths(numbers)),
        "product": rf"${numbers[0]} \times {numbers[1]} \times {numbers[-1]}$",
        "roots": listed(maths([rf"\sqrt{{{n}}}" for n in numbers])),
        "area": numbers[0],
        "around": numbers[-1],
    }


def _draw(draw: Draw, level: int) -> Params:
    def make() -> Params:
        form = ("diagonal", "surface", "faces", "sums", "plane")[level]
        a, b, c = sorted(draw.integer(1, (20, 25, 1, 60, 1)[level]) for _ in range(3))
        if level in (2, 4):
            squares = sorted(draw.distinct(3, 2, 60))
            pairs = [squares[0] + squares[1], squares[0] + squares[2], squares[1] + squares[2]]
            return {"form": form, "numbers": pairs}
        if level == 3:
            numbers = [2 * (a * b + b * c + c * a), 4 * (a + b + c)]
            return {"form": form, "numbers": numbers}
        return {"form": form, "numbers": [a, b, c]}

    def fine(p: Params) -> bool:
        square = any(round(n**0.5) ** 2 == n for n in p["numbers"])
        if level in (2, 4) and square:
            return False
        return len(set(p["numbers"])) == len(p["numbers"]) and r"\sqrt" in _solve(p)

    return redrawn(make, fine)


def _solve(p: Params) -> str:
    n = p["numbers"]
    match p["form"]:
        case "diagonal":
            return root(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
        case "surface":
            # The shortest unfolding puts the two shorter edges in one line.
            small, middle, large = sorted(n)
            return root((small + middle) ** 2 + large**2)
        case "sums":
            return root(Fraction(n[1], 4) ** 2 - n[0])
    squares = [Fraction(sum(n), 2) - square for square in n]
    if p["form"] == "faces":
        return root(squares[0] * squares[1] * squares[2])
    return root(1 / sum((1 / square for square in squares), start=Fraction(0)))


def _surface(a: int, b: int, c: int) -> float:
    """Over the edge of length c between the faces a x c and b x c."""
    low, high = 0.0, float(c)
    for _ in range(60):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        lengths = [hypot(a, z) + hypot(b, c - z) for z in (left, right)]
        low, high = (low, right) if lengths[0] < lengths[1] else (left, high)
    return hypot(a, low) + hypot(b, c - low)


def _check(p: Params) -> str:
    n = p["numbers"]
    match p["form"]:
        case "diagonal":
            return root(sum(e * e for e in n))
        case "surface":
            a, b, c = n
            length = min(_surface(a, b, c), _surface(b, c, a), _surface(c, a, b))
            return root(round(length**2)) if abs(length**2 - round(length**2)) < 1e-6 else "none"
        case "faces":
            x = next(x for x in range(1, n[0]) if (n[0] - x) + (n[1] - x) == n[2])
            return root(x * (n[0] - x) * (n[1] - x))
        case "sums":
            third = n[1] // 4
            pairs = ((a, b) for a in range(1, third) for b in range(a, third - a))
            a, b = next((a, b) for a, b in pairs if 2 * (a * b + (a + b) * (third - a - b)) == n[0])
            return root(a * a + b * b + (third - a - b) ** 2)
    # Three times the volume over the area of PQR, by Heron's formula in squares of sides.
    x, y, z = n
    a = next(a for a in range(1, n[0]) if (x - a) + (z - a) == y)
    b, c = x - a, z - a
    area = Fraction(2 * (x * y + y * z + z * x) - x * x - y * y - z * z, 16)
    return root(Fraction(a * b * c, 4) / area)


FAMILY = MathFamily(
    name="boxes",
    topic="geometry",
    kind="surd",
    levels=5,
    draw=_draw,
    templates=worded(_FORMS, _texts),
    solve=_solve,
    check=_check,
)
