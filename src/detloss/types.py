"""Types of the options that have a fixed set of values."""

from collections.abc import Collection
from typing import Literal

Reduction = Literal["none", "sum", "mean"]
"""Reduction of a loss to its elements, to the weighted sum, or to the weighted sum divided by the normalizer."""

BoxFormat = Literal["xyxy", "xywh", "cxcywh", "ltrb"]
"""Format of axis-aligned boxes."""

PolytopeForm = Literal["vertices", "halfspaces"]
"""Representation of convex polytopes."""

Enclosing = Literal["box", "hull"]
"""Enclosing region of GIoU, which is the smallest axis-aligned box or the convex hull."""

IoUForm = Literal["linear", "log"]
"""Form of the IoU loss and of ProbIoU."""

DivergenceForm = Literal["sqrt", "log", "linear"]
"""Form of a loss of Gaussian divergences."""

Direction = Literal["pred_to_target", "target_to_pred"]
"""Direction of the Kullback-Leibler divergence."""

CountWeighting = Literal["inverse", "sqrt", "effective"]
"""Method that computes class weights from counts."""

Backend = Literal["eager", "cpp", "triton"]
"""Name of a backend."""

OnFault = Literal["raise", "warn"]
"""Reaction of `detloss.doctor` to a value that is not finite."""

DetectorName = Literal["unitbox", "retinanet", "fcos", "faster-rcnn", "yolo"]
"""Detector that `detloss.experiments.tune` trains."""

Precision = Literal["float32", "bfloat16"]
"""Precision of a training."""


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Reject a value outside a fixed set, such as ``get_args(Reduction)``."""
    if value not in choices:
        *others, last = map(repr, choices)
        raise ValueError(f"{name}: expected {', '.join(others)} or {last}, got {value!r}")
