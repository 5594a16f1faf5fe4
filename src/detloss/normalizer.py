"""Normalizer of a loss: the number of positives, averaged over ranks."""

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.running_mean import RunningMean, mean_over_ranks


class Normalizer(RunningMean):
    """Convert a number of positives, or a sum of weights, to the normalizer of a loss, equal on all ranks.

    The normalizer is the mean of the counts over ranks, or its running mean if ``momentum`` is given, but at least
    ``minimum``.

    When to choose it: a detection loss divided by its positives. DDP averages gradients over ranks. If every rank
    divides by the *mean* count, this gives the gradient of a single process on the joined batch; if it divides by its
    own count, it does not. With gradient accumulation, pass the count of the whole step to every micro-batch.

    Args:
        minimum: The smallest normalizer, more than 0, for batches with few or no positives.
        momentum: In [0, 1): use the running mean ``momentum * old + (1 - momentum) * new``, a buffer that is updated
            in training mode only. None uses the count itself.

    Returns:
        The call ``normalizer(count)`` returns a float32 scalar tensor on the count's device, without synchronization.

    Raises:
        TypeError: An option or the count is not a number.
        ValueError: An option is out of range, or the count is not a single number.

    Edge cases:
        Without torch.distributed, the mean is the count itself. The first count initializes the running mean; a count
        that is not finite leaves it unchanged. The minimum applies per rank: if the mean count is below ``minimum``,
        ranks divide by more than a single process.

    Example:
        >>> import torch, detloss
        >>> normalizer = detloss.Normalizer()
        >>> normalizer(torch.tensor(12)), normalizer(0)
        (tensor(12.), tensor(1.))

    Sources:
        Tian et al., FCOS (2019), the averaged number of positives in issues 228 and 275 of its code,
        https://arxiv.org/abs/1904.01355

    See also:
        The ``normalizer`` argument of every loss.
    """

    def __init__(self, *, minimum: float = 1.0, momentum: float | None = None) -> None:
        super().__init__(momentum, torch.nan)
        self.minimum = checks.positive("minimum", minimum)

    @torch.no_grad()
    def forward(self, count: float | Tensor) -> Tensor:
        if not isinstance(count, Tensor):
            device = None if self.momentum is None else self.running.device
            count = torch.full((), checks.number("count", count, 0.0), device=device)
        if count.numel() != 1:
            raise ValueError(f"count: expected one number, got a tensor of shape {tuple(count.shape)}")
        total = count.detach().reshape(()).to(torch.float32)
        mean = mean_over_ranks(total, torch.ones_like(total))
        if self.momentum is not None:
            if self.training:
                self.update(mean)
            mean = torch.where(self.running.isnan(), mean, self.running)
        return mean.clamp(min=self.minimum)

    def extra_repr(self) -> str:
        return f"minimum={self.minimum}, momentum={self.momentum}"
