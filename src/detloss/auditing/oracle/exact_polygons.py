"""Exact results of the losses of convex polygons, by clipping in fractions; derivatives by differences of tiny steps.

The corners of a rectangle are not rational: sine and cosine are rounded to 50 digits, and nothing else is rounded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise

from mpmath import atan2, cos, log, mpf, nint, pi, sin

from detloss.auditing.oracle.exact import ZERO, number
from detloss.auditing.oracle.exact_boxes import CAP, apply, corner_map

Point = tuple[Fraction, Fraction]
Row = Sequence[Fraction]
DIGITS = 10**50


@dataclass(frozen=True)
class Polygon:
    """A convex polygon with counterclockwise vertices; rectangles also have sides and a center, even without area."""

    vertices: tuple[Point, ...]
    sides: Point | None = None
    center: Point | None = None


Shape = Callable[[Row], Polygon]


def rectangle(row: Row) -> Polygon:
    """A rectangle from center, sides and angle; a negative side is 0."""
    cx, cy, *sides, angle = row
    width, height = (max(side, Fraction(0)) for side in sides)
    along = _digits(cos(number(angle))), _digits(sin(number(angle)))
    vertices = tuple(
        (
            cx + (x * width * along[0] - y * height * along[1]) / 2,
            cy + (x * width * along[1] + y * height * along[0]) / 2,
        )
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )
    return Polygon(vertices, (width, height), (cx, cy))


def box_of(form: str) -> Shape:
    """Axis-aligned boxes in a format of the oracle of boxes."""

    def box(row: Row) -> Polygon:
        x1, y1, x2, y2 = apply(corner_map(form, 2), list(row))
        return rectangle([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, Fraction(0)])

    return box


def polygon(row: Row) -> Polygon:
    """A polygon from consecutive vertices, in either direction."""
    vertices = tuple(zip(row[::2], row[1::2], strict=True))
    return Polygon(vertices if _twice_area(vertices) >= 0 else vertices[::-1])


def area(vertices: Sequence[Point]) -> Fraction:
    return _twice_area(vertices) / 2


def intersection(vertices: Sequence[Point], others: Sequence[Point]) -> list[Point]:
    """A polygon clipped at every edge of another (Sutherland, Hodgman)."""
    if not _twice_area(others):
        return []
    clipped = list(vertices)
    for start, end in _edges(others):
        clipped = _clipped(clipped, start, end) if start != end else clipped
    return clipped


def hull(points: Sequence[Point]) -> list[Point]:
    """The corners of the convex hull, counterclockwise (Andrew's monotone chain)."""
    lower, upper = (_chain(sorted(set(points), reverse=reverse)) for reverse in (False, True))
    return lower[:-1] + upper[:-1] or lower


def centroid(shape: Polygon) -> Point:
    """The centroid of the area; of a polygon without area, the midpoint of its segment."""
    if shape.center is not None:
        return shape.center
    twice = _twice_area(shape.vertices)
    if not twice:
        (x, y), (other_x, other_y) = min(shape.vertices), max(shape.vertices)
        return (x + other_x) / 2, (y + other_y) / 2
    spans = [(_cross(start, end), start, end) for start, end in _edges(shape.vertices)]
    x, y = (sum(span * (start[k] + end[k]) for span, start, end in spans) / (3 * twice) for k in (0, 1))
    return x, y


def losses(first: Polygon, second: Polygon, enclosing: str = "hull", weight: mpf | None = None) -> dict[str, mpf]:
    """All losses of a pair; CIoU for rectangles, with a constant weight if one is given."""
    points = hull([*first.vertices, *second.vertices])
    shared = area(intersection(first.vertices, second.vertices))
    union = area(first.vertices) + area(second.vertices) - shared
    enclosure = area(points) if enclosing == "hull" else _box_area(points)
    identical = hull(first.vertices) == hull(second.vertices)
    different = Fraction(not identical)
    iou = 1 - shared / union if union else different
    giou = iou + (1 - union / enclosure if enclosure else different)
    longest = max((_square(a, b) for a, b in combinations(points, 2)), default=Fraction(0))
    diou = iou + (_square(centroid(first), centroid(second)) / longest if longest else 0)
    found = {"iou": number(iou), "giou": number(giou), "diou": number(diou)}
    found["log_iou"] = log(number(union / shared)) if shared else (ZERO if identical else CAP)
    if first.sides and second.sides:
        aspect = _aspect(first.sides, second.sides)
        if weight is None:
            weight = aspect / (found["iou"] + aspect) if aspect else ZERO
        found["ciou"] = found["diou"] + weight * aspect
        found["weight"] = weight
    return found


@dataclass(frozen=True)
class OneSided:
    """The one-sided derivatives of a loss by one number of a row."""

    before: mpf
    after: mpf

    @property
    def mean(self) -> mpf:
        return (self.before + self.after) / 2

    @property
    def kink(self) -> mpf:
        return self.after - self.before


def gradients(
    shapes: tuple[Shape, Shape], rows: tuple[Row, Row], chosen: Sequence[int], step: Fraction, enclosing: str = "hull"
) -> dict[str, list[OneSided]]:
    """The derivatives of all losses by the chosen numbers of both rows; CIoU has a constant weight, as in the paper."""
    numbers, cut = [*rows[0], *rows[1]], len(rows[0])

    def losses_of(changed: Row, weight: mpf | None) -> dict[str, mpf]:
        return losses(shapes[0](changed[:cut]), shapes[1](changed[cut:]), enclosing, weight)

    here = losses_of(numbers, None)
    weight = here.pop("weight", None)
    found: dict[str, list[OneSided]] = {name: [] for name in here}
    for k in chosen:
        before, after = (
            losses_of([*numbers[:k], numbers[k] + move, *numbers[k + 1 :]], weight) for move in (-step, step)
        )
        for name, value in here.items():
            found[name].append(OneSided((value - before[name]) / number(step), (after[name] - value) / number(step)))
    return found


def _digits(value: mpf) -> Fraction:
    return Fraction(int(nint(value * DIGITS)), DIGITS)


def _cross(a: Point, b: Point) -> Fraction:
    return a[0] * b[1] - a[1] * b[0]


def _orientation(a: Point, b: Point, c: Point) -> Fraction:
    """Positive if a, b, c are counterclockwise."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _square(a: Point, b: Point) -> Fraction:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _edges(vertices: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(pairwise([*vertices, *vertices[:1]]))


def _twice_area(vertices: Sequence[Point]) -> Fraction:
    return sum((_cross(start, end) for start, end in _edges(vertices)), Fraction(0))


def _box_area(points: Sequence[Point]) -> Fraction:
    spans: list[Fraction] = [max(axis) - min(axis) for axis in zip(*points, strict=True)]
    return spans[0] * spans[1]


def _clipped(vertices: list[Point], start: Point, end: Point) -> list[Point]:
    """The part of a polygon on the left of a line."""
    clipped = []
    for here, following in _edges(vertices):
        height, next_height = _orientation(start, end, here), _orientation(start, end, following)
        if height >= 0:
            clipped.append(here)
        if height * next_height < 0:
            fraction = height / (height - next_height)
            x, y = (a + fraction * (b - a) for a, b in zip(here, following, strict=True))
            clipped.append((x, y))
    return clipped


def _chain(points: list[Point]) -> list[Point]:
    """The lower or upper hull of sorted points."""
    chain: list[Point] = []
    for point in points:
        while len(chain) >= 2 and _orientation(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _aspect(sides: Point, other_sides: Point) -> mpf:
    """The aspect-ratio term v of CIoU; 0 if a rectangle is a point."""
    if not any(sides) or not any(other_sides):
        return ZERO
    angle, other_angle = (atan2(number(width), number(height)) for width, height in (sides, other_sides))
    return 4 / pi**2 * (other_angle - angle) ** 2
