"""Classification losses of logits with an independent sigmoid for each class: binary, balanced and focal."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import OPERANDS, alpha_weights, binary_request
from detloss.formulas import elementwise
from detloss.losses.module import LossModule
from detloss.types import Reduction


def binary_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    poly: float = 0.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Negative log-likelihood of every class under its own sigmoid.

    .. math:: L = -t \log p - (1 - t) \log(1 - p)

    with p the sigmoid of the logits

    When to choose it: a row may have several classes or none (background), and positives are not rare. With rare
    positives use `balanced_cross_entropy_loss` or `sigmoid_focal_loss`.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Values in [0, 1] in the shape of ``logits``, or class indices (...), C for background.
        poly: Poly-1: adds poly times 1 - p_t to the loss, with p_t = p t + (1 - p) (1 - t); at least -1.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss and a gradient of absolute value 1. A
        class index out of range raises on a CPU and makes its row NaN elsewhere.

    Example:
        >>> import torch, detloss
        >>> detloss.binary_cross_entropy_loss(torch.zeros(1, 3), torch.tensor([1]), reduction="sum")  # 3 log 2
        tensor(2.0794)

    Sources:
        Cox, The Regression Analysis of Binary Sequences (1958), https://www.jstor.org/stable/2983890;
        Leng et al., PolyLoss (2022), https://arxiv.org/abs/2204.12511, for ``poly``

    See also:
        `BinaryCrossEntropyLoss`, the module.
    """
    formula, parameters = with_poly(poly, elementwise.binary_cross_entropy)
    return evaluate(
        "binary_cross_entropy_loss",
        binary_request(formula, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


def balanced_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float | Tensor | Sequence[float] | None = 0.25,
    poly: float = 0.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy with weight alpha for positives and 1 - alpha for negatives.

    .. math:: L = -\alpha t \log p - (1 - \alpha) (1 - t) \log(1 - p)

    with p the sigmoid of the logits

    When to choose it: positives or negatives are rare. `alpha_from_counts` gives the alpha with which both have the
    same total weight. If the frequent side is also easy, use `sigmoid_focal_loss`; its alpha of .25 belongs to its
    gamma and is not a good alpha here.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Values in [0, 1] in the shape of ``logits``, or class indices (...), C for background.
        alpha: Weight of positives, in [0, 1]: a number, or one per class (C,). None gives both sides weight 1.
        poly: Poly-1: adds poly times 1 - p_t to the cross-entropy before its weight alpha; at least -1.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `binary_cross_entropy_loss`; an element with weight 0 by its alpha is excluded, even if its loss is
        infinite.

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.zeros(2), torch.tensor([1.0, 0.0])
        >>> detloss.balanced_cross_entropy_loss(logits, target, alpha=0.75, reduction="none")  # .75, .25 of log 2
        tensor([0.5199, 0.1733])

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 3, https://arxiv.org/abs/1708.02002;
        Leng et al., PolyLoss (2022), https://arxiv.org/abs/2204.12511, for ``poly``

    See also:
        `BalancedCrossEntropyLoss`, the module; `alpha_from_counts`.
    """
    formula, parameters = with_poly(poly, elementwise.balanced_cross_entropy, *alpha_weights(alpha, logits))
    return evaluate(
        "balanced_cross_entropy_loss",
        binary_request(formula, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


def sigmoid_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float | Tensor | Sequence[float] | None = 0.25,
    gamma: float = 2.0,
    poly: float = 0.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Balanced cross-entropy with smaller weights for well-classified elements.

    .. math:: L = -\alpha_t (1 - p_t)^\gamma \log p_t

    with :math:`p_t` the sigmoid probability of the target and :math:`\alpha_t` the weight alpha or 1 - alpha of its
    side; a soft target t has :math:`p_t = p t + (1 - p) (1 - t)`, and its cross-entropy in place of :math:`-\log p_t`

    When to choose it: dense detectors, with thousands of easy background cells and few objects. RetinaNet's alpha = .25
    and gamma = 2 belong together. Divide by the number of positives (`Normalizer`), and initialize the bias of the head
    with a prior of .01 (`prior_bias`).

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Values in [0, 1] in the shape of ``logits``, or class indices (...), C for background.
        alpha: Weight of positives, in [0, 1]: a number, or one per class (C,). None gives both sides weight 1.
        gamma: The focusing exponent, at least 0; 0 is `balanced_cross_entropy_loss`.
        poly: Poly-1: adds poly times (1 - p_t)^(gamma + 1) to the loss before its weight alpha; at least -1.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `binary_cross_entropy_loss`. The gradient is finite for every gamma, and neither value nor gradient
        vanishes early (torchvision's are 0 from a logit of 16.75, and NaN for gamma = .5).

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.zeros(2), torch.tensor([1.0, 0.0])
        >>> detloss.sigmoid_focal_loss(logits, target, reduction="none")  # .25, .75 of (1/2)^2 log 2
        tensor([0.0433, 0.1300])

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 5, https://arxiv.org/abs/1708.02002;
        Leng et al., PolyLoss (2022), https://arxiv.org/abs/2204.12511, for ``poly``

    See also:
        `SigmoidFocalLoss`, the module; `softmax_focal_loss`.
    """
    exponent = checks.number("gamma", gamma, 0.0)
    formula, parameters = with_poly(poly, elementwise.sigmoid_focal, *alpha_weights(alpha, logits), exponent)
    return evaluate(
        "sigmoid_focal_loss",
        binary_request(formula, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


def with_poly(
    poly: float, formula: Callable[..., Any], *parameters: float | Tensor
) -> tuple[Callable[..., Any], Sequence[float | Tensor]]:
    """The formula and its parameters, or with a coefficient of Poly-1 those of `poly_focal`, which contains it."""
    # A check of the default would be a part of the time of a small loss.
    coefficient = 0.0 if type(poly) is float and poly == 0.0 else checks.number("poly", poly, -1.0)
    if coefficient == 0.0:
        return formula, parameters
    plain = (1.0, 1.0, 0.0)  # the weights of both sides, and gamma
    return elementwise.poly_focal, (*parameters, *plain[len(parameters) :], coefficient)


class BinaryCrossEntropyLoss(LossModule, function=binary_cross_entropy_loss):
    """Module of `binary_cross_entropy_loss`."""


class BalancedCrossEntropyLoss(LossModule, function=balanced_cross_entropy_loss):
    """Module of `balanced_cross_entropy_loss`."""


class SigmoidFocalLoss(LossModule, function=sigmoid_focal_loss):
    """Module of `sigmoid_focal_loss`."""
