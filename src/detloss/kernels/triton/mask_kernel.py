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
from detloss.kernels.triton.device_primitives import maximum, weighted
from detloss.kernels.triton.formulas import mask_derivatives, mask_parts, raised_logit


@triton.jit
def top_of(dtype: tl.constexpr):
    """The highest logit of a raised row."""
    return -256.0 if dtype == tl.float64 else -32.0


@triton.jit
def sums_of_rows(pred, target, lanes, inside, elements, highest, missing, dtype: tl.constexpr, tile: tl.constexpr):
    """The three sums of the rows of a block, and their highest logits; `highest` and `missing` raise logits."""
    columns_of_tile = tl.arange(0, tile)[None, :]
    zeros = tl.zeros((lanes.shape[0], tile), dtype)
    shared, excess, absent, top = zeros, zeros, zeros, zeros - float("inf")
    for begin in range(0, elements, tile):
        column = begin + columns_of_tile
        here = inside[:, None] & (column < elements)
        at = lanes[:, None] * elements + column
        z = tl.load(pred + at, mask=here, other=-float("inf")).to(dtype)
        y = tl.load(target + at, mask=here, other=0.0).to(dtype)
        top = maximum(top, z)
        in_both, in_pred, in_target = mask_parts(raised_logit(z, highest[:, None], missing[:, None], top_of(dtype)), y)
        shared += tl.where(here, in_both, 0.0)
        excess += tl.where(here, in_pred, 0.0)
        absent += tl.where(here, in_target, 0.0)
    return tl.sum(shared, 1), tl.sum(excess, 1), tl.sum(absent, 1), tl.max(top, 1)


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
    partial = tl.zeros((block,), tl.float64)
    for step in range(0, steps):
        start = (tl.program_id(0).to(tl.int64) * steps + step) * block
        corner = start * elements  # only offsets of whole blocks have 64 bits
        entry, inside = start + lanes, lanes < count - start
        row, row_column = place(start, lanes, columns)
        factor = numbers(weight, weights, row * weight_row + row_column * weight_column, inside, dtype)
        nothing = tl.zeros((block,), dtype)
        shared, excess, missing, highest = sums_of_rows(
            pred + corner, target + corner, lanes, inside, elements, nothing, nothing + 1.0, dtype, tile
        )
        counted = beta * missing
        if tl.min(tl.abs(counted)) == 0.0:
            shared, excess, missing, highest = sums_of_rows(
                pred + corner, target + corner, lanes, inside, elements, highest, counted, dtype, tile
            )
        loss, size, by_shared, by_excess, by_missing = formula(shared, excess, missing, alpha, beta)
        if d_pred is not None or d_target is not None:
            for begin in range(0, elements, tile):
                column = begin + columns_of_tile
                here = inside[:, None] & (column < elements)
                at = corner + (lanes[:, None] * elements + column)
                z = tl.load(pred + at, mask=here, other=0.0).to(dtype)
                z = raised_logit(z, highest[:, None], counted[:, None], top_of(dtype))
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
