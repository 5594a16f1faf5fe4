"""Exact results of the oracle: a value and its derivatives."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpmath import mp, mpf

mp.dps = 60

ZERO = mpf(0)
NOT_A_NUMBER = mpf("nan")


@dataclass(frozen=True)
class Derivative:
    """All subderivatives are in [low, high]; condition is the largest term of their sum."""

    low: mpf
    high: mpf
    condition: mpf


@dataclass(frozen=True)
class Exact:
    value: mpf
    by_pred: tuple[Derivative, ...]
    by_target: tuple[Derivative, ...] = ()
    condition: mpf = ZERO  # the largest term of the value


def number(exact: Fraction | float | mpf) -> mpf:
    """A number in 60 digits."""
    if isinstance(exact, Fraction):
        return mpf(exact.numerator) / exact.denominator
    return mpf(exact)


def sum_of(terms: Iterable[mpf]) -> Derivative:
    """The derivative that is the sum of these terms."""
    terms = [ZERO, *terms]
    total = sum(terms, ZERO)
    return Derivative(total, total, max(abs(term) for term in terms))


def between(one: mpf, other: mpf) -> Derivative:
    """The subderivatives at a kink: all numbers between the one-sided derivatives."""
    return Derivative(min(one, other), max(one, other), max(abs(one), abs(other)))


def undefined(pred: Sequence[float], target: Sequence[float]) -> Exact:
    """The results of a row with NaN: all are NaN."""
    nan = Derivative(NOT_A_NUMBER, NOT_A_NUMBER, ZERO)
    return Exact(NOT_A_NUMBER, (nan,) * len(pred), (nan,) * len(target))


def all_finite(*rows: Sequence[float]) -> bool:
    return all(math.isfinite(entry) for row in rows for entry in row)
