"""Softmax reductions over classes that are local or sharded across ranks."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed


class LocalClasses:
    """The last dimension of the logits holds all classes."""

    first = 0

    def count(self, logits: Tensor) -> int:
        """The number of classes."""
        return logits.shape[-1]

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over the classes, which remain a dimension."""
        return numbers.sum(-1, keepdim=True)

    def top(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The largest logit and its class."""
        highest, index = logits.max(-1, keepdim=True)
        return highest, index


class ShardedClasses(NamedTuple):
    """The last dimension holds this rank's classes; all ranks of the group call the same methods in the same order.

    Attributes:
        group: A process group of torch.distributed; None: all ranks.
        first: The class at position 0 of this rank.
        classes: The number of classes of all ranks.
    """

    group: Any
    first: int
    classes: int

    def count(self, logits: Tensor) -> int:
        """The number of classes of all ranks."""
        return self.classes

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over the classes of all ranks, which remain a dimension."""
        return self.reduced(numbers.sum(-1, keepdim=True), distributed.ReduceOp.SUM)

    def top(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The largest logit and its class, NaN aside: sums over the other classes are NaN then."""
        if logits.shape[-1]:
            highest, index = logits.max(-1, keepdim=True)
        else:
            highest = logits.new_full((*logits.shape[:-1], 1), -torch.inf)
            index = torch.full_like(highest, self.classes, dtype=torch.int64)
        overall = self.reduced(torch.where(highest == highest, highest, -torch.inf), distributed.ReduceOp.MAX)
        index = torch.where(highest == overall, self.first + index, self.classes)
        return overall, self.reduced(index, distributed.ReduceOp.MIN)

    def reduced(self, numbers: Tensor, operation: Any) -> Tensor:
        """The reduction over all ranks, in place."""
        if numbers.requires_grad:
            raise NotImplementedError("logits: expected no derivatives of derivatives of sharded classes")
        distributed.all_reduce(numbers, operation, group=self.group)
        return numbers
