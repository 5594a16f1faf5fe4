"""Measures of a pair of boxes, and derivatives by them: the names that penalties and geometries share."""

from collections.abc import Callable
from typing import Any, NamedTuple


class PairMeasures(NamedTuple):
    """Measures of a pair, scalars of any language; None where a geometry does not provide one, or no penalty reads it.

    A size is a length, an area or a volume.

    Attributes:
        symmetric_difference: The size of the union less that of the intersection.
        intersection: The size of the intersection.
        distinct: 0 if both boxes are identical, else 1: the loss where a ratio of sizes is 0 / 0.
        enclosure_excess: The size of the enclosing region less that of the union.
        distance: The squared distance of the centers.
        diagonal: The squared diagonal of the enclosing region.
        aspect_angle: The difference of the diagonals' angles, atan(w'/h') - atan(w/h), w' and h' being the target's.
    """

    symmetric_difference: Any
    intersection: Any
    distinct: Any
    enclosure_excess: Any = None
    distance: Any = None
    diagonal: Any = None
    aspect_angle: Any = None


EVERY_GEOMETRY = frozenset(
    {"symmetric_difference", "intersection", "distinct", "enclosure_excess", "distance", "diagonal"}
)
RECTANGLES = EVERY_GEOMETRY | {"aspect_angle"}


class Slopes(NamedTuple):
    """The derivatives of a loss by the measures of a pair; 0 by those that a penalty does not read."""

    symmetric_difference: Any = 0.0
    intersection: Any = 0.0
    enclosure_excess: Any = 0.0
    distance: Any = 0.0
    diagonal: Any = 0.0
    aspect_angle: Any = 0.0


class ReadMeasures:
    """A pair that records the names of the measures that are read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> float:
        self.names.add(name)
        return 1.0


class AnyPrimitive:
    """A vocabulary of which every primitive returns a number."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *operands: (1.0, 0.0) if name == "difference" else 1.0


def needs(penalty: Callable[..., Any]) -> frozenset[str]:
    """The measures that a penalty reads, from one evaluation of it."""
    pair = ReadMeasures()
    penalty(AnyPrimitive(), pair)
    return frozenset(pair.names)


# ------------------------------------------------------------------- convex shapes: rotated boxes, polygons, polytopes


class ConvexMeasures(NamedTuple):
    """Measures of N pairs of convex shapes; None where a penalty does not need one.

    Attributes:
        size: (N,) area or volume of the first shapes.
        other_size: Of the second ones.
        intersection: Of their intersections.
        identical: Whether both are the same set of points.
        backward: From derivatives by these measures to derivatives by both rows.
        enclosure: Area or volume of the enclosing regions.
        distance: The squared distance of the centers.
        diagonal: The squared diagonal of the enclosing regions.
        sides: Width and height of the first shapes, two (N,).
        other_sides: Of the second ones.
    """

    size: Any
    other_size: Any
    intersection: Any
    identical: Any
    backward: Callable[["ConvexSlopes"], tuple[Any, Any]]
    enclosure: Any = None
    distance: Any = None
    diagonal: Any = None
    sides: Any = None
    other_sides: Any = None


class ConvexSlopes(NamedTuple):
    """The derivatives of a loss by the measures of convex shapes; None by sides that are not needed."""

    size: Any
    other_size: Any
    intersection: Any
    enclosure: Any
    distance: Any
    diagonal: Any
    sides: Any
    other_sides: Any


def convex_pair(m, shapes):
    """The measures of a pair, and the derivatives of its aspect angle by the sides of both shapes."""
    difference = (shapes.size - shapes.intersection) + (shapes.other_size - shapes.intersection)
    excess = angle = by_sides = None
    if shapes.enclosure is not None:
        excess = m.relu(shapes.enclosure - difference - shapes.intersection)
    if shapes.sides is not None:
        angle, *by_sides = aspect_angle(m, shapes.sides, shapes.other_sides)
    distinct = m.where(shapes.identical, 0.0 * shapes.size, 1.0)  # of the size's precision
    pair = PairMeasures(difference, shapes.intersection, distinct, excess, shapes.distance, shapes.diagonal, angle)
    return pair, by_sides


def convex_slopes(slopes, by_sides):
    """The derivatives by the measures of both shapes, from those by the measures of the pair."""
    d_size = slopes.symmetric_difference - slopes.enclosure_excess
    d_sides = [tuple(slopes.aspect_angle * by_side for by_side in each) for each in by_sides or ()] or (None, None)
    return ConvexSlopes(
        d_size,
        d_size,
        slopes.intersection - 2.0 * slopes.symmetric_difference + slopes.enclosure_excess,
        slopes.enclosure_excess,
        slopes.distance,
        slopes.diagonal,
        *d_sides,
    )


def aspect_angle(m, sides, other_sides):
    """atan(w'/h') - atan(w/h), 0 beside a point; its derivatives by w and h, and by w' and h'."""
    (width, height), (other_width, other_height) = sides, other_sides
    defined = (width + height > 0.0) & (other_width + other_height > 0.0)
    across = m.where(defined, height * other_width - width * other_height, 0.0)
    along = m.where(defined, width * other_width + height * other_height, 1.0)

    def by_sides(width, height, sign):
        square = width * width + height * height
        return tuple(m.where(defined, sign * m.quotient(side, square), 0.0) for side in (height, -width))

    return m.angle(across, along), by_sides(width, height, -1.0), by_sides(other_width, other_height, 1.0)
