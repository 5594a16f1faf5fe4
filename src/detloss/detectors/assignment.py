"""Label assignment: ground-truth boxes to the cells of a feature map."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor


class Objects(NamedTuple):
    """The ground-truth objects of a batch of images, in one tensor each.

    Attributes:
        boxes: (n, numbers): boxes.
        labels: (n,) int64: classes.
        images: (n,) int64: index of the image.
        batch: Number of images.
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
    """Targets of the cells of a batch of feature maps: image by image, row by row.

    Attributes:
        labels: (cells,) int64: class of a cell's box, or the background index.
        boxes: (cells, numbers): box of a cell as `assign` or `assign_rotated` encodes it; 0 in the background.
        positive: (cells,) bool: whether the cell is positive.
        weight: (cells,): 1 / number of cells of the same box, so that the cells of a box sum to 1; 0 in the background.
    """

    labels: Tensor
    boxes: Tensor
    positive: Tensor
    weight: Tensor


def cell_centers(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Compute the cell centers of a feature map, row by row.

    Args:
        height: Number of rows.
        width: Number of columns.
        device: Device of the result.

    Returns:
        (height * width, 2) float32: x, y in cells.

    Example:
        >>> cell_centers(1, 2).tolist()
        [[0.5, 0.5], [1.5, 0.5]]
    """
    x, y = torch.arange(width, device=device) + 0.5, torch.arange(height, device=device) + 0.5
    return torch.cartesian_prod(y, x).flip(-1)


def assign(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Assign every cell the smallest box of its image that contains the cell center.

    Args:
        centers: (cells, 2): x, y in the feature map.
        objects: Boxes are (n, 4) corners x1, y1, x2, y2 in the unit of `centers`.
        background: Label of a negative cell.
        middle: Center sampling: fraction of the sides of a box, around its center, that must contain the cell center.

    Returns:
        An `Assignment`. The box of a cell is the distances from its center to the left, top, right and bottom side, in
        the unit of `centers`.

    Edge cases:
        A box that contains no cell center is assigned the cell nearest to its center, so that small objects are trained
        too; some distances of that cell are negative. A box whose cells all belong to smaller boxes has none. Of boxes
        of equal area the first has priority. Without boxes every cell is background.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 2.0, 1.0]])
        >>> objects = Objects.of([{"boxes": boxes, "labels": torch.tensor([5, 6])}])
        >>> assign(cell_centers(1, 3), objects, background=9).labels.tolist()
        [5, 6, 9]

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471, with one
        face per image; the smallest box from Tian et al., FCOS (2019), section 3.1,
        https://arxiv.org/abs/1904.01355
    """
    first, last = objects.boxes.to(centers.dtype).chunk(2, dim=1)
    margin = (last - first) * ((1 - middle) / 2)
    (x1, y1), (x2, y2), (x, y) = (first + margin).T[..., None], (last - margin).T[..., None], centers.T
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    owners = smallest_boxes(centers, objects, inside, middles=(first + last) / 2, areas=(last - first).prod(dim=1))
    here = centers.repeat(objects.batch, 1)
    distances = torch.cat((here - with_background(first)[owners], with_background(last)[owners] - here), dim=1)
    return assignment_of(owners, distances, objects.labels, background)


def assign_rotated(centers: Tensor, objects: Objects, *, background: int, middle: float = 1.0) -> Assignment:
    """Assign every cell the smallest rotated box of its image that contains the cell center.

    Args:
        centers: (cells, 2): x, y in the feature map.
        objects: Boxes are (n, 5): cx, cy, w, h in the unit of `centers`, angle in radians.
        background: Label of a negative cell.
        middle: Center sampling: fraction of the sides of a box, around its center, that must contain the cell center.

    Returns:
        An `Assignment`. The box of a cell is its row with cx and cy relative to the cell center.

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
    local = torch.stack((x * cosine + y * sine, y * cosine - x * sine), dim=-1)
    inside = (local.abs() < sides[:, None] * (middle / 2)).all(dim=-1)
    owners = smallest_boxes(centers, objects, inside, middles=middles, areas=sides.prod(dim=1))
    rows = with_background(boxes)[owners]
    offsets = rows[:, :2] - centers.repeat(objects.batch, 1)
    return assignment_of(owners, torch.cat((offsets, rows[:, 2:]), dim=1), objects.labels, background)


def smallest_boxes(centers: Tensor, objects: Objects, inside: Tensor, *, middles: Tensor, areas: Tensor) -> Tensor:
    """Find the smallest box around every cell; a box without a cell is given the nearest one first.

    Args:
        centers: (cells, 2): x, y in the feature map.
        objects: Objects of all images.
        inside: (n, cells) bool: whether the box contains the cell center.
        middles: (n, 2): centers of the boxes.
        areas: (n,): areas of the boxes.

    Returns:
        (batch * cells,) int64: index of the object, n for background.
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
    """Append a row of zeros for the background."""
    return torch.cat((rows, rows.new_zeros(1, rows.shape[1])))


def assignment_of(owners: Tensor, boxes: Tensor, labels: Tensor, background: int) -> Assignment:
    """Build an assignment from the object of every cell and its encoded box."""
    positive = owners < len(labels)
    cells = owners.bincount(minlength=len(labels) + 1)
    return Assignment(
        labels=torch.cat((labels, labels.new_tensor([background])))[owners],
        boxes=boxes * positive[:, None],
        positive=positive,
        weight=positive / cells[owners],
    )
