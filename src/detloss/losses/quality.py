"""Classification losses whose positives have a quality, such as the IoU of the predicted box with its ground truth."""

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import OPERANDS, constant_target_request
from detloss.engine.debugging import is_validating, refuse
from detloss.formulas import two_sided
from detloss.losses.module import LossModule
from detloss.types import Reduction


def quality_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    quality: Tensor | None = None,
    beta: float = 2.0,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy of a soft target, with smaller weights for predictions near it.

    .. math:: L = |q - p|^\beta \, (-q \log p - (1 - q) \log(1 - p))

    with p the sigmoid of the logits and q the quality, 0 for background

    When to choose it: a dense detector whose score shall be the quality of its box, as in GFL, RTMDet and TOOD. It is
    the focal loss of soft targets: the minimum of `sigmoid_focal_loss` is not at p = q.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Class indices (...), C for background; or 0 and 1 in the shape of ``logits``; or, without ``quality``,
            the quality itself in that shape, 0 for background. It is constant.
        quality: The quality of every target in [0, 1], such as the IoU of the predicted box with its ground truth, in
            the shape of ``target``; that of background is not used. It is constant. None: 1, or that of a float target.
        beta: The focusing exponent, at least 0; 0 is binary cross-entropy.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.
            Detectors use the number of positives: `Normalizer`.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. Target or quality requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.
        Both value and gradient are 0 at p = q. With q = 1 it is `sigmoid_focal_loss` with ``alpha=None``.

    Example:
        >>> import torch, detloss
        >>> logits, quality = torch.zeros(1, 2), torch.tensor([0.8])
        >>> detloss.quality_focal_loss(logits, torch.tensor([0]), quality=quality, reduction="none")
        tensor([[0.0624, 0.1733]])

    Sources:
        Li et al., Generalized Focal Loss (2020), eq. 2, https://arxiv.org/abs/2006.04388

    See also:
        `QualityFocalLoss`, the module; `varifocal_loss`, `matchability_aware_loss`.
    """
    exponent = checks.number("beta", beta, 0.0)
    return evaluate(
        "quality_focal_loss",
        constant_target_request(two_sided.quality_focal, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[quality_parameter("quality_focal_loss", quality, logits, target, ignore_index), exponent],
    )


def varifocal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    quality: Tensor | None = None,
    alpha: float = 0.75,
    gamma: float = 2.0,
    hold_focus: bool = False,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy of a soft target, weighted with the quality of positives and focused on hard negatives.

    .. math:: L = -q \, (q \log p + (1 - q) \log(1 - p))

    for q > 0 and :math:`L = -\alpha p^\gamma \log(1 - p)` for q = 0, with p the sigmoid of the logits and q the
    quality, 0 for background

    When to choose it: a detector whose score shall be the quality of its box and whose best positives shall dominate,
    as in VarifocalNet, PP-YOLOE and RT-DETR.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Class indices (...), C for background; or 0 and 1 in the shape of ``logits``; or, without ``quality``,
            the quality itself in that shape, 0 for background. It is constant.
        quality: The quality of every target in [0, 1], such as the IoU of the predicted box with its ground truth, in
            the shape of ``target``; that of background is not used. It is constant. None: 1, or that of a float target.
        alpha: Weight of negatives, at least 0.
        gamma: The focusing exponent of negatives, at least 0.
        hold_focus: Whether the focusing factor is constant in the gradient, as in RT-DETR and D-FINE. In the paper and
            in mmdet it is not.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.
            Detectors use the number of positives: `Normalizer`.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. Target or quality requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.
        A positive of quality 0 is a negative.

    Example:
        >>> import torch, detloss
        >>> logits, quality = torch.zeros(1, 2), torch.tensor([0.8])
        >>> detloss.varifocal_loss(logits, torch.tensor([0]), quality=quality, reduction="none")  # .8, .1875 of log 2
        tensor([[0.5545, 0.1300]])

    Sources:
        Zhang et al., VarifocalNet (2021), eq. 2, https://arxiv.org/abs/2008.13367

    See also:
        `VarifocalLoss`, the module; `matchability_aware_loss`, which keeps the weight of positives of low quality.
    """
    formula = two_sided.varifocal_with_constant_focus if hold_focus else two_sided.varifocal
    return evaluate(
        "varifocal_loss",
        constant_target_request(formula, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            quality_parameter("varifocal_loss", quality, logits, target, ignore_index),
            checks.number("alpha", alpha, 0.0),
            checks.number("gamma", gamma, 0.0),
        ],
    )


def matchability_aware_loss(
    logits: Tensor,
    target: Tensor,
    *,
    quality: Tensor | None = None,
    gamma: float = 1.5,
    alpha: float | None = None,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy of a power of the quality, focused on hard negatives.

    .. math:: L = -q^\gamma \log p - (1 - q^\gamma) \log(1 - p)

    for positives and :math:`L = -\alpha p^\gamma \log(1 - p)` for negatives, whose :math:`p^\gamma` is constant in the
    gradient, with p the sigmoid of the logits and q the quality

    When to choose it: a detector with one-to-one or dense one-to-many matching, as DEIM: positives of low quality with
    a high score keep a large gradient, which `varifocal_loss` scales with their quality.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Class indices (...), C for background; or 0 and 1 in the shape of ``logits``; or, without ``quality``,
            the quality itself in that shape, 0 for background. It is constant.
        quality: The quality of every target in [0, 1], such as the IoU of the predicted box with its ground truth, in
            the shape of ``target``; that of background is not used. It is constant. None: 1, or that of a float target.
        gamma: The exponent of the quality and the focusing exponent of negatives, at least 0.
        alpha: Weight of negatives, at least 0. None: 1.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.
            Detectors use the number of positives: `Normalizer`.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. Target or quality requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.
        A positive of quality 0 has target 0 and weight 1.

    Example:
        >>> import torch, detloss
        >>> logits, quality = torch.zeros(1, 2), torch.tensor([0.8])
        >>> detloss.matchability_aware_loss(logits, torch.tensor([0]), quality=quality, reduction="none")
        tensor([[0.6931, 0.2451]])

    Sources:
        Huang et al., DEIM: DETR with Improved Matching (2025), https://arxiv.org/abs/2412.04234

    See also:
        `MatchabilityAwareLoss`, the module; `varifocal_loss`, `quality_focal_loss`.
    """
    return evaluate(
        "matchability_aware_loss",
        constant_target_request(two_sided.matchability_aware, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            quality_parameter("matchability_aware_loss", quality, logits, target, ignore_index),
            checks.number("gamma", gamma, 0.0),
            1.0 if alpha is None else checks.number("alpha", alpha, 0.0),
        ],
    )


def iou_aware_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    quality: Tensor | None = None,
    alpha: float = 0.25,
    gamma: float = 2.0,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy of a mean of score and quality, focused on hard negatives.

    .. math:: L = -t \log p - (1 - t) \log(1 - p), \quad t = \max(p^\alpha q^{1 - \alpha}, 0.01)

    for positives and :math:`L = -p^\gamma \log(1 - p)` for negatives, with p the sigmoid of the logits and q the
    quality; t is constant in the gradient

    When to choose it: a DETR whose score shall be the quality of its box, as in Align-DETR, LW-DETR and RF-DETR: the
    target follows the score, so that it changes slowly while boxes are poor.

    Args:
        logits: (...), or (..., C) with class indices as targets.
        target: Class indices (...), C for background; or 0 and 1 in the shape of ``logits``; or, without ``quality``,
            the quality itself in that shape, 0 for background. It is constant.
        quality: The quality of every target in [0, 1], such as the IoU of the predicted box with its ground truth, in
            the shape of ``target``; that of background is not used. It is constant. None: 1, or that of a float target.
        alpha: The share of the score in the target, in [0, 1].
        gamma: The focusing exponent of negatives, at least 0.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.
            Detectors use the number of positives: `Normalizer`.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid. Target or quality requires a gradient.

    Edge cases:
        A logit of +inf or -inf has loss 0 if it is right, else an infinite loss with the limit of the gradient.
        A positive of quality 0 has target 0.01.

    Example:
        >>> import torch, detloss
        >>> logits, quality = torch.zeros(1, 2), torch.tensor([0.8])
        >>> detloss.iou_aware_cross_entropy_loss(logits, torch.tensor([0]), quality=quality, reduction="none")
        tensor([[0.6931, 0.1733]])

    Sources:
        Cai et al., Align-DETR (2023), https://arxiv.org/abs/2304.07527, in the form of LW-DETR
        (https://arxiv.org/abs/2406.03459)

    See also:
        `IoUAwareCrossEntropyLoss`, the module; `varifocal_loss`.
    """
    return evaluate(
        "iou_aware_cross_entropy_loss",
        constant_target_request(two_sided.iou_aware_cross_entropy, logits, target, ignore_index),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            quality_parameter("iou_aware_cross_entropy_loss", quality, logits, target, ignore_index),
            checks.number("alpha", alpha, 0.0, 1.0),
            checks.number("gamma", gamma, 0.0),
        ],
    )


def quality_parameter(
    name: str, quality: Tensor | None, logits: Tensor, target: Tensor, ignore_index: int | None
) -> float | Tensor:
    """The quality as a parameter that broadcasts to the logits; 1 without one."""
    if quality is None:
        return 1.0
    checks.floating_tensor("quality", quality, "quality")
    checks.same_device("quality", quality, "logits", logits)
    if quality.shape != target.shape:
        expected = f"{tuple(target.shape)} (same as target)"
        raise ValueError(f"quality: expected shape {expected}, got {tuple(quality.shape)}")
    checks.constant("quality", quality)
    has_indices = target.dim() < logits.dim()
    if is_validating():
        used = (target != logits.shape[-1]) & (target != ignore_index) if has_indices else target != 0
        refuse(name, "quality", quality, used & ~((quality >= 0) & (quality <= 1)), "values in [0, 1]")
    return quality.unsqueeze(-1) if has_indices else quality


class QualityFocalLoss(LossModule, function=quality_focal_loss):
    """Module of `quality_focal_loss`."""


class VarifocalLoss(LossModule, function=varifocal_loss):
    """Module of `varifocal_loss`."""


class MatchabilityAwareLoss(LossModule, function=matchability_aware_loss):
    """Module of `matchability_aware_loss`."""


class IoUAwareCrossEntropyLoss(LossModule, function=iou_aware_cross_entropy_loss):
    """Module of `iou_aware_cross_entropy_loss`."""
