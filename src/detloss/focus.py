"""Weights that focus a loss on easy, ordinary or hard boxes; all are constant in derivatives."""

import math

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.geometry import FORMATS, AxisAligned
from detloss.kernels.eager import primitives
from detloss.kernels.interface import arithmetic_dtype, at_least_float32
from detloss.running_mean import RunningMean, mean_over_ranks


def iou_focus(iou: Tensor, gamma: float = 0.5) -> Tensor:
    r"""Weight of Focal-EIoU: a power of the IoU, which focuses a box loss on accurate boxes.

    .. math:: w = \mathrm{IoU}^\gamma

    When to choose it: box losses of assigned positives, many of which are inaccurate. Multiply an unreduced loss by the
    weight, or pass it as ``weight``. A box that does not overlap its target has weight 0, so its loss is 0 and nothing
    moves it.

    Args:
        iou: (...), the IoU of every pair, as `detloss.iou` returns it.
        gamma: Exponent, at least 0; 0 gives weight 1.

    Returns:
        The shape and dtype of ``iou``, without gradient.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``gamma`` is out of range.

    Edge cases:
        With a gradient through the weight, as a literal reading of the paper has it, boxes with an IoU below about 0.3
        would be moved away from their targets.

    Example:
        >>> import torch, detloss
        >>> detloss.iou_focus(torch.tensor([0.0, 0.25, 1.0]))
        tensor([0.0000, 0.5000, 1.0000])

    Sources:
        Zhang et al., Focal and Efficient IOU Loss for Accurate Bounding Box Regression (2021),
        https://arxiv.org/abs/2101.08158

    See also:
        `WiseFocus`, `powerful_focus`, `slide_weight`.
    """
    checks.floating_tensor("iou", iou, "iou")
    return iou.detach().pow(checks.number("gamma", gamma, 0.0))


class WiseFocus(RunningMean):
    r"""Weight of Wise-IoU versions 2 and 3: a function of every loss relative to the running mean of all losses.

    With :math:`\beta = L / m`, where m is the running mean, :math:`w = \sqrt{\beta}` in version 2 and
    :math:`w = \beta / (\delta \alpha^{\beta - \delta})` in version 3

    When to choose it: version 2 focuses on boxes whose loss is large. Version 3 focuses on ordinary boxes: it reduces
    the weight of accurate ones and of outliers, which may be labeled wrongly. Call it with an unreduced loss of
    positives and multiply the loss by the result: ``(focus(each) * each).sum() / positives``.

    Args:
        version: 2 or 3; version 1 is `wise_iou_loss` alone.
        alpha: Of version 3, at least 1: the base of the decay.
        delta: Of version 3, more than 0: the relative loss with weight 1.
        momentum: The fraction of the running mean that every call keeps, in [0, 1).

    Returns:
        The call ``focus(loss)`` returns a weight of the shape and dtype of ``loss``, without gradient and without
        synchronization.

    Raises:
        TypeError: An option is not a number, or the loss is not a floating tensor.
        ValueError: An option is out of range.

    Edge cases:
        The mean starts at 1 and is updated before it is used, in training mode only. It is the mean over all ranks, on
        each of which the module must be called the same number of times, and is part of the ``state_dict``. A batch
        without losses, or with a loss that is not finite, leaves it unchanged. If it is 0, weights are 0.

    Example:
        >>> import torch, detloss
        >>> focus = detloss.WiseFocus(version=2, momentum=0.5)
        >>> focus(torch.tensor([0.0, 1.0]))  # the mean is (1 + 0.5) / 2
        tensor([0.0000, 1.1547])

    Sources:
        Tong et al., Wise-IoU: Bounding Box Regression Loss with Dynamic Focusing Mechanism (2023),
        https://arxiv.org/abs/2301.10051

    See also:
        `iou_focus`, `powerful_focus`, `slide_weight`; `Normalizer`.
    """

    def __init__(self, *, version: int = 3, alpha: float = 1.9, delta: float = 3.0, momentum: float = 0.99) -> None:
        super().__init__(checks.number("momentum", momentum, 0.0, 1.0), 1.0)
        if version not in (2, 3):
            raise ValueError(f"version: expected 2 or 3, got {version!r}")
        self.version = version
        self.alpha = checks.number("alpha", alpha, 1.0)
        self.delta = checks.positive("delta", delta)

    @torch.no_grad()
    def forward(self, loss: Tensor) -> Tensor:
        checks.floating_tensor("loss", loss, "loss")
        dtype = self.running.dtype
        if self.training:
            total = loss.sum(dtype=torch.float64 if loss.is_cpu else dtype).to(dtype)
            self.update(mean_over_ranks(total, torch.full_like(total, loss.numel())))
        relative = primitives.quotient(at_least_float32(loss), self.running.to(loss.device))
        if self.version == 2:
            return relative.sqrt().to(loss.dtype)
        decay = torch.exp((self.delta - relative) * math.log(self.alpha))
        return (relative / self.delta * decay).to(loss.dtype)

    def extra_repr(self) -> str:
        return f"version={self.version}, alpha={self.alpha}, delta={self.delta}, momentum={self.momentum}"


def powerful_focus(
    pred: Tensor, target: Tensor, lambda_: float = 1.3, *, geometry: AxisAligned = AxisAligned()
) -> Tensor:
    r"""Weight of Powerful-IoU version 2: largest for boxes of ordinary quality.

    :math:`w = 3 x e^{-x^2}` with :math:`x = \lambda e^{-P}`, where P is the mean distance of the edges of a box from
    those of its target, relative to the sides of the target

    When to choose it: with `powerful_iou_loss` (the loss times this weight is version 2), or any other box loss, to
    focus on boxes that are neither accurate nor far from their targets.

    Args:
        pred: (..., 2 * dims) boxes of the geometry.
        target: The shape of ``pred``, in the same unit.
        lambda_: Position of the largest weight, more than 0: with 1.3, w is 0.72 for identical boxes and largest, 1.29,
            at P = 0.61.
        geometry: `AxisAligned`, in any format and number of dimensions.

    Returns:
        (...), in the dtype of ``pred``, without gradient.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        An edge away from that of a target without width is infinitely far: the weight is 0. The authors' code has a
        gradient through the weight, which moves a box away from its target once it is about 1.9 target sides off.

    Example:
        >>> import torch, detloss
        >>> boxes = torch.tensor([[0., 0., 2., 2.], [0., 0., 4., 4.]])
        >>> detloss.powerful_focus(boxes, torch.tensor([[0., 0., 2., 2.], [0., 0., 2., 2.]]))
        tensor([0.7196, 1.2703])

    Sources:
        Liu et al., Powerful-IoU: More Straightforward and Faster Bounding Box Regression Loss with a Nonmonotonic
        Focusing Mechanism (2024), https://doi.org/10.1016/j.neunet.2023.11.041

    See also:
        `iou_focus`, `WiseFocus`, `slide_weight`.
    """
    if not isinstance(geometry, AxisAligned):
        checks.shapes(geometry)
        raise TypeError(f"geometry: expected AxisAligned, got {geometry}")
    pred, target = (checks.rows(name, rows, geometry) for name, rows in (("pred", pred), ("target", target)))
    checks.pair("pred", pred, "target", target)
    lambda_ = checks.positive("lambda_", lambda_)
    dtype = arithmetic_dtype(pred, target)
    numbers = [part for rows in (pred, target) for part in rows.detach().to(dtype).chunk(2, -1)]
    axes = FORMATS[geometry.format].differences_of(primitives, *numbers)
    distance, side = axes.start.abs() + axes.end.abs(), axes.target_side
    relative = torch.where((side <= 0) & (distance > 0), torch.inf, primitives.quotient(distance, side))
    x = lambda_ * torch.exp(-0.5 * relative.mean(-1))
    return (3.0 * x * torch.exp(-x * x)).to(pred.dtype)


def slide_weight(iou: Tensor, mean_iou: float | Tensor) -> Tensor:
    r"""Weight of YOLO-FaceV2's slide loss: it focuses a class loss on samples near the threshold of positives.

    With :math:`\mu = \max(\text{mean IoU}, 0.2)`, w = 1 up to an IoU of :math:`\mu - 0.1`, :math:`w = e^{1 - \mu}` up
    to :math:`\mu`, and :math:`w = e^{1 - \mathrm{IoU}}` from there on

    When to choose it: class losses of samples whose IoU with an object decides about their label.

    Args:
        iou: (...), the IoU of every sample with its object; where the target of a class loss is an IoU, that target.
        mean_iou: The mean IoU of all samples, in [0, 1]: a number or a tensor with one.

    Returns:
        The shape and dtype of ``iou``, without gradient.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``mean_iou`` is out of range, or not a single number.

    Edge cases:
        The weight jumps at :math:`\mu - 0.1`.

    Example:
        >>> import torch, detloss
        >>> detloss.slide_weight(torch.tensor([0.2, 0.45, 0.8]), 0.5)
        tensor([1.0000, 1.6487, 1.2214])

    Sources:
        Yu et al., YOLO-FaceV2: A Scale and Occlusion Aware Face Detector (2022), https://arxiv.org/abs/2208.02019

    See also:
        `iou_focus`, `WiseFocus`, `powerful_focus`.
    """
    checks.floating_tensor("iou", iou, "iou")
    iou = iou.detach()
    if not isinstance(mean_iou, Tensor):
        mean_iou = iou.new_full((), checks.number("mean_iou", mean_iou, 0.0, 1.0))
    if mean_iou.numel() != 1:
        raise ValueError(f"mean_iou: expected one number, got a tensor of shape {tuple(mean_iou.shape)}")
    threshold = mean_iou.detach().reshape(()).to(iou).clamp(min=0.2)
    return torch.where(iou <= threshold - 0.1, 1.0, torch.exp(1.0 - torch.maximum(iou, threshold)))
