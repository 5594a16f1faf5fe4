"""Primitives on numbers of every size: errors in ulps, and results at the ends of the range."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from mpmath import mpf
from torch import Tensor

from detloss.auditing.oracle.ulp import value_error
from detloss.kernels.eager import primitives as eager_primitives
from detloss.kernels.triton import device_primitives
from tests.support.primitive_kernels import (
    one_exponent,
    one_operand,
    scales,
    two_operands,
    two_results,
)

COUNT = 2048


def sizes(generator: torch.Generator, dtype: torch.dtype, spread: float) -> Tensor:
    """Positive numbers from e^-spread to e^spread, with the center of the range."""
    exponents = (2 * torch.rand(COUNT, generator=generator, dtype=torch.float64) - 1) * spread
    exponents[: COUNT // 2] *= 2 / spread
    return exponents.exp().to(dtype)


def worst(results: Tensor, exact: Callable[..., mpf], *operands: Tensor) -> float:
    """The largest error in ulps."""
    truths = [exact(*map(mpf, numbers)) for numbers in zip(*(operand.tolist() for operand in operands))]
    return max(value_error(got, truth, results.dtype) for got, truth in zip(results.tolist(), truths))


precise = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@precise
@pytest.mark.parametrize(
    ("primitive", "exact", "spread", "allowed"),
    [
        (device_primitives.exp, lambda x: mpmath.exp(-x), 4.4, 1.0),
        (device_primitives.log, mpmath.log, 80.0, 0.9),
        (device_primitives.log1p, mpmath.log1p, 80.0, 1.5),
        (device_primitives.log1p_of_fraction, mpmath.log1p, 60.0, 1.2),
    ],
    ids=["exp", "log", "log1p", "log1p_of_fraction"],
)
def test_transcendental_primitives(
    primitive: Any, exact: Callable[..., mpf], spread: float, allowed: float, dtype: torch.dtype, seed: int
) -> None:
    x = sizes(torch.Generator().manual_seed(seed), dtype, spread)
    if primitive is device_primitives.log1p_of_fraction:
        x = torch.minimum(x, 1 / x)
    results = torch.empty_like(x)
    one_operand[(1,)](-x if primitive is device_primitives.exp else x, results, primitive, COUNT)
    assert worst(results, exact, x) <= allowed


@precise
def test_angle(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    y, x = (sizes(generator, dtype, 8.0) * (torch.rand(COUNT, generator=generator) - 0.5).sign() for _ in "yx")
    results = torch.empty_like(x)
    two_operands[(1,)](y, x, results, device_primitives.angle, COUNT)
    assert worst(results, mpmath.atan2, y, x) <= 2.0
    axes = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]], dtype=dtype)
    results = torch.empty(5, dtype=dtype)
    for k, (rise, run) in enumerate(axes):
        two_operands[(1,)](rise, run, results[k], device_primitives.angle, 1)
    torch.testing.assert_close(results, torch.atan2(axes[:, 0], axes[:, 1]), rtol=2e-7, atol=0)


@precise
@pytest.mark.parametrize("exponent", [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 4.0, 5.0, 17.25])
def test_power(exponent: float, dtype: torch.dtype, seed: int) -> None:
    x = sizes(torch.Generator().manual_seed(seed), dtype, (80 if dtype == torch.float32 else 700) / max(exponent, 1))
    x = torch.minimum(x, 1 / x)  # bases of powers are probabilities
    shared, results = torch.tensor(exponent, dtype=dtype), torch.empty_like(x)
    one_exponent[(1,)](x, shared, results, COUNT)
    allowed = 2.0 if exponent in (2.5, 4.0) else 1.6  # three roundings
    assert worst(results, lambda number: number ** mpf(shared.item()), x) <= allowed


@precise
def test_difference_and_product_lose_nothing(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = sizes(generator, dtype, 20.0), sizes(generator, dtype, 20.0)
    for primitive, exact in (
        (device_primitives.difference, lambda x, y: x - y),
        (device_primitives.exact_product, lambda x, y: x * y),
    ):
        high, low = torch.empty_like(a), torch.empty_like(a)
        two_results[(1,)](a, b, high, low, primitive, COUNT)
        for numbers in zip(a.tolist(), b.tolist(), high.tolist(), low.tolist()):
            x, y, first, second = map(mpf, numbers)
            # The product of two low halves of 27 bits may lose its last.
            assert abs(first + second - exact(x, y)) <= abs(x * y) * mpf(2) ** -104 * (
                primitive is device_primitives.exact_product
            )


@precise
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_scale_is_the_reference_power_of_two(dimensions: int, dtype: torch.dtype, seed: int) -> None:
    x = sizes(torch.Generator().manual_seed(seed), dtype, 85.0)
    x[:4] = torch.tensor([0.0, torch.finfo(dtype).tiny / 4, torch.finfo(dtype).max, 1.0], dtype=dtype)
    results = torch.empty_like(x)
    scales[(1,)](x, results, dimensions, COUNT)
    assert torch.equal(results, eager_primitives.scale(x, dimensions))


ENDS = [0.0, -0.0, 1.0, -2.0, 1e-40, 1e38, math.inf, -math.inf, math.nan, math.copysign(math.nan, -1.0), 200.0, -200.0]


@precise
@pytest.mark.parametrize(
    "name", ["exp", "log", "sign", "relu", "absolute", "inverse", "minimum", "maximum", "weighted"]
)
def test_ends_of_the_range(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([*ENDS, *[3.0] * 4], dtype=dtype)
    results = torch.empty_like(x)
    if name in ("minimum", "maximum", "weighted"):
        for other in ENDS:
            y = torch.full_like(x, other)
            two_operands[(1,)](x, y, results, getattr(device_primitives, name), 16)
            torch.testing.assert_close(results, getattr(eager_primitives, name)(x, y), rtol=0, atol=0, equal_nan=True)
    else:
        one_operand[(1,)](x, results, getattr(device_primitives, name), 16)
        torch.testing.assert_close(results, getattr(eager_primitives, name)(x), rtol=3e-7, atol=0, equal_nan=True)


@precise
@pytest.mark.parametrize("exponent", [1.5, 2.3, 3.0, 5.3])
def test_power_above_the_largest_number_is_infinite(exponent: float, dtype: torch.dtype) -> None:
    x = torch.full((16,), 0.9 * torch.finfo(dtype).max, dtype=dtype)
    results = torch.empty_like(x)
    one_exponent[(1,)](x, torch.tensor(exponent, dtype=dtype), results, 16)
    assert results.isposinf().all()


@precise
@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_powers_of_zero_infinity_and_nan(exponent: float, dtype: torch.dtype) -> None:
    x = torch.tensor([0.0, math.inf, math.nan, math.copysign(math.nan, -1.0)], dtype=dtype)
    results = torch.empty_like(x)
    one_exponent[(1,)](x, torch.tensor(exponent, dtype=dtype), results, 4)
    torch.testing.assert_close(results, x.pow(exponent), rtol=0, atol=0, equal_nan=True)
