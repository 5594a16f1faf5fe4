"""Losses of predicted masks: Dice and Tversky loss of rows of logits."""

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import mask_sums
from detloss.kernels.interface import MaskRequest
from detloss.losses.module import LossModule
from detloss.types import Reduction


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Dice loss: one minus twice the shared part of two masks over the sum of their sizes.

    .. math:: L = 1 - 2 \sum_j p_j t_j / \sum_j (p_j + t_j)

    with :math:`p = \sigma(\mathrm{logit})` and one sum per row

    When to choose it: instance masks, in addition to binary cross-entropy: the loss of a small object is not lost among
    the pixels of the background.

    Args:
        logits: (..., P) rows of mask logits, any floating dtype: flatten the pixels, as in ``logits.flatten(1)``.
        target: The shape of ``logits``: bool, or values in [0, 1], which then receive a gradient.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        There is no smoothing term. An empty target has loss 1 and no gradient by the logits: exclude it, or add binary
        cross-entropy. If both masks are empty, 0/0, the loss is 0; only logits of -inf or an underflow are an empty
        prediction. Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. A soft target
        is not matched with loss 0, as its own best prediction is 0 or 1 per element: p = t = 0.5 has loss 0.5. V-Net
        squares the sizes in the denominator; DETR and Mask2Former add 1 to numerator and denominator.

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.tensor([[0.0, 20.0, -20.0]]), torch.tensor([[True, True, False]])
        >>> detloss.dice_loss(logits, target)  # 1 - 2 * 1.5 / 3.5
        tensor(0.1429)

    Sources:
        Milletari et al., V-Net (2016), https://arxiv.org/abs/1606.04797; Drozdzal et al., The Importance of Skip
        Connections in Biomedical Image Segmentation (2016), https://arxiv.org/abs/1608.04117

    See also:
        `DiceLoss`, the module; `tversky_loss`, with weights for both kinds of errors.
    """
    return loss("dice_loss", logits, target, weight, reduction, normalizer, 0.5, 0.5)


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Tversky loss: Dice loss with weights for false positives and false negatives.

    .. math:: L = 1 - s / (s + \alpha a + \beta b)

    with :math:`s = \sum_j p_j t_j, \; a = \sum_j p_j (1 - t_j), \; b = \sum_j (1 - p_j) t_j` over a row and
    :math:`p = \sigma(\mathrm{logit})`

    When to choose it: masks of small objects, whose missing pixels shall cost more than excess ones. With
    ``alpha = beta = 0.5`` it is Dice loss, with 1 and 1 one minus the IoU of the masks.

    Args:
        logits: (..., P) rows of mask logits, any floating dtype: flatten the pixels, as in ``logits.flatten(1)``.
        target: The shape of ``logits``: bool, or values in [0, 1], which then receive a gradient.
        alpha: Weight of false positives, at least 0.
        beta: Weight of false negatives, at least 0.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        There is no smoothing term. An empty target has loss 1 and no gradient by the logits: exclude it, or add binary
        cross-entropy. If both masks are empty, 0/0, the loss is 0; only logits of -inf or an underflow are an empty
        prediction. Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph.

    Example:
        >>> import torch, detloss
        >>> logits, target = torch.tensor([[0.0, 20.0, -20.0]]), torch.tensor([[True, True, False]])
        >>> detloss.tversky_loss(logits, target)  # 1 - 1.5 / (1.5 + 0.7 * 0.5)
        tensor(0.1892)

    Sources:
        Salehi et al., Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep Networks (2017),
        https://arxiv.org/abs/1706.05721

    See also:
        `TverskyLoss`, the module; `dice_loss`.
    """
    weights = checks.number("alpha", alpha, 0.0), checks.number("beta", beta, 0.0)
    return loss("tversky_loss", logits, target, weight, reduction, normalizer, *weights)


def loss(
    name: str,
    logits: Tensor,
    target: Tensor,
    weight: float | Tensor | None,
    reduction: Reduction,
    normalizer: float | Tensor | None,
    alpha: float,
    beta: float,
) -> Tensor:
    """Evaluate Tversky loss, the operands checked."""
    checks.floating_tensor("logits", logits, "masks")
    checks.tensor("target", target, "masks")
    checks.same_device("target", target, "logits", logits)
    if logits.dim() == 0:
        raise ValueError("logits: expected (..., P) rows of mask logits, got ()")
    if target.is_complex():
        raise TypeError(f"target: expected a real dtype, got {target.dtype}")
    if target.shape != logits.shape:
        shape = tuple(logits.shape)
        raise ValueError(f"target: expected shape {shape} (same as logits), got {tuple(target.shape)}")
    return evaluate(
        name,
        MaskRequest(mask_sums.tversky),
        logits,
        target,
        operands=("logits", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=(alpha, beta),
    )


class DiceLoss(LossModule, function=dice_loss):
    """Module of `dice_loss`."""


class TverskyLoss(LossModule, function=tversky_loss):
    """Module of `tversky_loss`."""
