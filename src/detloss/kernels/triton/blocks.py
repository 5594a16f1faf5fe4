"""Device functions that all kernels share: loading numbers, weighting derivatives, storing and summing losses.

A number is an argument of a kernel, as a float64, or is in device memory; then `at` is not None. An entry is an
element, or a row that has one loss. A program evaluates one block of entries per step. The order of a sum is fixed:
each program sums its own entries, and the last program to arrive sums the partial sums of all.
"""

import triton
import triton.language as tl

from detloss.kernels.triton.device_primitives import quotient, weighted

COUNTERS: tl.constexpr = tl.constexpr(256)  # programs that count, at most
SUM_BLOCK: tl.constexpr = tl.constexpr(512)


@triton.jit
def prepare(target, counts, arrivals, count, ignore_index: tl.constexpr, block: tl.constexpr):
    """Reset the count of arrivals; each program counts a part of the targets that are not ignored."""
    program = tl.program_id(0)
    if arrivals is not None:
        tl.store(arrivals, 0)
    if counts is not None:
        present = tl.zeros((block,), tl.int64)
        for start in range(program * block, count, tl.num_programs(0) * block):
            at = start + tl.arange(0, block)
            index = tl.load(target + at, mask=at < count, other=0)
            present += tl.where((at < count) & (index != ignore_index), 1, 0)
        tl.store(counts + program, tl.sum(present))


@triton.jit
def place(start, lanes, columns):
    """Row and column of consecutive entries; only scalars are divided in 64 bits."""
    first_row = start // columns
    within = (start - first_row * columns).to(tl.int32) + lanes
    return first_row + within // columns, within % columns


@triton.jit
def number(given, at, dtype: tl.constexpr):
    """A number for all entries: the argument, or the value in memory."""
    return tl.full((), given, dtype) if at is None else tl.load(at).to(dtype)


@triton.jit
def numbers(given, at, offset, inside, dtype: tl.constexpr):
    """One number per entry, or the argument for all."""
    return tl.full((), given, dtype) if at is None else tl.load(at + offset, mask=inside, other=0.0).to(dtype)


@triton.jit
def one_hot(index, column, last, dtype: tl.constexpr):
    """The one-hot target of a class index; NaN for a class out of range."""
    exists = (index >= 0) & (index <= last)
    return tl.where(exists, tl.where(index == column, 1.0, 0.0), float("nan")).to(dtype)


@triton.jit
def divisor_of(given, at, counters, entries_per_target, dtype: tl.constexpr):
    """The divisor of a mean: a number, or the sum of the counters of entries that are not ignored."""
    if counters is None:
        divisor = number(given, at, dtype)
    else:
        counter = tl.arange(0, COUNTERS)
        divisor = (tl.sum(tl.load(at + counter, mask=counter < counters, other=0)) * entries_per_target).to(dtype)
    return divisor


@triton.jit
def reduced_derivative(derivative, weight, divisor, mean: tl.constexpr):
    """A derivative of the weighted and reduced loss, from that of an entry."""
    result = weighted(weight, derivative)
    return quotient(result, divisor) if mean else result


@triton.jit
def store_or_add(values, inside, at, value, partial, reduced: tl.constexpr):
    """Store the values of the entries, or add them to the program's sum."""
    if reduced:
        partial += tl.where(inside, values, 0.0)
    else:
        tl.store(value + at, values, mask=inside)
    return partial


@triton.jit
def sum_of(sums, programs):
    """The sum of the partial sums of all programs."""
    total = tl.zeros((SUM_BLOCK,), tl.float64)
    for start in range(0, programs, SUM_BLOCK):
        program = start + tl.arange(0, SUM_BLOCK)
        each = tl.load(sums + program, mask=program < programs, other=0.0, cache_modifier=".cg")
        total += each
    return tl.sum(total)


@triton.jit
def finish(total, value, divisor, mean: tl.constexpr):
    """Store a reduced loss."""
    result = quotient(total, divisor.to(tl.float64)) if mean else total
    tl.store(value, result.to(value.dtype.element_ty))


@triton.jit
def reduce(partial, value, sums, arrivals, divisor, mean: tl.constexpr):
    """Store the reduced loss: the only program does, or the last program to arrive."""
    own = tl.sum(partial)
    if arrivals is None:
        finish(own, value, divisor, mean)
    else:
        programs = tl.num_programs(0)
        tl.store(sums + tl.program_id(0), own)
        tl.debug_barrier()  # the sum is stored before this program counts as arrived
        if tl.atomic_add(arrivals, 1, sem="acq_rel", scope="gpu") == programs - 1:
            finish(sum_of(sums, programs), value, divisor, mean)


@triton.jit
def scale(derivative, upstream, count, numbers_per_entry, is_uniform: tl.constexpr, block: tl.constexpr):
    """Multiply a derivative by the upstream gradient, in place: a single factor, or one per entry."""
    dtype: tl.constexpr = derivative.dtype.element_ty
    start, lanes = tl.program_id(0).to(tl.int64) * block, tl.arange(0, block)
    inside = lanes < count - start
    if is_uniform:
        factor = tl.load(upstream).to(dtype)
        if factor == 1.0:
            return
    else:
        entry, _ = place(start, lanes, numbers_per_entry)
        factor = tl.load(upstream + entry, mask=inside, other=0.0).to(dtype)
    scaled = weighted(factor, tl.load(derivative + start + lanes, mask=inside, other=0.0))
    tl.store(derivative + start + lanes, scaled, mask=inside)
