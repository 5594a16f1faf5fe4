"""Plain formulas of the losses with few operations, for `torch.compile`."""

import math

import torch
from torch import Tensor
from torch.nn import functional

TINY = 1e-7


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Absolute errors."""
    return (prediction - target).abs()


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared errors."""
    return (prediction - target).square()


def smooth_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 losses with beta 1."""
    size = (prediction - target).abs()
    return torch.where(size < 1.0, 0.5 * size * size, size - 0.5)


def charbonnier(prediction: Tensor, target: Tensor) -> Tensor:
    """Charbonnier losses with delta 1."""
    return ((prediction - target).square() + 1.0).sqrt().sub(1.0)


def balanced_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Balanced L1 losses with alpha 0.5, gamma 1.5 and beta 1."""
    size, b = (prediction - target).abs(), math.expm1(3.0)
    near = 0.5 / b * (b * size + 1.0) * torch.log(b * size + 1.0) - 0.5 * size
    return torch.where(size < 1.0, near, 1.5 * size + 1.5 / b - 0.5)


def log_cosh(prediction: Tensor, target: Tensor) -> Tensor:
    """Log cosh of the errors."""
    size = (prediction - target).abs()
    return size + torch.log(1.0 + torch.exp(-2.0 * size)) - math.log(2.0)


def sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height."""
    left, top, right, bottom = boxes.unbind(-1)
    return right - left, bottom - top


def overlap(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union."""
    left, top, right, bottom = prediction.unbind(-1)
    target_left, target_top, target_right, target_bottom = target.unbind(-1)
    width = (torch.minimum(right, target_right) - torch.maximum(left, target_left)).clamp(min=0.0)
    height = (torch.minimum(bottom, target_bottom) - torch.maximum(top, target_top)).clamp(min=0.0)
    intersection = width * height
    areas = (right - left) * (bottom - top) + (target_right - target_left) * (target_bottom - target_top)
    union = areas - intersection
    return intersection / (union + TINY), union


def enclosure(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the enclosing box."""
    left, top, right, bottom = prediction.unbind(-1)
    target_left, target_top, target_right, target_bottom = target.unbind(-1)
    width = torch.maximum(right, target_right) - torch.minimum(left, target_left)
    return width, torch.maximum(bottom, target_bottom) - torch.minimum(top, target_top)


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """The squared center distance divided by the squared diagonal of the enclosing box."""
    left, top, right, bottom = (prediction - target).unbind(-1)
    width, height = enclosure(prediction, target)
    return 0.25 * ((left + right).square() + (top + bottom).square()) / (width.square() + height.square() + TINY)


def iou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - IoU."""
    ratio, _ = overlap(prediction, target)
    return 1.0 - ratio


def log_iou(prediction: Tensor, target: Tensor) -> Tensor:
    """-log IoU."""
    ratio, _ = overlap(prediction, target)
    return -(ratio + TINY).log()


def giou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - GIoU."""
    ratio, union = overlap(prediction, target)
    width, height = enclosure(prediction, target)
    return 2.0 - ratio - union / (width * height + TINY)


def diou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - DIoU."""
    ratio, _ = overlap(prediction, target)
    return 1.0 - ratio + distance(prediction, target)


def ciou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - CIoU, with a constant trade-off weight."""
    ratio, _ = overlap(prediction, target)
    (width, height), (target_width, target_height) = sides(prediction), sides(target)
    difference = torch.atan(target_width / target_height) - torch.atan(width / height)
    aspect = (4.0 / math.pi**2) * difference.square()
    trade_off = (aspect / (1.0 - ratio + aspect + TINY)).detach()
    return 1.0 - ratio + distance(prediction, target) + trade_off * aspect


def eiou(prediction: Tensor, target: Tensor) -> Tensor:
    """EIoU losses."""
    ratio, _ = overlap(prediction, target)
    (width, height), (target_width, target_height) = sides(prediction), sides(target)
    whole_width, whole_height = enclosure(prediction, target)
    across = (width - target_width).square() / (whole_width.square() + TINY)
    down = (height - target_height).square() / (whole_height.square() + TINY)
    return 1.0 - ratio + distance(prediction, target) + across + down


def siou(prediction: Tensor, target: Tensor) -> Tensor:
    """SIoU losses with theta 4."""
    ratio, _ = overlap(prediction, target)
    left, top, right, bottom = (prediction - target).unbind(-1)
    x, y = 0.5 * (left + right), 0.5 * (top + bottom)
    focus = 2.0 - 2.0 * (x * y).abs() / (x * x + y * y + TINY)
    width, height = enclosure(prediction, target)
    costs = 2.0 - torch.exp(-focus * (x / width).square()) - torch.exp(-focus * (y / height).square())
    return 1.0 - ratio + 0.5 * (costs + side_costs(prediction, target))


def side_costs(prediction: Tensor, target: Tensor) -> Tensor:
    """The shape cost of SIoU with theta 4."""
    (width, height), (target_width, target_height) = sides(prediction), sides(target)
    of_width = (width - target_width).abs() / torch.maximum(width, target_width)
    of_height = (height - target_height).abs() / torch.maximum(height, target_height)
    return (1.0 - torch.exp(-of_width)) ** 4 + (1.0 - torch.exp(-of_height)) ** 4


def mpdiou(prediction: Tensor, target: Tensor) -> Tensor:
    """MPDIoU losses in images of 640 by 480."""
    ratio, _ = overlap(prediction, target)
    return 1.0 - ratio + (prediction - target).square().sum(-1) / (640.0**2 + 480.0**2)


def nwd(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - NWD with scale 32."""
    left, top, right, bottom = (prediction - target).unbind(-1)
    centers = 0.25 * ((left + right).square() + (top + bottom).square())
    square = centers + 0.25 * ((right - left).square() + (bottom - top).square())
    return 1.0 - torch.exp(-square.sqrt() / 32.0)


def wiou(prediction: Tensor, target: Tensor) -> Tensor:
    """WIoU losses of version 1."""
    ratio, _ = overlap(prediction, target)
    left, top, right, bottom = (prediction - target).unbind(-1)
    width, height = enclosure(prediction, target)
    diagonal = (width.square() + height.square() + TINY).detach()
    square = 0.25 * ((left + right).square() + (top + bottom).square())
    return torch.exp(square / diagonal) * (1.0 - ratio)


def shapeiou(prediction: Tensor, target: Tensor) -> Tensor:
    """Shape-IoU losses with scale 0, whose weights are 1."""
    ratio, _ = overlap(prediction, target)
    return 1.0 - ratio + distance(prediction, target) + 0.5 * side_costs(prediction, target)


def piou(prediction: Tensor, target: Tensor) -> Tensor:
    """PIoU losses of version 1."""
    ratio, _ = overlap(prediction, target)
    width, height = sides(target)
    left, top, right, bottom = (prediction - target).abs().unbind(-1)
    offset = 0.25 * ((left + right) / width + (top + bottom) / height)
    return 2.0 - ratio - torch.exp(-offset.square())


def negative_log_likelihood(logits: Tensor, target: Tensor) -> Tensor:
    """-log p of the target class; a comparison instead of a gather, whose backward is a scatter."""
    hot = target[:, None] == torch.arange(logits.shape[-1], device=logits.device)
    return torch.logsumexp(logits, -1) - torch.where(hot, logits, 0.0).sum(-1)


def ce(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropies."""
    return negative_log_likelihood(logits, target)


def weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """Cross-entropies, each times the weight of its class."""
    return class_weight[target] * negative_log_likelihood(logits, target)


def softmax_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropies, each times (1 - p)^2."""
    loss = negative_log_likelihood(logits, target)
    return (1.0 - torch.exp(-loss)).square() * loss


def poly_ce(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropies, each plus 1 - p."""
    loss = negative_log_likelihood(logits, target)
    return loss + 1.0 - torch.exp(-loss)


def adjusted_ce(logits: Tensor, target: Tensor, offset: Tensor) -> Tensor:
    """Cross-entropies of logits with an offset per class and the margin .5."""
    hot = target[:, None] == torch.arange(logits.shape[-1], device=logits.device)
    return negative_log_likelihood(logits + offset - torch.where(hot, 0.5, 0.0), target)


def dfl(logits: Tensor, value: Tensor) -> Tensor:
    """Cross-entropies with the two bins next to a value."""
    bins = torch.arange(logits.shape[-1], device=logits.device)
    share = (1.0 - (value[:, None] - bins).abs()).clamp(min=0.0)
    return torch.logsumexp(logits, -1) - (share * logits).sum(-1)


def binary_negative_log_likelihood(logits: Tensor, target: Tensor, tail: Tensor) -> Tensor:
    """Binary cross-entropy; with log1p or softplus instead of this logarithm the compiled loss was 7x slower."""
    return logits.clamp(min=0.0) - logits * target + torch.log(1.0 + tail)


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropies."""
    return binary_negative_log_likelihood(logits, target, torch.exp(-logits.abs()))


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropies, positives times 0.25 and negatives times 0.75."""
    return (0.75 - 0.5 * target) * binary_negative_log_likelihood(logits, target, torch.exp(-logits.abs()))


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal losses with alpha 0.25 and gamma 2; logarithm and sigmoid share one exponential."""
    tail = torch.exp(-logits.abs())
    probability = torch.where(logits >= 0.0, 1.0, tail) / (1.0 + tail)
    missing = probability + target - 2.0 * probability * target
    return (0.75 - 0.5 * target) * missing * missing * binary_negative_log_likelihood(logits, target, tail)


def qfl(logits: Tensor, target: Tensor) -> Tensor:
    """Quality focal losses; the target is the quality."""
    cost = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (target - logits.sigmoid()).square() * cost


def vfl(logits: Tensor, target: Tensor) -> Tensor:
    """Varifocal losses; the target is the quality."""
    positive = target * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    negative = 0.75 * logits.sigmoid().square() * functional.softplus(logits)
    return torch.where(target > 0.0, positive, negative)


def mal(logits: Tensor, target: Tensor) -> Tensor:
    """Matchability-aware losses; the target is the quality."""
    positive = functional.binary_cross_entropy_with_logits(logits, target**1.5, reduction="none")
    negative = logits.detach().sigmoid() ** 1.5 * functional.softplus(logits)
    return torch.where(target > 0.0, positive, negative)


def iabce(logits: Tensor, target: Tensor) -> Tensor:
    """IoU-aware cross-entropies; the target is the quality."""
    soft = (logits.detach().sigmoid() ** 0.25 * target**0.75).clamp(min=0.01)
    positive = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    negative = logits.sigmoid().square() * functional.softplus(logits)
    return torch.where(target > 0.0, positive, negative)


def heatmap(logits: Tensor, target: Tensor) -> Tensor:
    """Heatmap focal losses."""
    positive = logits.sigmoid().neg().add(1.0).square() * functional.softplus(-logits)
    negative = (1.0 - target) ** 4 * logits.sigmoid().square() * functional.softplus(logits)
    return torch.where(target >= 1.0, positive, negative)


def asl(logits: Tensor, target: Tensor) -> Tensor:
    """Asymmetric losses."""
    shifted = (logits.sigmoid() - 0.05).clamp(min=0.0)
    negative = -(shifted**4) * torch.log1p(-shifted)
    return torch.where(target > 0.0, functional.softplus(-logits), negative)


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """Dice losses."""
    probability = logits.sigmoid()
    sizes = probability.sum(-1) + target.sum(-1)
    return 1.0 - 2.0 * (probability * target).sum(-1) / (sizes + TINY)


def tversky(logits: Tensor, target: Tensor) -> Tensor:
    """Tversky losses with alpha 0.3 and beta 0.7."""
    probability = logits.sigmoid()
    shared = (probability * target).sum(-1)
    errors = 0.3 * (probability * (1.0 - target)).sum(-1) + 0.7 * ((1.0 - probability) * target).sum(-1)
    return 1.0 - shared / (shared + errors + TINY)
