"""Normalizer of a loss: the number of positives, averaged over ranks."""

import torch
from torch import Tensor, distributed, nn

from detloss.engine import checks


class Normalizer(nn.Module):
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
        Without torch.distributed, the mean is the count itself. The first count initializes the running mean. The
        minimum applies per rank: if the mean count is below ``minimum``, ranks divide by more than a single process.

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

    running: Tensor

    def __init__(self, *, minimum: float = 1.0, momentum: float | None = None) -> None:
        super().__init__()
        self.minimum = checks.number("minimum", minimum, 0.0)
        if self.minimum == 0.0:
            raise ValueError("minimum: expected more than 0, got 0")
        if momentum is not None:
            momentum = checks.number("momentum", momentum, 0.0, 1.0)
            if momentum == 1.0:
                raise ValueError("momentum: expected in [0, 1), got 1.0")
            self.register_buffer("running", torch.full((), torch.nan))  # NaN: no count yet
        self.momentum = momentum

    @torch.no_grad()
    def forward(self, count: float | Tensor) -> Tensor:
        if not isinstance(count, Tensor):
            device = None if self.momentum is None else self.running.device
            count = torch.full((), checks.number("count", count, 0.0), device=device)
        if count.numel() != 1:
            raise ValueError(f"count: expected one number, got a tensor of shape {tuple(count.shape)}")
        mean = count.detach().reshape(()).to(torch.float32, copy=True)
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(mean)
            mean = mean / distributed.get_world_size()
        if self.momentum is not None:
            if self.training:
                smooth = self.momentum * self.running + (1.0 - self.momentum) * mean
                self.running.copy_(torch.where(self.running.isnan(), mean, smooth))
            mean = torch.where(self.running.isnan(), mean, self.running)
        return mean.clamp(min=self.minimum)

    def extra_repr(self) -> str:
        return f"minimum={self.minimum}, momentum={self.momentum}"
