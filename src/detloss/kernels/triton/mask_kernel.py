"""The kernel of mask losses: one pass over rows of logits for their sums, and one for the derivatives."""

import triton
import triton.language as tl

from detloss.kernels.triton.blocks import (
    divisor_of,
    number,
    numbers,
    place,
    reduce,
    reduced_derivative,
    store_or_add,
)
from detloss.kernels.triton.device_primitives import weighted
from detloss.kernels.triton.formulas import mask_derivatives, mask_parts


@triton.jit
def masks(
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
    elements,
    columns,
    weight_row,
    weight_column,
    weight: tl.float64,
    divisor: tl.float64,
    first: tl.float64,
    second: tl.float64,
    formula: tl.constexpr,
    reduced: tl.constexpr,
    mean: tl.constexpr,
    dtype: tl.constexpr,
    tile: tl.constexpr,
    block: tl.constexpr,
):
    """Losses and derivatives of rows; a block has several rows, of which a tile holds a part at a time."""
    total = divisor_of(divisor, divisors, None, 1, dtype)
    alpha, beta = number(first, parameters[0], dtype), number(second, parameters[1], dtype)
    lanes, columns_of_tile = tl.arange(0, block), tl.arange(0, tile)[None, :]
    partial = tl.zeros((block,), dtype)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        corner = start * elements  # only offsets of whole blocks have 64 bits
        entry, inside = start + lanes, lanes < count - start
        row, row_column = place(start, lanes, columns)
        factor = numbers(weight, weights, row * weight_row + row_column * weight_column, inside, dtype)
        shared, excess, missing = (
            tl.zeros((block, tile), dtype),
            tl.zeros((block, tile), dtype),
            tl.zeros((block, tile), dtype),
        )
        for begin in range(0, elements, tile):
            column = begin + columns_of_tile
            here = inside[:, None] & (column < elements)
            at = corner + (lanes[:, None] * elements + column)
            z = tl.load(pred + at, mask=here, other=0.0).to(dtype)
            y = tl.load(target + at, mask=here, other=0.0).to(dtype)
            in_both, in_pred, in_target = mask_parts(z, y)
            shared += tl.where(here, in_both, 0.0)
            excess += tl.where(here, in_pred, 0.0)
            missing += tl.where(here, in_target, 0.0)
        loss, size, by_shared, by_excess, by_missing = formula(
            tl.sum(shared, 1), tl.sum(excess, 1), tl.sum(missing, 1), alpha, beta
        )
        if d_pred is not None or d_target is not None:
            for begin in range(0, elements, tile):
                column = begin + columns_of_tile
                here = inside[:, None] & (column < elements)
                at = corner + (lanes[:, None] * elements + column)
                z = tl.load(pred + at, mask=here, other=0.0).to(dtype)
                y = tl.load(target + at, mask=here, other=0.0).to(dtype)
                by_pred, by_target = mask_derivatives(
                    z, y, size[:, None], by_shared[:, None], by_excess[:, None], by_missing[:, None]
                )
                if d_pred is not None:
                    tl.store(d_pred + at, reduced_derivative(by_pred, factor[:, None], total, mean), mask=here)
                if d_target is not None:
                    tl.store(d_target + at, reduced_derivative(by_target, factor[:, None], total, mean), mask=here)
        partial = store_or_add(weighted(factor, loss), inside, entry, value, partial, reduced)
    if reduced:
        reduce(partial, value, sums, arrivals, total, mean)
