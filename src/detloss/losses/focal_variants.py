"""Focal losses with different weights or exponents of positives and negatives: of heat maps and of rare labels."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import OPERANDS, constant_target_request
from detloss.formulas import two_sided
from detloss.losses.module import LossModule
from detloss.types import Reduction


def heatmap_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.0,
    beta: float = 4.0,
    peak: float = 1.0,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Focal loss of a heat map: negatives near a peak have smaller weights.

    .. math:: L = -(1 - y)^\beta p^\alpha \log(1 - p)

    for negatives and :math:`L = -(1 - p)^\alpha \log p` for positives, whose target is at least the peak, with p the
    sigmoid of the logits and y the target

    When to choose it: detectors that predict a heat map of object centers or keypoints with Gaussian targets, as
    CornerNet and CenterNet.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: The heat map in [0, 1] in the shape of ``logits``, constant; or class indices (...), C for background.
        alpha: The focusing exponent, at least 0.
        beta: The exponent of the weight 1 - y of negatives, at least 0.
        peak: The smallest value of a positive, in [0, 1]; below 1 for peaks between the pixels.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.
            The papers use the number of peaks, at least 1: `Normalizer`.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. The target requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.

    Example:
        >>> import torch, detloss
        >>> heatmap = torch.tensor([1.0, 0.5, 0.0])
        >>> detloss.heatmap_focal_loss(torch.zeros(3), heatmap, reduction="none")  # 1, 1/16, 1 of (1/2)^2 log 2
        tensor([0.1733, 0.0108, 0.1733])

    Sources:
        Law and Deng, CornerNet (2018), eq. 1, https://arxiv.org/abs/1808.01244; Zhou et al., Objects as Points (2019),
        https://arxiv.org/abs/1904.07850

    See also:
        `HeatmapFocalLoss`, the module; `sigmoid_focal_loss`.
    """
    return evaluate(
        "heatmap_focal_loss",
        constant_target_request(two_sided.heatmap_focal, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            checks.number("alpha", alpha, 0.0),
            checks.number("beta", beta, 0.0),
            checks.number("peak", peak, 0.0, 1.0),
        ],
    )


def asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    positive_gamma: float = 0.0,
    negative_gamma: float = 4.0,
    margin: float = 0.05,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Focal loss with one exponent for each side, which ignores negatives of low probability.

    .. math:: L = -p_m^{\gamma_-} \log(1 - p_m), \quad p_m = \max(p - m, 0)

    for negatives and :math:`L = -(1 - p)^{\gamma_+} \log p` for positives, with p the sigmoid of the logits and m the
    margin

    When to choose it: an image or a box has several labels of many, and easy or mislabeled negatives dominate.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: 0 and 1 in the shape of ``logits``, constant, where every value above 0 is positive; or class indices
            (...), C for background.
        positive_gamma: The focusing exponent of positives, at least 0.
        negative_gamma: The focusing exponent of negatives, at least 0.
        margin: The probability at and below which a negative has no loss, in [0, 1]; 0 disables it.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. The target requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.
        With a margin m > 0, the loss of a negative is at most -log m.

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.zeros(2), torch.tensor([1.0, 0.0])
        >>> detloss.asymmetric_loss(logits, target, reduction="none")  # log 2, -.45^4 log .55
        tensor([0.6931, 0.0245])

    Sources:
        Ridnik et al., Asymmetric Loss for Multi-Label Classification (2020), eq. 7, https://arxiv.org/abs/2009.14119

    See also:
        `AsymmetricLoss`, the module; `sigmoid_focal_loss`.
    """
    parameters = [
        checks.number("positive_gamma", positive_gamma, 0.0),
        checks.number("negative_gamma", negative_gamma, 0.0),
    ]
    formula: Callable[..., Any] = two_sided.asymmetric_without_margin
    if shift := checks.number("margin", margin, 0.0, 1.0):
        formula = two_sided.asymmetric
        parameters += [shift, *logit_of(shift)]
    return evaluate(
        "asymmetric_loss",
        constant_target_request(formula, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


def logit_of(probability: float) -> tuple[float, float]:
    """The logit of a probability in (0, 1] as the sum of a float32 and a remainder; that of 1 is a large number."""
    if probability == 1.0:
        return 2.0**127, 0.0
    if probability < 0.25:
        logit = math.log(probability) - math.log1p(-probability)
    else:
        logit = 2.0 * math.atanh(2.0 * probability - 1.0)
    shifted = (2.0**29 + 1.0) * logit  # Dekker's split of the 53 bits
    first = shifted - (shifted - logit)
    return first, logit - first


class HeatmapFocalLoss(LossModule, function=heatmap_focal_loss):
    """Module of `heatmap_focal_loss`."""


class AsymmetricLoss(LossModule, function=asymmetric_loss):
    """Module of `asymmetric_loss`."""
