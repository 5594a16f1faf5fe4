"""detloss: the losses that object detectors train with."""

from detloss import catalog, compat
from detloss.balance import alpha_from_counts, class_weight_from_counts
from detloss.classification import (
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
from detloss.detectors import UnitBox
from detloss.diagnosis import NonFiniteLossError, doctor, validating
from detloss.geometry import AxisAligned
from detloss.kernels import backends, use_backend
from detloss.linear import (
    linear_binary_cross_entropy_loss,
    linear_cross_entropy_loss,
    linear_sigmoid_focal_loss,
)
from detloss.normalizer import Normalizer
from detloss.overlap import (
    CompleteIoULoss,
    DistanceIoULoss,
    GeneralizedIoULoss,
    IoULoss,
    complete_iou,
    complete_iou_loss,
    distance_iou,
    distance_iou_loss,
    generalized_iou,
    generalized_iou_loss,
    iou,
    iou_loss,
)
from detloss.regression import (
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

__version__ = "0.1.0"

__all__ = [
    "AxisAligned",
    "BalancedCrossEntropyLoss",
    "BinaryCrossEntropyLoss",
    "CompleteIoULoss",
    "CrossEntropyLoss",
    "DistanceIoULoss",
    "GeneralizedIoULoss",
    "IoULoss",
    "L1Loss",
    "L2Loss",
    "MSELoss",
    "NonFiniteLossError",
    "Normalizer",
    "ParameterPenalty",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
    "SoftmaxFocalLoss",
    "UnitBox",
    "alpha_from_counts",
    "backends",
    "balanced_cross_entropy_loss",
    "binary_cross_entropy_loss",
    "catalog",
    "compat",
    "class_weight_from_counts",
    "complete_iou",
    "complete_iou_loss",
    "cross_entropy_loss",
    "distance_iou",
    "distance_iou_loss",
    "doctor",
    "generalized_iou",
    "generalized_iou_loss",
    "iou",
    "iou_loss",
    "l1_loss",
    "l2_loss",
    "linear_binary_cross_entropy_loss",
    "linear_cross_entropy_loss",
    "linear_sigmoid_focal_loss",
    "mse_loss",
    "parameter_penalty",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "softmax_focal_loss",
    "use_backend",
    "validating",
]
