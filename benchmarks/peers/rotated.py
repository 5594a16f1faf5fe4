"""Rotated IoU in the style of detection libraries: edge crossings and inner corners, sorted by angle, shoelace formula.

Autograd computes the gradient. Correct for pairs in general position, without coinciding edges.
"""

import torch
from torch import Tensor

TINY = 1e-8
CORNERS = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))


def corners_of(boxes: Tensor) -> Tensor:
    """The corners of boxes (N, 5) of center, sides and angle, counterclockwise: (N, 4, 2)."""
    cosine, sine = boxes[:, 4:].cos(), boxes[:, 4:].sin()
    corners = boxes.new_tensor(CORNERS)
    x, y = corners[:, 0] * boxes[:, 2:3], corners[:, 1] * boxes[:, 3:4]
    return torch.stack((x * cosine - y * sine + boxes[:, :1], x * sine + y * cosine + boxes[:, 1:2]), -1)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Signed area of the parallelogram of two vectors."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def crossings(corners: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The crossing of each of 16 pairs of edges, and whether it lies on both."""
    start, other_start = corners[:, :, None], others[:, None]
    edge, other_edge = corners.roll(-1, 1)[:, :, None] - start, others.roll(-1, 1)[:, None] - other_start
    between = other_start - start
    determinant = cross(edge, other_edge)
    parallel = determinant.abs() < TINY
    safe = torch.where(parallel, 1.0, determinant)
    along, other_along = cross(between, other_edge) / safe, cross(between, edge) / safe
    inside = (along > 0.0) & (along < 1.0) & (other_along > 0.0) & (other_along < 1.0) & ~parallel
    return (start + along[..., None] * edge).flatten(1, 2), inside.flatten(1, 2)


def inside(points: Tensor, corners: Tensor) -> Tensor:
    """Whether points lie in a rectangle, including its edges."""
    origin = corners[:, :1]
    away = points - origin
    within = torch.ones_like(points[..., 0], dtype=torch.bool)
    for k in (1, 3):
        side = corners[:, k : k + 1] - origin
        fraction = (away * side).sum(-1) / side.square().sum(-1)
        within &= (fraction > -TINY) & (fraction < 1.0 + TINY)
    return within


def area_of(points: Tensor, valid: Tensor) -> Tensor:
    """The area of convex polygons from their valid corners in any order, (N, M, 2)."""
    count = valid.sum(1)
    middle = torch.where(valid[..., None], points, 0.0).sum(1) / count.clamp(min=1)[:, None]
    away = points - middle[:, None]
    angle = torch.where(valid, torch.atan2(away[..., 1], away[..., 0]), torch.inf).detach()
    order = angle.argsort(1)
    ring = away.gather(1, order[..., None].expand_as(away))
    used = valid.gather(1, order)
    ring = torch.where(used[..., None], ring, ring[:, :1])  # invalid corners repeat the first
    area = 0.5 * cross(ring, ring.roll(-1, 1)).sum(1).abs()
    return torch.where(count > 2, area, 0.0)


def intersection(corners: Tensor, others: Tensor) -> Tensor:
    """The intersection area of rectangles."""
    crossing, crosses = crossings(corners, others)
    points = torch.cat((crossing, corners, others), 1)
    return area_of(points, torch.cat((crosses, inside(corners, others), inside(others, corners)), 1))


def hull(corners: Tensor, others: Tensor) -> Tensor:
    """The area of the convex hull: its corners have a line to another point with all points on one side."""
    points = torch.cat((corners, others), 1)
    steps = points[:, None] - points[:, :, None]  # (N, from, to, 2)
    heights = cross(steps[:, :, :, None], steps[:, :, None])  # (N, from, to, each)
    distinct = ~torch.eye(points.shape[1], dtype=torch.bool, device=points.device)
    on_hull = ((heights >= -TINY).all(-1) & distinct).any(-1)
    return area_of(points, on_hull)


def ratio_and_union(boxes: Tensor, others: Tensor, intersection: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and union."""
    union = boxes[:, 2] * boxes[:, 3] + others[:, 2] * others[:, 3] - intersection
    return intersection / union, union


def iou_loss(boxes: Tensor, others: Tensor) -> Tensor:
    """The mean of 1 - IoU of boxes (N, 5)."""
    ratio, _ = ratio_and_union(boxes, others, intersection(corners_of(boxes), corners_of(others)))
    return (1.0 - ratio).mean()


def giou_loss(boxes: Tensor, others: Tensor) -> Tensor:
    """The mean of 1 - GIoU with the convex hull."""
    corners, other_corners = corners_of(boxes), corners_of(others)
    ratio, union = ratio_and_union(boxes, others, intersection(corners, other_corners))
    return (2.0 - ratio - union / hull(corners, other_corners)).mean()


def pairwise_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """IoU of all pairs, (N, M)."""
    shape = len(boxes), len(others)
    first = boxes[:, None].expand(*shape, 5).flatten(0, 1)
    second = others[None].expand(*shape, 5).flatten(0, 1)
    ratio, _ = ratio_and_union(first, second, intersection(corners_of(first), corners_of(second)))
    return ratio.view(shape)
