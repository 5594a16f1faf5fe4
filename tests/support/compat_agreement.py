"""Agreement of drop-in replacements: equal signatures, values and gradients."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

REDUCTIONS = ("none", "mean", "sum")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_boxes(seed: int, count: int = 40) -> tuple[Tensor, Tensor]:
    """Corner boxes with sides of 5 to 45: half of the pairs overlap well, the others by chance."""
    source = generator(seed)
    corner = 60 * torch.rand(2, count, 2, generator=source, dtype=torch.float64)
    sides = 5 + 40 * torch.rand(2, count, 2, generator=source, dtype=torch.float64)
    first, second = torch.cat([corner, corner + sides], -1)
    jitter = torch.rand(count, 4, generator=source, dtype=torch.float64) - 0.5
    near = first + 0.2 * sides[0].repeat(1, 2) * jitter
    return first, torch.where(torch.arange(count)[:, None] % 2 == 0, near, second)


def random_numbers(seed: int, *shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def random_shares(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(seed), dtype=torch.float64)


def assert_agree(
    ours: Callable[..., Tensor],
    theirs: Callable[..., Tensor],
    *operands: Tensor,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> None:
    """Values, dtypes, shapes, and the gradients of all floating operands."""
    results = []
    for function in (ours, theirs):
        leaves = [each.clone().requires_grad_(each.is_floating_point()) for each in operands]
        value = function(*leaves)
        upstream = torch.cos(torch.arange(value.numel(), dtype=value.dtype)).reshape(value.shape)
        differentiable = [leaf for leaf in leaves if leaf.requires_grad]
        results.append((value, *torch.autograd.grad(value, differentiable, upstream)))
    torch.testing.assert_close(*results, rtol=rtol, atol=atol)


def parameters(function: Callable) -> list[tuple]:
    """Names, order, defaults and ways of passing."""
    return [(each.name, each.default, each.kind) for each in inspect.signature(function).parameters.values()]


def gradient(function: Callable[..., Tensor], operand: Tensor, *others: Tensor) -> Tensor:
    leaf = operand.clone().requires_grad_()
    return torch.autograd.grad(function(leaf, *others).sum(), leaf)[0]
