"""Which cell of a feature plane speaks for which ground-truth box."""

from typing import NamedTuple

import torch
from torch import Tensor


class Assignment(NamedTuple):
    """What the cells of one image are to say.

    Attributes:
        labels: (cells,) int64: the class of a cell's box, or the background's index.
        boxes: (cells, numbers): a cell's box as `assign` or `assign_rotated` writes it; 0 in the background.
        positive: (cells,) bool: whether a cell has a box.
        share: (cells,): one by the number of cells of its box, so that every box that has cells sums to 1; 0 in the
            background.
    """

    labels: Tensor
    boxes: Tensor
    positive: Tensor
    share: Tensor


def cell_centres(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Place the centres of a plane's cells, row by row.

    Args:
        height: Cells from top to bottom.
        width: Cells from left to right.
        device: Where the result is wanted.

    Returns:
        (height * width, 2) float32: x, y in cells.

    Example:
        >>> cell_centres(1, 2).tolist()
        [[0.5, 0.5], [1.5, 0.5]]
    """
    x, y = torch.arange(width, device=device) + 0.5, torch.arange(height, device=device) + 0.5
    return torch.cartesian_prod(y, x).flip(-1)


def assign(centres: Tensor, boxes: Tensor, labels: Tensor, *, background: int) -> Assignment:
    """Give every cell the smallest box that its centre lies in.

    Args:
        centres: (cells, 2): x, y.
        boxes: (n, 4): corners x1, y1, x2, y2 in the unit of `centres`.
        labels: (n,) integers.
        background: The label of a cell without a box.

    Returns:
        An `Assignment`; a cell's box is the distances from its centre to the left, top, right and bottom side, in the
        unit of `centres`.

    Edge cases:
        A box with no centre in it gets the cell nearest to its middle, so that small objects are learnt too; some of
        that cell's distances are negative. A box that smaller ones cover cell by cell gets none. Of equally small
        boxes the first wins. No boxes make everything background.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 2.0, 1.0]])
        >>> assign(cell_centres(1, 3), boxes, torch.tensor([5, 6]), background=9).labels.tolist()
        [5, 6, 9]

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471, where an
        image has one face; the smallest box from Tian et al., FCOS (2019), section 3.1,
        https://arxiv.org/abs/1904.01355
    """
    boxes = boxes.to(centres.dtype)
    x, y = centres[:, :1], centres[:, 1:]
    distances = torch.stack((x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y), dim=-1)
    return to_the_smallest(
        centres,
        holds=(distances > 0).all(dim=-1),
        middles=(boxes[:, :2] + boxes[:, 2:]) / 2,
        areas=(boxes[:, 2:] - boxes[:, :2]).prod(dim=1),
        boxes=distances,
        labels=labels,
        background=background,
    )


def assign_rotated(centres: Tensor, boxes: Tensor, labels: Tensor, *, background: int) -> Assignment:
    """Give every cell the smallest turned box that its centre lies in.

    Args:
        centres: (cells, 2): x, y.
        boxes: (n, 5): cx, cy, w, h in the unit of `centres`, angle in radians.
        labels: (n,) integers.
        background: The label of a cell without a box.

    Returns:
        An `Assignment`; a cell's box is its row with cx and cy from the cell's centre.

    Edge cases:
        Those of `assign`.

    Example:
        >>> upright = torch.tensor([[1.5, 1.5, 3.0, 1.0, torch.pi / 2]])
        >>> assign_rotated(cell_centres(3, 3), upright, torch.tensor([5]), background=9).labels.reshape(3, 3).tolist()
        [[9, 5, 9], [9, 5, 9], [9, 5, 9]]
    """
    boxes = boxes.to(centres.dtype)
    middles, sides, angles = boxes.tensor_split((2, 4), dim=1)
    offsets = middles - centres[:, None]
    (x, y), cosine, sine = offsets.unbind(-1), angles[:, 0].cos(), angles[:, 0].sin()
    along_the_sides = torch.stack((x * cosine + y * sine, y * cosine - x * sine), dim=-1)
    return to_the_smallest(
        centres,
        holds=(along_the_sides.abs() < sides / 2).all(dim=-1),
        middles=middles,
        areas=sides.prod(dim=1),
        boxes=torch.cat((offsets, boxes[:, 2:].expand(len(centres), -1, -1)), dim=-1),
        labels=labels,
        background=background,
    )


def to_the_smallest(
    centres: Tensor,
    *,
    holds: Tensor,
    middles: Tensor,
    areas: Tensor,
    boxes: Tensor,
    labels: Tensor,
    background: int,
) -> Assignment:
    """Give every cell the smallest of the boxes that hold it, and every box without a cell the nearest one.

    Args:
        centres: (cells, 2): x, y.
        holds: (cells, n) bool: which box a cell's centre lies in.
        middles: (n, 2) of the boxes.
        areas: (n,) of the boxes.
        boxes: (cells, n, numbers): each box as each cell writes it.
        labels: (n,) integers.
        background: The label of a cell without a box.
    """
    order = areas.argsort(stable=True)
    holds, boxes, labels = holds[:, order], boxes[:, order], labels[order]
    nearest = (middles[order] - centres[:, None]).square().sum(dim=-1).argmin(dim=0)
    missed = ~holds.any(dim=0)
    holds[nearest[missed], missed.nonzero().squeeze(1)] = True

    # The background stands behind all boxes as one more that holds every cell.
    holds = torch.cat((holds, holds.new_ones(len(centres), 1)), dim=1)
    winner = torch.where(holds, torch.arange(len(labels) + 1, device=centres.device), len(labels)).amin(dim=1)
    boxes = torch.cat((boxes, boxes.new_zeros(len(centres), 1, boxes.shape[-1])), dim=1)
    cells = winner.bincount(minlength=len(labels) + 1)
    positive = winner < len(labels)
    labels = torch.cat((labels.to(torch.int64), winner.new_tensor([background])))
    return Assignment(
        labels=labels[winner],
        boxes=boxes.take_along_dim(winner[:, None, None], dim=1).squeeze(1),
        positive=positive,
        share=positive / cells[winner],
    )
