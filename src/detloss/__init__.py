"""Losses for training object detectors."""

from importlib import import_module
from typing import Any

from detloss.catalog import LOSSES, ROTATED_LOSSES

__version__ = "0.1.0"

PUBLIC = {
    "auditing.auditor": ("audit",),
    "boxes.convert_cuboids": ("cuboid_from_corners", "cuboid_to_corners", "polytope_from_quaternion"),
    "boxes.convert_polytopes": ("polytope_from_halfspaces", "polytope_to_halfspaces"),
    "boxes.convert_rotated": (
        "rotated_from_corners",
        "rotated_from_degrees",
        "rotated_in_range",
        "rotated_to_axis_aligned",
        "rotated_to_corners",
        "rotated_to_degrees",
    ),
    "boxes.matching_cost": ("matching_cost", "sigmoid_focal_cost", "softmax_cost"),
    "boxes.nms": ("nms",),
    "boxes.overlap": ("complete_iou", "distance_iou", "generalized_iou", "iou"),
    "class_balance": (
        "alpha_from_counts",
        "class_weight_from_counts",
        "logit_offset_from_counts",
        "margin_from_counts",
        "prior_bias",
    ),
    "detectors.rotated_unitbox": ("RotatedUnitBox",),
    "detectors.unitbox": ("UnitBox",),
    "engine.debugging": ("NonFiniteLossError", "doctor", "validating"),
    "focus": ("WiseFocus", "iou_focus", "powerful_focus", "slide_weight"),
    "geometry": ("AxisAligned", "Cuboid", "Mixed", "Polygon", "Polytope", "Rotated"),
    "kernels": ("backends", "use_backend"),
    "losses.distribution": ("fine_grained_bins",),
    "losses.linear": (
        "linear_binary_cross_entropy_loss",
        "linear_cross_entropy_loss",
        "linear_sigmoid_focal_loss",
    ),
    "losses.overlap_options": ("Overlap",),
    "losses.parameter_penalty": ("ParameterPenalty", "parameter_penalty"),
    "losses.regression": ("MSELoss", "mse_loss"),
    "losses.sharded": (
        "sharded_binary_cross_entropy_loss",
        "sharded_cross_entropy_loss",
        "sharded_sigmoid_focal_loss",
    ),
    "normalizer": ("Normalizer",),
}
"""Public names by module, apart from the functions and modules of the catalog."""

PACKAGES = ("compat", "detectors", "experiments", "integrations")

MODULE_OF = {name: f"detloss.{module}" for module, names in PUBLIC.items() for name in names} | {
    item.__name__: item.__module__ for loss in (*LOSSES, *ROTATED_LOSSES) for item in (loss.function, loss.module)
}
__all__ = sorted([*MODULE_OF, "catalog", "compat", "types"])


def __getattr__(name: str) -> Any:
    """Import a public name or a package on first access: modules that import this package are complete by then."""
    if name in PACKAGES:
        return import_module(f"detloss.{name}")
    if name not in MODULE_OF:
        raise AttributeError(f"module 'detloss' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
