"""Which cell of a feature plane speaks for which ground-truth box."""

from typing import NamedTuple

import torch
from torch import Tensor


class Assignment(NamedTuple):
    """What the cells of one image are to say.

    Attributes:
        labels: (cells,) int64: the class of a cell's box, or the background's index.
        distances: (cells, 4): from a cell's centre to the left, top, right and bottom side of its box; 0 in the
            background.
        positive: (cells,) bool: whether a cell has a box.
        share: (cells,): one by the number of cells of its box, so that every box that has cells sums to 1; 0 in the
            background.
    """

    labels: Tensor
    distances: Tensor
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
        An `Assignment`; distances are in the unit of `centres`.

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
    order = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).argsort(stable=True)
    boxes, labels = boxes[order], labels[order]

    x, y = centres[:, :1], centres[:, 1:]
    distances = torch.stack((x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y), dim=-1)
    holds = (distances > 0).all(dim=-1)  # (cells, n), the smallest box first
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    nearest = (middles - centres[:, None]).square().sum(dim=-1).argmin(dim=0)
    missed = ~holds.any(dim=0)
    holds[nearest[missed], missed.nonzero().squeeze(1)] = True

    # The background stands behind all boxes as one more that holds every cell.
    holds = torch.cat((holds, torch.ones_like(x, dtype=torch.bool)), dim=1)
    winner = torch.where(holds, torch.arange(len(boxes) + 1, device=centres.device), len(boxes)).amin(dim=1)
    labels = torch.cat((labels.to(torch.int64), winner.new_tensor([background])))
    distances = torch.cat((distances, centres.new_zeros(len(centres), 1, 4)), dim=1)
    cells = winner.bincount(minlength=len(boxes) + 1)
    positive = winner < len(boxes)
    return Assignment(
        labels=labels[winner],
        distances=distances.take_along_dim(winner[:, None, None], dim=1).squeeze(1),
        positive=positive,
        share=positive / cells[winner],
    )
