"""The Triton backend, for GPUs: the generated formulas as kernels, one pass over the operands for value and gradients.

Triton itself is imported by the first loss that needs it.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor

from detloss.kernels.eager import Evaluation
from detloss.kernels.interface import Loop

installed = find_spec("triton") is not None


def serves(loop: Loop, pred: Tensor, target: Tensor) -> bool:
    """Whether there is a kernel for a loop over these operands."""
    from detloss.kernels.triton import launch

    return launch.serves(loop, pred, target)


def evaluate(
    loop: Loop,
    reduction: str,
    wants_pred: bool,
    wants_target: bool,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> Evaluation:
    """The loss, weighted and reduced, with the derivatives that are wanted, in one pass."""
    from detloss.kernels.triton import launch

    return launch.evaluate(loop, reduction, wants_pred, wants_target, pred, target, weight, normalizer, parameters)


def scaled(derivative: Tensor, upstream: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """The chain rule's last product, in the derivative's own memory unless another dtype is asked for."""
    from detloss.kernels.triton import launch

    return launch.scaled(derivative, upstream, dtype)
