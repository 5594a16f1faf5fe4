"""detloss: the losses that object detectors train with."""

from importlib import import_module
from typing import Any

from detloss import catalog
from detloss.boxes.convert_cuboids import cuboid_from_corners, cuboid_to_corners, polytope_from_quaternion
from detloss.boxes.convert_polytopes import polytope_from_halfspaces, polytope_to_halfspaces
from detloss.boxes.convert_rotated import (
    rotated_from_corners,
    rotated_from_degrees,
    rotated_in_range,
    rotated_to_axis_aligned,
    rotated_to_corners,
    rotated_to_degrees,
)
from detloss.boxes.matching_cost import matching_cost, sigmoid_focal_cost, softmax_cost
from detloss.boxes.nms import nms
from detloss.boxes.overlap import (
    complete_iou,
    distance_iou,
    generalized_iou,
    iou,
)
from detloss.class_balance import alpha_from_counts, class_weight_from_counts, prior_bias
from detloss.engine.debugging import NonFiniteLossError, doctor, validating
from detloss.geometry import AxisAligned, Cuboid, Mixed, Polygon, Polytope, Rotated
from detloss.kernels import backends, use_backend
from detloss.losses.boxes import (
    CompleteIoULoss,
    DistanceIoULoss,
    GeneralizedIoULoss,
    IoULoss,
    complete_iou_loss,
    distance_iou_loss,
    generalized_iou_loss,
    iou_loss,
)
from detloss.losses.classification import (
    BalancedCrossEntropyLoss,
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    SigmoidFocalLoss,
    SoftmaxFocalLoss,
    balanced_cross_entropy_loss,
    binary_cross_entropy_loss,
    cross_entropy_loss,
    sigmoid_focal_loss,
    softmax_focal_loss,
)
from detloss.losses.gaussian import (
    GaussianWassersteinLoss,
    KullbackLeiblerLoss,
    ProbabilisticIoULoss,
    gaussian_wasserstein_loss,
    kullback_leibler_loss,
    probabilistic_iou_loss,
)
from detloss.losses.linear import linear_binary_cross_entropy_loss, linear_cross_entropy_loss, linear_sigmoid_focal_loss
from detloss.losses.regression import (
    L1Loss,
    L2Loss,
    MSELoss,
    ParameterPenalty,
    SmoothL1Loss,
    l1_loss,
    l2_loss,
    mse_loss,
    parameter_penalty,
    smooth_l1_loss,
)
from detloss.losses.sharded import (
    sharded_binary_cross_entropy_loss,
    sharded_cross_entropy_loss,
    sharded_sigmoid_focal_loss,
)
from detloss.normalizer import Normalizer

__version__ = "0.1.0"

__all__ = [
    "AxisAligned",
    "BalancedCrossEntropyLoss",
    "BinaryCrossEntropyLoss",
    "CompleteIoULoss",
    "CrossEntropyLoss",
    "Cuboid",
    "DistanceIoULoss",
    "GaussianWassersteinLoss",
    "GeneralizedIoULoss",
    "IoULoss",
    "KullbackLeiblerLoss",
    "L1Loss",
    "L2Loss",
    "MSELoss",
    "Mixed",
    "NonFiniteLossError",
    "Normalizer",
    "ParameterPenalty",
    "Polygon",
    "Polytope",
    "ProbabilisticIoULoss",
    "Rotated",
    "RotatedUnitBox",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
    "SoftmaxFocalLoss",
    "UnitBox",
    "alpha_from_counts",
    "backends",
    "balanced_cross_entropy_loss",
    "binary_cross_entropy_loss",
    "catalog",
    "class_weight_from_counts",
    "compat",
    "complete_iou",
    "complete_iou_loss",
    "cross_entropy_loss",
    "cuboid_from_corners",
    "cuboid_to_corners",
    "distance_iou",
    "distance_iou_loss",
    "doctor",
    "gaussian_wasserstein_loss",
    "generalized_iou",
    "generalized_iou_loss",
    "iou",
    "iou_loss",
    "kullback_leibler_loss",
    "l1_loss",
    "l2_loss",
    "linear_binary_cross_entropy_loss",
    "linear_cross_entropy_loss",
    "linear_sigmoid_focal_loss",
    "matching_cost",
    "mse_loss",
    "nms",
    "parameter_penalty",
    "polytope_from_halfspaces",
    "polytope_from_quaternion",
    "polytope_to_halfspaces",
    "prior_bias",
    "probabilistic_iou_loss",
    "rotated_from_corners",
    "rotated_from_degrees",
    "rotated_in_range",
    "rotated_to_axis_aligned",
    "rotated_to_corners",
    "rotated_to_degrees",
    "sharded_binary_cross_entropy_loss",
    "sharded_cross_entropy_loss",
    "sharded_sigmoid_focal_loss",
    "sigmoid_focal_cost",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "softmax_cost",
    "softmax_focal_loss",
    "use_backend",
    "validating",
]

LAZY = ("RotatedUnitBox", "UnitBox", "compat")  # imported on first access (PEP 562): they use the names above


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("detloss.compat") if name == "compat" else getattr(import_module("detloss.detectors"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})
