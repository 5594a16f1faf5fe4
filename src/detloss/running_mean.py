"""Running mean over training steps, equal on all ranks: the base of modules that keep one."""

import torch
from torch import Tensor, distributed, nn

from detloss.engine import checks


def mean_over_ranks(total: Tensor, count: Tensor) -> Tensor:
    """The mean of the numbers of all ranks, from the sum and the count of each; NaN without numbers."""
    sums = torch.stack([total, count])
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(sums)
    return sums[0] / sums[1]


class RunningMean(nn.Module):
    """A running mean ``momentum * old + (1 - momentum) * new`` as a buffer; a momentum of None keeps no mean.

    The buffer starts at ``start``; NaN is replaced by the first mean.
    """

    running: Tensor
    momentum: float | None

    def __init__(self, momentum: float | None, start: float) -> None:
        super().__init__()
        if momentum is not None:
            momentum = checks.number("momentum", momentum, 0.0, 1.0)
            if momentum == 1.0:
                raise ValueError("momentum: expected in [0, 1), got 1.0")
            self.register_buffer("running", torch.full((), start))
        self.momentum = momentum

    def update(self, mean: Tensor) -> None:
        """Include the mean of a batch, unless it is not finite."""
        assert self.momentum is not None
        smooth = self.momentum * self.running + (1.0 - self.momentum) * mean
        smooth = torch.where(self.running.isnan(), mean, smooth)
        self.running.copy_(torch.where(mean.isfinite(), smooth, self.running))
