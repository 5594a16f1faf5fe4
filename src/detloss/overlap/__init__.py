"""How well boxes overlap: the measures IoU, GIoU, DIoU, CIoU, and the losses made of them."""

from detloss.overlap.gaussian_losses import (
    GaussianWassersteinLoss,
    KullbackLeiblerLoss,
    ProbabilisticIoULoss,
    gaussian_wasserstein_loss,
    kullback_leibler_loss,
    probabilistic_iou_loss,
)
from detloss.overlap.losses import (
    CompleteIoULoss,
    DistanceIoULoss,
    GeneralizedIoULoss,
    IoULoss,
    complete_iou_loss,
    distance_iou_loss,
    generalized_iou_loss,
    iou_loss,
)
from detloss.overlap.measures import complete_iou, distance_iou, generalized_iou, iou

__all__ = [
    "CompleteIoULoss",
    "DistanceIoULoss",
    "GaussianWassersteinLoss",
    "GeneralizedIoULoss",
    "IoULoss",
    "KullbackLeiblerLoss",
    "ProbabilisticIoULoss",
    "complete_iou",
    "complete_iou_loss",
    "distance_iou",
    "distance_iou_loss",
    "gaussian_wasserstein_loss",
    "generalized_iou",
    "generalized_iou_loss",
    "iou",
    "iou_loss",
    "kullback_leibler_loss",
    "probabilistic_iou_loss",
]
