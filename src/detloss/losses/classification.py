"""Classification losses of logits with a softmax over the classes: cross-entropy and focal."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import OPERANDS, adjustments, class_weight_parameter, softmax_request
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
    poly: float = 0.0,
    logit_offset: Tensor | Sequence[float] | None = None,
    margin: float | Tensor | Sequence[float] | None = None,
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
        poly: At least -1: adds ``poly`` (1 - p) of the target's class, Poly-1; with soft targets, of each class.
        logit_offset: One number per class, (C,), that is added to the logits: `logit_offset_from_counts`.
        margin: Subtracted from the logit of the target's class: a number of at least 0, or one per class, (C,):
            `margin_from_counts`. Only with class indices.
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
        distance of the logits (torch's is 0 from a distance of 16.75).

    Example:
        >>> import torch, detloss
        >>> detloss.cross_entropy_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)

    Sources:
        Good, Rational Decisions (1952), https://www.jstor.org/stable/2984087;
        Leng et al., PolyLoss (2022), https://arxiv.org/abs/2204.12511

    See also:
        `CrossEntropyLoss`, the module; `class_weight_from_counts`; `logit_offset_from_counts`; `margin_from_counts`.
    """
    formula, options = formula_of(poly)
    is_adjusted = logit_offset is not None or margin is not None
    return evaluate(
        "cross_entropy_loss",
        softmax_request(formula, logits, target, ignore_index, label_smoothing, is_adjusted=is_adjusted),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            class_weight_parameter(class_weight, logits),
            *options,
            *adjustments(logit_offset, margin, logits, target),
        ],
    )


def softmax_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    poly: float = 0.0,
    logit_offset: Tensor | Sequence[float] | None = None,
    margin: float | Tensor | Sequence[float] | None = None,
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
        poly: At least -1: adds ``poly`` :math:`(1 - p_t)^{\gamma + 1}`, Poly-1.
        logit_offset: One number per class, (C,), that is added to the logits: `logit_offset_from_counts`.
        margin: Subtracted from the logit of the target's class: a number of at least 0, or one per class, (C,):
            `margin_from_counts`.
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
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 4, https://arxiv.org/abs/1708.02002;
        Leng et al., PolyLoss (2022), https://arxiv.org/abs/2204.12511

    See also:
        `SoftmaxFocalLoss`, the module; `sigmoid_focal_loss`.
    """
    exponent = checks.number("gamma", gamma, 0.0)
    formula, options = formula_of(poly, exponent)
    is_adjusted = logit_offset is not None or margin is not None
    return evaluate(
        "softmax_focal_loss",
        softmax_request(formula, logits, target, ignore_index, dense=None, is_adjusted=is_adjusted),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            class_weight_parameter(class_weight, logits),
            *options,
            *adjustments(logit_offset, margin, logits, target),
        ],
    )


def formula_of(poly: float, gamma: float | None = None) -> tuple[Callable[..., Any], list[float]]:
    """The formula of cross-entropy, or of focal loss with a gamma, and its parameters."""
    coefficient = checks.number("poly", poly, -1.0)
    if coefficient == 0.0:
        return (softmax.cross_entropy, []) if gamma is None else (softmax.softmax_focal, [gamma])
    return softmax.poly_softmax_focal, [gamma or 0.0, 1.0 + coefficient]


class CrossEntropyLoss(LossModule, function=cross_entropy_loss):
    """Module of `cross_entropy_loss`."""


class SoftmaxFocalLoss(LossModule, function=softmax_focal_loss):
    """Module of `softmax_focal_loss`."""
