"""Which formulas the fused kernels have printed, in an order that gives each its number in both languages."""

from collections.abc import Callable
from typing import Any

from detloss import formulas, geometry

ELEMENT = (formulas.l1, formulas.l2, formulas.smooth_l1)
BINARY = (formulas.binary_cross_entropy, formulas.balanced_cross_entropy, formulas.sigmoid_focal)
ROW = (formulas.cross_entropy, formulas.softmax_focal)
PENALTIES = (
    formulas.iou,
    formulas.log_iou,
    formulas.generalized_iou,
    formulas.distance_iou,
    formulas.complete_iou,
)
FORMATS = tuple(geometry.FORMATS)
DIMENSIONS = (1, 2, 3)


def geometry_name(dimensions: int, penalty: Callable[..., Any]) -> str | None:
    """The name of the printed geometry for a penalty; an aspect ratio is only of the plane."""
    if penalty is not formulas.complete_iou:
        return f"axis_aligned_{dimensions}"
    return "axis_aligned_2_with_angle" if dimensions == 2 else None
