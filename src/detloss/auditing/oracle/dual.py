"""Dual numbers in exact fractions: forward-mode differentiation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from operator import mul


@dataclass(frozen=True)
class Dual:
    """A value and its derivatives by index of the coordinate."""

    value: Fraction
    derivatives: dict[int, Fraction] = field(default_factory=dict)

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, _combined(self.derivatives, 1, other.derivatives, 1))

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, _combined(self.derivatives, 1, other.derivatives, -1))

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, _combined(self.derivatives, other.value, other.derivatives, self.value))

    def halved(self) -> Dual:
        return Dual(self.value / 2, _combined(self.derivatives, Fraction(1, 2), {}, 0))

    def detached(self) -> Dual:
        """The value as a constant."""
        return Dual(self.value)

    def restricted(self, coordinates: Iterable[int]) -> Dual:
        """The value with its derivatives by these coordinates only."""
        return Dual(self.value, {k: self.derivatives[k] for k in coordinates if k in self.derivatives})


NOTHING = Dual(Fraction(0))


def largest(one: Dual, other: Dual) -> Dual:
    """The maximum; for equal values the mean of the one-sided derivatives."""
    if one.value == other.value:
        return (one + other).halved()
    return one if one.value > other.value else other


def smallest(one: Dual, other: Dual) -> Dual:
    return NOTHING - largest(NOTHING - one, NOTHING - other)


def product(factors: Iterable[Dual]) -> Dual:
    return reduce(mul, factors)


def _combined(
    one: dict[int, Fraction], factor: Fraction | int, other: dict[int, Fraction], other_factor: Fraction | int
) -> dict[int, Fraction]:
    combined = {k: factor * derivative for k, derivative in one.items()}
    for k, derivative in other.items():
        combined[k] = combined.get(k, Fraction(0)) + other_factor * derivative
    return combined
