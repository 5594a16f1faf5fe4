"""Kernels that calculate one primitive of their operands."""

import triton
import triton.language as tl

from detloss.kernels.triton import device_primitives


@triton.jit
def one_operand(x, result, primitive: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.arange(0, block)
    tl.store(result + at, primitive(tl.load(x + at)))


@triton.jit
def two_operands(x, y, result, primitive: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.arange(0, block)
    tl.store(result + at, primitive(tl.load(x + at), tl.load(y + at)))


@triton.jit
def one_exponent(x, exponent, result, block: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.arange(0, block)
    tl.store(result + at, device_primitives.power(tl.load(x + at), tl.load(exponent)))


@triton.jit
def two_results(x, y, high, low, primitive: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.arange(0, block)
    first, second = primitive(tl.load(x + at), tl.load(y + at))
    tl.store(high + at, first)
    tl.store(low + at, second)


@triton.jit
def scales(x, result, dimensions: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.arange(0, block)
    tl.store(result + at, device_primitives.scale(tl.load(x + at), dimensions))
