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
from detloss.kernels.triton.device_primitives import log, weighted
from detloss.kernels.triton.logits import (
    adjust,
    adjusted_tile,
    differences_of,
    load_tile,
    probabilities,
    probability_of,
    shares_of_bins,
    statistics,
    statistics_in_tiles,
    sum_of_columns,
    weighted_nll,
)


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
    third: tl.float64,
    offsets,
    margins,
    margin: tl.float64,
    bins,
    keep: tl.float64,
    spread: tl.float64,
    formula: tl.constexpr,
    arity: tl.constexpr,
    indices: tl.constexpr,
    single: tl.constexpr,
    adjusted: tl.constexpr,
    between: tl.constexpr,
    excess: tl.constexpr,
    ignore_index: tl.constexpr,
    reduced: tl.constexpr,
    mean: tl.constexpr,
    dtype: tl.constexpr,
    whole: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    """Losses and derivatives of rows; `single` is a target of one class: an index without label smoothing.

    `between` is a target between two bins.
    """
    total = divisor_of(divisor, divisors, counters, 1, dtype)
    keep, spread = number(keep, None, dtype), number(spread, None, dtype)
    options = (number(second, parameters[1], dtype), number(third, parameters[2], dtype))[:arity]
    lanes, columns_of_tile = tl.arange(0, block), tl.arange(0, tile)[None, :]
    at, end = lanes[:, None] * classes, tile if whole else classes
    partial = tl.zeros((block,), tl.float64)  # one loss may exceed float32, but not the weighted or mean loss
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
            logits, low = adjusted_tile(
                pred + corner,
                at,
                columns_of_tile,
                inside_rows,
                classes,
                labels,
                offsets,
                margins,
                margin,
                adjusted,
                dtype,
            )
            top, top_low, top_column, rest = statistics(logits, low, columns_of_tile, classes, adjusted)
        else:
            top, top_low, top_column, rest = statistics_in_tiles(
                pred + corner,
                at,
                columns_of_tile,
                inside_rows,
                classes,
                labels,
                offsets,
                margins,
                margin,
                adjusted,
                dtype,
            )

        if single:
            exists = (labels >= 0) & (labels < classes)
            label = tl.where(exists, labels, 0)
            its_logit = tl.load(pred + corner + (lanes * classes + label), mask=inside, other=0.0).to(dtype)
            its_low = its_logit
            if adjusted:
                its_logit, its_low = adjust(its_logit, label, inside, labels, offsets, margins, margin, dtype)
            nll, probability, complement = probabilities(
                its_logit, its_low, top, top_low, rest, label == top_column, adjusted
            )
            nll_loss, rate = formula(nll, probability, complement, *options)
            class_weight = numbers(first, parameters[0], label * parameter_column, inside, dtype)
            class_share = tl.where(exists, class_weight, float("nan"))
            loss = weighted_nll(class_share, nll_loss, its_logit, top)
            d_row = reduced_derivative(weighted(class_share, rate), factor, total, mean)
            if d_pred is not None:
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    is_top = column == top_column[:, None]
                    if whole:
                        z, z_low = logits, low
                    else:
                        z, z_low = adjusted_tile(
                            pred + corner,
                            at,
                            column,
                            inside_rows,
                            classes,
                            labels,
                            offsets,
                            margins,
                            margin,
                            adjusted,
                            dtype,
                        )
                    _, _, others = differences_of(z, z_low, top[:, None], top_low[:, None], is_top, adjusted)
                    slope = probability_of(others, top[:, None], rest[:, None], is_top)
                    slope = tl.where(column == label[:, None], -complement[:, None], slope) * d_row[:, None]
                    slope = tl.where(factor[:, None] == 0.0, 0.0, slope)
                    tl.store(d_pred + corner + (at + column), slope, mask=inside_rows & (column < classes))
        elif between:
            value_of_row = tl.load(target + entry, mask=inside, other=0.0).to(dtype)
            first_bin, share, next_share = shares_of_bins(value_of_row, bins, classes, columns_of_tile, inside, dtype)
            shares, both_bins = tl.join(share, next_share), first_bin[:, None] + tl.arange(0, 2)[None, :]
            its_logits = tl.load(pred + corner + (at + both_bins), mask=inside_rows, other=0.0).to(dtype)
            nll, probability, complement = probabilities(
                its_logits,
                its_logits,
                top[:, None],
                top[:, None],
                rest[:, None],
                both_bins == top_column[:, None],
                False,
            )
            loss = tl.sum(weighted_nll(shares, nll, its_logits, top[:, None]), 1)
            if excess:
                own, of_next = tl.split(weighted(shares, log(tl.where(shares == 0.0, 1.0, shares))))
                loss += own
                loss += of_next
            d_row = reduced_derivative(tl.where(share == share, 1.0, share), factor, total, mean)
            d_first, d_second = tl.split(probability * tl.join(next_share, share) - complement * shares)
            if d_pred is not None:
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    is_top = column == top_column[:, None]
                    z = logits if whole else load_tile(pred + corner, at, column, inside_rows, classes, dtype)
                    _, _, others = differences_of(z, z, top[:, None], top[:, None], is_top, False)
                    slope = probability_of(others, top[:, None], rest[:, None], is_top)
                    slope = tl.where(column == first_bin[:, None], d_first[:, None], slope)
                    slope = tl.where(column == first_bin[:, None] + 1, d_second[:, None], slope) * d_row[:, None]
                    slope = tl.where(factor[:, None] == 0.0, 0.0, slope)
                    tl.store(d_pred + corner + (at + column), slope, mask=inside_rows & (column < classes))
        else:
            loss, d_row = tl.zeros((block,), tl.float64), tl.zeros((block,), dtype)
            for second_pass in tl.static_range(2):  # over the row: first sums, then derivatives
                for begin in range(0, end, tile):
                    column = begin + columns_of_tile
                    here, is_top = inside_rows & (column < classes), column == top_column[:, None]
                    if whole:
                        z, z_low = logits, low
                    else:
                        z, z_low = adjusted_tile(
                            pred + corner,
                            at,
                            column,
                            inside_rows,
                            classes,
                            labels,
                            offsets,
                            margins,
                            margin,
                            adjusted,
                            dtype,
                        )
                    nll, probability, complement = probabilities(
                        z, z_low, top[:, None], top_low[:, None], rest[:, None], is_top, adjusted
                    )
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
