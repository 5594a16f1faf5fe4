"""Measures of a pair of boxes, and derivatives by them: the names that penalties and geometries share."""

from collections.abc import Callable
from typing import Any, NamedTuple


class AxisMeasures(NamedTuple):
    """Measures of a pair of axis-aligned boxes on one axis; those of an inverted box have its signs.

    Attributes:
        start: The prediction's start less the target's.
        end: The prediction's end less the target's.
        side: The prediction's side.
        target_side: The target's side.
        shift: The prediction's center less the target's.
        growth: The prediction's side less the target's.
        span: The side of the enclosing box.
    """

    start: Any
    end: Any
    side: Any
    target_side: Any
    shift: Any
    growth: Any
    span: Any


class AxisSlopes(NamedTuple):
    """The derivatives of a loss by the measures of one axis, independent of each other."""

    shift: Any = 0.0
    side: Any = 0.0
    span: Any = 0.0


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
        inner_difference: The symmetric difference of the boxes scaled about their centers, for Inner-IoU.
        inner_intersection: The intersection of the scaled boxes.
        unit: The factor from a length of the caller to a length of the measures.
        exchanged: 1 if the first operand is the target, else 0: the derivatives are by the first operand.
        axes: The `AxisMeasures` of every axis.
    """

    symmetric_difference: Any
    intersection: Any
    distinct: Any
    enclosure_excess: Any = None
    distance: Any = None
    diagonal: Any = None
    aspect_angle: Any = None
    inner_difference: Any = None
    inner_intersection: Any = None
    unit: Any = None
    exchanged: Any = None
    axes: Any = None

    @property
    def plane(self) -> Any:
        """The axes x and y of boxes in two dimensions."""
        return self.axes


EVERY_GEOMETRY = frozenset(
    {"symmetric_difference", "intersection", "distinct", "enclosure_excess", "distance", "diagonal"}
)
RECTANGLES = EVERY_GEOMETRY | {"aspect_angle"}
INNER = frozenset({"inner_difference", "inner_intersection"})


class Slopes(NamedTuple):
    """The derivatives of a loss by the measures of a pair; 0 by those that a penalty does not read."""

    symmetric_difference: Any = 0.0
    intersection: Any = 0.0
    enclosure_excess: Any = 0.0
    distance: Any = 0.0
    diagonal: Any = 0.0
    aspect_angle: Any = 0.0
    inner_difference: Any = 0.0
    inner_intersection: Any = 0.0
    axes: tuple[AxisSlopes, ...] = ()

    def plus(self, other: "Slopes") -> "Slopes":
        """The derivatives of the sum of two losses."""
        axes = tuple(AxisSlopes(*map(plus, *each)) for each in zip(self.axes, other.axes)) or self.axes or other.axes
        return Slopes._make([*map(plus, self[:-1], other[:-1]), axes])

    def times(self, factor: Any) -> "Slopes":
        """The derivatives of the loss times a constant."""
        axes = tuple(AxisSlopes(*(times(slope, factor) for slope in axis)) for axis in self.axes)
        return Slopes._make([*(times(slope, factor) for slope in self[:-1]), axes])


def is_absent(slope: Any) -> bool:
    """Whether a derivative is 0 for every pair: no operation is generated for it."""
    return isinstance(slope, float) and slope == 0.0


def plus(slope: Any, other: Any) -> Any:
    """The sum of two derivatives."""
    return other if is_absent(slope) else slope if is_absent(other) else slope + other


def times(slope: Any, factor: Any) -> Any:
    """The product of a derivative and a factor."""
    return slope if is_absent(slope) else slope * factor


class ReadMeasures:
    """A pair that records the names of the measures that are read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return (AxisMeasures(*[1.0] * 7),) * 2 if name in ("axes", "plane") else 1.0


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


def convex_pair(m, shapes, inner=None):
    """The measures of a pair, and the derivatives of its aspect angle by the sides of both shapes.

    `inner` holds the measures of the shapes scaled about their centers, if the penalty reads them.
    """
    difference = symmetric_difference(shapes)
    excess = angle = by_sides = None
    if shapes.enclosure is not None:
        excess = m.relu(shapes.enclosure - difference - shapes.intersection)
    if shapes.sides is not None:
        angle, *by_sides = aspect_angle(m, shapes.sides, shapes.other_sides)
    distinct = m.where(shapes.identical, 0.0 * shapes.size, 1.0)  # of the size's precision
    pair = PairMeasures(difference, shapes.intersection, distinct, excess, shapes.distance, shapes.diagonal, angle)
    if inner is not None:
        pair = pair._replace(inner_difference=symmetric_difference(inner), inner_intersection=inner.intersection)
    return pair, by_sides


def symmetric_difference(shapes):
    """The size of the union less that of the intersection."""
    return (shapes.size - shapes.intersection) + (shapes.other_size - shapes.intersection)


def convex_slopes(slopes, by_sides):
    """The derivatives by the measures of both shapes, from those by the measures of the pair."""
    d_size = slopes.symmetric_difference - slopes.enclosure_excess
    d_sides: Any = (None, None)
    if by_sides is not None:
        d_sides = (tuple(slopes.aspect_angle * by_side for by_side in each) for each in by_sides)
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
