"""The row loop: an entry is a row of logits, taken whole as a tile, or in pieces where it has very many classes."""

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
def beside(logits, top, is_top):
    """How far logits lie below the largest, and their exponentials; the largest itself has none.

    In two words: a rounded difference of 80 would cost its exponential forty ulps.
    """
    high, low = difference(tl.where(is_top, 0.0, logits), tl.where(is_top, 0.0, top))
    return high, low, tl.where(is_top, 0.0, exp_of_sum(high, low))


@triton.jit
def likelihood_of(others, top, rest, is_top):
    """p of every class; `rest` is the sum of all exponentials but the largest, which is 1."""
    return divide(tl.where(is_top, tl.where(top == top, 1.0, top), others), 1.0 + rest)


@triton.jit
def chances(logits, top, rest, is_top):
    """-log p, p and 1 - p of classes: nothing is subtracted from 1."""
    high, low, others = beside(logits, top, is_top)
    missing = divide(tl.where(is_top, rest, 1.0 + rest - others), 1.0 + rest)
    return log1p(rest) - low - high, likelihood_of(others, top, rest, is_top), missing


@triton.jit
def shared(share, surprise, logits, top):
    """A share of surprises; one beyond the largest float is how far a logit lies below, taken in halves."""
    below = 2.0 * (share * (0.5 * top - 0.5 * logits))
    return tl.where((surprise == INFINITY) & (share != 0.0), below, weighted(share, surprise))


@triton.jit
def piece(logits, at, column, inside, classes, dtype: tl.constexpr):
    """Some columns of rows of logits; beyond the last class is -infinity."""
    return tl.load(logits + (at + column), mask=inside & (column < classes), other=-INFINITY).to(dtype)


@triton.jit
def sum_of_columns(tile):
    """The sum of every row, rounded once: a power multiplies what it is off by."""
    return tl.sum(tile.to(tl.float64), 1).to(tile.dtype)


@triton.jit
def survey(logits, column, classes):
    """Of rows: the largest logit, the first column that has it (of NaN: none), the others' exponentials summed."""
    top = tl.max(logits, 1)
    top_column = tl.min(tl.where(logits == top[:, None], column, classes), 1)
    _, _, others = beside(logits, top[:, None], column == top_column[:, None])
    return top, top_column, sum_of_columns(tl.where(column < classes, others, 0.0))


@triton.jit
def survey_in_pieces(pred, at, column, inside, classes, dtype: tl.constexpr):
    """The survey of long rows in one pass: every lane keeps its own largest logit, beside which it adds up."""
    top = tl.full(inside.shape, -INFINITY, dtype) + tl.zeros(column.shape, dtype)
    rest, place_of_top = tl.zeros(top.shape, dtype), tl.zeros(top.shape, tl.int32)
    for begin in range(0, classes, column.shape[1]):
        logits = piece(pred, at, begin + column, inside, classes, dtype)
        rises, lower = logits > top, minimum(logits, top)
        high, low = difference(lower, maximum(logits, top))
        step = tl.where(lower == -INFINITY, 0.0, exp_of_sum(high, low))
        rest = tl.where(rises, (1.0 + rest) * step, rest + step)
        place_of_top = tl.where(rises, begin + column, place_of_top)
        top = tl.where(rises, logits, top)
    highest = tl.max(top, 1)
    top_column = tl.min(tl.where(top == highest[:, None], place_of_top, classes), 1)
    is_top = (top == highest[:, None]) & (place_of_top == top_column[:, None])
    _, _, others = beside(top, highest[:, None], is_top)
    return highest, top_column, sum_of_columns(tl.where(is_top, rest, (1.0 + rest) * others))


@triton.jit
def wanted_of(target, labels, at, column, here, classes, dtype: tl.constexpr):
    """How much of the target each class is, by probabilities or by the labels of rows."""
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
    """Every row's loss and derivatives; `single` is a target that is one class alone: an index without smoothing."""
    total = divisor_of(divisor, divisors, counters, 1, dtype)
    keep, spread = number(keep, None, dtype), number(spread, None, dtype)
    options = (number(second, parameters[1], dtype),)[:arity]
    lanes, columns_of_tile = tl.arange(0, block), tl.arange(0, tile)[None, :]
    at, end = lanes[:, None] * classes, tile if whole else classes
    partial = tl.zeros((block,), dtype)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        corner = start * classes  # of 64 bits is only what a whole block has in common
        entry, inside = start + lanes, lanes < count - start
        row, row_column = place(start, lanes, columns)
        factor = numbers(weight, weights, row * weight_row + row_column * weight_column, inside, dtype)
        factor, labels, inside_rows = tl.where(inside, factor, 0.0), None, inside[:, None]
        if indices:
            labels = tl.load(target + entry, mask=inside, other=0)
            if ignore_index is not None:
                factor = tl.where(labels == ignore_index, 0.0, factor)
        if whole:
            logits = piece(pred + corner, at, columns_of_tile, inside_rows, classes, dtype)
            top, top_column, rest = survey(logits, columns_of_tile, classes)
        else:
            top, top_column, rest = survey_in_pieces(pred + corner, at, columns_of_tile, inside_rows, classes, dtype)

        if single:
            exists = (labels >= 0) & (labels < classes)
            label = tl.where(exists, labels, 0)
            its_logit = tl.load(pred + corner + (lanes * classes + label), mask=inside, other=0.0).to(dtype)
            nll, likelihood, missing = chances(its_logit, top, rest, label == top_column)
            surprise, rate = formula(nll, likelihood, missing, *options)
            class_weight = numbers(first, parameters[0], label * parameter_column, inside, dtype)
            share = tl.where(exists, class_weight, float("nan"))
            loss = shared(share, surprise, its_logit, top)
            pull = reduced_derivative(weighted(share, rate), factor, total, mean)
            if d_pred is not None:
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    is_top = column == top_column[:, None]
                    z = logits if whole else piece(pred + corner, at, column, inside_rows, classes, dtype)
                    _, _, others = beside(z, top[:, None], is_top)
                    slope = likelihood_of(others, top[:, None], rest[:, None], is_top)
                    slope = tl.where(column == label[:, None], -missing[:, None], slope) * pull[:, None]
                    slope = tl.where(factor[:, None] == 0.0, 0.0, slope)
                    tl.store(d_pred + corner + (at + column), slope, mask=inside_rows & (column < classes))
        else:
            loss, pull = tl.zeros((block,), dtype), tl.zeros((block,), dtype)
            for second_time in tl.static_range(2):  # over the row: first its sums, then its slopes
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    here, is_top = inside_rows & (column < classes), column == top_column[:, None]
                    z = logits if whole else piece(pred + corner, at, column, inside_rows, classes, dtype)
                    nll, likelihood, missing = chances(z, top[:, None], rest[:, None], is_top)
                    surprise, rate = formula(nll, likelihood, missing, *options)
                    class_weight = numbers(first, parameters[0], column * parameter_column, here, dtype)
                    wanted = wanted_of(target + corner, labels, at, column, here, classes, dtype)
                    share = tl.where(here, wanted * (keep * class_weight) + spread * class_weight, 0.0)
                    rates = weighted(share, rate)
                    if not second_time:
                        loss += sum_of_columns(shared(share, surprise, z, top[:, None]))
                        pull += sum_of_columns(rates)
                    if second_time and d_pred is not None:
                        slope = likelihood * (pull[:, None] - rates) - missing * rates
                        slope = reduced_derivative(slope, factor[:, None], total, mean)
                        tl.store(d_pred + corner + (at + column), slope, mask=here)
                    if second_time and d_target is not None:
                        slope = reduced_derivative(
                            weighted(keep * class_weight, surprise), factor[:, None], total, mean
                        )
                        tl.store(d_target + corner + (at + column), slope, mask=here)

        partial = store_or_add(weighted(factor, loss), inside, entry, value, partial, reduced)
    if reduced:
        reduce(partial, value, sums, arrivals, total, mean)
