"""Sigmoid focal loss in the style of mmcv: an autograd function with hand-written forward and backward."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.peers.indices import dense


class SigmoidFocal(torch.autograd.Function):
    """Focal loss of class indices, alpha 0.25 and gamma 2; backward recomputes all intermediate results."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of every logit."""
        ctx.save_for_backward(logits, target)
        hot, probability = dense(target, logits), torch.sigmoid(logits)
        positive = 0.25 * (1 - probability) ** 2 * functional.logsigmoid(logits)
        negative = 0.75 * probability**2 * functional.logsigmoid(-logits)
        return -torch.where(hot > 0, positive, negative)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        """The gradient with respect to the logits."""
        logits, target = ctx.saved_tensors
        hot, probability = dense(target, logits), torch.sigmoid(logits)
        positive = 0.25 * (1 - probability) ** 2 * (1 - probability - 2 * probability * functional.logsigmoid(logits))
        negative = 0.75 * probability**2 * (2 * (1 - probability) * functional.logsigmoid(-logits) - probability)
        return -upstream * torch.where(hot > 0, positive, negative), None


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal losses of class indices."""
    return SigmoidFocal.apply(logits, target)
