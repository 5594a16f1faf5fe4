"""Errors of one row: the promises on values and gradients that its result breaks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from mpmath import mpf, nstr

from detloss.auditing.battery.error_bounds import ErrorBound
from detloss.auditing.oracle.exact import Exact
from detloss.auditing.oracle.exact_boxes import CAP
from detloss.auditing.oracle.ulp import derivative_error, value_error
from detloss.auditing.reference import Reference
from detloss.catalog import Kind

FINITE, VALUE, GRADIENT = "finite", "accurate value", "accurate gradient"
ZERO, SIGN, DEGENERATE = "zero at equality", "never negative", "inverted and empty boxes not rewarded"
DIGITS = 20
REWARD = 1e-3  # a loss of a degenerate box that is lower than the exact one by more than this fraction is a reward,
CLOSE = 8  # and by more than so many roundings


@dataclass(frozen=True)
class RowError:
    """A result of a row compared with the exact one."""

    promise: str
    is_broken: bool
    ulps: float
    expected: str
    got: str


def row_errors(
    reference: Reference,
    dtype: torch.dtype,
    bound: ErrorBound,
    pred: Sequence[float],
    target: Sequence[float],
    exact: Exact,
    value: float,
    gradient: Sequence[float],
) -> Iterator[RowError]:
    """The promises that apply to a row, with the error of its value and of its gradient by the prediction."""
    expected = nstr(exact.value, DIGITS)
    largest = torch.finfo(dtype).max
    exists = abs(exact.value) <= largest
    yield RowError(FINITE, exists and not math.isfinite(value), 0.0, expected, repr(value))
    for entry, (got, derivative) in enumerate(zip(gradient, exact.by_pred)):
        if not math.isfinite(got) and max(abs(derivative.low), abs(derivative.high)) <= largest:
            place = f"derivative {entry}: "
            yield RowError(FINITE, True, 0.0, place + nstr(derivative.low, DIGITS), place + repr(got))
    if not exists or not math.isfinite(value):
        return
    yield RowError(SIGN, exact.value >= 0 > value, 0.0, expected, repr(value))
    has_no_area, is_tied = degenerate(reference, pred, target)
    if reference.kind in (Kind.BOX, Kind.ROTATED, Kind.REGRESSION) and pred == target and exact.value == 0:
        ulps = value_error(value, exact.value, dtype)
        yield RowError(ZERO, value != 0, ulps, expected, repr(value))
        return
    if has_no_area or (reference.kind is Kind.BOX and exact.value == CAP):
        lower = float(least(exact))
        is_lower = lower - value > REWARD * lower + CLOSE * torch.finfo(dtype).eps * max(1.0, lower)
        yield RowError(DEGENERATE, is_lower, 0.0, expected, repr(value))
        return
    ulps = value_error(value, exact.value, dtype, exact.condition)
    yield RowError(VALUE, ulps > bound.value, ulps, expected, repr(value))
    if is_tied:
        return
    for entry, (got, derivative) in enumerate(zip(gradient, exact.by_pred)):
        if math.isfinite(got):
            ulps, place = derivative_error(got, derivative, dtype), f"derivative {entry}: "
            yield RowError(
                GRADIENT, ulps > bound.gradient, ulps, place + nstr(derivative.low, DIGITS), place + repr(got)
            )


def least(exact: Exact) -> mpf:
    """The loss that a degenerate box must have: implementations may cap -log IoU at any large number."""
    return min(exact.value, mpf(1)) if exact.value == CAP else exact.value


def degenerate(reference: Reference, pred: Sequence[float], target: Sequence[float]) -> tuple[bool, bool]:
    """Whether a box is empty or inverted, and whether edges coincide, where implementations choose a derivative."""
    if reference.is_rotated or reference.kind is not Kind.BOX:
        return False, False
    rows = [reference.corners(row) for row in (pred, target)]
    half = reference.dims
    empty = any(row[k] >= row[k + half] for row in rows for k in range(half))
    tied = any(a == b for k in range(half) for a in rows[0][k::half] for b in rows[1][k::half])
    return empty, tied
