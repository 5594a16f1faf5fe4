"""One row a loss: the command line, the documentation, the benchmarks and the tests iterate over it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from detloss.class_balance import class_weight_from_counts
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
from detloss.losses.regression import (
    L1Loss,
    L2Loss,
    SmoothL1Loss,
    l1_loss,
    l2_loss,
    smooth_l1_loss,
)


class Kind(Enum):
    """What a loss is given."""

    REGRESSION = "numbers"
    BOX = "boxes"
    ROTATED = "turned boxes"
    SIGMOID = "logits of classes one against all"
    SOFTMAX = "logits of classes and background"


@dataclass(frozen=True)
class Loss:
    """A loss under its short name.

    Attributes:
        name: What the command line and tables call it.
        title: What the field calls it.
        function: The loss function.
        module: Its module form.
        kind: What it is given.
        options: What makes this row its own loss.
        weight: The weight of a box loss beside the class loss, until a search finds a better one.
        from_counts: Options that a data set's entries per class (background last) give; None: none.
    """

    name: str
    title: str
    function: Callable[..., Tensor]
    module: type[nn.Module]
    kind: Kind
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    weight: float = 1.0
    from_counts: Callable[[Sequence[float]], dict[str, Any]] | None = None


def kind_of(loss: object) -> Kind | None:
    """What a loss of this catalog is given, be it the function, a `functools.partial` of it or its module."""
    while isinstance(loss, partial):
        loss = loss.func
    kinds = (row.kind for row in LOSSES if loss is row.function or isinstance(loss, row.module))
    return next(kinds, None)


def weights_of_classes(counts: Sequence[float]) -> dict[str, Any]:
    """The class weights that a data set's counts give."""
    return {"class_weight": class_weight_from_counts(counts)}


LOSSES: tuple[Loss, ...] = (
    Loss("l1", "L1", l1_loss, L1Loss, Kind.REGRESSION),
    Loss("l2", "L2 (MSE)", l2_loss, L2Loss, Kind.REGRESSION, weight=0.2),
    Loss("smooth_l1", "Smooth L1", smooth_l1_loss, SmoothL1Loss, Kind.REGRESSION),
    Loss("iou", "IoU, 1 - IoU", iou_loss, IoULoss, Kind.BOX),
    Loss("log_iou", "IoU, -log IoU", iou_loss, IoULoss, Kind.BOX, {"form": "log"}),
    Loss("giou", "Generalized IoU", generalized_iou_loss, GeneralizedIoULoss, Kind.BOX),
    Loss("diou", "Distance IoU", distance_iou_loss, DistanceIoULoss, Kind.BOX),
    Loss("ciou", "Complete IoU", complete_iou_loss, CompleteIoULoss, Kind.BOX),
    Loss("ce", "Cross-entropy", cross_entropy_loss, CrossEntropyLoss, Kind.SOFTMAX),
    Loss(
        "weighted_ce",
        "Cross-entropy with class weights",
        cross_entropy_loss,
        CrossEntropyLoss,
        Kind.SOFTMAX,
        from_counts=weights_of_classes,
    ),
    Loss("softmax_focal", "Softmax focal", softmax_focal_loss, SoftmaxFocalLoss, Kind.SOFTMAX),
    Loss("bce", "Binary cross-entropy", binary_cross_entropy_loss, BinaryCrossEntropyLoss, Kind.SIGMOID),
    Loss("balanced_bce", "Balanced cross-entropy", balanced_cross_entropy_loss, BalancedCrossEntropyLoss, Kind.SIGMOID),
    Loss("focal", "Sigmoid focal", sigmoid_focal_loss, SigmoidFocalLoss, Kind.SIGMOID),
)

ROTATED_LOSSES: tuple[Loss, ...] = (
    Loss("gwd", "Gaussian Wasserstein distance", gaussian_wasserstein_loss, GaussianWassersteinLoss, Kind.ROTATED),
    Loss("kld", "Kullback-Leibler divergence", kullback_leibler_loss, KullbackLeiblerLoss, Kind.ROTATED),
    Loss("probiou", "Probabilistic IoU", probabilistic_iou_loss, ProbabilisticIoULoss, Kind.ROTATED),
)
"""Losses that have no other rows than those of `Rotated`, apart from those that every box may have."""
