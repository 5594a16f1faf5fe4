"""Memory layouts of a tensor, with numbers around it that no loss may read."""

from collections.abc import Callable
from random import Random

import torch
from torch import Tensor

Layout = Callable[[Random, Tensor], Tensor]


def contiguous(rng: Random, x: Tensor) -> Tensor:
    return x


def offset(rng: Random, x: Tensor) -> Tensor:
    """Behind other numbers of its storage."""
    before = rng.randint(1, 5)
    room = _garbage(x, (before + x.numel() + 1,))
    return room[before : before + x.numel()].view(x.shape).copy_(x)


def permuted(rng: Random, x: Tensor) -> Tensor:
    """With its dimensions in another order in memory."""
    order = rng.sample(range(x.dim()), x.dim())
    places = sorted(range(x.dim()), key=order.__getitem__)
    return x.permute(order).contiguous().permute(places)


def stepped(rng: Random, x: Tensor) -> Tensor:
    """With other numbers between its elements."""
    steps = [rng.randint(1, 3) for _ in x.shape]
    room = _garbage(x, [size * step for size, step in zip(x.shape, steps)])
    return room[tuple(slice(step - 1, None, step) for step in steps)].copy_(x)


def cut_out(rng: Random, x: Tensor) -> Tensor:
    """A slice of a larger tensor."""
    starts = [rng.randint(0, 2) for _ in x.shape]
    room = _garbage(x, [size + start + 1 for size, start in zip(x.shape, starts)])
    return room[tuple(slice(start, start + size) for size, start in zip(x.shape, starts))].copy_(x)


def expanded(rng: Random, x: Tensor) -> Tensor:
    """Its first entries over and over, by strides of 0."""
    return x[tuple(slice(0, 1) if rng.random() < 0.5 else slice(None) for _ in x.shape)].expand(x.shape)


def overlapping(rng: Random, x: Tensor) -> Tensor:
    """Windows of a row of numbers."""
    return x.flatten().as_strided(x.shape, [1] * x.dim()) if x.numel() else x


def at_any_byte(rng: Random, x: Tensor) -> Tensor:
    """At an address that its numbers are not aligned to."""
    if not x.numel():
        return x
    before = rng.randint(1, 7)
    numbers = x.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return torch.frombuffer(bytearray(before) + numbers, dtype=x.dtype, offset=before).view(x.shape)


def negated(rng: Random, x: Tensor) -> Tensor:
    """A view whose values are the negated numbers in memory."""
    return torch._neg_view(-x) if x.is_floating_point() else x


LAYOUTS: tuple[Layout, ...] = (
    contiguous,
    offset,
    permuted,
    stepped,
    cut_out,
    expanded,
    overlapping,
    at_any_byte,
    negated,
)


def laid_out(rng: Random, x: Tensor) -> Tensor:
    """The tensor, mostly contiguous, else in a random memory layout."""
    return x if rng.random() < 0.4 else rng.choice(LAYOUTS)(rng, x)


def _garbage(like: Tensor, shape: object) -> Tensor:
    value = 7.7e4 if like.dtype == torch.float16 else 1e30 if like.is_floating_point() else 99
    return torch.full(shape, value).to(like.dtype)
