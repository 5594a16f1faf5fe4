"""Exact results of the losses and measures of axis-aligned boxes, in any dimension and format.

Measures of a pair (intersection, union, enclosing box, distances) are dual numbers with derivatives by every edge. The
derivatives of a loss follow from those of its measures by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from mpmath import atan2, log, mpf, pi

from detloss.auditing.oracle.dual import NOTHING, Dual, largest, product, smallest
from detloss.auditing.oracle.exact import ZERO, Derivative, Exact, all_finite, number, undefined

FORMATS = ("xyxy", "xywh", "cxcywh", "ltrb")

# -log IoU of disjoint boxes, and only of those.
CAP = 126 * log(mpf(2))


@dataclass(frozen=True)
class Measures:
    """The measures of a pair."""

    identical: bool
    inverted: bool
    intersection: Dual
    union: Dual
    enclosure: Dual
    shifts: tuple[tuple[Dual, Dual], ...]
    diagonal: Dual
    pred_sides: tuple[Dual, ...]
    target_sides: tuple[Dual, ...]


@dataclass(frozen=True)
class Term:
    """The derivative of a loss by one measure."""

    factor: mpf
    measure: Dual


@dataclass(frozen=True)
class Part:
    """A loss, or a penalty of one."""

    value: mpf
    terms: tuple[Term, ...] = ()

    def __add__(self, other: Part) -> Part:
        return Part(self.value + other.value, self.terms + other.terms)


Loss = Callable[[Measures], Part]


def exact(loss: Loss, pred: Sequence[float], target: Sequence[float], form: str = "xyxy") -> Exact:
    """A loss of one pair of rows, such as ``exact(giou, pred, target)``."""
    if not all_finite(pred, target):
        return undefined(pred, target)
    measures = _measured(tuple(pred), tuple(target), form)
    part = Part(ZERO) if measures.identical else loss(measures)
    return _exact(part, corner_map(form, len(pred) // 2))


def similarity(loss: Loss, pred: Sequence[float], target: Sequence[float], form: str = "xyxy") -> Exact:
    """The measure of one pair of rows: 1 - loss."""
    found = exact(loss, pred, target, form)
    return Exact(1 - found.value, _negated(found.by_pred), _negated(found.by_target))


@lru_cache(maxsize=64)  # several losses of the same pair
def _measured(pred: tuple[float, ...], target: tuple[float, ...], form: str) -> Measures:
    maps = corner_map(form, len(pred) // 2)
    return measure(*(apply(maps, [Fraction(x) for x in row]) for row in (pred, target)))


def corner_map(form: str, dims: int) -> list[list[Fraction]]:
    """The matrix that converts a row to its minima, then its maxima."""
    # The low and the high edge of an axis as linear combinations of its two numbers.
    axis: dict[str, tuple[tuple[int | Fraction, ...], ...]] = {
        "xyxy": ((1, 0), (0, 1)),
        "xywh": ((1, 0), (1, 1)),
        "cxcywh": ((1, Fraction(-1, 2)), (1, Fraction(1, 2))),
        "ltrb": ((-1, 0), (0, 1)),
    }
    return [
        [Fraction(axis[form][edge][number_of]) * (k == own) for number_of in (0, 1) for k in range(dims)]
        for edge in (0, 1)
        for own in range(dims)
    ]


def measure(pred: Sequence[Fraction], target: Sequence[Fraction]) -> Measures:
    """The measures of two boxes, each given by its minima, then its maxima."""
    size = len(pred)
    edges = [Dual(x, {k: Fraction(1)}) for k, x in enumerate([*pred, *target])]
    pred_low, pred_high = edges[: size // 2], edges[size // 2 : size]
    target_low, target_high = edges[size : -size // 2], edges[-size // 2 :]
    pred_sides = tuple(high - low for low, high in zip(pred_low, pred_high, strict=True))
    target_sides = tuple(high - low for low, high in zip(target_low, target_high, strict=True))
    inverted = any(side.value < 0 for side in pred_sides + target_sides)
    axes = tuple(zip(pred_low, pred_high, target_low, target_high, strict=True))
    shifts = tuple((low - other_low, high - other_high) for low, high, other_low, other_high in axes)
    shared = product(_overlap(*axis) for axis in axes)
    spans = [_span(*axis) for axis in axes]
    union = _volume(pred_sides) + _volume(target_sides) - shared
    if inverted:
        # The empty set: only the center distance has derivatives.
        shared, union, spans = NOTHING, union.detached(), [span.detached() for span in spans]
    return Measures(
        identical=not inverted and list(pred) == list(target),
        inverted=inverted,
        intersection=shared,
        union=union,
        enclosure=product(spans),
        shifts=shifts,
        diagonal=sum((span * span for span in spans), NOTHING),
        pred_sides=pred_sides,
        target_sides=target_sides,
    )


def _volume(sides: Sequence[Dual]) -> Dual:
    """The volume; 0 without derivatives for inverted boxes, 0 with derivatives for flat boxes."""
    return NOTHING if any(side.value < 0 for side in sides) else product(sides)


def _overlap(pred_low: Dual, pred_high: Dual, target_low: Dual, target_high: Dual) -> Dual:
    """The length of the intersection on one axis."""
    length = smallest(pred_high, target_high) - largest(pred_low, target_low)
    if length.value > 0:
        return length
    if length.value < 0:
        return NOTHING
    # A flat box can grow into the other box; touching boxes have no derivatives.
    growing = [
        edge
        for low, high in ((pred_low, pred_high), (target_low, target_high))
        if low.value == high.value
        for edge in (*low.derivatives, *high.derivatives)
    ]
    return length.restricted(growing)


def _span(pred_low: Dual, pred_high: Dual, target_low: Dual, target_high: Dual) -> Dual:
    """The side of the enclosing box on one axis, including the corners of inverted boxes."""
    if pred_low.value > pred_high.value:
        pred_low, pred_high = pred_high, pred_low
    if target_low.value > target_high.value:
        target_low, target_high = target_high, target_low
    return largest(pred_high, target_high) - smallest(pred_low, target_low)


def iou(m: Measures) -> Part:
    """1 - I / U; 0 / 0 is 0."""
    return _one_minus_ratio(m.intersection, m.union)


def log_iou(m: Measures) -> Part:
    """log U - log I; a constant for an empty intersection."""
    if not m.intersection.value:
        return Part(CAP)
    shared, union = number(m.intersection.value), number(m.union.value)
    return Part(log(union / shared), (Term(1 / union, m.union), Term(-1 / shared, m.intersection)))


def giou(m: Measures) -> Part:
    """1 - GIoU."""
    return iou(m) + _giou_penalty(m)


def diou(m: Measures) -> Part:
    """1 - DIoU."""
    return iou(m) + _distance_penalty(m)


def ciou(m: Measures) -> Part:
    """1 - CIoU."""
    return diou(m) + _aspect_penalty(m)


def _giou_penalty(m: Measures) -> Part:
    """The penalty of GIoU (C - U) / C as 1 - U / C; 0 / 0 is 0."""
    return _one_minus_ratio(m.union, m.enclosure)


def _one_minus_ratio(part: Dual, whole: Dual) -> Part:
    if not whole.value:
        return Part(mpf(1))
    ratio = number(part.value / whole.value)
    per_whole = 1 / number(whole.value)
    return Part(
        number(1 - part.value / whole.value),
        (Term(-per_whole, part), Term(ratio * per_whole, whole)),
    )


def _distance_penalty(m: Measures) -> Part:
    """The penalty of DIoU rho^2 / c^2; a center distance is half the sum of the shifts of the two edges."""
    gaps = [(low + high).halved() for low, high in m.shifts]
    distance = sum(gap.value**2 for gap in gaps)
    ratio = number(distance / m.diagonal.value)
    per_diagonal = 1 / number(m.diagonal.value)
    terms = [
        Term(number(shift.value) * per_diagonal, gap)
        for gap, shifts in zip(gaps, m.shifts, strict=True)
        for shift in shifts
    ]
    return Part(ratio, (*terms, Term(-ratio * per_diagonal, m.diagonal)))


def _aspect_penalty(m: Measures) -> Part:
    """The penalty of CIoU v^2 / (1 - IoU + v), v = 4 / pi^2 (difference of angles)^2, with a constant weight."""
    (width, height), (target_width, target_height) = m.pred_sides, m.target_sides
    pointlike = not (width.value or height.value) or not (target_width.value or target_height.value)
    if m.inverted or pointlike:
        return Part(ZERO)
    angle, target_angle = _angle(width, height), _angle(target_width, target_height)
    aspect = 4 / pi**2 * (target_angle - angle) ** 2
    weight = aspect / (iou(m).value + aspect) if aspect else ZERO
    # One term per angle, as in a straightforward evaluation: the condition is the larger one.
    derivatives = (weight * 8 / pi**2 * target_angle, -weight * 8 / pi**2 * angle)
    sides = [
        (-1, width, height),
        (1, height, width),
        (1, target_width, target_height),
        (-1, target_height, target_width),
    ]
    return Part(
        weight * aspect,
        tuple(
            Term(sign * derivative * number(other.value / (side.value**2 + other.value**2)), side)
            for sign, side, other in sides
            for derivative in derivatives
        ),
    )


def _angle(width: Dual, height: Dual) -> mpf:
    return atan2(number(width.value), number(height.value))


def _exact(loss: Part, maps: list[list[Fraction]]) -> Exact:
    size = len(maps)
    by_term = [
        [term.factor * number(term.measure.derivatives.get(k, Fraction(0))) for k in range(2 * size)]
        for term in loss.terms
    ]
    sides = ([edges[:size] for edges in by_term], [edges[size:] for edges in by_term])
    return Exact(loss.value, *(_by_entry(side, maps) for side in sides))


def _by_entry(by_term: list[list[mpf]], maps: list[list[Fraction]]) -> tuple[Derivative, ...]:
    """The chain rule of the format: derivatives by the edges to derivatives by the numbers of a row."""
    found = []
    for entry in range(len(maps)):
        terms = [[number(line[entry]) * edge for line, edge in zip(maps, edges, strict=True)] for edges in by_term]
        by_measure = [sum(edges, ZERO) for edges in terms]
        largest_term = max((abs(term) for edges in (*terms, by_measure) for term in edges), default=ZERO)
        total = sum(by_measure, ZERO)
        found.append(Derivative(total, total, largest_term))
    return tuple(found)


def apply(maps: list[list[Fraction]], row: list[Fraction]) -> list[Fraction]:
    return [sum((a * x for a, x in zip(line, row, strict=True) if a), Fraction(0)) for line in maps]


def _negated(derivatives: tuple[Derivative, ...]) -> tuple[Derivative, ...]:
    return tuple(Derivative(-each.high, -each.low, each.condition) for each in derivatives)
