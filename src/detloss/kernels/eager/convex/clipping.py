"""How much of triangles in space lies within a convex body: clipped by one half-space after the other.

A triangle is a polygon in its own two coordinates, the shares of its second and third corner; the polygon is a set of
edges in no order. A half-space shortens them and adds the one that closes them again. Nothing is sorted, nothing is
divided by what could vanish, and a half-space that is there twice cuts nothing the second time.
"""

import torch
from torch import Tensor

HYSTERESIS = 0.125  # of the slack: how far behind a plane cuts, so that its copies find nothing left to cut


def visible(corners: Tensor, normals: Tensor, reaches: Tensor, slack: Tensor) -> Tensor:
    """How much of triangles (N, F, corner, axis) lies in the half-spaces (N, P), by corner: (N, F, 3).

    That is the integral of a corner's share over the visible part, divided by the triangle's area: the three add up to
    the part that is visible. It is the mean of two views, with all half-spaces moved out by `slack` and in.
    """
    planes, points = normals.permute(1, 2, 0), corners.permute(3, 1, 2, 0)  # pairs come last: they lie side by side
    heights = sum(planes[:, axis, None, None] * points[axis] for axis in range(3)) - reaches.mT[:, None, None]
    lengths = slack * normals.norm(dim=-1).mT
    views = slack.new_tensor([1.0, -1.0]).view(2, 1, 1) * lengths[:, None, None]
    at_first = heights[:, None, :, 0] - views
    to_second, to_third = (heights[:, None, :, k] - heights[:, None, :, 0] for k in (1, 2))
    margins = HYSTERESIS * lengths[:, None, None]
    shape = (3, 2, *at_first.shape[1:])
    x = slack.new_tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]).view(3, 2, 1, 1, 1).expand(shape)
    y = slack.new_tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).view(3, 2, 1, 1, 1).expand(shape)
    for start, second, third, margin in zip(at_first, to_second, to_third, margins):
        x, y = clipped(x, y, start + x * second + y * third, margin)
    (start_x, end_x), (start_y, end_y) = x.unbind(1), y.unbind(1)
    spans = start_x * end_y - end_x * start_y
    part = spans.sum(0)
    second, third = (spans * (start_x + end_x)).sum(0) / 3.0, (spans * (start_y + end_y)).sum(0) / 3.0
    return torch.stack((part - second - third, second, third), -1).mean(0).transpose(0, 1)


def clipped(x: Tensor, y: Tensor, heights: Tensor, margin: Tensor) -> tuple[Tensor, Tensor]:
    """What of edges (K, 2 ends, ...) lies where heights are not positive, and the edge that closes them again."""
    outside = heights > 0.0
    starts_out, ends_out = outside.unbind(1)
    start, end = heights.unbind(1)
    crosses = starts_out ^ ends_out
    along = ((start + margin) / torch.where(crosses, start - end, 1.0)).clamp(0.0, 1.0)
    parts = []
    for place in (x, y):
        first, last = place.unbind(1)
        crossing = torch.where(crosses, first + along * (last - first), 0.0)
        left = torch.stack((torch.where(starts_out, crossing, first), torch.where(ends_out, crossing, last)), 1)
        closing = [torch.where(ends, crossing, 0.0).sum(0) for ends in (ends_out, starts_out)]
        parts.append(torch.cat((left, torch.stack(closing).unsqueeze(0))))
    return parts[0], parts[1]
