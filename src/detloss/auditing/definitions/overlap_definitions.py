"""Measures of two boxes, given by their minima, then their maxima, in any dimension; and the modifiers of their IoU."""

from __future__ import annotations

from typing import Any

from mpmath import exp, inf, mpf

from detloss.auditing.definitions.exact_arithmetic import Row, held, named, product, quotient


class Pair:
    """The measures of a prediction and its target.

    An inverted box is empty: it has no intersection and its volume is 0; the enclosing box contains its corners and is
    held. Shifts, side differences and edge differences take its sides as they are, with their signs.
    """

    def __init__(self, pred: Row, target: Row) -> None:
        size = len(pred) // 2
        self.rows = pred, target
        self.low, self.high = pred[:size], pred[size:]
        self.target_low, self.target_high = target[:size], target[size:]
        self.sides = [b - a for a, b in zip(self.low, self.high)]
        self.target_sides = [b - a for a, b in zip(self.target_low, self.target_high)]
        self.inverted = held(any(side < 0 for side in (*self.sides, *self.target_sides)))
        self.identical = held(not self.inverted and list(pred) == list(target))
        self.starts = [a - b for a, b in zip(self.low, self.target_low)]
        self.ends = [a - b for a, b in zip(self.high, self.target_high)]
        self.shifts = [(start + end) / 2 for start, end in zip(self.starts, self.ends)]
        self.differences = [a - b for a, b in zip(self.sides, self.target_sides)]
        self.spans = [self._span(k) for k in range(size)]
        self.diagonal = sum(span**2 for span in self.spans)
        self.distance = sum(shift**2 for shift in self.shifts)
        self.intersection = mpf(0) if self.inverted else product(self._shared(k) for k in range(size))
        volumes = [self._volume(self.sides), self._volume(self.target_sides)]
        self.union = volumes[0] + volumes[1] - self.intersection

    def _span(self, k: int) -> mpf:
        edges = (self.low[k], self.high[k], self.target_low[k], self.target_high[k])
        if self.inverted:
            return held(max(edges) - min(edges))
        return max(edges[1], edges[3]) - min(edges[0], edges[2])

    def _volume(self, sides: list[mpf]) -> mpf:
        if self.inverted:
            return held(mpf(0) if any(side < 0 for side in sides) else product(sides))
        return product(sides)

    def _shared(self, k: int) -> mpf:
        """The length of the intersection on one axis; a flat box can grow into the other, touching boxes are apart."""
        pred, target = (self.low[k], self.high[k]), (self.target_low[k], self.target_high[k])
        length = min(pred[1], target[1]) - max(pred[0], target[0])
        if held(length < 0):
            return mpf(0)
        if held(length > 0):
            return length
        pred, target = (
            edges if held(edges[0] == edges[1]) else (held(edges[0]), held(edges[1])) for edges in (pred, target)
        )
        return min(pred[1], target[1]) - max(pred[0], target[0])

    @property
    def iou(self) -> mpf:
        """I / U; 1 for identical boxes, 0 for other boxes without a union."""
        if self.identical:
            return mpf(1)
        return self.intersection / self.union if held(self.union != 0) else mpf(0)


def scaled(box: Row, ratio: Any) -> list[mpf]:
    """The box scaled about its center."""
    size = len(box) // 2
    centers = [(a + b) / 2 for a, b in zip(box[:size], box[size:])]
    halves = [(b - a) / 2 * ratio for a, b in zip(box[:size], box[size:])]
    return [*(c - h for c, h in zip(centers, halves)), *(c + h for c, h in zip(centers, halves))]


def overlap_loss(pair: Pair, power: Any, interval: tuple[float, float], inner: Any) -> mpf:
    """1 - IoU of the scaled boxes, after the interval, then the power (Inner-IoU, Focaler-IoU, Alpha-IoU)."""
    ratio = mpf(inner)
    iou = pair.iou if ratio == 1 else Pair(*(scaled(box, ratio) for box in pair.rows)).iou
    lower, upper = map(mpf, interval)
    if (lower, upper) != (0, 1):
        mapped = (iou - lower) / (upper - lower)
        iou = mapped if held(0 < mapped < 1) else held(min(max(mapped, mpf(0)), mpf(1)))
    return 1 - raised(iou, power)


def raised(x: mpf, power: Any) -> mpf:
    """x^power; 0 with derivative 0 at 0, if the power is not 1."""
    if power == 1:
        return x
    return x ** mpf(power) if held(x != 0) else mpf(0)


def hull(pair: Pair) -> mpf:
    """The fraction of the enclosing box that is outside the union (GIoU)."""
    enclosing = named(product(pair.spans), "enclosing box", constant=False)
    return (enclosing - pair.union) / enclosing if held(enclosing != 0) else mpf(1)


def pull(pair: Pair) -> mpf:
    """Squared center distance over the squared diagonal of the enclosing box (DIoU)."""
    return quotient(pair.distance, named(pair.diagonal, "c^2", constant=False))


def strain(pair: Pair) -> mpf:
    """Squared differences of the sides over the squared sides of the enclosing box (EIoU)."""
    return sum(quotient(d, span) ** 2 for d, span in zip(pair.differences, pair.spans))


def corners(pair: Pair) -> mpf:
    """Sum of the squared distances of the first and of the last corners (MPDIoU)."""
    return sum(start**2 + end**2 for start, end in zip(pair.starts, pair.ends))


def edge_offset(pair: Pair) -> mpf:
    """Mean distance of corresponding edges in units of the target's sides (PIoU)."""
    offsets = []
    for start, end, side in zip(pair.starts, pair.ends, pair.target_sides):
        distance = abs(start) + abs(end)
        flat, apart = held(side == 0), held(distance != 0)
        offsets.append((inf if apart else mpf(0)) if flat else distance / side)
    return sum(offsets) / (2 * len(offsets))


def shape_cost(pair: Pair, theta: Any, weights: Row) -> mpf:
    """Cost of the side differences relative to the larger side (SIoU and Shape-IoU)."""
    total = mpf(0)
    for side, target_side, weight in zip(pair.sides, pair.target_sides, weights):
        larger = max(side, target_side)
        if held(larger > 0):
            total += raised(1 - exp(-weight * abs(side - target_side) / larger), theta)
    return total
