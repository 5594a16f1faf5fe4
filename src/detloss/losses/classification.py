"""Losses of class scores, from logits: cross-entropy, binary, balanced and focal ones."""

from collections.abc import Sequence

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import (
    OPERANDS,
    alpha_weights,
    binary_request,
    class_weight_parameter,
    softmax_request,
)
from detloss.formulas import elementwise, softmax
from detloss.losses.module import LossModule


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The surprise at the true class under a softmax over the last dimension.

    ``loss = -w_t log p_t``, with ``p = softmax(logits)``; for soft targets ``sum_j t_j w_j (-log p_j)``

    When to choose it: every row has exactly one class (background may be one of them), and the classes are about
    equally frequent. Many more negatives than positives: `softmax_focal_loss`, or ``class_weight``.

    Args:
        logits: (..., C); classes last.
        target: Class indices (...), or probabilities (..., C).
        class_weight: One factor a class, (C,); a row counts with its target's (each class's term with soft targets).
        ignore_index: Rows with this index are absent, and are not counted by a mean; None: no row is.
        label_smoothing: In [0, 1]: the share of the target spread evenly over all classes.
        weight: A factor a row: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of rows that are not ignored. (torch divides by the
            sum of the targets' class weights: pass ``normalizer=class_weight[target].sum()``, or use
            ``detloss.compat.torch.cross_entropy``.)

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``logits`` (float32 for a reduced 16-bit loss); nats.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weights or an option do not fit.

    Edge cases:
        All rows ignored: 0. Logits may be infinite: a class of ``-inf`` is impossible, ``+inf`` certain. A class
        index that does not exist makes its row NaN. Accurate at any margin (torch's is 0 from a margin of 16.75).

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
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy that counts rows less the better they are classified already.

    ``loss = -w_t (1 - p_t)^gamma log p_t``, with ``p = softmax(logits)``

    When to choose it: a softmax head (background is a class) drowned by easy background. ``gamma = 0`` is
    cross-entropy; the larger, the less the easy rows count.

    Args:
        logits: (..., C); classes last.
        target: Class indices (...).
        gamma: The focusing power, at least 0.
        class_weight: One factor a class, (C,): this is where a softmax has its alpha.
        ignore_index: Rows with this index are absent, and are not counted by a mean; None: no row is.
        weight: A factor a row: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of rows that are not ignored. Detectors use the
            number of positives: `Normalizer`.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``logits`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weights or an option do not fit.

    Edge cases:
        As `cross_entropy_loss`. The gradient is finite for every gamma, 0 < gamma < 1 too.

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


def binary_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The surprise at a yes or no under a sigmoid, for every class on its own.

    ``loss = -t log p - (1 - t) log(1 - p)``, with ``p = sigmoid(logits)``

    When to choose it: classes do not exclude each other, or background is "none of them", and positives are not
    rare; else `balanced_cross_entropy_loss` or `sigmoid_focal_loss`.

    Args:
        logits: (...), or (..., C) where targets are class indices.
        target: 0/1 or soft values in the shape of ``logits``, or class indices (...) where C means background.
        ignore_index: Rows with this class index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1]: t becomes ``t (1 - s) + s / 2``.
        weight: A factor an entry: a scalar, or as many dimensions as ``logits`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar; the dtype of ``logits`` (float32 for a reduced 16-bit
        loss); nats.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        A logit of +inf or -inf on the right side costs 0, on the wrong side +inf with a gradient of 1 in size. A
        class index that does not exist makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> detloss.binary_cross_entropy_loss(torch.zeros(1, 3), torch.tensor([1]), reduction="sum")  # 3 log 2
        tensor(2.0794)

    Sources:
        Cox, The Regression Analysis of Binary Sequences (1958), https://www.jstor.org/stable/2983890

    See also:
        `BinaryCrossEntropyLoss`, the module.
    """
    return evaluate(
        "binary_cross_entropy_loss",
        binary_request(elementwise.binary_cross_entropy, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def balanced_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float | Tensor | Sequence[float] | None = 0.25,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy with a weight alpha for positives and 1 - alpha for negatives.

    ``loss = alpha_t (-t log p - (1 - t) log(1 - p))``, with ``alpha_t = alpha t + (1 - alpha) (1 - t)``

    When to choose it: one side is rarer, and that is the whole problem. `alpha_from_counts` gives the alpha at which
    both sides weigh the same. Where the many are also easy, `sigmoid_focal_loss` (its alpha of .25 goes together
    with its gamma and is not a good alpha here).

    Args:
        logits: (...), or (..., C) where targets are class indices.
        target: 0/1 or soft values in the shape of ``logits``, or class indices (...) where C means background.
        alpha: The weight of t = 1, in [0, 1]: a number, or one a class (C,); None weighs both sides 1.
        ignore_index: Rows with this class index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1]: t becomes ``t (1 - s) + s / 2``.
        weight: A factor an entry: a scalar, or as many dimensions as ``logits`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar; the dtype of ``logits`` (float32 for a reduced 16-bit
        loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        As `binary_cross_entropy_loss`; where alpha_t is 0 the entry is absent, even if its surprise is infinite.

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.zeros(2), torch.tensor([1.0, 0.0])
        >>> detloss.balanced_cross_entropy_loss(logits, target, alpha=0.75, reduction="none")  # .75, .25 of log 2
        tensor([0.5199, 0.1733])

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 3, https://arxiv.org/abs/1708.02002

    See also:
        `BalancedCrossEntropyLoss`, the module; `alpha_from_counts`.
    """
    return evaluate(
        "balanced_cross_entropy_loss",
        binary_request(elementwise.balanced_cross_entropy, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=alpha_weights(alpha, logits),
    )


def sigmoid_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float | Tensor | Sequence[float] | None = 0.25,
    gamma: float = 2.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Balanced cross-entropy that counts entries less the better they are classified already.

    ``loss = -alpha_t (1 - p_t)^gamma log p_t``, with ``p = sigmoid(logits)``; for soft targets
    ``p_t = p t + (1 - p) (1 - t)`` and the cross-entropy in the place of ``-log p_t``

    When to choose it: dense detectors, where thousands of easy background cells outweigh a few objects. RetinaNet's
    alpha = .25 and gamma = 2 belong together; divide by the number of positives (`Normalizer`), and start the head's
    bias at a prior of .01.

    Args:
        logits: (...), or (..., C) where targets are class indices.
        target: 0/1 or soft values in the shape of ``logits``, or class indices (...) where C means background.
        alpha: The weight of t = 1, in [0, 1]: a number, or one a class (C,); None weighs both sides 1.
        gamma: The focusing power, at least 0; 0 is `balanced_cross_entropy_loss`.
        ignore_index: Rows with this class index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1]: t becomes ``t (1 - s) + s / 2``.
        weight: A factor an entry: a scalar, or as many dimensions as ``logits`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar; the dtype of ``logits`` (float32 for a reduced 16-bit
        loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        As `binary_cross_entropy_loss`. The gradient is finite for every gamma, and neither it nor the value
        vanishes early (torchvision's are 0 from a logit of 16.75, and NaN for gamma = .5).

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.zeros(2), torch.tensor([1.0, 0.0])
        >>> detloss.sigmoid_focal_loss(logits, target, reduction="none")  # .25, .75 of (1/2)^2 log 2
        tensor([0.0433, 0.1300])

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 5, https://arxiv.org/abs/1708.02002

    See also:
        `SigmoidFocalLoss`, the module; `softmax_focal_loss`.
    """
    exponent = checks.number("gamma", gamma, 0.0)
    return evaluate(
        "sigmoid_focal_loss",
        binary_request(elementwise.sigmoid_focal, logits, target, ignore_index, label_smoothing),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[*alpha_weights(alpha, logits), exponent],
    )


class CrossEntropyLoss(LossModule, function=cross_entropy_loss):
    """Module of `cross_entropy_loss`."""


class SoftmaxFocalLoss(LossModule, function=softmax_focal_loss):
    """Module of `softmax_focal_loss`."""


class BinaryCrossEntropyLoss(LossModule, function=binary_cross_entropy_loss):
    """Module of `binary_cross_entropy_loss`."""


class BalancedCrossEntropyLoss(LossModule, function=balanced_cross_entropy_loss):
    """Module of `balanced_cross_entropy_loss`."""


class SigmoidFocalLoss(LossModule, function=sigmoid_focal_loss):
    """Module of `sigmoid_focal_loss`."""
