"""Benchmark cases: every loss with the implementations it is compared with, all reduced to the sum."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from torch import Tensor

import detloss
from benchmarks.inputs import (
    BINS,
    BOXES,
    DENSE,
    FEW_CLASSES,
    HEAD,
    INDICES,
    MASKS,
    NUMBERS,
    OVERLAPPING_BOXES,
    QUALITIES,
    ROWS,
    WEIGHTED_ROWS,
    Family,
)
from benchmarks.peers import fvcore, lean, mmcv, mmdet, torch, torchvision
from benchmarks.peers.indices import after_linear, from_indices
from benchmarks.peers.reduction import reduced, summed
from detloss import catalog
from detloss.catalog import Kind

Loss = Callable[..., Tensor]
"""Reduced to the sum, with the option `weight`."""
TORCH, TORCHVISION, MMDET, FVCORE, MMCV = "torch", "torchvision", "mmdet style", "fvcore style", "mmcv style"
COMPILED, PLAIN = "torch.compile", "plain formula"


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


INPUTS = {
    Kind.REGRESSION: NUMBERS,
    Kind.BOX: BOXES,
    Kind.SIGMOID: DENSE,
    Kind.QUALITY: QUALITIES,
    Kind.HEATMAP: DENSE,
    Kind.SOFTMAX: ROWS,
    Kind.DISTRIBUTION: BINS,
    Kind.MASK: MASKS,
}
SPECIAL_INPUTS = {"log_iou": OVERLAPPING_BOXES, "weighted_ce": WEIGHTED_ROWS, "softmax_focal": FEW_CLASSES}
LIBRARIES = {
    TORCHVISION: (torchvision, reduced),
    TORCH: (torch, reduced),
    MMDET: (mmdet, summed),
    FVCORE: (fvcore, summed),
}
"""Modules with functions by the name of the loss, and their reduction; the first that has a loss is its baseline."""


SIZES = catalog.Sizes(image=(640.0, 480.0), objects=32.0)


def ours(row: catalog.Loss) -> Loss:
    """A loss of the catalog, reduced to the sum; its class weights, if it has any, are an operand."""
    sizes = row.from_sizes(SIZES) if row.from_sizes else {}
    loss = partial(row.function, **row.options, **sizes, reduction="sum")
    if row.from_counts is None:
        return loss
    return lambda logits, target, class_weight, **weight: loss(logits, target, class_weight=class_weight, **weight)


def case_of(row: catalog.Loss) -> Case:
    """A loss of the catalog with the functions of its name in the libraries, or without any with the plain formula."""
    plain = summed(getattr(lean, row.name))
    peers = {
        title: reduction(getattr(library, row.name))
        for title, (library, reduction) in LIBRARIES.items()
        if hasattr(library, row.name)
    }
    family = SPECIAL_INPUTS.get(row.name, INPUTS[row.kind])
    return Case(row.name, family, ours(row), peers or {PLAIN: plain}, plain)


def focal_variants(case: Case) -> Iterator[Case]:
    """Focal loss of dense targets, of class indices, and together with the linear layer before it."""
    yield replace(case, variant="dense targets")
    indexed = {title: from_indices(peer) for title, peer in case.peers.items()}
    lean_indexed = from_indices(case.lean)
    yield Case(case.name, INDICES, case.ours, indexed, lean_indexed, "class indices", {MMCV: summed(mmcv.focal)})
    fused = {title: after_linear(indexed[title]) for title in (TORCHVISION, MMDET)}
    yield Case(
        "linear_focal",
        HEAD,
        partial(detloss.linear_sigmoid_focal_loss, reduction="sum"),
        fused,
        after_linear(lean_indexed),
    )


def cross_entropy_variants(case: Case) -> Iterator[Case]:
    """Cross-entropy without options, with Poly-1, and with an offset per class and a margin."""
    yield case
    poly, plain = partial(detloss.cross_entropy_loss, poly=1.0, reduction="sum"), summed(lean.poly_ce)
    yield Case("poly_ce", FEW_CLASSES, poly, {PLAIN: plain}, plain)

    def adjusted(logits: Tensor, target: Tensor, offset: Tensor, *, weight: Tensor | None = None) -> Tensor:
        return detloss.cross_entropy_loss(
            logits, target, logit_offset=offset, margin=0.5, weight=weight, reduction="sum"
        )

    plain = summed(lean.adjusted_ce)
    yield Case("adjusted_ce", WEIGHTED_ROWS, adjusted, {PLAIN: plain}, plain)


def cases() -> Iterator[Case]:
    """Every loss of the catalog that has a plain formula."""
    for row in catalog.LOSSES:
        if hasattr(lean, row.name):
            case = case_of(row)
            yield from VARIANTS[row.name](case) if row.name in VARIANTS else (case,)


VARIANTS = {"focal": focal_variants, "ce": cross_entropy_variants}
CASES = tuple(cases())
