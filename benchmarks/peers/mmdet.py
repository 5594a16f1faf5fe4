"""Losses in the style of mmdet: plain operations, an epsilon in every quotient, then the sum."""

import math

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-6


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Absolute errors."""
    return torch.abs(prediction - target)


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared errors."""
    return functional.mse_loss(prediction, target, reduction="none")


def smooth_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 losses with beta 1."""
    size = torch.abs(prediction - target)
    return torch.where(size < 1.0, 0.5 * size * size, size - 0.5)


def overlap(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union of aligned pairs."""
    area = (prediction[:, 2] - prediction[:, 0]) * (prediction[:, 3] - prediction[:, 1])
    target_area = (target[:, 2] - target[:, 0]) * (target[:, 3] - target[:, 1])
    start = torch.max(prediction[:, :2], target[:, :2])
    end = torch.min(prediction[:, 2:], target[:, 2:])
    sides = (end - start).clamp(min=0)
    intersection = sides[:, 0] * sides[:, 1]
    union = (area + target_area - intersection).clamp(min=EPSILON)
    return intersection / union, union


def enclosure(prediction: Tensor, target: Tensor) -> Tensor:
    """Width and height of the enclosing box."""
    start = torch.min(prediction[:, :2], target[:, :2])
    end = torch.max(prediction[:, 2:], target[:, 2:])
    return (end - start).clamp(min=0)


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """The squared center distance divided by the squared diagonal of the enclosing box."""
    sides = enclosure(prediction, target)
    diagonal = sides[:, 0] ** 2 + sides[:, 1] ** 2 + EPSILON
    across = ((target[:, 0] + target[:, 2]) - (prediction[:, 0] + prediction[:, 2])) ** 2 / 4
    down = ((target[:, 1] + target[:, 3]) - (prediction[:, 1] + prediction[:, 3])) ** 2 / 4
    return (across + down) / diagonal


def iou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - IoU."""
    ratio, _ = overlap(prediction, target)
    return 1 - ratio.clamp(min=EPSILON)


def log_iou(prediction: Tensor, target: Tensor) -> Tensor:
    """-log IoU."""
    ratio, _ = overlap(prediction, target)
    return -ratio.clamp(min=EPSILON).log()


def giou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - GIoU."""
    ratio, union = overlap(prediction, target)
    sides = enclosure(prediction, target)
    area = (sides[:, 0] * sides[:, 1]).clamp(min=EPSILON)
    return 1 - (ratio - (area - union) / area)


def diou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - DIoU."""
    ratio, _ = overlap(prediction, target)
    return 1 - (ratio - distance(prediction, target))


def ciou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - CIoU, with a constant trade-off weight."""
    ratio, _ = overlap(prediction, target)
    width, height = prediction[:, 2] - prediction[:, 0], prediction[:, 3] - prediction[:, 1] + EPSILON
    target_width, target_height = target[:, 2] - target[:, 0], target[:, 3] - target[:, 1] + EPSILON
    difference = torch.atan(target_width / target_height) - torch.atan(width / height)
    aspect = (4 / math.pi**2) * torch.pow(difference, 2)
    with torch.no_grad():
        trade_off = aspect / (1 - ratio + aspect)
    return 1 - (ratio - (distance(prediction, target) + trade_off * aspect))


def ce(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropies."""
    return functional.cross_entropy(logits, target, reduction="none")


def weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """Cross-entropies, each times the weight of its class."""
    return functional.cross_entropy(logits, target, weight=class_weight, reduction="none")


def softmax_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropies, each times (1 - p)^2."""
    loss = functional.cross_entropy(logits, target, reduction="none")
    return (1 - torch.exp(-loss)) ** 2 * loss


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropies."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropies, positives times 0.25 and negatives times 0.75."""
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return loss * (0.25 * target + 0.75 * (1 - target))


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal losses with alpha 0.25 and gamma 2."""
    probability = logits.sigmoid()
    missing = (1 - probability) * target + probability * (1 - target)
    modulation = (0.25 * target + 0.75 * (1 - target)) * missing.pow(2.0)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * modulation
