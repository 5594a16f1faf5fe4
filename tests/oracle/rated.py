"""A number that carries its rates: forward differentiation in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from operator import mul


@dataclass(frozen=True)
class Rated:
    """A value and how fast it changes with each coordinate, by the coordinate's number."""

    value: Fraction
    rates: dict[int, Fraction] = field(default_factory=dict)

    def __add__(self, other: Rated) -> Rated:
        return Rated(self.value + other.value, _mix(self.rates, 1, other.rates, 1))

    def __sub__(self, other: Rated) -> Rated:
        return Rated(self.value - other.value, _mix(self.rates, 1, other.rates, -1))

    def __mul__(self, other: Rated) -> Rated:
        return Rated(self.value * other.value, _mix(self.rates, other.value, other.rates, self.value))

    def halved(self) -> Rated:
        return Rated(self.value / 2, _mix(self.rates, Fraction(1, 2), {}, 0))

    def held(self) -> Rated:
        """The same value, changing with nothing."""
        return Rated(self.value)

    def by(self, coordinates: Iterable[int]) -> Rated:
        """The same value, changing with these coordinates alone."""
        return Rated(self.value, {k: self.rates[k] for k in coordinates if k in self.rates})


NOTHING = Rated(Fraction(0))


def largest(one: Rated, other: Rated) -> Rated:
    """The larger of two; a tie moves with half of each, the mean of its two sides."""
    if one.value == other.value:
        return (one + other).halved()
    return one if one.value > other.value else other


def smallest(one: Rated, other: Rated) -> Rated:
    return NOTHING - largest(NOTHING - one, NOTHING - other)


def product(factors: Iterable[Rated]) -> Rated:
    return reduce(mul, factors)


def _mix(
    one: dict[int, Fraction], times: Fraction | int, other: dict[int, Fraction], by: Fraction | int
) -> dict[int, Fraction]:
    mixed = {k: times * rate for k, rate in one.items()}
    for k, rate in other.items():
        mixed[k] = mixed.get(k, Fraction(0)) + by * rate
    return mixed
