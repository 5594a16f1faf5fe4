"""Pairs of polygons without area, and of sides that differ by many orders of magnitude, with exact ties."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tests.support.convex_pairs import (
    KINKED,
    SMOOTH,
    Draw,
    Pair,
    PairSet,
    moved,
    rectangles,
    sign,
    uniform,
    whole,
)

Of = Callable[[Tensor, torch.Generator], Tensor]  # the second polygons, from the first


def upright_rectangles(generator: torch.Generator, count: int) -> Tensor:
    """Axis-aligned, with corners at integers: contacts are exact."""
    center, half = whole(generator, -4, 4, count, 2), whole(generator, 1, 3, count, 2)
    return torch.cat((center, 2.0 * half, torch.zeros(count, 1, dtype=torch.float64)), -1)


def either_way(draw: Draw) -> Draw:
    """Every other pair swapped: a polygon is alternately prediction and target."""

    def swapped(generator: torch.Generator, count: int) -> Pair:
        first, second = draw(generator, count)
        odd = (torch.arange(count) % 2 == 1).view(-1, *[1] * (first.dim() - 1))
        return torch.where(odd, second, first), torch.where(odd, first, second)

    return swapped


def beside(make: Callable[[torch.Generator, int], Tensor], other: Of) -> Draw:
    """Rectangles, and polygons derived from them."""

    def draw(generator: torch.Generator, count: int) -> Pair:
        first = make(generator, count)
        return first, other(first, generator)

    return either_way(draw)


def point_at(rows: Tensor, along: Tensor, across: Tensor, generator: torch.Generator) -> Tensor:
    """Points in widths and heights of rectangles from their centers, some of them written with negative sides."""
    count = len(rows)
    points = moved(rows, along, across)
    points[:, 2:4] = whole(generator, -2, 0, count, 2)
    points[:, 4] = uniform(generator, -3.0, 3.0, count)
    return points


def segment_at(rows: Tensor, along: Tensor | float, across: Tensor | float, length: float) -> Tensor:
    """Segments along the widths of rectangles, so many of these long."""
    segments = moved(rows, along, across)
    segments[:, 2], segments[:, 3] = length * rows[:, 2], 0.0
    return segments


def crossing(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Segments through rectangles in any direction, every third one with its length as the height."""
    count = len(rows)
    segments = moved(rows, *uniform(generator, -0.3, 0.3, 2, count))
    length = uniform(generator, 0.1, 4.0, count)
    upright = torch.arange(count) % 3 == 0
    segments[:, 2], segments[:, 3] = torch.where(upright, 0.0, length), torch.where(upright, length, 0.0)
    segments[:, 4] = uniform(generator, -3.0, 3.0, count)
    return segments


def inside(rows: Tensor, g: torch.Generator) -> Tensor:
    return point_at(rows, *uniform(g, -0.45, 0.45, 2, len(rows)), g)


def near(rows: Tensor, g: torch.Generator) -> Tensor:
    """Outside, between the lines of two sides."""
    return point_at(rows, sign(g, len(rows)) * uniform(g, 0.6, 2.0, len(rows)), uniform(g, -0.45, 0.45, len(rows)), g)


def on_an_edge(rows: Tensor, g: torch.Generator) -> Tensor:
    return point_at(rows, 0.5 * sign(g, len(rows)), 0.25 * whole(g, -1, 1, len(rows)), g)


def on_a_corner(rows: Tensor, g: torch.Generator) -> Tensor:
    return point_at(rows, 0.5 * sign(g, len(rows)), 0.5 * sign(g, len(rows)), g)


def at_the_center(rows: Tensor, g: torch.Generator) -> Tensor:
    return point_at(rows, *torch.zeros(2, len(rows), dtype=torch.float64), g)


def flat(rows: Tensor) -> Tensor:
    """The same without height."""
    return rows * rows.new_tensor([1.0, 1.0, 1.0, 0.0, 1.0])


def segments(generator: torch.Generator, count: int) -> Tensor:
    return flat(rectangles(generator, count))


def upright_segments(generator: torch.Generator, count: int) -> Tensor:
    return flat(upright_rectangles(generator, count))


def points(generator: torch.Generator, count: int) -> Tensor:
    return rectangles(generator, count) * torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0])


DEGENERATE = {
    "a point inside": PairSet(beside(rectangles, inside), step=SMOOTH),
    "a point near": PairSet(beside(rectangles, near), step=SMOOTH),
    "a point at the center": PairSet(beside(rectangles, at_the_center)),
    "a point on an edge": PairSet(beside(upright_rectangles, on_an_edge), step=SMOOTH),
    "a point on a corner": PairSet(beside(upright_rectangles, on_a_corner), step=SMOOTH),
    "a point on a rotated edge": PairSet(beside(rectangles, on_an_edge)),
    "a segment across": PairSet(beside(rectangles, crossing), step=SMOOTH),
    "a segment inside": PairSet(beside(rectangles, lambda r, g: segment_at(r, 0.125, 0.25, 0.25)), step=SMOOTH),
    "a segment along an edge": PairSet(
        beside(upright_rectangles, lambda r, g: segment_at(r, 0.25 * sign(g, len(r)), 0.5 * sign(g, len(r)), 0.5)),
        step=SMOOTH,
    ),
    "a segment along a rotated edge": PairSet(
        beside(rectangles, lambda r, g: segment_at(r, 0.25 * sign(g, len(r)), 0.5 * sign(g, len(r)), 0.5))
    ),
    "a segment beyond an edge": PairSet(
        beside(upright_rectangles, lambda r, g: segment_at(r, sign(g, len(r)), 0.5 * sign(g, len(r)), 0.5)), step=SMOOTH
    ),
    "a segment against an edge": PairSet(
        beside(upright_rectangles, lambda r, g: segment_at(r, sign(g, len(r)), 0.25 * sign(g, len(r)), 1.0)),
        step=SMOOTH,
    ),
    "segments that cross": PairSet(beside(segments, crossing), step=SMOOTH),
    "segments of one line": PairSet(
        beside(upright_segments, lambda r, g: segment_at(r, 0.5 * whole(g, -4, 4, len(r)), 0.0, 0.5)), step=SMOOTH
    ),
    "a point on a segment": PairSet(beside(upright_segments, on_an_edge), step=SMOOTH),
    "points": PairSet(beside(points, lambda r, g: points(g, len(r))), step=SMOOTH),
}

# ------------------------------------------------------------------------- far longer than broad


def long(generator: torch.Generator, count: int) -> Tensor:
    """Rectangles with one side up to 1e30 times the other."""
    rows = rectangles(generator, count)
    rows[:, 2] *= 10 ** uniform(generator, 4.0, 30.0, count)
    return torch.where((torch.arange(count) % 2 == 0).unsqueeze(-1), rows, rows[:, [0, 1, 3, 2, 4]])


def parallel(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Of equal or nearly equal length, with a small offset across."""
    others = rectangles(generator, len(rows))
    others[:, 2:4] = rows[:, 2:4] * uniform(generator, 0.5, 2.0, len(rows), 2)
    others[:, 4] = rows[:, 4]
    return others


def far_away(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Further than both are large, by up to 1e30."""
    direction = uniform(generator, -math.pi, math.pi, len(rows))
    distance = 10 ** uniform(generator, 4.0, 30.0, len(rows), 1)
    others = rectangles(generator, len(rows))
    others[:, :2] = distance * torch.stack((direction.cos(), direction.sin()), -1)
    return others


def long_pair(make: Callable[[torch.Generator, int], Tensor], other: Of) -> PairSet:
    return PairSet(beside(make, other), step=KINKED)


LONG = {
    "long and ordinary": long_pair(long, lambda r, g: rectangles(g, len(r))),
    "long and parallel": long_pair(long, parallel),
    "long and long": long_pair(long, lambda r, g: long(g, len(r))),
    "long and a point": long_pair(long, lambda r, g: points(g, len(r))),
    "a long segment": long_pair(lambda g, n: flat(long(g, n)), lambda r, g: rectangles(g, len(r))),
    "far away": long_pair(rectangles, far_away),
}
