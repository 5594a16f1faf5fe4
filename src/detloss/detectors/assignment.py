"""Label assignment: which cell of a feature plane is trained on which ground-truth box."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor


class Objects(NamedTuple):
    """The ground-truth objects of a batch of images, in one tensor each.

    Attributes:
        boxes: (n, numbers): their boxes.
        labels: (n,) int64: their classes.
        images: (n,) int64: the image of each.
        batch: How many images there are.
    """

    boxes: Tensor
    labels: Tensor
    images: Tensor
    batch: int

    @classmethod
    def of(cls, targets: Sequence[Mapping[str, Tensor]]) -> Self:
        """Join the targets of all images, each with its "boxes" and "labels"."""
        boxes, labels = (torch.cat([target[key] for target in targets]) for key in ("boxes", "labels"))
        counts = torch.tensor([len(target["labels"]) for target in targets])
        images = torch.arange(len(targets)).repeat_interleave(counts).to(boxes.device)
        return cls(boxes, labels.to(torch.int64), images, len(targets))


class Assignment(NamedTuple):
    """What every cell of a batch of planes is trained on: image by image, row by row.

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


def cell_centers(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Place the centers of a plane's cells, row by row.

    Args:
        height: Cells from top to bottom.
        width: Cells from left to right.
        device: Where the result is wanted.

    Returns:
        (height * width, 2) float32: x, y in cells.

    Example:
        >>> cell_centers(1, 2).tolist()
        [[0.5, 0.5], [1.5, 0.5]]
    """
    x, y = torch.arange(width, device=device) + 0.5, torch.arange(height, device=device) + 0.5
    return torch.cartesian_prod(y, x).flip(-1)


def assign(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Give every cell the smallest box of its image that its center lies in.

    Args:
        centers: (cells, 2): x, y in every plane.
        objects: Their boxes are (n, 4) corners x1, y1, x2, y2 in the unit of `centers`.
        background: The label of a cell without a box.
        middle: The share of a box's sides, about its center, in which a cell's center has to lie.

    Returns:
        An `Assignment`; a cell's box is the distances from its center to the left, top, right and bottom side, in the
        unit of `centers`.

    Edge cases:
        A box that no cell's center lies in gets the cell nearest to its center, so that small objects are learned too;
        some of that cell's distances are negative. A box that smaller ones cover cell by cell gets none. Of equally
        small boxes the first wins. No boxes make everything background.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 2.0, 1.0]])
        >>> objects = Objects.of([{"boxes": boxes, "labels": torch.tensor([5, 6])}])
        >>> assign(cell_centers(1, 3), objects, background=9).labels.tolist()
        [5, 6, 9]

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471, where an
        image has one face; the smallest box from Tian et al., FCOS (2019), section 3.1,
        https://arxiv.org/abs/1904.01355
    """
    first, last = objects.boxes.to(centers.dtype).chunk(2, dim=1)
    margin = (last - first) * ((1 - middle) / 2)
    (x1, y1), (x2, y2), (x, y) = (first + margin).T[..., None], (last - margin).T[..., None], centers.T
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    owners = smallest(centers, objects, inside, middles=(first + last) / 2, areas=(last - first).prod(dim=1))
    here = centers.repeat(objects.batch, 1)
    distances = torch.cat((here - behind_all(first)[owners], behind_all(last)[owners] - here), dim=1)
    return written(owners, distances, objects.labels, background)


def assign_rotated(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Give every cell the smallest rotated box of its image that its center lies in.

    Args:
        centers: (cells, 2): x, y in every plane.
        objects: Their boxes are (n, 5): cx, cy, w, h in the unit of `centers`, angle in radians.
        background: The label of a cell without a box.
        middle: The share of a box's sides, about its center, in which a cell's center has to lie.

    Returns:
        An `Assignment`; a cell's box is its row with cx and cy from the cell's center.

    Edge cases:
        Those of `assign`.

    Example:
        >>> upright = torch.tensor([[1.5, 1.5, 3.0, 1.0, torch.pi / 2]])
        >>> objects = Objects.of([{"boxes": upright, "labels": torch.tensor([5])}])
        >>> assign_rotated(cell_centers(3, 3), objects, background=9).labels.reshape(3, 3).tolist()
        [[9, 5, 9], [9, 5, 9], [9, 5, 9]]
    """
    boxes = objects.boxes.to(centers.dtype)
    middles, sides, angles = boxes.tensor_split((2, 4), dim=1)
    (x, y), cosine, sine = (middles[:, None] - centers).unbind(-1), angles.cos(), angles.sin()
    along_the_sides = torch.stack((x * cosine + y * sine, y * cosine - x * sine), dim=-1)
    inside = (along_the_sides.abs() < sides[:, None] * (middle / 2)).all(dim=-1)
    owners = smallest(centers, objects, inside, middles=middles, areas=sides.prod(dim=1))
    rows = behind_all(boxes)[owners]
    offsets = rows[:, :2] - centers.repeat(objects.batch, 1)
    return written(owners, torch.cat((offsets, rows[:, 2:]), dim=1), objects.labels, background)


def smallest(centers: Tensor, objects: Objects, inside: Tensor, *, middles: Tensor, areas: Tensor) -> Tensor:
    """Find the smallest box around every cell, after every box without a cell has got the nearest one.

    Args:
        centers: (cells, 2): x, y in every plane.
        objects: The objects of all planes.
        inside: (n, cells) bool: which centers lie in which box.
        middles: (n, 2) of the boxes.
        areas: (n,) of the boxes.

    Returns:
        (batch * cells,) int64: the index of an object, n in the background.
    """
    count, cells = inside.shape
    missed = (~inside.any(dim=1)).nonzero().squeeze(1)
    inside[missed, (middles[missed, None] - centers).square().sum(dim=-1).argmin(dim=1)] = True

    by_area = areas.argsort(stable=True)
    rank, cell = inside[by_area].nonzero(as_tuple=True)
    first = torch.full((objects.batch * cells,), count, device=centers.device)
    first.scatter_reduce_(0, objects.images[by_area][rank] * cells + cell, rank, "amin")
    return torch.cat((by_area, by_area.new_tensor([count])))[first]


def behind_all(rows: Tensor) -> Tensor:
    """Add the background's row, 0, to those of the objects."""
    return torch.cat((rows, rows.new_zeros(1, rows.shape[1])))


def written(owners: Tensor, boxes: Tensor, labels: Tensor, background: int) -> Assignment:
    """Write an assignment down from the object of every cell, and its box there."""
    positive = owners < len(labels)
    cells = owners.bincount(minlength=len(labels) + 1)
    return Assignment(
        labels=torch.cat((labels, labels.new_tensor([background])))[owners],
        boxes=boxes * positive[:, None],
        positive=positive,
        share=positive / cells[owners],
    )
