"""What a row of numbers is: geometries turn the rows of a pair into the measures that penalties are written on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detloss import formulas


@dataclass(frozen=True)
class Format:
    """How a row writes a box: the formulas from its numbers to edge differences, and back for derivatives."""

    meaning: str
    differences_of: Callable[..., Any]
    derivatives_by: Callable[..., Any]


FORMATS = {
    "xyxy": Format("the minima, then the maxima", formulas.corners, formulas.by_corners),
    "xywh": Format("the minima, then the sizes", formulas.corner_and_size, formulas.by_corner_and_size),
    "cxcywh": Format("the centre, then the sizes", formulas.centre_and_size, formulas.by_centre_and_size),
    "ltrb": Format(
        "the distances from a point of the box to its edges: before, then after",
        formulas.distances_from_a_point,
        formulas.by_distances_from_a_point,
    ),
}


@dataclass(frozen=True)
class AxisAligned:
    """Boxes with edges along the axes, in any number of dimensions.

    A row holds ``2 * dims`` numbers: first one an axis, then another one an axis. In the plane that is the
    familiar order of each format:

    ========== ================== ============================================================
    format     row in the plane   meaning
    ========== ================== ============================================================
    ``xyxy``   x1, y1, x2, y2     corners: the minima, then the maxima
    ``xywh``   x1, y1, w, h       the minima, then the sizes
    ``cxcywh`` cx, cy, w, h       the centre, then the sizes
    ``ltrb``   l, t, r, b         distances from one point to the four edges, as UnitBox and FCOS regress them
    ========== ================== ============================================================

    With ``ltrb`` both rows of a pair are measured from the same point. A row whose maximum lies below its minimum
    (a negative size) is the empty set: see the losses' edge cases.

    When to choose it: always, unless boxes are turned. Keep the format your head predicts: a conversion to corners
    by hand loses digits that the formats here keep.

    Args:
        format: ``"xyxy"``, ``"xywh"``, ``"cxcywh"`` or ``"ltrb"``.
        dims: Number of axes, at least 1; 2 for images, 3 for volumes.

    Raises:
        ValueError: The format does not exist, or ``dims`` is below 1.
        TypeError: ``dims`` is not an integer.

    Example:
        >>> import torch, detloss
        >>> distances = detloss.AxisAligned(format="ltrb")
        >>> detloss.iou(torch.tensor([[1., 1., 1., 1.]]), torch.tensor([[1., 1., 1., 3.]]), geometry=distances)
        tensor([0.5000])
    """

    format: str = "xyxy"
    dims: int = 2

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format: expected one of {', '.join(map(repr, FORMATS))}, got {self.format!r}")
        if isinstance(self.dims, bool) or not isinstance(self.dims, int):
            raise TypeError(f"dims: expected an integer, got {type(self.dims).__name__}")
        if self.dims < 1:
            raise ValueError(f"dims: expected at least 1, got {self.dims}")

    @property
    def row_length(self) -> int:
        """Numbers in a row."""
        return 2 * self.dims
