"""Benchmark cases: every loss with the implementations it is compared with, all reduced to the sum."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional
from torchvision import ops

import detloss
from benchmarks.inputs import (
    BOXES,
    DENSE,
    FEW_CLASSES,
    HEAD,
    INDICES,
    NUMBERS,
    OVERLAPPING_BOXES,
    ROWS,
    WEIGHTED_ROWS,
    Family,
)
from benchmarks.peers import fvcore, lean, mmcv, mmdet
from benchmarks.peers.indices import after_linear, from_indices
from detloss.catalog import LOSSES

Loss = Callable[..., Tensor]
TORCH, TORCHVISION, MMDET, FVCORE, MMCV = "torch", "torchvision", "mmdet style", "fvcore style", "mmcv style"
COMPILED = "torch.compile"


@dataclass(frozen=True)
class Case:
    """A loss and its peers.

    Attributes:
        name: Its name in the catalog, or the name of a fused loss.
        family: The family of its operands.
        ours: The loss of detloss.
        peers: Other implementations; the first is the baseline.
        lean: The plain formula for `torch.compile`.
        variant: The difference from other cases of the same name.
        on_gpu: Peers that are measured on a GPU only.
    """

    name: str
    family: Family
    ours: Loss
    peers: Mapping[str, Loss]
    lean: Loss
    variant: str = ""
    on_gpu: Mapping[str, Loss] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def title(self) -> str:
        """The name with its variant."""
        return f"{self.name}, {self.variant}" if self.variant else self.name

    @property
    def baseline(self) -> str:
        """The name of the first peer."""
        return next(iter(self.peers))


def ours(name: str) -> Loss:
    """A loss of the catalog, reduced to the sum."""
    row = next(loss for loss in LOSSES if loss.name == name)
    return partial(row.function, **row.options, reduction="sum")


def summed(loss: Loss) -> Loss:
    """A loss, reduced to the sum."""
    return partial(loss, reduction="sum")


def our_weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """The cross-entropy of detloss with the class weights as an operand."""
    return detloss.cross_entropy_loss(logits, target, class_weight=class_weight, reduction="sum")


def their_weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """The cross-entropy of torch with the class weights as an operand."""
    return functional.cross_entropy(logits, target, weight=class_weight, reduction="sum")


def their_balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """The binary cross-entropy of torch with a weight by the target."""
    balance = 0.25 * target + 0.75 * (1 - target)
    return functional.binary_cross_entropy_with_logits(logits, target, weight=balance, reduction="sum")


their_focal = partial(ops.sigmoid_focal_loss, alpha=0.25, gamma=2, reduction="sum")


def fused_with_linear() -> tuple[Case, ...]:
    """The losses that include the linear layer before them, if detloss has them."""
    fused = getattr(detloss, "linear_sigmoid_focal_loss", None)
    if fused is None:
        return ()
    peers = {
        TORCHVISION: after_linear(from_indices(their_focal)),
        MMDET: after_linear(from_indices(mmdet.focal)),
    }
    return (Case("linear_focal", HEAD, summed(fused), peers, after_linear(from_indices(lean.focal))),)


CASES: tuple[Case, ...] = (
    Case("l1", NUMBERS, ours("l1"), {TORCH: summed(functional.l1_loss), MMDET: mmdet.l1}, lean.l1),
    Case("l2", NUMBERS, ours("l2"), {TORCH: summed(functional.mse_loss), MMDET: mmdet.l2}, lean.l2),
    Case(
        "smooth_l1",
        NUMBERS,
        ours("smooth_l1"),
        {TORCH: summed(functional.smooth_l1_loss), MMDET: mmdet.smooth_l1, FVCORE: fvcore.smooth_l1},
        lean.smooth_l1,
    ),
    Case("iou", BOXES, ours("iou"), {MMDET: mmdet.iou}, lean.iou),
    Case("log_iou", OVERLAPPING_BOXES, ours("log_iou"), {MMDET: mmdet.log_iou}, lean.log_iou),
    Case(
        "giou",
        BOXES,
        ours("giou"),
        {TORCHVISION: summed(ops.generalized_box_iou_loss), MMDET: mmdet.giou, FVCORE: fvcore.giou},
        lean.giou,
    ),
    Case(
        "diou",
        BOXES,
        ours("diou"),
        {TORCHVISION: summed(ops.distance_box_iou_loss), MMDET: mmdet.diou, FVCORE: fvcore.diou},
        lean.diou,
    ),
    Case(
        "ciou",
        BOXES,
        ours("ciou"),
        {TORCHVISION: summed(ops.complete_box_iou_loss), MMDET: mmdet.ciou, FVCORE: fvcore.ciou},
        lean.ciou,
    ),
    Case("ce", ROWS, ours("ce"), {TORCH: summed(functional.cross_entropy), MMDET: mmdet.ce}, lean.ce),
    Case(
        "weighted_ce",
        WEIGHTED_ROWS,
        our_weighted_ce,
        {TORCH: their_weighted_ce, MMDET: mmdet.weighted_ce},
        lean.weighted_ce,
    ),
    Case("softmax_focal", FEW_CLASSES, ours("softmax_focal"), {MMDET: mmdet.softmax_focal}, lean.softmax_focal),
    Case(
        "bce",
        DENSE,
        ours("bce"),
        {TORCH: summed(functional.binary_cross_entropy_with_logits), MMDET: mmdet.bce},
        lean.bce,
    ),
    Case(
        "balanced_bce",
        DENSE,
        ours("balanced_bce"),
        {TORCH: their_balanced_bce, MMDET: mmdet.balanced_bce},
        lean.balanced_bce,
    ),
    Case(
        "focal",
        DENSE,
        ours("focal"),
        {TORCHVISION: their_focal, MMDET: mmdet.focal, FVCORE: fvcore.focal},
        lean.focal,
        "dense targets",
    ),
    Case(
        "focal",
        INDICES,
        ours("focal"),
        {
            TORCHVISION: from_indices(their_focal),
            MMDET: from_indices(mmdet.focal),
            FVCORE: from_indices(fvcore.focal),
        },
        from_indices(lean.focal),
        "class indices",
        {MMCV: mmcv.focal},
    ),
    *fused_with_linear(),
)
