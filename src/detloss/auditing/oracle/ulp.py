"""Errors in ulps (units in the last place of a dtype) against exact results in 60 digits."""

from dataclasses import dataclass
from functools import cached_property

import torch
from mpmath import ldexp, mag, mp, mpf

from detloss.auditing.oracle.exact import ZERO, Derivative


@dataclass(frozen=True)
class Format:
    """A floating-point format, and the smallest normal exponent of the format used for its arithmetic."""

    digits: int
    lowest_exponent: int
    highest_exponent: int
    arithmetic_lowest: int

    @cached_property
    def beyond(self) -> mpf:
        """The number that stands for infinity: one step above the largest number."""
        return ldexp(1, self.highest_exponent + 1)

    def unit(self, size: mpf) -> mpf:
        """One ulp of a number of this size."""
        exponent = mag(size) - 1 if size else self.lowest_exponent
        # Subnormal numbers may lose all digits: the unit is the smallest normal number.
        if exponent < self.arithmetic_lowest:
            return ldexp(1, max(self.arithmetic_lowest, self.lowest_exponent - self.digits + 1))
        return ldexp(1, max(exponent, self.lowest_exponent) - self.digits + 1)


FORMATS = {
    torch.float64: Format(53, -1022, 1023, -1022),
    torch.float32: Format(24, -126, 127, -126),
    torch.bfloat16: Format(8, -126, 127, -126),
    torch.float16: Format(11, -14, 15, -126),
}


def value_error(got: float, exact: mpf, dtype: torch.dtype, condition: mpf = ZERO) -> float:
    """The error of a result in ulps of the exact result, or of its largest term."""
    return _distance(mpf(got), exact, exact, condition, FORMATS[dtype])


def derivative_error(got: float, exact: Derivative, dtype: torch.dtype) -> float:
    """The error of a derivative in ulps of its largest term."""
    return _distance(mpf(got), exact.low, exact.high, exact.condition, FORMATS[dtype])


def _distance(got: mpf, low: mpf, high: mpf, condition: mpf, form: Format) -> float:
    if mp.isnan(low) or mp.isnan(got):
        return 0.0 if mp.isnan(low) and mp.isnan(got) else float("inf")
    got, low, high = (max(-form.beyond, min(form.beyond, end)) for end in (got, low, high))
    nearest = max(low, min(high, got))
    if got == nearest:
        return 0.0
    size = min(max(abs(nearest), condition), form.beyond / 2)
    if size < ldexp(1, form.arithmetic_lowest) and got * nearest < 0:
        return float("inf")
    return float(abs(got - nearest) / form.unit(size))
