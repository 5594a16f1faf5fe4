"""The kernel of pairs of axis-aligned boxes: a penalty on the measures of every pair."""

import triton
import triton.language as tl

from detloss.kernels.triton.blocks import (
    number,
    numbers,
    place,
    reduce,
    reduced_derivative,
    store_or_add,
)
from detloss.kernels.triton.device_primitives import weighted


@triton.jit
def four_columns(tile):
    """The columns of a tile of width four."""
    even, odd = tl.split(tile.reshape(tile.shape[0], 2, 2))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def columns_of(tile):
    """The columns of a tile of width two, four or eight."""
    if tile.shape[1] == 2:
        columns = tl.split(tile)
    elif tile.shape[1] == 4:
        columns = four_columns(tile)
    else:
        even, odd = tl.split(tile.reshape(tile.shape[0], 4, 2))
        evens, odds = four_columns(even), four_columns(odd)
        columns = (evens[0], odds[0], evens[1], odds[1], evens[2], odds[2], evens[3], odds[3])
    return columns


@triton.jit
def tile_of(columns, width: tl.constexpr):
    """A tile of two or four columns, or of six padded to eight."""
    if width == 2:
        tile = tl.join(columns[0], columns[1])
    elif width == 4:
        tile = tl.join(tl.join(columns[0], columns[2]), tl.join(columns[1], columns[3]))
        tile = tile.reshape(tile.shape[0], 4)
    else:
        even = tl.join(tl.join(columns[0], columns[4]), tl.join(columns[2], columns[4]))
        odd = tl.join(tl.join(columns[1], columns[5]), tl.join(columns[3], columns[5]))
        tile = tl.join(even, odd).reshape(even.shape[0], 8)
    return tile


@triton.jit
def load_columns(rows, row, inside, width: tl.constexpr, padded: tl.constexpr, dtype: tl.constexpr):
    """The columns of rows in memory."""
    column = tl.arange(0, padded)[None, :]
    tile = tl.load(rows + row[:, None] * width + column, mask=inside[:, None] & (column < width), other=0.0)
    return columns_of(tile.to(dtype))


@triton.jit
def store_slopes(
    columns,
    rows,
    row,
    inside,
    weight,
    divisor,
    measure: tl.constexpr,
    mean: tl.constexpr,
    width: tl.constexpr,
    padded: tl.constexpr,
):
    """Store the derivatives of the weighted and reduced losses or similarities as rows in memory."""
    column, slopes = tl.arange(0, padded)[None, :], tile_of(columns, width)
    slopes = reduced_derivative(-slopes if measure else slopes, weight[:, None], divisor, mean)
    tl.store(rows + row[:, None] * width + column, slopes, mask=inside[:, None] & (column < width))


@triton.jit
def pairs(
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
    columns,
    weight_row,
    weight_column,
    pred_row,
    pred_column,
    target_row,
    target_column,
    weight: tl.float64,
    divisor: tl.float64,
    parameter0: tl.float64,
    parameter1: tl.float64,
    parameter2: tl.float64,
    parameter3: tl.float64,
    parameter4: tl.float64,
    parameter5: tl.float64,
    parameter6: tl.float64,
    arity: tl.constexpr,
    geometry: tl.constexpr,
    penalty: tl.constexpr,
    differences_of: tl.constexpr,
    derivatives_by: tl.constexpr,
    measure: tl.constexpr,
    width: tl.constexpr,
    padded: tl.constexpr,
    reduced: tl.constexpr,
    mean: tl.constexpr,
    dtype: tl.constexpr,
    block: tl.constexpr,
):
    """Losses and derivatives of pairs; expanded operands have strides of 0 along rows or columns.

    `arity` is the number of parameters of the geometry. Unless it is 0, they follow a number that is 1 if the operands
    are exchanged, else 0.
    """
    total = number(divisor, divisors, dtype)
    lanes, partial = tl.arange(0, block), tl.zeros((block,), tl.float64)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        at, inside = start + lanes, lanes < count - start
        row, column = place(start, lanes, columns)
        of_pred = load_columns(pred, row * pred_row + column * pred_column, inside, width, padded, dtype)
        of_target = load_columns(target, row * target_row + column * target_column, inside, width, padded, dtype)
        factor = numbers(weight, weights, row * weight_row + column * weight_column, inside, dtype)
        factor = tl.where(inside, factor, 0.0)
        options = (
            numbers(parameter0, parameters[0], at, inside, dtype),
            numbers(parameter1, parameters[1], at, inside, dtype),
            numbers(parameter2, parameters[2], at, inside, dtype),
            numbers(parameter3, parameters[3], at, inside, dtype),
            numbers(parameter4, parameters[4], at, inside, dtype),
            numbers(parameter5, parameters[5], at, inside, dtype),
            numbers(parameter6, parameters[6], at, inside, dtype),
        )
        order = (number(0.0, None, dtype),)
        results = geometry(
            penalty,
            differences_of,
            derivatives_by,
            *of_pred[:width],
            *of_target[:width],
            *order[:arity],
            *options[:arity],
        )
        if d_pred is not None:
            store_slopes(results[2:], d_pred, at, inside, factor, total, measure, mean, width, padded)
        if d_target is not None:
            order = (number(1.0, None, dtype),)
            swapped = geometry(
                penalty,
                differences_of,
                derivatives_by,
                *of_target[:width],
                *of_pred[:width],
                *order[:arity],
                *options[:arity],
            )
            store_slopes(swapped[2:], d_target, at, inside, factor, total, measure, mean, width, padded)
        loss = weighted(factor, results[1] if measure else results[0])
        partial = store_or_add(loss, inside, at, value, partial, reduced)
    if reduced:
        reduce(partial, value, sums, arrivals, total, mean)
