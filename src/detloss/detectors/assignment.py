"""Label assignment: cells of a feature map to ground-truth boxes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor


class Objects(NamedTuple):
    """The ground-truth objects of a batch of images, in one tensor each.

    Attributes:
        boxes: (n, numbers).
        labels: (n,) int64 class indices.
        images: (n,) int64, the index of the image.
        batch: The number of images.
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
    """The targets of all cells of a batch, image by image and row by row.

    Attributes:
        labels: (cells,) int64, the class of the assigned box, or the index of background.
        boxes: (cells, numbers), the assigned box in the encoding of `assign` or `assign_rotated`; 0 for background.
        positive: (cells,) bool, whether a box is assigned.
        fraction: (cells,), 1 / the number of cells of the assigned box, so that the cells of a box sum to 1; 0 for
            background.
    """

    labels: Tensor
    boxes: Tensor
    positive: Tensor
    fraction: Tensor


def cell_centers(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Compute the centers of the cells of a feature map, row by row.

    Args:
        height: Number of rows.
        width: Number of columns.
        device: Device of the result.

    Returns:
        (height * width, 2) float32, x and y in cells.

    Example:
        >>> cell_centers(1, 2).tolist()
        [[0.5, 0.5], [1.5, 0.5]]
    """
    x, y = torch.arange(width, device=device) + 0.5, torch.arange(height, device=device) + 0.5
    return torch.cartesian_prod(y, x).flip(-1)


def assign(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Assign to every cell the smallest box of its image that contains the cell's center.

    Args:
        centers: (cells, 2), x and y of the cells of an image.
        objects: Objects with boxes (n, 4), corners x1, y1, x2, y2 in the unit of `centers`.
        background: The label of a cell without a box.
        middle: Center sampling: the fraction of a box's sides, around its center, that must contain a cell's center.

    Returns:
        An `Assignment`; boxes are the distances from the cell's center to the left, top, right and bottom side, in the
        unit of `centers`.

    Edge cases:
        A box that contains no cell's center is assigned to the cell nearest to its center, so that small objects are
        trained, too; some distances are then negative. A box whose cells all belong to smaller boxes has no cell. The
        first of several boxes of equal area is used. Without boxes, all cells are background.

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
    cells = centers.repeat(objects.batch, 1)
    distances = torch.cat((cells - with_background(first)[owners], with_background(last)[owners] - cells), dim=1)
    return assignment_of(owners, distances, objects.labels, background)


def assign_rotated(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Assign to every cell the smallest rotated box of its image that contains the cell's center.

    Args:
        centers: (cells, 2), x and y of the cells of an image.
        objects: Objects with boxes (n, 5): cx, cy, w, h in the unit of `centers`, and the angle in radians.
        background: The label of a cell without a box.
        middle: Center sampling: the fraction of a box's sides, around its center, that must contain a cell's center.

    Returns:
        An `Assignment`; boxes are rows with cx and cy relative to the cell's center.

    Edge cases:
        As in `assign`.

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
    rows = with_background(boxes)[owners]
    offsets = rows[:, :2] - centers.repeat(objects.batch, 1)
    return assignment_of(owners, torch.cat((offsets, rows[:, 2:]), dim=1), objects.labels, background)


def smallest(centers: Tensor, objects: Objects, inside: Tensor, *, middles: Tensor, areas: Tensor) -> Tensor:
    """Find the smallest box that contains every cell, after assigning the nearest cell to boxes that contain none.

    Args:
        centers: (cells, 2), x and y of the cells of an image.
        objects: The objects of all images.
        inside: (n, cells) bool, whether a box contains a cell's center.
        middles: (n, 2), the centers of the boxes.
        areas: (n,), the areas of the boxes.

    Returns:
        (batch * cells,) int64, the index of an object, or n for background.
    """
    count, cells = inside.shape
    missed = (~inside.any(dim=1)).nonzero().squeeze(1)
    inside[missed, (middles[missed, None] - centers).square().sum(dim=-1).argmin(dim=1)] = True

    by_area = areas.argsort(stable=True)
    rank, cell = inside[by_area].nonzero(as_tuple=True)
    first = torch.full((objects.batch * cells,), count, device=centers.device)
    first.scatter_reduce_(0, objects.images[by_area][rank] * cells + cell, rank, "amin")
    return torch.cat((by_area, by_area.new_tensor([count])))[first]


def with_background(rows: Tensor) -> Tensor:
    """Append a row of zeros for background."""
    return torch.cat((rows, rows.new_zeros(1, rows.shape[1])))


def assignment_of(owners: Tensor, boxes: Tensor, labels: Tensor, background: int) -> Assignment:
    """The assignment, from the object and the encoded box of every cell."""
    positive = owners < len(labels)
    cells = owners.bincount(minlength=len(labels) + 1)
    return Assignment(
        labels=torch.cat((labels, labels.new_tensor([background])))[owners],
        boxes=boxes * positive[:, None],
        positive=positive,
        fraction=positive / cells[owners],
    )
