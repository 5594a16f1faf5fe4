"""Adapters that reduce a loss to its sum, with or without a weight per value."""

from collections.abc import Callable

from torch import Tensor


def summed(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The sum of an unreduced loss, each value times its weight."""

    def sum_of(*operands: Tensor, weight: Tensor | None = None) -> Tensor:
        each = loss(*operands)
        return (each if weight is None else weight * each).sum()

    return sum_of


def reduced(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same of a loss with the option `reduction`, which sums by itself where there is no weight."""
    weighted = summed(lambda *operands: loss(*operands, reduction="none"))

    def sum_of(*operands: Tensor, weight: Tensor | None = None) -> Tensor:
        return loss(*operands, reduction="sum") if weight is None else weighted(*operands, weight=weight)

    return sum_of


def with_weight(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss whose last operand is the weight."""
    return lambda *operands: loss(*operands[:-1], weight=operands[-1])
