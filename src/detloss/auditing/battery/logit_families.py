"""Difficult logits, targets and options of classification losses."""

import math
from collections.abc import Callable, Iterable
from random import Random

import torch

SIZES = (0.0, 1e-30, 1e-10, 1e-5, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 8.5, 12.0, 16.75, 17.0, 37.0, 88.0, 89.0, 104.0)
EXTREMES = (*SIZES, 1000.0, 3e38, math.inf)
GAMMAS = (0.0, 0.5, 1.0, 1.5, 2.0, 5.0)
ALPHAS = (None, 0.0, 0.25, 0.5, 1.0)
CLASSES = (2, 3, 5, 21, 81, 1000, 10000)


def rounded(numbers: Iterable[float], dtype: torch.dtype) -> list[float]:
    """The nearest numbers of the dtype, without duplicates and without those above its maximum."""
    representable = [x for x in numbers if math.isinf(x) or abs(x) <= torch.finfo(dtype).max]
    return sorted(set(torch.tensor(representable, dtype=torch.float64).to(dtype).tolist()))


def extremes(dtype: torch.dtype) -> list[float]:
    """Logits of all magnitudes and both signs."""
    return rounded([sign * size for size in EXTREMES for sign in (1, -1)], dtype)


def soft_target(rng: Random) -> float:
    """A target in [0, 1], often 0, 1 or a number near them."""
    return rng.choice((0.0, 1.0, 0.5, 2.0**-9, 1 - 2.0**-8, rng.random(), rng.random()))


def ordinary(rng: Random, classes: int, target: int) -> list[float]:
    return [rng.gauss(0, 3) for _ in range(classes)]


def margin(rng: Random, classes: int, target: int) -> list[float]:
    """The target logit above or below the others by margins at which exponentials underflow or overflow."""
    lead = rng.choice((-1, 1, 1)) * rng.choice(SIZES)
    return [lead if c == target else rng.gauss(0, 0.1) for c in range(classes)]


def offset(rng: Random, classes: int, target: int) -> list[float]:
    """A common offset much larger than the differences between classes."""
    shift = rng.choice((-1e4, 100.0, 1000.0, 3e4))
    return [shift + rng.gauss(0, 3) for _ in range(classes)]


def equal(rng: Random, classes: int, target: int) -> list[float]:
    return [rng.choice(SIZES)] * classes


def scattered(rng: Random, classes: int, target: int) -> list[float]:
    """Logits of all magnitudes in one row, with at most one infinity."""
    row = [rng.choice((-1, 1)) * rng.choice((*SIZES, 1000.0, 3e38)) for _ in range(classes)]
    if rng.random() < 0.3:
        row[rng.randrange(classes)] = rng.choice((-1, 1)) * math.inf
    return row


def not_a_number(rng: Random, classes: int, target: int) -> list[float]:
    """NaN in about half of the rows."""
    row = ordinary(rng, classes, target)
    if rng.random() < 0.5:
        row[rng.randrange(classes)] = math.nan
    return row


FAMILIES: dict[str, Callable[[Random, int, int], list[float]]] = {
    make.__name__: make for make in (ordinary, margin, offset, equal, scattered, not_a_number)
}
