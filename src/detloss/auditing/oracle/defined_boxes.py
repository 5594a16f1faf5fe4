"""Exact results of the box losses of `detloss.auditing.definitions`, by difference quotients in high precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from mpmath import exp, isinf, mpf, sqrt

from detloss.auditing.definitions.exact_arithmetic import gradient, quotient
from detloss.auditing.definitions.overlap_definitions import Pair, edge_offset
from detloss.auditing.oracle import exact_boxes as boxes
from detloss.auditing.oracle.exact import ZERO, Derivative, Exact, all_finite, number, undefined

MODIFIERS = ("power", "interval", "inner")  # options of every loss with an overlap


def nothing(m: boxes.Measures) -> boxes.Part:
    """A base without overlap."""
    return boxes.Part(ZERO)


@dataclass(frozen=True)
class Defined:
    """A loss of `detloss.auditing.definitions.box_definitions`.

    Attributes:
        definition: The loss of two boxes.
        base: A loss of `exact_boxes` with the same overlap: a derivative has at least its condition.
        terms: The largest term of the derivatives by the edges of each axis that is not in the base.
    """

    definition: Callable[..., mpf]
    base: boxes.Loss = boxes.iou
    terms: Callable[..., list[mpf]] | None = None

    def exact(
        self,
        pred: Sequence[float],
        target: Sequence[float],
        form: str = "xyxy",
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Exact:
        """The exact result of one pair of rows."""
        if not all_finite(pred, target):
            return undefined(pred, target)
        dims = len(pred) // 2
        maps = boxes.corner_map(form, dims)
        corners = [[number(edge) for edge in boxes.apply(maps, [Fraction(x) for x in row])] for row in (pred, target)]
        base = boxes.exact(self.base, pred, target, form)
        own = {name: value for name, value in options.items() if name not in MODIFIERS}
        terms = [ZERO] * dims if self.terms is None else self.terms(Pair(*corners), **own)
        slopes = [
            by_entry(gradient(self.definition, *corners, by=k, **options), maps, own, terms)
            for k, own in enumerate((base.by_pred, base.by_target))
        ]
        return Exact(self.definition(*corners, **options), slopes[0], slopes[1], of_interval(**options))


def of_interval(interval: tuple[float, float] = (0.0, 1.0), power: float = 1.0, **_options: object) -> mpf:
    """The term that 1 - IoU cancels near the upper end of an interval; a power has its size as a factor."""
    lower, upper = map(mpf, interval)
    return mpf(power) * (1 - upper) / (upper - lower)


def by_entry(
    edges: Sequence[mpf], maps: Sequence[Sequence[Fraction]], base: Sequence[Derivative], of_axes: Sequence[mpf]
) -> tuple[Derivative, ...]:
    """The derivatives by the numbers of a row from those by its edges."""
    found = []
    for entry, own in enumerate(base):
        terms = [number(line[entry]) * edge for line, edge in zip(maps, edges, strict=True)]
        total = sum(terms, ZERO)
        condition = max(own.condition, *map(abs, terms), abs(total - own.low), of_axes[entry % len(of_axes)])
        found.append(Derivative(total, total, condition))
    return tuple(found)


def of_side_differences(pair: Pair) -> list[mpf]:
    """EIoU: by the side of the enclosing box and by the difference of the sides."""
    return [2 * abs(quotient(quotient(d, span), span)) for d, span in zip(pair.differences, pair.spans)]


def of_angles_and_shapes(pair: Pair, theta: float = 4.0) -> list[mpf]:
    """SIoU: by center, angle, side of the enclosing box, and side; a rounding of an exponent has its size as a factor.

    A shift of the centers is half the sum of the differences of two edges, which are terms as well.
    """
    shifts = [abs(shift) for shift in pair.shifts]
    offsets = [max(abs(shift), abs(a) / 2, abs(b) / 2) for shift, a, b in zip(pair.shifts, pair.starts, pair.ends)]
    gamma = 2 - quotient(2 * shifts[0] * shifts[1], pair.distance)
    exponents = [gamma * quotient(shift, span) ** 2 for shift, span in zip(shifts, pair.spans)]
    focus = sum(exponent * exp(-exponent) for exponent in exponents) / gamma
    found = []
    for k, (exponent, span) in enumerate(zip(exponents, pair.spans)):
        by_center = gamma * (1 + exponent) * exp(-exponent) * quotient(quotient(offsets[k], span), span) / 2
        by_angle = focus * quotient(offsets[1 - k], pair.distance) / 2
        by_span = quotient(exponent * exp(-exponent), span)
        found.append(max(by_center, by_angle, by_span, _of_shape(pair, k, theta)))
    return found


def _of_shape(pair: Pair, k: int, theta: float) -> mpf:
    """Half the shape cost of SIoU by the shorter side of an axis."""
    larger = max(pair.sides[k], pair.target_sides[k])
    if larger <= 0:
        return ZERO
    decay = exp(-abs(pair.differences[k]) / larger)
    return theta * (1 - decay) ** (theta - 1) * decay / larger / 2


def of_corners(pair: Pair, image_size: Sequence[float]) -> list[mpf]:
    """MPDIoU: by both edges of an axis."""
    square = sum(mpf(length) ** 2 for length in image_size)
    return [2 * max(abs(start), abs(end)) / square for start, end in zip(pair.starts, pair.ends)]


def of_gaussians(pair: Pair, scale: float) -> list[mpf]:
    """NWD: by center and side; a rounding of the exponent has its size as a factor."""
    halves = [max(abs(shift), abs(d) / 2) / 2 for shift, d in zip(pair.shifts, pair.differences)]
    distance = sqrt(pair.distance + sum((d / 2) ** 2 for d in pair.differences))
    factor = (1 + distance / scale) * exp(-distance / scale) / scale
    return [factor * quotient(half, distance) for half in halves]


def of_edge_offsets(pair: Pair) -> list[mpf]:
    """PIoU: by an edge and by the side of the target; a rounding of the exponent has its size as a factor."""
    offset, edges = edge_offset(pair), 2 * len(pair.sides)
    if isinf(offset):
        return [ZERO for _ in pair.sides]
    sizes = list(zip(pair.starts, pair.ends, pair.target_sides))
    size = sum(abs(quotient(abs(a) + abs(b), side)) for a, b, side in sizes) / edges  # inverted sides are negative
    factor = 2 * size * (1 + abs(offset) * size) * exp(-(offset**2)) / edges
    return [
        factor * max(abs(quotient(1, side)), abs(quotient(quotient(abs(a) + abs(b), side), side)))
        for a, b, side in sizes
    ]
