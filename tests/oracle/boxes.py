"""The exact answers of the box losses and measures, in any dimension and format.

Measures of a pair of boxes (intersection, union, enclosure, distances) are fractions that carry
their rates by each edge; a loss adds what each measure's rate contributes to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpmath import atan2, log, mpf, pi

from tests.oracle.answer import ZERO, Answer, Rate, all_finite, number, undefined
from tests.oracle.rated import NOTHING, Rated, largest, product, smallest

FORMATS = ("xyxy", "xywh", "cxcywh", "ltrb")
LOSSES = ("iou", "log_iou", "giou", "diou", "ciou")

# What -log IoU costs where nothing overlaps, and only there.
CAP = 126 * log(mpf(2))


@dataclass(frozen=True)
class Measures:
    """What the losses know of a pair."""

    identical: bool
    inverted: bool
    intersection: Rated
    union: Rated
    enclosure: Rated
    shifts: tuple[tuple[Rated, Rated], ...]
    diagonal: Rated
    pred_sides: tuple[Rated, ...]
    target_sides: tuple[Rated, ...]


@dataclass(frozen=True)
class Term:
    """One measure's contribution to a loss's derivative: its factor, and the measure."""

    factor: mpf
    measure: Rated


@dataclass(frozen=True)
class Part:
    """A loss, or a penalty inside one."""

    value: mpf
    terms: tuple[Term, ...] = ()

    def __add__(self, other: Part) -> Part:
        return Part(self.value + other.value, self.terms + other.terms)


def losses(pred: Sequence[float], target: Sequence[float], form: str = "xyxy") -> dict[str, Answer]:
    """Every loss of one pair of rows; ciou in the plane only."""
    names = LOSSES if len(pred) == 4 else LOSSES[:-1]
    if not all_finite(pred, target):
        return dict.fromkeys(names, undefined(pred, target))
    maps = corner_map(form, len(pred) // 2)
    corners = [_apply(maps, [Fraction(x) for x in row]) for row in (pred, target)]
    measures = measure(*corners)
    return {name: _answer(_loss(name, measures), maps) for name in names}


def measured(pred: Sequence[float], target: Sequence[float], form: str = "xyxy") -> dict[str, Answer]:
    """Every measure of one pair of rows: 1 - its loss."""
    answers = losses(pred, target, form)
    return {
        name: Answer(1 - answer.value, _negated(answer.by_pred), _negated(answer.by_target))
        for name, answer in answers.items()
        if name != "log_iou"
    }


def corner_map(form: str, dims: int) -> list[list[Fraction]]:
    """The matrix that takes a row to its minima, then its maxima."""
    # What one axis's two numbers give to its low and its high edge.
    axis = {
        "xyxy": ((1, 0), (0, 1)),
        "xywh": ((1, 0), (1, 1)),
        "cxcywh": ((1, Fraction(-1, 2)), (1, Fraction(1, 2))),
        "ltrb": ((-1, 0), (0, 1)),
    }[form]
    return [
        [Fraction(axis[edge][number_of]) * (k == own) for number_of in (0, 1) for k in range(dims)]
        for edge in (0, 1)
        for own in range(dims)
    ]


def measure(pred: Sequence[Fraction], target: Sequence[Fraction]) -> Measures:
    """The measures of two boxes, each its minima, then its maxima."""
    size = len(pred)
    edges = [Rated(x, {k: Fraction(1)}) for k, x in enumerate([*pred, *target])]
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
        # The empty set: only the pull of the centers is kept.
        shared, union, spans = NOTHING, union.held(), [span.held() for span in spans]
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


def _volume(sides: Sequence[Rated]) -> Rated:
    """A flat box's volume keeps its rates: it may grow again."""
    return NOTHING if any(side.value < 0 for side in sides) else product(sides)


def _overlap(pred_low: Rated, pred_high: Rated, target_low: Rated, target_high: Rated) -> Rated:
    """The shared length on one axis."""
    length = smallest(pred_high, target_high) - largest(pred_low, target_low)
    if length.value > 0:
        return length
    if length.value < 0:
        return NOTHING
    # A flat box may grow into the other; two that only touch stay apart.
    growing = [
        edge
        for low, high in ((pred_low, pred_high), (target_low, target_high))
        if low.value == high.value
        for edge in (*low.rates, *high.rates)
    ]
    return length.by(growing)


def _span(pred_low: Rated, pred_high: Rated, target_low: Rated, target_high: Rated) -> Rated:
    """The length of the enclosure on one axis, over the corners of inverted boxes too."""
    if pred_low.value > pred_high.value:
        pred_low, pred_high = pred_high, pred_low
    if target_low.value > target_high.value:
        target_low, target_high = target_high, target_low
    return largest(pred_high, target_high) - smallest(pred_low, target_low)


def _loss(name: str, m: Measures) -> Part:
    if m.identical:
        return Part(ZERO)
    if name == "log_iou":
        return _log_iou(m)
    penalties = {"iou": (), "giou": (_emptiness,), "diou": (_apartness,), "ciou": (_apartness, _turn)}
    loss = _iou(m)
    for penalty in penalties[name]:
        loss += penalty(m)
    return loss


def _iou(m: Measures) -> Part:
    """1 - I / U; 0 / 0 is 0."""
    return _one_less_ratio(m.intersection, m.union)


def _log_iou(m: Measures) -> Part:
    """log U - log I, capped at an empty intersection."""
    if not m.intersection.value:
        return Part(CAP)
    shared, union = number(m.intersection.value), number(m.union.value)
    return Part(log(union / shared), (Term(1 / union, m.union), Term(-1 / shared, m.intersection)))


def _emptiness(m: Measures) -> Part:
    """GIoU's penalty (C - U) / C as 1 - U / C; 0 / 0 is 0."""
    return _one_less_ratio(m.union, m.enclosure)


def _one_less_ratio(part: Rated, whole: Rated) -> Part:
    if not whole.value:
        return Part(mpf(1))
    ratio = number(part.value / whole.value)
    per_whole = 1 / number(whole.value)
    return Part(
        number(1 - part.value / whole.value),
        (Term(-per_whole, part), Term(ratio * per_whole, whole)),
    )


def _apartness(m: Measures) -> Part:
    """DIoU's penalty rho^2 / c^2; twice a center's gap adds up the shifts of its two edges."""
    gaps = [(low + high).halved() for low, high in m.shifts]
    distance = sum(gap.value**2 for gap in gaps)
    ratio = number(distance / m.diagonal.value)
    per_diagonal = 1 / number(m.diagonal.value)
    pulls = [
        Term(number(shift.value) * per_diagonal, gap)
        for gap, shifts in zip(gaps, m.shifts, strict=True)
        for shift in shifts
    ]
    return Part(ratio, (*pulls, Term(-ratio * per_diagonal, m.diagonal)))


def _turn(m: Measures) -> Part:
    """CIoU's penalty v^2 / (1 - IoU + v), v = 4 / pi^2 (angle's difference)^2, its weight held."""
    (width, height), (target_width, target_height) = m.pred_sides, m.target_sides
    pointlike = not (width.value or height.value) or not (target_width.value or target_height.value)
    if m.inverted or pointlike:
        return Part(ZERO)
    angle, target_angle = _angle(width, height), _angle(target_width, target_height)
    turn = 4 / pi**2 * (target_angle - angle) ** 2
    weight = turn / (_iou(m).value + turn) if turn else ZERO
    # The plain derivative adds up both angles.
    rates = (weight * 8 / pi**2 * target_angle, -weight * 8 / pi**2 * angle)
    pulls = [
        (-1, width, height),
        (1, height, width),
        (1, target_width, target_height),
        (-1, target_height, target_width),
    ]
    return Part(
        weight * turn,
        tuple(
            Term(sign * rate * number(other.value / (side.value**2 + other.value**2)), side)
            for sign, side, other in pulls
            for rate in rates
        ),
    )


def _angle(width: Rated, height: Rated) -> mpf:
    return atan2(number(width.value), number(height.value))


def _answer(loss: Part, maps: list[list[Fraction]]) -> Answer:
    size = len(maps)
    by_term = [
        [term.factor * number(term.measure.rates.get(k, Fraction(0))) for k in range(2 * size)] for term in loss.terms
    ]
    sides = ([pulls[:size] for pulls in by_term], [pulls[size:] for pulls in by_term])
    return Answer(loss.value, *(_by_entry(side, maps) for side in sides))


def _by_entry(by_term: list[list[mpf]], maps: list[list[Fraction]]) -> tuple[Rate, ...]:
    """The chain rule through the format: an entry of a row moves edges, and by them each term's measure."""
    found = []
    for entry in range(len(maps)):
        pulls = [[number(line[entry]) * pull for line, pull in zip(maps, edges, strict=True)] for edges in by_term]
        by_measure = [sum(edges, ZERO) for edges in pulls]
        largest_term = max((abs(pull) for edges in (*pulls, by_measure) for pull in edges), default=ZERO)
        total = sum(by_measure, ZERO)
        found.append(Rate(total, total, largest_term))
    return tuple(found)


def _apply(maps: list[list[Fraction]], row: list[Fraction]) -> list[Fraction]:
    return [sum((a * x for a, x in zip(line, row, strict=True) if a), Fraction(0)) for line in maps]


def _negated(rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
    return tuple(Rate(-rate.high, -rate.low, rate.condition) for rate in rates)
