"""Parts of the kernel of softmax losses: logits, their statistics by row, and the places of values between bins.

Adjusted logits are sums of two numbers: a logit and its rounding error, `low`, which has no meaning otherwise.
"""

import triton
import triton.language as tl

from detloss.kernels.triton.blocks import numbers
from detloss.kernels.triton.device_primitives import (
    INFINITY,
    difference,
    divide,
    exp_of_sum,
    log1p,
    maximum,
    minimum,
    weighted,
)


@triton.jit
def differences_of(logits, low, top, top_low, is_top, adjusted: tl.constexpr):
    """The differences from the largest logit, with their rounding errors, and their exponentials, 0 for the largest.

    Without the rounding errors, the error of an exponential at a difference of 80 would be forty ulps.
    """
    high, rest = difference(tl.where(is_top, 0.0, logits), tl.where(is_top, 0.0, top))
    if adjusted:
        high, rest = difference(high, tl.where(is_top, 0.0, top_low - low) - rest)
    return high, rest, tl.where(is_top, 0.0, exp_of_sum(high, rest))


@triton.jit
def probability_of(others, top, rest, is_top):
    """p of every class; `rest` is the sum of all exponentials except the largest, which is 1."""
    return divide(tl.where(is_top, tl.where(top == top, 1.0, top), others), 1.0 + rest)


@triton.jit
def probabilities(logits, low, top, top_low, rest, is_top, adjusted: tl.constexpr):
    """-log p, p and 1 - p of classes, without cancellation."""
    high, low, others = differences_of(logits, low, top, top_low, is_top, adjusted)
    complement = divide(tl.where(is_top, rest, 1.0 + rest - others), 1.0 + rest)
    return log1p(rest) - low - high, probability_of(others, top, rest, is_top), complement


@triton.jit
def weighted_nll(class_share, nll_loss, logits, top):
    """A class weight times -log p in float64; if -log p overflows, it is the difference of the logits, in halves."""
    half = 0.5 * top.to(tl.float64) - 0.5 * logits.to(tl.float64)
    below = 2.0 * (class_share.to(tl.float64) * half)
    exact = weighted(class_share, nll_loss).to(tl.float64)
    return tl.where((nll_loss == INFINITY) & (class_share != 0.0), below, exact)


@triton.jit
def load_tile(logits, at, column, inside, classes, dtype: tl.constexpr):
    """A tile of logits, padded with -infinity."""
    return tl.load(logits + (at + column), mask=inside & (column < classes), other=-INFINITY).to(dtype)


@triton.jit
def adjust(logits, column, inside, labels, offsets, margins, margin: tl.float64, dtype: tl.constexpr):
    """Logits plus the offset of their class, minus the margin of the target's class, with their rounding errors."""
    offset = numbers(0.0, offsets, column, inside, dtype)
    high, low = difference(logits, -offset)
    if labels is not None:
        own_margin = numbers(margin, margins, column, inside, dtype)
        high, lower = difference(high, tl.where(column == labels, own_margin, 0.0).to(dtype))
        low += lower
    return high, low


@triton.jit
def adjusted_tile(
    pred,
    at,
    column,
    inside,
    classes,
    labels,
    offsets,
    margins,
    margin: tl.float64,
    adjusted: tl.constexpr,
    dtype: tl.constexpr,
):
    """A tile of logits, with their rounding errors if they are adjusted."""
    logits = load_tile(pred, at, column, inside, classes, dtype)
    low = logits
    if adjusted:
        of_rows = None if labels is None else labels[:, None]
        logits, low = adjust(logits, column, column < classes, of_rows, offsets, margins, margin, dtype)
    return logits, low


@triton.jit
def sum_of_columns(tile):
    """The sum of every row, rounded once, because a power amplifies its error."""
    return tl.sum(tile.to(tl.float64), 1).to(tile.dtype)


@triton.jit
def in_column(tile, column, chosen):
    """The number of every row in the chosen column."""
    return tl.sum(tl.where(column == chosen[:, None], tile, 0.0), 1)


@triton.jit
def statistics(logits, low, column, classes, adjusted: tl.constexpr):
    """The largest logit of rows, its first column (none if it is NaN), and the sum of the other exponentials."""
    top = tl.max(logits, 1)
    top_column = tl.min(tl.where(logits == top[:, None], column, classes), 1)
    top_low = in_column(low, column, top_column) if adjusted else top
    is_top = column == top_column[:, None]
    _, _, others = differences_of(logits, low, top[:, None], top_low[:, None], is_top, adjusted)
    return top, top_low, top_column, sum_of_columns(tl.where(column < classes, others, 0.0))


@triton.jit
def statistics_in_tiles(
    pred,
    at,
    column,
    inside,
    classes,
    labels,
    offsets,
    margins,
    margin: tl.float64,
    adjusted: tl.constexpr,
    dtype: tl.constexpr,
):
    """The same for long rows in one pass: every lane has its own largest logit and sum."""
    top = tl.full(inside.shape, -INFINITY, dtype) + tl.zeros(column.shape, dtype)
    rest, top_index, top_low = tl.zeros(top.shape, dtype), tl.zeros(top.shape, tl.int32), tl.zeros(top.shape, dtype)
    for begin in range(0, classes, column.shape[1]):
        logits, low = adjusted_tile(
            pred, at, begin + column, inside, classes, labels, offsets, margins, margin, adjusted, dtype
        )
        is_larger, lower = logits > top, minimum(logits, top)
        high, rounding = difference(lower, maximum(logits, top))
        if adjusted:
            correction = tl.where(is_larger, top_low - low, low - top_low)
            high, rounding = difference(high, -(rounding + correction))
            top_low = tl.where(is_larger, low, top_low)
        step = tl.where(lower == -INFINITY, 0.0, exp_of_sum(high, rounding))
        rest = tl.where(is_larger, (1.0 + rest) * step, rest + step)
        top_index = tl.where(is_larger, begin + column, top_index)
        top = tl.where(is_larger, logits, top)
    highest = tl.max(top, 1)
    top_column = tl.min(tl.where(top == highest[:, None], top_index, classes), 1)
    is_top = (top == highest[:, None]) & (top_index == top_column[:, None])
    highest_low = tl.sum(tl.where(is_top, top_low, 0.0), 1) if adjusted else highest
    _, _, others = differences_of(top, top_low, highest[:, None], highest_low[:, None], is_top, adjusted)
    return highest, highest_low, top_column, sum_of_columns(tl.where(is_top, rest, (1.0 + rest) * others))


@triton.jit
def shares_of_bins(value, bins, classes, column, inside, dtype: tl.constexpr):
    """The first of the two bins next to a value, and the shares of both; the shares of NaN are NaN."""
    last = classes - 1
    if bins is None:
        value = tl.where(value < 0.0, 0.0, tl.where(value > last, last.to(dtype), value))
        first = tl.minimum(tl.where(value == value, value, 0.0).to(tl.int32), last - 1)
        below, above = first.to(dtype), (first + 1).to(dtype)
    else:
        lowest, highest = tl.load(bins).to(dtype), tl.load(bins + last).to(dtype)
        value = tl.where(value < lowest, lowest, tl.where(value > highest, highest, value))
        first = tl.zeros(value.shape, tl.int32)
        for begin in range(0, classes, column.shape[1]):
            at = begin + column
            is_inner = (at > 0) & (at < last)
            bin_value = tl.load(bins + at, mask=is_inner, other=0.0).to(dtype)
            first += tl.sum(tl.where(is_inner & (value[:, None] >= bin_value), 1, 0), 1)
        below, above = tl.load(bins + first).to(dtype), tl.load(bins + first + 1).to(dtype)
    return first, divide(above - value, above - below), divide(value - below, above - below)
