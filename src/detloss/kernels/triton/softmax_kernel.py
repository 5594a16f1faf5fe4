"""The kernel of softmax losses: a tile holds several rows of logits, or a part of one long row."""

import triton
import triton.language as tl

from detloss.kernels.triton.blocks import (
    divisor_of,
    number,
    numbers,
    one_hot,
    place,
    reduce,
    reduced_derivative,
    store_or_add,
)
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
def differences_of(logits, top, is_top):
    """The differences from the largest logit, with their rounding errors, and their exponentials, 0 for the largest.

    Without the rounding errors, the error of an exponential at a difference of 80 would be forty ulps.
    """
    high, low = difference(tl.where(is_top, 0.0, logits), tl.where(is_top, 0.0, top))
    return high, low, tl.where(is_top, 0.0, exp_of_sum(high, low))


@triton.jit
def probability_of(others, top, rest, is_top):
    """p of every class; `rest` is the sum of all exponentials except the largest, which is 1."""
    return divide(tl.where(is_top, tl.where(top == top, 1.0, top), others), 1.0 + rest)


@triton.jit
def probabilities(logits, top, rest, is_top):
    """-log p, p and 1 - p of classes, without cancellation."""
    high, low, others = differences_of(logits, top, is_top)
    complement = divide(tl.where(is_top, rest, 1.0 + rest - others), 1.0 + rest)
    return log1p(rest) - low - high, probability_of(others, top, rest, is_top), complement


@triton.jit
def weighted_nll(class_share, nll_loss, logits, top):
    """A class weight times -log p; if -log p overflows, it is the difference of the logits, computed in halves."""
    below = 2.0 * (class_share * (0.5 * top - 0.5 * logits))
    return tl.where((nll_loss == INFINITY) & (class_share != 0.0), below, weighted(class_share, nll_loss))


@triton.jit
def load_tile(logits, at, column, inside, classes, dtype: tl.constexpr):
    """A tile of logits, padded with -infinity."""
    return tl.load(logits + (at + column), mask=inside & (column < classes), other=-INFINITY).to(dtype)


@triton.jit
def sum_of_columns(tile):
    """The sum of every row, rounded once, because a power amplifies its error."""
    return tl.sum(tile.to(tl.float64), 1).to(tile.dtype)


@triton.jit
def statistics(logits, column, classes):
    """The largest logit of rows, its first column (none if it is NaN), and the sum of the other exponentials."""
    top = tl.max(logits, 1)
    top_column = tl.min(tl.where(logits == top[:, None], column, classes), 1)
    _, _, others = differences_of(logits, top[:, None], column == top_column[:, None])
    return top, top_column, sum_of_columns(tl.where(column < classes, others, 0.0))


@triton.jit
def statistics_in_tiles(pred, at, column, inside, classes, dtype: tl.constexpr):
    """The same for long rows in one pass: every lane has its own largest logit and sum."""
    top = tl.full(inside.shape, -INFINITY, dtype) + tl.zeros(column.shape, dtype)
    rest, top_index = tl.zeros(top.shape, dtype), tl.zeros(top.shape, tl.int32)
    for begin in range(0, classes, column.shape[1]):
        logits = load_tile(pred, at, begin + column, inside, classes, dtype)
        is_larger, lower = logits > top, minimum(logits, top)
        high, low = difference(lower, maximum(logits, top))
        step = tl.where(lower == -INFINITY, 0.0, exp_of_sum(high, low))
        rest = tl.where(is_larger, (1.0 + rest) * step, rest + step)
        top_index = tl.where(is_larger, begin + column, top_index)
        top = tl.where(is_larger, logits, top)
    highest = tl.max(top, 1)
    top_column = tl.min(tl.where(top == highest[:, None], top_index, classes), 1)
    is_top = (top == highest[:, None]) & (top_index == top_column[:, None])
    _, _, others = differences_of(top, highest[:, None], is_top)
    return highest, top_column, sum_of_columns(tl.where(is_top, rest, (1.0 + rest) * others))


@triton.jit
def targets_of(target, labels, at, column, here, classes, dtype: tl.constexpr):
    """The target of every class: probabilities, or one-hot labels."""
    if labels is None:
        wanted = tl.load(target + (at + column), mask=here, other=0.0).to(dtype)
    else:
        wanted = one_hot(labels[:, None], column, classes - 1, dtype)
    return wanted


@triton.jit
def rows(
    pred,
    target,
    value,
    d_pred,
    d_target,
    sums,
    arrivals,
    weights,
    divisors,
    parameters,
    count,
    steps,
    classes,
    columns,
    weight_row,
    weight_column,
    parameter_column,
    counters,
    weight: tl.float64,
    divisor: tl.float64,
    first: tl.float64,
    second: tl.float64,
    keep: tl.float64,
    spread: tl.float64,
    formula: tl.constexpr,
    arity: tl.constexpr,
    indices: tl.constexpr,
    single: tl.constexpr,
    ignore_index: tl.constexpr,
    reduced: tl.constexpr,
    mean: tl.constexpr,
    dtype: tl.constexpr,
    whole: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    """Losses and derivatives of rows; `single` is a target of one class: an index without label smoothing."""
    total = divisor_of(divisor, divisors, counters, 1, dtype)
    keep, spread = number(keep, None, dtype), number(spread, None, dtype)
    options = (number(second, parameters[1], dtype),)[:arity]
    lanes, columns_of_tile = tl.arange(0, block), tl.arange(0, tile)[None, :]
    at, end = lanes[:, None] * classes, tile if whole else classes
    partial = tl.zeros((block,), dtype)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        corner = start * classes  # only offsets of whole blocks have 64 bits
        entry, inside = start + lanes, lanes < count - start
        row, row_column = place(start, lanes, columns)
        factor = numbers(weight, weights, row * weight_row + row_column * weight_column, inside, dtype)
        factor, labels, inside_rows = tl.where(inside, factor, 0.0), None, inside[:, None]
        if indices:
            labels = tl.load(target + entry, mask=inside, other=0)
            if ignore_index is not None:
                factor = tl.where(labels == ignore_index, 0.0, factor)
        if whole:
            logits = load_tile(pred + corner, at, columns_of_tile, inside_rows, classes, dtype)
            top, top_column, rest = statistics(logits, columns_of_tile, classes)
        else:
            top, top_column, rest = statistics_in_tiles(pred + corner, at, columns_of_tile, inside_rows, classes, dtype)

        if single:
            exists = (labels >= 0) & (labels < classes)
            label = tl.where(exists, labels, 0)
            its_logit = tl.load(pred + corner + (lanes * classes + label), mask=inside, other=0.0).to(dtype)
            nll, probability, complement = probabilities(its_logit, top, rest, label == top_column)
            nll_loss, rate = formula(nll, probability, complement, *options)
            class_weight = numbers(first, parameters[0], label * parameter_column, inside, dtype)
            class_share = tl.where(exists, class_weight, float("nan"))
            loss = weighted_nll(class_share, nll_loss, its_logit, top)
            d_row = reduced_derivative(weighted(class_share, rate), factor, total, mean)
            if d_pred is not None:
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    is_top = column == top_column[:, None]
                    z = logits if whole else load_tile(pred + corner, at, column, inside_rows, classes, dtype)
                    _, _, others = differences_of(z, top[:, None], is_top)
                    slope = probability_of(others, top[:, None], rest[:, None], is_top)
                    slope = tl.where(column == label[:, None], -complement[:, None], slope) * d_row[:, None]
                    slope = tl.where(factor[:, None] == 0.0, 0.0, slope)
                    tl.store(d_pred + corner + (at + column), slope, mask=inside_rows & (column < classes))
        else:
            loss, d_row = tl.zeros((block,), dtype), tl.zeros((block,), dtype)
            for second_pass in tl.static_range(2):  # over the row: first sums, then derivatives
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    here, is_top = inside_rows & (column < classes), column == top_column[:, None]
                    z = logits if whole else load_tile(pred + corner, at, column, inside_rows, classes, dtype)
                    nll, probability, complement = probabilities(z, top[:, None], rest[:, None], is_top)
                    nll_loss, rate = formula(nll, probability, complement, *options)
                    class_weight = numbers(first, parameters[0], column * parameter_column, here, dtype)
                    wanted = targets_of(target + corner, labels, at, column, here, classes, dtype)
                    class_share = tl.where(here, wanted * (keep * class_weight) + spread * class_weight, 0.0)
                    rates = weighted(class_share, rate)
                    if not second_pass:
                        loss += sum_of_columns(weighted_nll(class_share, nll_loss, z, top[:, None]))
                        d_row += sum_of_columns(rates)
                    if second_pass and d_pred is not None:
                        slope = probability * (d_row[:, None] - rates) - complement * rates
                        slope = reduced_derivative(slope, factor[:, None], total, mean)
                        tl.store(d_pred + corner + (at + column), slope, mask=here)
                    if second_pass and d_target is not None:
                        slope = reduced_derivative(
                            weighted(keep * class_weight, nll_loss), factor[:, None], total, mean
                        )
                        tl.store(d_target + corner + (at + column), slope, mask=here)

        partial = store_or_add(weighted(factor, loss), inside, entry, value, partial, reduced)
    if reduced:
        reduce(partial, value, sums, arrivals, total, mean)
