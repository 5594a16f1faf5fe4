"""Classification losses of logits with a softmax over the classes: cross-entropy and focal."""

from collections.abc import Sequence

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import (
    OPERANDS,
    class_weight_parameter,
    softmax_request,
)
from detloss.formulas import softmax
from detloss.losses.module import LossModule
from detloss.types import Reduction


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Negative log-likelihood of the target class under a softmax over the last dimension.

    .. math:: L = -w_t \log p_t

    with p the softmax of the logits and w the class weights; for soft targets :math:`L = -\sum_j t_j w_j \log p_j`

    When to choose it: every row has exactly one class, background among them, and class frequencies are similar. With
    far more negatives than positives use `softmax_focal_loss`, or ``class_weight``.

    Args:
        logits: (..., C); classes are the last dimension.
        target: Class indices (...), or probabilities (..., C).
        class_weight: One factor per class, (C,). A row has the factor of its class; with soft targets, each class has
            its own.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: the fraction of the target that is distributed uniformly over all classes.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows that are not ignored. (torch divides by the sum
            of the targets' class weights: pass ``normalizer=class_weight[target].sum()``, or use
            ``detloss.compat.torch.cross_entropy``.)

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        If all rows are ignored, the loss is 0. Logits may be infinite: a class with ``-inf`` is impossible, with
        ``+inf`` certain. A class index out of range raises on a CPU and makes its row NaN elsewhere. Accurate for every
        margin (torch's is 0 from a margin of 16.75).

    Example:
        >>> import torch, detloss
        >>> detloss.cross_entropy_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)

    Sources:
        Good, Rational Decisions (1952), https://www.jstor.org/stable/2984087

    See also:
        `CrossEntropyLoss`, the module; `class_weight_from_counts`.
    """
    return evaluate(
        "cross_entropy_loss",
        softmax_request(softmax.cross_entropy, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[class_weight_parameter(class_weight, logits)],
    )


def softmax_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy with smaller weights for well-classified rows.

    .. math:: L = -w_t (1 - p_t)^\gamma \log p_t

    with p the softmax of the logits and w the class weights

    When to choose it: a softmax head, with background as a class, and most rows are easy background. ``gamma = 0`` is
    cross-entropy; a larger gamma reduces the loss of easy rows further.

    Args:
        logits: (..., C); classes are the last dimension.
        target: Class indices (...).
        gamma: The focusing exponent, at least 0.
        class_weight: One factor per class, (C,). A row has the factor of its class; with soft targets, each class has
            its own.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows that are not ignored. Detectors use the number of
            positives: `Normalizer`.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `cross_entropy_loss`. The gradient is finite for every gamma, including 0 < gamma < 1.

    Example:
        >>> import torch, detloss
        >>> detloss.softmax_focal_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))  # (1/2)^2 log 2
        tensor(0.1733)

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 4, https://arxiv.org/abs/1708.02002

    See also:
        `SoftmaxFocalLoss`, the module; `sigmoid_focal_loss`.
    """
    exponent = checks.number("gamma", gamma, 0.0)
    return evaluate(
        "softmax_focal_loss",
        softmax_request(softmax.softmax_focal, logits, target, ignore_index, dense=None),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[class_weight_parameter(class_weight, logits), exponent],
    )


class CrossEntropyLoss(LossModule, function=cross_entropy_loss):
    """Module of `cross_entropy_loss`."""


class SoftmaxFocalLoss(LossModule, function=softmax_focal_loss):
    """Module of `softmax_focal_loss`."""
