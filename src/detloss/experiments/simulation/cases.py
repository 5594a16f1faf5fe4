"""The cases of the experiment: anchor boxes of many shapes, scattered around targets of seven shapes."""

import math

import torch
from torch import Tensor

CENTER = 10.0
"""Where every target stands, in x and in y."""

RADIUS = 3.0
"""Of the disc around it that the anchors stand in."""

RATIOS = (1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0)
"""Width to height, of targets and of anchors."""

TARGET_AREA = 1.0
ANCHOR_AREAS = (0.5, 0.67, 0.75, 1.0, 1.33, 1.5, 2.0)

CASES_A_POINT = len(ANCHOR_AREAS) * len(RATIOS) * len(RATIOS)
ALL_POINTS = 5000
"""As many as in the paper: 1 715 000 cases."""


def points_in_disc(count: int, seed: int) -> Tensor:
    """Draw the anchors' centers, uniform in the disc: (count, 2) float64."""
    share, turn = torch.rand(2, count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    radius, angle = RADIUS * share.sqrt(), 2.0 * math.pi * turn
    return CENTER + torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)


def cases_at(points: Tensor) -> tuple[Tensor, Tensor]:
    """Put every anchor at every point, before every target.

    Args:
        points: (n, 2) centers of the anchors.

    Returns:
        Anchors and their targets, each (n * 343, 4) rows of center and sides; a point's cases stand together.
    """
    center = torch.tensor([[CENTER, CENTER]])
    anchors = torch.cat([sides(area) for area in ANCHOR_AREAS]).to(points)
    targets = torch.cat([center.expand(len(RATIOS), 2), sides(TARGET_AREA)], dim=-1).to(points)
    shape = len(points), len(anchors), len(targets)
    return (
        torch.cat([points[:, None, None].expand(*shape, 2), anchors[:, None].expand(*shape, 2)], dim=-1).flatten(0, 2),
        targets.expand(*shape, 4).flatten(0, 2),
    )


def sides(area: float) -> Tensor:
    """Widths and heights of the boxes of one area: (7, 2)."""
    ratio = torch.tensor(RATIOS, dtype=torch.float64)
    return torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], dim=-1)
