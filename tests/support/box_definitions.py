"""Textbook definitions of losses of axis-aligned boxes by their sides and edges, in float64 torch.

The options are those that `loss_table` names: an image of 40 by 30, a scale of 5, the shape scale 0.6.
"""

import torch
from torch import Tensor

from tests.support.loss_definitions import one_minus_diou, one_minus_iou, parts

IMAGE = (40.0, 30.0)


def by_axis(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sides of both, distances of the centers and sides of the enclosing box."""
    sides, target_sides = p[:, 2:] - p[:, :2], t[:, 2:] - t[:, :2]
    shifts = (p[:, :2] + p[:, 2:] - t[:, :2] - t[:, 2:]) / 2
    return sides, target_sides, shifts, parts(p, t)[2]


def efficient_iou(p: Tensor, t: Tensor) -> Tensor:
    sides, target_sides, _, spans = by_axis(p, t)
    return one_minus_diou(p, t) + ((sides - target_sides) / spans).square().sum(1)


def shape_cost(sides: Tensor, target_sides: Tensor, weights: Tensor) -> Tensor:
    relative = (sides - target_sides).abs() / torch.maximum(sides, target_sides)
    return (1 - (-weights * relative).exp()).pow(4).sum(1)


def scylla_iou(p: Tensor, t: Tensor) -> Tensor:
    sides, target_sides, shifts, spans = by_axis(p, t)
    sine = shifts[:, 1].abs() / shifts.norm(dim=1)
    angle = 1 - 2 * (sine.arcsin() - torch.pi / 4).sin().square()
    distance = (1 - (-(2 - angle)[:, None] * (shifts / spans).square()).exp()).sum(1)
    return one_minus_iou(p, t) + (distance + shape_cost(sides, target_sides, torch.ones(2))) / 2


def minimum_points_distance_iou(p: Tensor, t: Tensor) -> Tensor:
    return one_minus_iou(p, t) + (p - t).square().sum(1) / (IMAGE[0] ** 2 + IMAGE[1] ** 2)


def wise_iou(p: Tensor, t: Tensor) -> Tensor:
    _, _, hull, distance = parts(p, t)
    return (distance / hull.square().sum(1).detach()).exp() * one_minus_iou(p, t)


def shape_iou(p: Tensor, t: Tensor) -> Tensor:
    sides, target_sides, shifts, spans = by_axis(p, t)
    powers = target_sides.detach().pow(0.6)
    weights = (2 * powers / powers.sum(1, keepdim=True)).flip(1)
    distance = (weights * shifts.square()).sum(1) / spans.square().sum(1)
    return one_minus_iou(p, t) + distance + shape_cost(sides, target_sides, weights) / 2


def powerful_iou(p: Tensor, t: Tensor) -> Tensor:
    offset = ((p - t).abs() / (t[:, 2:] - t[:, :2]).repeat(1, 2)).sum(1) / 4
    return one_minus_iou(p, t) + 1 - (-offset.square()).exp()


def normalized_wasserstein(p: Tensor, t: Tensor) -> Tensor:
    sides, target_sides, shifts, _ = by_axis(p, t)
    squared = shifts.square().sum(1) + (sides - target_sides).square().sum(1) / 4
    return 1 - (-squared.sqrt() / 5).exp()
