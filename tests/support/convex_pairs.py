"""Pairs of convex polygons by kind, drawn from a seed, in float64.

Ties are where kernels of this kind go wrong: edges that coincide, corners on edges, crossings of near-parallel edges.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from detloss import AxisAligned, Mixed, Polygon, Rotated
from detloss.auditing.oracle.exact_polygons import Shape, box_of, polygon, rectangle
from detloss.geometry import Geometry

ROTATED = Rotated()
Pair = tuple[Tensor, Tensor]
Draw = Callable[[torch.Generator, int], Pair]
RANDOM, TIED, THIN = 1e-13, 3e-11, 3e-10  # tolerances of the IoU
SMOOTH, KINKED = (
    Fraction(1, 10**20),
    Fraction(1, 10**8),
)  # steps; the longer one if rounding moved a pair off its tie


@dataclass(frozen=True)
class PairSet:
    """Pairs of one kind, and the tolerances of the IoU and of gradients that the oracle takes with a step.

    A gradient's error is None where a step makes a polygon that is not convex.
    """

    draw: Draw
    geometry: Geometry = ROTATED
    error: float = TIED
    step: Fraction = KINKED
    gradient_error: float | None = 1e-6

    def pairs(self, seed: int, count: int) -> Pair:
        return self.draw(torch.Generator().manual_seed(seed), count)

    @property
    def shapes(self) -> tuple[Shape, Shape]:
        """Both rows as polygons of the oracle."""
        parts = (
            (self.geometry.first, self.geometry.second) if isinstance(self.geometry, Mixed) else (self.geometry,) * 2
        )
        return oracle_of(parts[0]), oracle_of(parts[1])


def oracle_of(geometry: object) -> Shape:
    if isinstance(geometry, AxisAligned):
        return box_of(geometry.format)
    return rectangle if isinstance(geometry, Rotated) else polygon


def fractions_of(row: Tensor) -> list[Fraction]:
    """The exact numbers of a row."""
    return [Fraction(x) for x in row.flatten().tolist()]


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def whole(generator: torch.Generator, low: int, high: int, *shape: int) -> Tensor:
    """Integers, the bounds among them."""
    return torch.randint(low, high + 1, shape, generator=generator).double()


# ------------------------------------------------------------------------------------------------- rectangles


def rectangles(generator: torch.Generator, count: int) -> Tensor:
    """Sides from a half to two and a half, centers that make most pairs overlap, any angle."""
    center = 0.6 * torch.randn((count, 2), generator=generator, dtype=torch.float64)
    sides = uniform(generator, 0.5, 2.5, count, 2)
    return torch.cat((center, sides, uniform(generator, -math.pi, math.pi, count, 1)), -1)


def moved(
    rows: Tensor, along: Tensor | float = 0.0, across: Tensor | float = 0.0, angle: Tensor | float = 0.0
) -> Tensor:
    """Rectangles shifted in units of their width and height, then rotated."""
    cosine, sine = rows[:, 4].cos(), rows[:, 4].sin()
    x, y = along * rows[:, 2], across * rows[:, 3]
    step = torch.stack((x * cosine - y * sine, x * sine + y * cosine, *rows.new_zeros(2, len(rows)), 0 * x + angle), -1)
    return rows + step


def half_turns(rows: Tensor, quarters: Tensor) -> Tensor:
    """The same rectangles with the angle increased by quarter turns, with their sides swapped if the number is odd."""
    odd = (quarters % 2 == 1).unsqueeze(-1)
    sides = torch.where(odd, rows[:, 2:4].flip(-1), rows[:, 2:4])
    return torch.cat((rows[:, :2], sides, rows[:, 4:] + 0.5 * math.pi * quarters.unsqueeze(-1)), -1)


def of_rectangles(change: Callable[[Tensor, torch.Generator], Tensor], low: float = 0.0, high: float = 0.0) -> Draw:
    """Random rectangles against the same ones changed; angles are redrawn if a range is given."""

    def draw(generator: torch.Generator, count: int) -> Pair:
        first = rectangles(generator, count)
        if high > low:
            first[:, 4] = uniform(generator, low, high, count)
        return first, change(first, generator)

    return draw


def sign(generator: torch.Generator, count: int) -> Tensor:
    return 2.0 * whole(generator, 0, 1, count) - 1.0


def apart(first: Tensor, generator: torch.Generator) -> Tensor:
    """Further away than both are long."""
    second = rectangles(generator, len(first))
    direction = uniform(generator, 0.0, 2.0 * math.pi, len(first))
    distance = uniform(generator, 4.0, 9.0, len(first), 1)
    second[:, :2] = first[:, :2] + distance * torch.stack((direction.cos(), direction.sin()), -1)
    return second


def rectangles_on_a_grid(generator: torch.Generator, count: int) -> Tensor:
    """Axis-aligned, with corners at small integers."""
    center, half = whole(generator, -2, 2, count, 2), whole(generator, 1, 2, count, 2)
    return torch.cat((center, 2.0 * half, torch.zeros(count, 1, dtype=torch.float64)), -1)


def grid(generator: torch.Generator, count: int) -> Pair:
    """Edges and corners meet in most pairs."""
    first, second = (
        half_turns(rectangles_on_a_grid(generator, count), whole(generator, 0, 3, count)) for _ in range(2)
    )
    return first, second


def nested(first: Tensor, generator: torch.Generator) -> Tensor:
    """Half as large or less, and inside; every other one concentric and parallel."""
    count = len(first)
    room = uniform(generator, -0.2, 0.2, 2, count)
    plain = torch.arange(count) % 2 == 0
    second = moved(first, *torch.where(plain, 0.0, room))
    second[:, 2:4] = first[:, 2:4] * uniform(generator, 0.1, 0.5, count, 2)
    shorter = second[:, 2:4].amin(-1, keepdim=True).expand(-1, 2)
    turn = torch.where(plain, 0.0, uniform(generator, -math.pi, math.pi, count))
    second[:, 2:4] = torch.where(plain.unsqueeze(-1), second[:, 2:4], 0.2 * shorter)
    return second + torch.nn.functional.pad(turn.unsqueeze(-1), (4, 0))


def thin(generator: torch.Generator, count: int) -> Pair:
    """One side ten thousand times the other; nearly along each other in every other pair."""
    first, second = rectangles(generator, count), rectangles(generator, count)
    for rows in (first, second):
        rows[:, 3] = 1e-4 * rows[:, 2]
    alike = torch.arange(count) % 2 == 0
    offset = uniform(generator, -0.5, 0.5, 2, count)
    near = moved(first, *offset, angle=uniform(generator, -1e-4, 1e-4, count))
    return first, torch.where(alike.unsqueeze(-1), near, second)


def scaled(size: float, shift: float = 0.0) -> Draw:
    """Random pairs of another size, shifted by so many sizes."""

    def draw(generator: torch.Generator, count: int) -> Pair:
        first, second = rectangles(generator, count), rectangles(generator, count)
        for rows in (first, second):
            rows[:, :2] += shift
            rows[:, :4] *= size
        return first, second

    return draw


RECTANGLES = {
    "random": PairSet(
        of_rectangles(lambda rows, g: rectangles(g, len(rows))), error=RANDOM, step=SMOOTH, gradient_error=1e-10
    ),
    "identical": PairSet(of_rectangles(lambda rows, g: rows.clone())),
    "equivalent rows": PairSet(of_rectangles(lambda rows, g: half_turns(rows, whole(g, 1, 3, len(rows))))),
    "half shifted": PairSet(of_rectangles(lambda rows, g: moved(rows, 0.5 * sign(g, len(rows))))),
    "shorter along an edge": PairSet(
        of_rectangles(lambda rows, g: moved(rows, 0.25) * rows.new_tensor([1, 1, 0.5, 1, 1]))
    ),
    "rotated by 1e-7": PairSet(
        of_rectangles(lambda rows, g: moved(rows, 0.3 * sign(g, len(rows)), angle=1e-7)), step=SMOOTH
    ),
    "rotated by 1e-10": PairSet(
        of_rectangles(lambda rows, g: moved(rows, 0.3 * sign(g, len(rows)), angle=1e-10)),
        step=SMOOTH,
        gradient_error=1e-2,
    ),
    "rotated by 1e-13": PairSet(of_rectangles(lambda rows, g: moved(rows, 0.3 * sign(g, len(rows)), angle=1e-13))),
    "shifted by 1e-7": PairSet(of_rectangles(lambda rows, g: moved(rows, 1e-7, 1e-7)), step=SMOOTH),
    "shifted by 1e-10": PairSet(of_rectangles(lambda rows, g: moved(rows, 1e-10, -1e-10)), step=SMOOTH),
    "touching edges": PairSet(
        of_rectangles(lambda rows, g: moved(rows, sign(g, len(rows)), 0.5 * whole(g, 0, 1, len(rows))))
    ),
    "touching corners": PairSet(of_rectangles(lambda rows, g: moved(rows, sign(g, len(rows)), sign(g, len(rows))))),
    "grid": PairSet(grid),
    "nested": PairSet(of_rectangles(nested), error=RANDOM, step=SMOOTH, gradient_error=1e-10),
    "apart": PairSet(of_rectangles(apart), error=0.0, step=SMOOTH, gradient_error=1e-10),
    "thin": PairSet(thin, error=THIN, step=SMOOTH, gradient_error=1e-8),
    "tiny": PairSet(scaled(1e-100), error=RANDOM),
    "huge": PairSet(scaled(1e100), error=RANDOM),
    "far away": PairSet(scaled(1.0, 1e6), error=RANDOM, step=SMOOTH, gradient_error=1e-8),
}

# --------------------------------------------------------------------------------------------------- polygons


def regular(generator: torch.Generator, count: int, corners: int) -> Tensor:
    """Polygons with their corners at random on random ellipses, anticlockwise."""
    angles = uniform(generator, 0.0, 2.0 * math.pi, count, corners).sort(-1).values
    axes = uniform(generator, 0.5, 1.5, count, 1, 2)
    turn, center = uniform(generator, 0.0, math.pi, count, 1), uniform(generator, -0.5, 0.5, count, 1, 2)
    x, y = (axes * torch.stack((angles.cos(), angles.sin()), -1)).unbind(-1)
    return center + torch.stack((x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()), -1)


def in_any_direction(generator: torch.Generator, vertices: Tensor) -> Tensor:
    """Polygons of random orientation, each from a random first vertex."""
    count, corners, _ = vertices.shape
    backward = whole(generator, 0, 1, count).bool().view(-1, 1, 1)
    start = torch.randint(corners, (count, 1), generator=generator)
    order = ((torch.arange(corners) + start) % corners).unsqueeze(-1).expand_as(vertices)
    return torch.where(backward, vertices.flip(-2), vertices).gather(-2, order)


def padded(vertices: Tensor, copies: int) -> Tensor:
    """With the last vertex repeated."""
    return torch.cat((vertices, vertices[:, -1:].expand(-1, copies, -1)), -2)


def with_middles(vertices: Tensor) -> Tensor:
    """With a vertex at the midpoint of every edge."""
    middles = 0.5 * (vertices + vertices.roll(-1, -2))
    return torch.stack((vertices, middles), -2).flatten(-3, -2)


def of_polygons(corners: int, others: int, change: Callable[[Tensor, torch.Generator], Tensor] | None = None) -> Draw:
    """Random polygons against random ones of as many corners, or against the same ones changed."""

    def draw(generator: torch.Generator, count: int) -> Pair:
        first = regular(generator, count, corners)
        second = change(first, generator) if change else regular(generator, count, others)
        return in_any_direction(generator, first), in_any_direction(generator, second)

    return draw


def on_a_grid(generator: torch.Generator, count: int) -> Pair:
    """Triangles and parallelograms with corners on a small grid."""

    def triangles() -> Tensor:
        corners = whole(generator, -2, 2, count, 3, 2)
        flat = torch.linalg.det(corners[:, 1:] - corners[:, :1]).abs() < 0.5
        corners[flat] = corners.new_tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        return corners

    first, second = triangles(), triangles()
    a, b, c = second.unbind(-2)
    return in_any_direction(generator, first), in_any_direction(generator, torch.stack((a, b, b + c - a, c), -2))


def mirrored(vertices: Tensor, generator: torch.Generator) -> Tensor:
    """On the other side of the first edge, which both share."""
    start, edge = vertices[:, :1], vertices[:, 1:2] - vertices[:, :1]
    away = vertices - start
    share = (away * edge).sum(-1, keepdim=True) / edge.square().sum(-1, keepdim=True)
    return start + 2.0 * share * edge - away


def generic(draw: Draw) -> PairSet:
    return PairSet(draw, Polygon(), RANDOM, SMOOTH, 1e-9)


def tied(draw: Draw, gradient_error: float | None = 1e-6) -> PairSet:
    return PairSet(draw, Polygon(), gradient_error=gradient_error)


POLYGONS = {
    "triangles": generic(of_polygons(3, 3)),
    "4 corners against 3": generic(of_polygons(4, 3)),
    "5 corners against 8": generic(of_polygons(5, 8)),
    "16 corners against 7": generic(of_polygons(16, 7)),
    "32 corners": generic(of_polygons(32, 32)),
    "identical polygons": tied(of_polygons(7, 7, lambda vertices, g: vertices)),
    "the same padded": tied(of_polygons(5, 8, lambda vertices, g: padded(vertices, 3)), None),
    "the same with middles": tied(of_polygons(4, 8, lambda vertices, g: with_middles(vertices)), None),
    "mirrored at an edge": tied(of_polygons(5, 5, mirrored)),
    "half as large from a corner": tied(of_polygons(6, 6, lambda v, g: v[:, :1] + 0.5 * (v - v[:, :1]))),
    "polygons larger by 1e-10": PairSet(
        of_polygons(6, 6, lambda v, g: v + 1e-10 * (v - v.mean(-2, keepdim=True))),
        Polygon(),
        step=SMOOTH,
        gradient_error=1e-4,
    ),
    "triangles on a grid": tied(on_a_grid),
}

# ------------------------------------------------------------------------------------------------------ mixed


def corners_of(rows: Tensor) -> Tensor:
    """The vertices of rectangles, anticlockwise."""
    return torch.stack([moved(rows, x, y)[:, :2] for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))], -2)


def of_rectangle_and_polygon(generator: torch.Generator, count: int) -> Pair:
    return rectangles(generator, count), in_any_direction(generator, regular(generator, count, 6))


def of_rectangle_and_its_corners(generator: torch.Generator, count: int) -> Pair:
    rows = rectangles(generator, count)
    return rows, in_any_direction(generator, corners_of(rows))


def upright(generator: torch.Generator, count: int) -> Tensor:
    """Boxes by their corners."""
    low, sides = uniform(generator, -1.5, 0.0, count, 2), uniform(generator, 0.5, 2.5, count, 2)
    return torch.cat((low, low + sides), -1)


def of_box_and_rectangle(generator: torch.Generator, count: int) -> Pair:
    return upright(generator, count), rectangles(generator, count)


def of_polygon_and_box_on_a_grid(generator: torch.Generator, count: int) -> Pair:
    low, sides = whole(generator, -2, 1, count, 2), whole(generator, 1, 3, count, 2)
    return on_a_grid(generator, count)[0], torch.cat((low, sides), -1)


MIXED = {
    "a rectangle and a polygon": PairSet(of_rectangle_and_polygon, Mixed(Rotated(), Polygon()), RANDOM, SMOOTH, 1e-9),
    "a rectangle and its corners": PairSet(of_rectangle_and_its_corners, Mixed(Rotated(), Polygon())),
    "a box and a rectangle": PairSet(of_box_and_rectangle, Mixed(AxisAligned(), Rotated()), RANDOM, SMOOTH, 1e-9),
    "a polygon and a box on a grid": PairSet(
        of_polygon_and_box_on_a_grid, Mixed(Polygon(), AxisAligned(format="xywh"))
    ),
}

SETS = RECTANGLES | POLYGONS | MIXED
