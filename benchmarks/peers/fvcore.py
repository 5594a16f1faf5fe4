"""Losses in the style of fvcore and detectron2: unbound columns, an epsilon of 1e-7, masked intersections."""

import math

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-7


def smooth_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 losses with beta 1."""
    size = torch.abs(prediction - target)
    return torch.where(size < 1.0, 0.5 * size**2, size - 0.5)


def overlap(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union of aligned pairs; the intersection is computed for overlapping pairs only."""
    x1, y1, x2, y2 = prediction.unbind(dim=-1)
    target_x1, target_y1, target_x2, target_y2 = target.unbind(dim=-1)
    left, top = torch.max(x1, target_x1), torch.max(y1, target_y1)
    right, bottom = torch.min(x2, target_x2), torch.min(y2, target_y2)
    overlapping = (bottom > top) & (right > left)
    intersection = torch.zeros_like(x1)
    intersection[overlapping] = (right[overlapping] - left[overlapping]) * (bottom[overlapping] - top[overlapping])
    union = (x2 - x1) * (y2 - y1) + (target_x2 - target_x1) * (target_y2 - target_y1) - intersection
    return intersection / (union + EPSILON), union


def enclosure(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the enclosing box."""
    x1, y1, x2, y2 = prediction.unbind(dim=-1)
    target_x1, target_y1, target_x2, target_y2 = target.unbind(dim=-1)
    width = torch.max(x2, target_x2) - torch.min(x1, target_x1)
    return width, torch.max(y2, target_y2) - torch.min(y1, target_y1)


def distance(prediction: Tensor, target: Tensor) -> Tensor:
    """The squared center distance divided by the squared diagonal of the enclosing box."""
    width, height = enclosure(prediction, target)
    center, target_center = (prediction[:, :2] + prediction[:, 2:]) / 2, (target[:, :2] + target[:, 2:]) / 2
    return ((center - target_center) ** 2).sum(dim=-1) / (width**2 + height**2 + EPSILON)


def giou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - GIoU."""
    ratio, union = overlap(prediction, target)
    width, height = enclosure(prediction, target)
    area = width * height
    return 1 - (ratio - (area - union) / (area + EPSILON))


def diou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - DIoU."""
    ratio, _ = overlap(prediction, target)
    return 1 - ratio + distance(prediction, target)


def ciou(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - CIoU, with a constant trade-off weight."""
    ratio, _ = overlap(prediction, target)
    x1, y1, x2, y2 = prediction.unbind(dim=-1)
    target_x1, target_y1, target_x2, target_y2 = target.unbind(dim=-1)
    angle = torch.atan((x2 - x1) / (y2 - y1))
    target_angle = torch.atan((target_x2 - target_x1) / (target_y2 - target_y1))
    aspect = (4 / (math.pi**2)) * torch.pow(target_angle - angle, 2)
    with torch.no_grad():
        trade_off = aspect / (1 - ratio + aspect + EPSILON)
    return 1 - ratio + distance(prediction, target) + trade_off * aspect


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal losses with alpha 0.25 and gamma 2."""
    probability = torch.sigmoid(logits)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    likelihood = probability * target + (1 - probability) * (1 - target)
    balance = 0.25 * target + 0.75 * (1 - target)
    return balance * (cross_entropy * ((1 - likelihood) ** 2))
