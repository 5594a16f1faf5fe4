"""Primitives of the formulas for torch tensors: any device, any floating dtype, differentiable."""

import torch
from torch import Tensor

absolute = torch.abs
exp = torch.exp
expm1 = torch.expm1
log = torch.log
log1p = torch.log1p
log1p_of_fraction = torch.log1p  # for x in [0, 1], where other backends have a shorter algorithm
power = torch.pow
relu = torch.relu
angle = torch.atan2
cosine = torch.cos
sine = torch.sin
minimum = torch.minimum
maximum = torch.maximum
where = torch.where


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; NaN of NaN, unlike `torch.sign`."""
    return torch.where(x == x, torch.sign(x), x)


def inverse(x: Tensor) -> Tensor:
    """1 / x, or 0 if x is 0; masked before the division, so that derivatives have no 0 * inf."""
    zero = x == 0
    return torch.where(zero, 0.0, 1.0 / torch.where(zero, 1.0, x))


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, or 0 if the denominator is 0."""
    zero = denominator == 0
    return torch.where(zero, 0.0, numerator / torch.where(zero, 1.0, denominator))


def square_root(x: Tensor) -> Tensor:
    """The square root of x >= 0, with derivative 0 at 0."""
    zero = x == 0
    return torch.where(zero, 0.0, torch.sqrt(torch.where(zero, 1.0, x)))


def weighted(weight: Tensor, value: Tensor) -> Tensor:
    """weight * value, or 0 if the weight is 0, even if the value is infinite or NaN."""
    return weight * torch.where(weight == 0, 0.0, value)


def constant(x: Tensor) -> Tensor:
    """x, constant in derivatives."""
    return x.detach()


def difference(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """a - b as the rounded difference and its rounding error (Knuth); their sum is exact."""
    high = a - b
    b_part = a - high
    low = (a - (high + b_part)) + (b_part - b)
    return high, torch.where(low == low, low, 0.0).detach()


def scale(size: Tensor, dimensions: int) -> Tensor:
    """The power of two, a constant, that scales `size` so that squared products of that many lengths are in range."""
    mantissa, bias, integer = (52, 1023, torch.int64) if size.dtype == torch.float64 else (23, 127, torch.int32)
    exponent = (size.detach().view(integer) >> mantissa) - bias
    goal = (bias - 7) // (2 * max(dimensions, 2)) - 2
    return ((goal - exponent).clamp(1 - bias, bias) + bias << mantissa).view(size.dtype)
