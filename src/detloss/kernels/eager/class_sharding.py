"""Where the classes of a row are, and what is asked of all of them: here, or spread over the ranks of a group."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed


class Here:
    """All of them are in the last dimension."""

    first = 0

    def count(self, logits: Tensor) -> int:
        """How many classes there are."""
        return logits.shape[-1]

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over the classes, which stays a dimension."""
        return numbers.sum(-1, keepdim=True)

    def top(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The largest logit and its class."""
        highest, index = logits.max(-1, keepdim=True)
        return highest, index


class Spread(NamedTuple):
    """The last dimension has a part of them; every rank of the group asks the same, in the same order."""

    group: Any  # torch.distributed's process group; None: all ranks
    first: int  # the class that comes first here
    classes: int  # of all ranks

    def count(self, logits: Tensor) -> int:
        """How many classes there are."""
        return self.classes

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over the classes, which stays a dimension."""
        return self.reduced(numbers.sum(-1, keepdim=True), distributed.ReduceOp.SUM)

    def top(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The largest logit and its class; NaN is none, and is found by what is summed over the others."""
        if logits.shape[-1]:
            highest, index = logits.max(-1, keepdim=True)
        else:
            highest = logits.new_full((*logits.shape[:-1], 1), -torch.inf)
            index = torch.full_like(highest, self.classes, dtype=torch.int64)
        overall = self.reduced(torch.where(highest == highest, highest, -torch.inf), distributed.ReduceOp.MAX)
        index = torch.where(highest == overall, self.first + index, self.classes)
        return overall, self.reduced(index, distributed.ReduceOp.MIN)

    def reduced(self, numbers: Tensor, operation: Any) -> Tensor:
        """The same numbers on every rank."""
        if numbers.requires_grad:
            raise NotImplementedError("logits: expected no derivatives of derivatives of classes spread over ranks")
        distributed.all_reduce(numbers, operation, group=self.group)
        return numbers
