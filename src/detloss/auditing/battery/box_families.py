"""Difficult pairs of boxes by family; a box is its minima followed by its maxima."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch

Interval = tuple[float, float]
Pair = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Range:
    """The smallest and largest sides of the boxes of a dtype, and their distance from the origin."""

    tiny: float
    huge: float
    far: float


RANGES = {
    torch.float64: Range(1e-150, 1e140, 1e6),
    torch.float32: Range(1e-22, 1e18, 1e6),
    torch.bfloat16: Range(1e-22, 1e18, 1e6),
    torch.float16: Range(1e-3, 1e4, 1e4),
}


def ordinary(rng: Random, dims: int, limits: Range) -> Pair:
    """Boxes of similar sizes; most pairs overlap."""
    pred, target = [], []
    for _ in range(dims):
        low, side = rng.uniform(-10, 10), rng.uniform(0.5, 10)
        pred.append((low, low + side))
        start = low + rng.uniform(-0.6, 0.6) * side
        target.append((start, start + rng.uniform(0.5, 10)))
    return _corners(pred, target)


def tiny(rng: Random, dims: int, limits: Range) -> Pair:
    return _scaled(ordinary(rng, dims, limits), limits.tiny)


def huge(rng: Random, dims: int, limits: Range) -> Pair:
    return _scaled(ordinary(rng, dims, limits), limits.huge / 2)


def far(rng: Random, dims: int, limits: Range) -> Pair:
    pred, target = _scaled(ordinary(rng, dims, limits), 10)
    return [x + limits.far for x in pred], [x + limits.far for x in target]


def identical(rng: Random, dims: int, limits: Range) -> Pair:
    pred, _ = rng.choice((ordinary, tiny, huge, far, one_flat, pointlike))(rng, dims, limits)
    return pred, list(pred)


def nearly_identical(rng: Random, dims: int, limits: Range) -> Pair:
    """A target displaced by 1e-5 to 1e-1 pixels."""
    pred, _ = _scaled(ordinary(rng, dims, limits), rng.choice((1, 10)))
    step = 10 ** rng.uniform(-5, -1)
    return pred, [x + rng.uniform(-step, step) for x in pred]


def extreme_aspect(rng: Random, dims: int, limits: Range) -> Pair:
    """Aspect ratios up to a thousand; about half of the pairs cross."""
    pred: list[Interval] = []
    target: list[Interval] = []
    for _ in range(dims):
        center = rng.uniform(-1, 1)
        for intervals in (pred, target):
            side = 10 ** rng.uniform(-1.5, 1.5)
            middle = center + rng.uniform(-0.3, 0.3) * side
            intervals.append((middle - side / 2, middle + side / 2))
    return _corners(pred, target)


def speck(rng: Random, dims: int, limits: Range) -> Pair:
    """A box inside another, with sides a hundred to ten thousand times shorter."""
    large, small = [], []
    for _ in range(dims):
        low, side = rng.uniform(-1, 1), 10 ** rng.uniform(0, 2)
        start = low + rng.uniform(0.2, 0.7) * side
        large.append((low, low + side))
        small.append((start, start + side * 10 ** rng.uniform(-4, -2)))
    return _in_random_order(rng, *_corners(large, small))


def touching(rng: Random, dims: int, limits: Range) -> Pair:
    """Opposite edges coincide: an intersection of exactly 0."""
    pred, target = _overlapping(rng, dims)
    axis = rng.randrange(dims)
    edge = _grid(rng, 12, 20)
    pred[axis], target[axis] = (_grid(rng, 0, 8), edge), (edge, _grid(rng, 24, 31))
    return _in_random_order(rng, *_corners(pred, target))


def sharing_an_edge(rng: Random, dims: int, limits: Range) -> Pair:
    pred, target = _overlapping(rng, dims)
    axis = rng.randrange(dims)
    (low, high), step = pred[axis], rng.choice((-1, 1)) * _grid(rng, 1, 4)
    target[axis] = rng.choice(((low, high + step), (low + step, high)))
    return _in_random_order(rng, *_corners(pred, target))


def edges_a_rounding_apart(rng: Random, dims: int, limits: Range) -> Pair:
    """Edges that coincide except for rounding, because positions and sizes differ in magnitude."""
    pred, target = _overlapping(rng, dims)
    axis = rng.randrange(dims)
    high = rng.uniform(200, 500)
    low = rng.choice((rng.uniform(-1, 1), -high * rng.uniform(0.7, 0.99)))
    start, end, small = rng.uniform(5, 150), rng.uniform(600, 900), rng.uniform(0.1, 2)
    pred[axis] = (low, high)
    target[axis] = rng.choice(((start, high), (low, end), (high, end), (high - small, high), (low, low + small)))
    return _in_random_order(rng, *_corners(pred, target))


def nested(rng: Random, dims: int, limits: Range) -> Pair:
    large = [(_grid(rng, 0, 6), _grid(rng, 26, 31)) for _ in range(dims)]
    small = [(_grid(rng, 7, 14), _grid(rng, 18, 25)) for _ in range(dims)]
    return _in_random_order(rng, *_corners(large, small))


def disjoint(rng: Random, dims: int, limits: Range) -> Pair:
    pred, target = _overlapping(rng, dims)
    for axis in rng.sample(range(dims), rng.randint(1, dims)):
        pred[axis], target[axis] = (_grid(rng, 0, 6), _grid(rng, 8, 14)), (_grid(rng, 16, 22), _grid(rng, 24, 31))
    return _in_random_order(rng, *_corners(pred, target))


def one_flat(rng: Random, dims: int, limits: Range) -> Pair:
    """A box with a side of 0, inside or outside of the other box on that axis."""
    flat, solid = _overlapping(rng, dims)
    axis = rng.randrange(dims)
    place = rng.choice((_grid(rng, 0, 31), sum(solid[axis]) / 2))
    flat[axis] = (place, place)
    return _in_random_order(rng, *_corners(flat, solid))


def flat_on_an_edge(rng: Random, dims: int, limits: Range) -> Pair:
    flat, solid = _overlapping(rng, dims)
    axis = rng.randrange(dims)
    place = rng.choice(solid[axis])
    flat[axis] = (place, place)
    return _in_random_order(rng, *_corners(flat, solid))


def pointlike(rng: Random, dims: int, limits: Range) -> Pair:
    """A box that is a point: inside, outside, on an edge or on a corner of the other."""
    _, solid = _overlapping(rng, dims)
    places = [rng.choice((*solid[axis], sum(solid[axis]) / 2, _grid(rng, 0, 31))) for axis in range(dims)]
    return _in_random_order(rng, *_corners([(place, place) for place in places], solid))


def both_flat(rng: Random, dims: int, limits: Range) -> Pair:
    """Two different flat boxes: parallel, crossing, collinear, or points."""
    while True:
        pred, target = _overlapping(rng, dims)
        for intervals in (pred, target):
            for axis in rng.sample(range(dims), rng.randint(1, dims)):
                place = rng.choice((4.0, _grid(rng, 0, 31)))
                intervals[axis] = (place, place)
        if pred != target:
            return _corners(pred, target)


def inverted(rng: Random, dims: int, limits: Range) -> Pair:
    """Minimum above maximum on some axis of one or both boxes, including identical and flat boxes."""
    make = rng.choice((ordinary, nested, sharing_an_edge, one_flat, _identical_pair))
    pred, target = make(rng, dims, limits)
    sides = rng.choice(((pred,), (target,), (pred, target)))
    if pred == target:
        sides = (pred, target)
    axes = rng.sample(range(dims), rng.randint(1, dims))
    for side in sides:
        for axis in axes:
            low, high = sorted((side[axis], side[axis + dims]))
            side[axis], side[axis + dims] = high + 0.5 * (high == low), low
    return pred, target


def not_finite(rng: Random, dims: int, limits: Range) -> Pair:
    """NaN or infinity in one coordinate of most pairs; the others are finite."""
    pair = ordinary(rng, dims, limits)
    if rng.random() < 0.7:
        rng.choice(pair)[rng.randrange(2 * dims)] = rng.choice((float("nan"), float("inf"), float("-inf")))
    return pair


FAMILIES: dict[str, Callable[[Random, int, Range], Pair]] = {
    make.__name__: make
    for make in (
        ordinary,
        tiny,
        huge,
        far,
        identical,
        nearly_identical,
        extreme_aspect,
        speck,
        touching,
        sharing_an_edge,
        edges_a_rounding_apart,
        nested,
        disjoint,
        one_flat,
        flat_on_an_edge,
        pointlike,
        both_flat,
        inverted,
        not_finite,
    )
}


def in_format(corners: list[float], form: str) -> list[float]:
    """Minima and maxima converted to a row of this format."""
    half = len(corners) // 2
    lows, highs = corners[:half], corners[half:]
    sides = [high - low for low, high in zip(lows, highs, strict=True)]
    return {
        "xyxy": corners,
        "xywh": lows + sides,
        "cxcywh": [low / 2 + high / 2 for low, high in zip(lows, highs, strict=True)] + sides,
        "ltrb": [-low for low in lows] + highs,
    }[form]


def _identical_pair(rng: Random, dims: int, limits: Range) -> Pair:
    pred, _ = ordinary(rng, dims, limits)
    return pred, list(pred)


def _overlapping(rng: Random, dims: int) -> tuple[list[Interval], list[Interval]]:
    """Multiples of 1/4, exact in every dtype and format."""
    pred = [(_grid(rng, 0, 10), _grid(rng, 16, 30)) for _ in range(dims)]
    target = [(_grid(rng, 2, 14), _grid(rng, 18, 31)) for _ in range(dims)]
    return pred, target


def _grid(rng: Random, low: int, high: int) -> float:
    return rng.randint(low, high) / 4


def _corners(pred: list[Interval], target: list[Interval]) -> Pair:
    return (
        [low for low, _ in pred] + [high for _, high in pred],
        [low for low, _ in target] + [high for _, high in target],
    )


def _scaled(pair: Pair, scale: float) -> Pair:
    return [x * scale for x in pair[0]], [x * scale for x in pair[1]]


def _in_random_order(rng: Random, one: list[float], other: list[float]) -> Pair:
    return (one, other) if rng.random() < 0.5 else (other, one)
