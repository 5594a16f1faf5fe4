"""A loss as a framework needs it: of the right kind, with the reduction that the framework's normaliser asks for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

from torch import Tensor, nn

import detloss
from detloss.catalog import Kind, kind_of

Loss = Callable[..., Tensor]


class LossModule(Protocol):
    """What every module of detloss has."""

    def with_reduction(self, reduction: str) -> Loss: ...


def kind_among(name: str, loss: Loss, kinds: Sequence[Kind], because: str) -> Kind:
    """The kind of a loss, refused where the place that it is meant for cannot use it."""
    kind = kind_of(loss)
    if kind is None:
        raise TypeError(f"{name}: expected a loss of detloss, its function or its module, got {loss!r}")
    if kind not in kinds:
        expected = " or ".join(each.value for each in kinds)
        raise ValueError(f"{name}: expected a loss of {expected}, because {because}; got {loss!r}, of {kind.value}")
    return kind


def reads_corners(name: str, loss: Loss) -> None:
    """A box loss that reads x1, y1, x2, y2."""
    given = loss.keywords if isinstance(loss, partial) else getattr(loss, "options", {})
    geometry = given.get("geometry", detloss.AxisAligned())
    if geometry != detloss.AxisAligned():
        raise ValueError(f"{name}: expected geometry=AxisAligned(), corners x1, y1, x2, y2, got {geometry}")


def for_boxes(name: str, loss: Loss, because: str) -> Kind:
    """The kind of a loss that compares boxes, by their corners, or numbers."""
    kind = kind_among(name, loss, (Kind.BOX, Kind.REGRESSION), because)
    if kind is Kind.BOX:
        reads_corners(name, loss)
    return kind


def at_least_one(**losses: Loss | None) -> None:
    """A loss in at least one place."""
    if all(loss is None for loss in losses.values()):
        raise ValueError(f"{', '.join(losses)}: expected at least one loss, got none")


def on(tensor: Tensor, loss: Loss) -> Loss:
    """The loss with its buffers on the tensor's device: a model's own `to` reaches only what its state_dict names."""
    return loss.to(tensor.device) if isinstance(loss, nn.Module) else loss


def with_reduction(loss: Loss, reduction: str) -> Loss:
    """The same loss with another reduction than it was made with."""
    if isinstance(loss, nn.Module):
        return cast(LossModule, loss).with_reduction(reduction)
    return partial(loss, reduction=reduction)
