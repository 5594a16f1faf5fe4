"""What every kernel does with its entries: numbers come in, derivatives are weighted, values go out or are summed.

A number is either handed to a kernel as a float64, or stands in memory; then its place is not None. A program takes its
entries a block a step. A sum is made in a fixed order: each program's own, then the last program to arrive adds up
the sums of all.
"""

import triton
import triton.language as tl

from detloss.kernels.triton.device_primitives import quotient, weighted

COUNTERS: tl.constexpr = tl.constexpr(256)  # programs that count, at most
ADDED_AT_ONCE: tl.constexpr = tl.constexpr(512)


@triton.jit
def begin(target, counts, arrivals, count, ignore_index: tl.constexpr, block: tl.constexpr):
    """Before the first entry: nobody has arrived; each program counts its share of the targets not ignored."""
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
    """Row and column of the entries that follow a first one; the division of 64 bits is of scalars."""
    first_row = start // columns
    within = (start - first_row * columns).to(tl.int32) + lanes
    return first_row + within // columns, within % columns


@triton.jit
def number(given, at, dtype: tl.constexpr):
    """A number for all entries: as it was given, or from memory."""
    return tl.full((), given, dtype) if at is None else tl.load(at).to(dtype)


@triton.jit
def numbers(given, at, offset, inside, dtype: tl.constexpr):
    """A number an entry, or the given one for all."""
    return tl.full((), given, dtype) if at is None else tl.load(at + offset, mask=inside, other=0.0).to(dtype)


@triton.jit
def ones_of(index, column, last, dtype: tl.constexpr):
    """1 where a column is its row's class, else 0; NaN for a whole row whose class does not exist."""
    exists = (index >= 0) & (index <= last)
    return tl.where(exists, tl.where(index == column, 1.0, 0.0), float("nan")).to(dtype)


@triton.jit
def divisor_of(given, at, counters, entries_a_count, dtype: tl.constexpr):
    """What a mean divides by: a number, or the entries not ignored, of which so many counters have each a share."""
    if counters is None:
        divisor = number(given, at, dtype)
    else:
        counter = tl.arange(0, COUNTERS)
        divisor = (tl.sum(tl.load(at + counter, mask=counter < counters, other=0)) * entries_a_count).to(dtype)
    return divisor


@triton.jit
def belonging(derivative, weight, divisor, mean: tl.constexpr):
    """A derivative as it belongs to the weighted and reduced loss."""
    result = weighted(weight, derivative)
    return quotient(result, divisor) if mean else result


@triton.jit
def deliver(values, inside, at, value, so_far, reduced: tl.constexpr):
    """Store every entry's value, or add them to what is summed so far."""
    if reduced:
        so_far += tl.where(inside, values, 0.0)
    else:
        tl.store(value + at, values, mask=inside)
    return so_far


@triton.jit
def sum_of(sums, programs):
    """The sum of all programs' sums."""
    total = tl.zeros((ADDED_AT_ONCE,), tl.float64)
    for start in range(0, programs, ADDED_AT_ONCE):
        program = start + tl.arange(0, ADDED_AT_ONCE)
        each = tl.load(sums + program, mask=program < programs, other=0.0, cache_modifier=".cg")
        total += each.to(tl.float64)
    return tl.sum(total)


@triton.jit
def finish(total, value, divisor, mean: tl.constexpr):
    """Store a reduced loss."""
    result = quotient(total, divisor.to(tl.float64)) if mean else total
    tl.store(value, result.to(value.dtype.element_ty))


@triton.jit
def reduce(so_far, value, sums, arrivals, divisor, mean: tl.constexpr):
    """Make one loss of what the programs have summed: the only program does, or the last of all to arrive."""
    own = tl.sum(so_far)
    if arrivals is None:
        finish(own.to(tl.float64), value, divisor, mean)
    else:
        programs = tl.num_programs(0)
        tl.store(sums + tl.program_id(0), own)
        tl.debug_barrier()  # the sum is stored before this program counts as arrived
        if tl.atomic_add(arrivals, 1, sem="acq_rel", scope="gpu") == programs - 1:
            finish(sum_of(sums, programs), value, divisor, mean)
