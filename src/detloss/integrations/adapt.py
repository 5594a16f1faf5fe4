"""Adaptation of a loss to a framework: its kind and geometry checked, its reduction replaced, a weight applied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

import detloss
from detloss.catalog import LOSSES, Kind, geometry_of, kind_of
from detloss.types import Reduction

Loss = Callable[..., Tensor]
BOX_KINDS = (Kind.BOX, Kind.REGRESSION)
ONE_VS_REST = (Kind.SIGMOID, Kind.QUALITY)  # a logit per class, none for the background
COMPARES_BOXES = "it compares boxes or their encoded offsets"


@dataclass(frozen=True)
class GivenLoss:
    """A loss given to ``use_losses``: the name of its argument, and the factor of the framework's term."""

    name: str
    loss: Loss
    weight: float

    def kind_among(self, kinds: Sequence[Kind], because: str) -> Kind:
        """The kind of the loss; raises if the term needs another."""
        loss: object = self.loss
        kind = kind_of(loss)
        if any(loss is row.module for row in LOSSES):
            raise TypeError(f"{self.name}: expected an instance, {self}(), got the class {self}")
        if kind is None:
            raise TypeError(f"{self.name}: expected a loss of detloss, its function or its module, got {self.loss!r}")
        if kind not in kinds:
            expected = " or ".join(each.value for each in kinds)
            names = ", ".join(dict.fromkeys(row.module.__name__ for row in LOSSES if row.kind in kinds))
            raise ValueError(
                f"{self.name}: expected a loss of {expected} ({names}), because {because}; "
                f"got {self}, a loss of {kind.value}"
            )
        if kind is Kind.BOX and geometry_of(self.loss) != detloss.AxisAligned():
            raise ValueError(
                f"{self.name}: expected geometry=AxisAligned(), corners x1, y1, x2, y2, got {geometry_of(self.loss)}"
            )
        return kind

    def __str__(self) -> str:
        loss = self.loss.func if isinstance(self.loss, partial) else self.loss
        return str(getattr(loss, "__name__", type(loss).__name__))


def given(name: str, loss: Loss | None, weight: object) -> GivenLoss | None:
    """A loss and its weight, or None if the framework keeps its own loss."""
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise TypeError(f"{name}_weight: expected a number, got {type(weight).__name__}")
    if not 0.0 <= weight < float("inf"):
        raise ValueError(f"{name}_weight: expected a finite number of at least 0, got {weight!r}")
    if loss is None and weight != 1.0:
        raise ValueError(f"{name}_weight: expected 1.0 without a loss for {name}, got {weight!r}")
    return None if loss is None else GivenLoss(name, loss, float(weight))


def at_least_one(names: str, *losses: GivenLoss | None) -> None:
    """Reject a call without any loss."""
    if not any(losses):
        raise ValueError(f"{names}: expected at least one loss, got none")


def without_proposals(model: nn.Module, *losses: GivenLoss | None) -> None:
    """Reject losses for region proposals of a model that has none."""
    for loss in filter(None, losses):
        raise ValueError(
            f"{loss.name}: expected None for {type(model).__name__}, a model without region proposals, got {loss}"
        )


class AdaptedLoss(nn.Module):
    """A loss as a term of a framework: with the reduction that the framework needs, times its weight."""

    def __init__(self, given: GivenLoss, reduction: Reduction) -> None:
        super().__init__()
        self.loss = with_reduction(given.loss, reduction)
        self.kind = kind_of(given.loss)
        self.weight = given.weight

    def forward(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        if isinstance(self.loss, nn.Module):
            self.loss.to(pred.device)  # the model's own `to` reaches only its registered submodules
        value = self.loss(pred, target, **options)
        return value if self.weight == 1.0 else self.weight * value


def adapted(loss: GivenLoss | None, reduction: Reduction, kinds: Sequence[Kind], because: str) -> AdaptedLoss | None:
    """A loss as a term of a framework, its kind checked; None stays None."""
    if loss is None:
        return None
    loss.kind_among(kinds, because)
    return AdaptedLoss(loss, reduction)


def with_reduction(loss: Loss, reduction: Reduction) -> Loss:
    """A loss with another reduction."""
    if isinstance(loss, nn.Module):
        module: Any = loss
        reduced: Loss = module.with_reduction(reduction)
        return reduced
    return partial(loss, reduction=reduction)
