"""What the oracle answers: a value, and the rates at which it changes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpmath import mp, mpf

mp.dps = 60

ZERO = mpf(0)
NOT_A_NUMBER = mpf("nan")


@dataclass(frozen=True)
class Rate:
    """Every right derivative lies in [low, high]; condition is the largest term that makes it up."""

    low: mpf
    high: mpf
    condition: mpf


@dataclass(frozen=True)
class Answer:
    value: mpf
    by_pred: tuple[Rate, ...]
    by_target: tuple[Rate, ...] = ()


def number(exact: Fraction | float | mpf) -> mpf:
    """The same number in 60 digits."""
    if isinstance(exact, Fraction):
        return mpf(exact.numerator) / exact.denominator
    return mpf(exact)


def sum_of(terms: Iterable[mpf]) -> Rate:
    """The rate that a derivative's terms add up to."""
    terms = [ZERO, *terms]
    total = sum(terms, ZERO)
    return Rate(total, total, max(abs(term) for term in terms))


def between(one: mpf, other: mpf) -> Rate:
    """A kink: every rate between the two sides is right."""
    return Rate(min(one, other), max(one, other), max(abs(one), abs(other)))


def undefined(pred: Sequence[float], target: Sequence[float]) -> Answer:
    """A row that holds NaN: every result of it is NaN."""
    nowhere = Rate(NOT_A_NUMBER, NOT_A_NUMBER, ZERO)
    return Answer(NOT_A_NUMBER, (nowhere,) * len(pred), (nowhere,) * len(target))


def all_finite(*rows: Sequence[float]) -> bool:
    return all(math.isfinite(entry) for row in rows for entry in row)
