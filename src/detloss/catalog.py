"""Catalog of the losses: the command line, the documentation, the benchmarks and the tests iterate over it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any, Self

from torch import Tensor, nn

from detloss.class_balance import class_weight_from_counts
from detloss.focused_loss import Focus, FocusedLoss, PowerOfIoU, WiseWeight
from detloss.geometry import AxisAligned, Geometry
from detloss.losses.aligned_boxes import (
    EfficientIoULoss,
    MinimumPointsDistanceIoULoss,
    PowerfulIoULoss,
    ScyllaIoULoss,
    ShapeIoULoss,
)
from detloss.losses.binary import BalancedCrossEntropyLoss, BinaryCrossEntropyLoss, SigmoidFocalLoss
from detloss.losses.boxes import CompleteIoULoss, DistanceIoULoss, GeneralizedIoULoss, IoULoss, WiseIoULoss
from detloss.losses.classification import CrossEntropyLoss, SoftmaxFocalLoss
from detloss.losses.distribution import DistributionFocalLoss
from detloss.losses.focal_variants import AsymmetricLoss, HeatmapFocalLoss
from detloss.losses.gaussian import (
    GaussianWassersteinLoss,
    KullbackLeiblerLoss,
    NormalizedWassersteinLoss,
    ProbabilisticIoULoss,
)
from detloss.losses.masks import DiceLoss, TverskyLoss
from detloss.losses.module import LossModule
from detloss.losses.overlap_options import Overlap
from detloss.losses.quality import (
    IoUAwareCrossEntropyLoss,
    MatchabilityAwareLoss,
    QualityFocalLoss,
    VarifocalLoss,
)
from detloss.losses.regression import (
    BalancedL1Loss,
    CharbonnierLoss,
    L1Loss,
    L2Loss,
    LogCoshLoss,
    SmoothL1Loss,
)


class Kind(Enum):
    """The operands of a loss."""

    REGRESSION = "numbers"
    BOX = "boxes"
    ROTATED = "rotated boxes"
    SIGMOID = "one-vs-rest logits"
    QUALITY = "one-vs-rest logits with qualities"
    HEATMAP = "logits of a heat map"
    SOFTMAX = "softmax logits"
    DISTRIBUTION = "logits of bins"
    MASK = "mask logits"


@dataclass(frozen=True)
class Sizes:
    """Sizes of a data set, in the unit of the boxes.

    Attributes:
        image: Width and height of an image.
        objects: The mean over all objects of the square root of their area.
    """

    image: tuple[float, float]
    objects: float


@dataclass(frozen=True)
class Modifier:
    """A modifier of box losses, before a hyphen in their names, as in ``inner-siou``.

    Attributes:
        name: The name on the command line and in tables.
        title: The name in the literature.
        meaning: What it changes, in one line.
        options: Its options and their values.
        focus: Makes a focusing weight from the options; None: the options are those of `detloss.Overlap`.
    """

    name: str
    title: str
    meaning: str
    options: Mapping[str, Any]
    focus: Callable[..., Focus] | None = None


@dataclass(frozen=True)
class Loss:
    """A loss under its short name.

    Attributes:
        name: The name on the command line and in tables.
        title: The name in the literature.
        module: The module; its function is ``function``.
        kind: The operands.
        options: The options that distinguish this row from others of the same function.
        weight: The weight of a box loss relative to the class loss, unless a search finds a better one.
        from_counts: Options computed from a data set's number of elements per class (background last), or None.
        from_sizes: Options computed from the sizes of a data set's images and objects, or None; they have no default.
        modifiers: The modifiers of a box loss.
        axis_aligned_only: Whether a box loss is defined for axis-aligned boxes alone.
    """

    name: str
    title: str
    module: type[LossModule]
    kind: Kind
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    weight: float = 1.0
    from_counts: Callable[[Sequence[float]], dict[str, Any]] | None = None
    from_sizes: Callable[[Sizes], dict[str, Any]] | None = None
    modifiers: tuple[Modifier, ...] = ()
    axis_aligned_only: bool = False

    @property
    def function(self) -> Callable[..., Tensor]:
        """The loss function, without modifiers."""
        return self.module.function

    @property
    def modifier_options(self) -> dict[str, Any]:
        """The options of all modifiers and their values."""
        return {name: value for modifier in self.modifiers for name, value in modifier.options.items()}

    @property
    def overlap_options(self) -> dict[str, Overlap]:
        """The option ``overlap`` of a loss with modifiers of the overlap; no option without them."""
        modifiers = [modifier for modifier in self.modifiers if modifier.focus is None]
        options = {name: value for modifier in modifiers for name, value in modifier.options.items()}
        return {"overlap": Overlap(**options)} if modifiers else {}

    def modified_by(self, modifiers: Sequence[Modifier]) -> Self:
        """The loss with modifiers, which its name and its title list."""
        name = "-".join([*(modifier.name for modifier in modifiers), self.name])
        title = "-".join([*(modifier.title for modifier in modifiers), self.title])
        return replace(self, name=name, title=title, modifiers=tuple(modifiers))

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """The loss with other values of options, those of its modifiers or its function's."""
        own = {name: value for name, value in options.items() if name not in self.modifier_options}
        modifiers = [
            replace(modifier, options={name: options.get(name, value) for name, value in modifier.options.items()})
            for modifier in self.modifiers
        ]
        return replace(self, options={**self.options, **own}, modifiers=tuple(modifiers))

    def with_sizes(self, sizes: Sizes) -> Self:
        """The loss for a data set: options in units of length that the row does not set follow from its sizes."""
        return self if self.from_sizes is None else replace(self, options={**self.from_sizes(sizes), **self.options})

    def build(self, **options: Any) -> nn.Module:
        """The loss as a module, with further options."""
        module = self.module(**{**self.options, **self.overlap_options, **options})
        focuses = [modifier.focus(**modifier.options) for modifier in self.modifiers if modifier.focus is not None]
        return FocusedLoss(module, focuses) if focuses else module


def kind_of(loss: object) -> Kind | None:
    """The operands of a loss of this catalog, given as function, `functools.partial` of it, or module."""
    while isinstance(loss, partial | FocusedLoss):
        loss = loss.func if isinstance(loss, partial) else loss.loss
    kinds = (row.kind for row in (*LOSSES, *ROTATED_LOSSES) if loss is row.function or isinstance(loss, row.module))
    return next(kinds, None)


def geometry_of(loss: object) -> Geometry:
    """The geometry of a box loss, given as for `kind_of`."""
    options: Mapping[str, Any] = loss.keywords if isinstance(loss, partial) else {}
    if isinstance(loss, LossModule | FocusedLoss):
        options = loss.options()
    geometry: Geometry = options.get("geometry", AxisAligned())
    return geometry


def class_weight_of(counts: Sequence[float]) -> dict[str, Any]:
    """The option ``class_weight`` for a data set's counts."""
    return {"class_weight": class_weight_from_counts(counts)}


def image_size_of(sizes: Sizes) -> dict[str, Any]:
    """The option ``image_size`` for a data set's sizes."""
    return {"image_size": sizes.image}


def scale_of(sizes: Sizes) -> dict[str, Any]:
    """The option ``scale`` for a data set's sizes."""
    return {"scale": sizes.objects}


LOSSES: tuple[Loss, ...] = (
    Loss("l1", "L1", L1Loss, Kind.REGRESSION),
    Loss("l2", "L2 (MSE)", L2Loss, Kind.REGRESSION, weight=0.2),
    Loss("smooth_l1", "Smooth L1", SmoothL1Loss, Kind.REGRESSION),
    Loss("charbonnier", "Charbonnier", CharbonnierLoss, Kind.REGRESSION),
    Loss("balanced_l1", "Balanced L1", BalancedL1Loss, Kind.REGRESSION),
    Loss("log_cosh", "Log-cosh", LogCoshLoss, Kind.REGRESSION),
    Loss("iou", "IoU, 1 - IoU", IoULoss, Kind.BOX),
    Loss("log_iou", "IoU, -log IoU", IoULoss, Kind.BOX, {"form": "log"}),
    Loss("giou", "Generalized IoU", GeneralizedIoULoss, Kind.BOX),
    Loss("diou", "Distance IoU", DistanceIoULoss, Kind.BOX),
    Loss("ciou", "Complete IoU", CompleteIoULoss, Kind.BOX),
    Loss("eiou", "Efficient IoU", EfficientIoULoss, Kind.BOX, axis_aligned_only=True),
    Loss("siou", "Scylla IoU", ScyllaIoULoss, Kind.BOX, axis_aligned_only=True),
    Loss(
        "mpdiou",
        "Minimum points distance IoU",
        MinimumPointsDistanceIoULoss,
        Kind.BOX,
        from_sizes=image_size_of,
        axis_aligned_only=True,
    ),
    Loss(
        "nwd",
        "Normalized Wasserstein distance",
        NormalizedWassersteinLoss,
        Kind.BOX,
        from_sizes=scale_of,
    ),
    Loss("wiou", "Wise IoU, version 1", WiseIoULoss, Kind.BOX),
    Loss("shapeiou", "Shape-IoU", ShapeIoULoss, Kind.BOX, axis_aligned_only=True),
    Loss("piou", "Powerful IoU", PowerfulIoULoss, Kind.BOX, axis_aligned_only=True),
    Loss("ce", "Cross-entropy", CrossEntropyLoss, Kind.SOFTMAX),
    Loss(
        "weighted_ce",
        "Cross-entropy with class weights",
        CrossEntropyLoss,
        Kind.SOFTMAX,
        from_counts=class_weight_of,
    ),
    Loss("softmax_focal", "Softmax focal", SoftmaxFocalLoss, Kind.SOFTMAX),
    Loss("dfl", "Distribution focal", DistributionFocalLoss, Kind.DISTRIBUTION),
    Loss("bce", "Binary cross-entropy", BinaryCrossEntropyLoss, Kind.SIGMOID),
    Loss("balanced_bce", "Balanced cross-entropy", BalancedCrossEntropyLoss, Kind.SIGMOID),
    Loss("focal", "Sigmoid focal", SigmoidFocalLoss, Kind.SIGMOID),
    Loss("asl", "Asymmetric", AsymmetricLoss, Kind.SIGMOID),
    Loss("qfl", "Quality focal", QualityFocalLoss, Kind.QUALITY),
    Loss("vfl", "Varifocal", VarifocalLoss, Kind.QUALITY),
    Loss("mal", "Matchability-aware", MatchabilityAwareLoss, Kind.QUALITY),
    Loss("iabce", "IoU-aware cross-entropy", IoUAwareCrossEntropyLoss, Kind.QUALITY),
    Loss("heatmap", "Heatmap focal", HeatmapFocalLoss, Kind.HEATMAP),
    Loss("dice", "Dice", DiceLoss, Kind.MASK),
    Loss("tversky", "Tversky", TverskyLoss, Kind.MASK),
)

ROTATED_LOSSES: tuple[Loss, ...] = (
    Loss("gwd", "Gaussian Wasserstein distance", GaussianWassersteinLoss, Kind.ROTATED),
    Loss("kld", "Kullback-Leibler divergence", KullbackLeiblerLoss, Kind.ROTATED),
    Loss("probiou", "Probabilistic IoU", ProbabilisticIoULoss, Kind.ROTATED),
)
"""Losses of `Rotated` rows only, beside those of every geometry."""

MODIFIERS: tuple[Modifier, ...] = (
    Modifier(
        "wise",
        "Wise",
        "weight that follows from the running mean of 1 - IoU",
        {"version": 3, "alpha": 1.9, "delta": 3.0, "momentum": 0.99},
        WiseWeight,
    ),
    Modifier("focal", "Focal", "weight IoU^gamma", {"gamma": 0.5}, PowerOfIoU),
    Modifier("alpha", "Alpha", "IoU and penalties to a power", {"power": 3.0}),
    Modifier("focaler", "Focaler", "IoU mapped from an interval to [0, 1]", {"interval": (0.0, 0.95)}),
    Modifier("inner", "Inner", "IoU of the boxes scaled about their centers", {"inner": 0.7}),
)
"""Modifiers of box losses that compare overlaps, in the order of the names of modified losses."""
