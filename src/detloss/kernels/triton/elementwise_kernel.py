"""The kernel of elementwise and binary losses: a program evaluates consecutive elements."""

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
from detloss.kernels.triton.device_primitives import weighted


@triton.jit
def elements(
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
    parameter_rows,
    parameter_columns,
    counters,
    weight: tl.float64,
    divisor: tl.float64,
    first: tl.float64,
    second: tl.float64,
    third: tl.float64,
    fourth: tl.float64,
    fifth: tl.float64,
    keep: tl.float64,
    spread: tl.float64,
    formula: tl.constexpr,
    arity: tl.constexpr,
    binary: tl.constexpr,
    indices: tl.constexpr,
    ignore_index: tl.constexpr,
    reduced: tl.constexpr,
    mean: tl.constexpr,
    dtype: tl.constexpr,
    block: tl.constexpr,
):
    """Losses and derivatives of elements; a parameter in memory has strides of rows and columns."""
    total = divisor_of(divisor, divisors, counters, columns, dtype)
    keep, spread = number(keep, None, dtype), number(spread, None, dtype)
    lanes, partial = tl.arange(0, block), tl.zeros((block,), tl.float64)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        at, inside = start + lanes, lanes < count - start
        row, column = place(start, lanes, columns)
        options = (
            numbers(first, parameters[0], row * parameter_rows[0] + column * parameter_columns[0], inside, dtype),
            numbers(second, parameters[1], row * parameter_rows[1] + column * parameter_columns[1], inside, dtype),
            numbers(third, parameters[2], row * parameter_rows[2] + column * parameter_columns[2], inside, dtype),
            numbers(fourth, parameters[3], row * parameter_rows[3] + column * parameter_columns[3], inside, dtype),
            numbers(fifth, parameters[4], row * parameter_rows[4] + column * parameter_columns[4], inside, dtype),
        )
        x = tl.load(pred + at, mask=inside, other=0.0).to(dtype)
        factor = numbers(weight, weights, row * weight_row + column * weight_column, inside, dtype)
        if indices:
            index = tl.load(target + row, mask=inside, other=0)
            y = one_hot(index, column, columns, dtype)  # index `columns` is background
            if ignore_index is not None:
                factor = tl.where(index == ignore_index, 0.0, factor)
        else:
            y = tl.load(target + at, mask=inside, other=0.0).to(dtype)
        if binary:
            positive, negative = y * keep + spread, (1.0 - y) * keep + spread
            loss, by_pred, by_target = formula(x, positive, negative, keep, *options[:arity])
        else:
            loss, by_pred, by_target = formula(x, y, *options[:arity])
        if d_pred is not None:
            tl.store(d_pred + at, reduced_derivative(by_pred, factor, total, mean), mask=inside)
        if d_target is not None:
            tl.store(d_target + at, reduced_derivative(by_target, factor, total, mean), mask=inside)
        partial = store_or_add(weighted(factor, loss), inside, at, value, partial, reduced)
    if reduced:
        reduce(partial, value, sums, arrivals, total, mean)
