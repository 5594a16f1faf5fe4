"""Checks of the arguments of detectors."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

import detloss
from detloss.catalog import Kind, geometry_of, kind_of


def positive_integer(name: str, value: object) -> None:
    """Require an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name}: expected at least 1, got {value}")


def fraction(name: str, value: float, *, one_allowed: bool = False) -> None:
    """Require a number between 0 and 1, both excluded, or only 0."""
    if not (0.0 < value < 1.0 or (one_allowed and value == 1.0)):
        expected = "above 0 and at most 1" if one_allowed else "between 0 and 1"
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def reads_rows(box_loss: object, geometry: detloss.AxisAligned | detloss.Rotated, expected: str) -> None:
    """Reject an overlap loss of detloss with another geometry, and a class in place of an instance."""
    if isinstance(box_loss, type):
        raise TypeError(f"box_loss: expected an instance, {box_loss.__name__}(), got the class {box_loss.__name__}")
    if kind_of(box_loss) is Kind.BOX:
        found = geometry_of(box_loss)
        if found != geometry:
            raise ValueError(f"box_loss: expected geometry={expected}, got {found}")


def backbone(value: nn.Module) -> tuple[int, int]:
    """The channels of a backbone's features, and the pixels per cell; requires both attributes."""
    channels, stride = (getattr(value, name, None) for name in ("out_channels", "stride"))
    if not (isinstance(channels, int) and isinstance(stride, int)):
        raise TypeError(
            "backbone: expected a module with integers out_channels and stride, "
            f"got {type(value).__name__} with {channels!r} and {stride!r}"
        )
    return channels, stride


def images(value: Tensor) -> None:
    """Require a batch of color images."""
    if value.dim() != 4 or value.shape[1] != 3:
        raise ValueError(f"images: expected (B, 3, H, W), got {tuple(value.shape)}")
    if not value.is_floating_point():
        raise TypeError(f"images: expected a floating dtype in [0, 1], got {value.dtype}")


def targets(value: Sequence[Mapping[str, Tensor]], batch: int, numbers: int) -> None:
    """Require a mapping per image, with as many boxes as labels."""
    if len(value) != batch:
        raise ValueError(f"targets: expected one for each of {batch} images, got {len(value)}")
    for index, target in enumerate(value):
        boxes, labels = target["boxes"], target["labels"]
        if boxes.dim() != 2 or boxes.shape[1] != numbers:
            raise ValueError(f"targets[{index}]['boxes']: expected (n, {numbers}), got {tuple(boxes.shape)}")
        if labels.shape != boxes.shape[:1]:
            raise ValueError(
                f"targets[{index}]['labels']: expected ({len(boxes)},) like its boxes, got {tuple(labels.shape)}"
            )
