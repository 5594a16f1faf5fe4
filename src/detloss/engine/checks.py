"""Checks of arguments: a message names the argument, what was expected and what was given.

Values of tensors are not read where the host would wait for a device: invalid values have a documented result, and
`detloss.validating()` raises on them.
"""

import math
from numbers import Real
from typing import get_args

import torch
from torch import Tensor

from detloss.geometry import FORMATS, AxisAligned, Mixed, Shape
from detloss.types import Enclosing, Reduction

FLOATING = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
REDUCTIONS = get_args(Reduction)
ENCLOSING = (None, *get_args(Enclosing))
TORCHVISION_FORMATS = {"XYXY": "xyxy", "XYWH": "xywh", "CXCYWH": "cxcywh"}  # of `BoundingBoxes`


# ------------------------------------------------------------------------------------------------------------- tensors


def tensor(name: str, value: object, key: str = "boxes") -> None:
    """A tensor; `key` is the name of the argument in the dictionaries of torchvision's detectors."""
    if isinstance(value, Tensor):
        return
    hint = ""
    if isinstance(value, dict) and key in value:
        hint = f' (try {name}["{key}"])'
    elif isinstance(value, list | tuple):
        hint = f" (try torch.{'cat' if any(isinstance(each, Tensor) for each in value) else 'tensor'}({name}))"
    raise TypeError(f"{name}: expected a tensor, got {type(value).__name__}{hint}")


def floating_tensor(name: str, value: object, key: str = "boxes") -> None:
    """A real floating tensor."""
    if not isinstance(value, Tensor):
        tensor(name, value, key)
    elif value.dtype not in FLOATING:
        hint = "" if value.is_complex() or value.is_floating_point() else f" (try {name}.to(torch.float32))"
        raise TypeError(f"{name}: expected a floating dtype, got {value.dtype}{hint}")


def same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Both on one device."""
    if value.device != other.device:
        raise ValueError(f"{name}: expected device {other.device} (same as {other_name}), got {value.device}")


def pair(name: str, pred: Tensor, target_name: str, target: Tensor) -> None:
    """Two floating tensors of one shape on one device."""
    floating_tensor(name, pred)
    floating_tensor(target_name, target)
    same_device(target_name, target, name, pred)
    if target.shape != pred.shape:
        shape = tuple(pred.shape)
        raise ValueError(f"{target_name}: expected shape {shape} (same as {name}), got {tuple(target.shape)}")


def last_dimensions(name: str, value: Tensor, *sizes: int) -> None:
    """A floating tensor with these last dimensions."""
    floating_tensor(name, value)
    if value.shape[-len(sizes) :] != sizes:
        raise ValueError(f"{name}: expected shape (..., {', '.join(map(str, sizes))}), got {tuple(value.shape)}")


def constant(name: str, value: Tensor) -> None:
    """A tensor that does not require grad: no gradient would reach it."""
    if value.requires_grad:
        raise ValueError(f"{name}: expected a constant, got a tensor that requires grad (try {name}.detach())")


# --------------------------------------------------------------------------------------------------------------- boxes


def shapes(geometry: object) -> tuple[Shape, Shape]:
    """The shapes of both operands of a geometry."""
    if isinstance(geometry, Mixed):
        return geometry.first, geometry.second
    if isinstance(geometry, Shape):
        return geometry, geometry
    given, hint = repr(geometry), ""
    if isinstance(geometry, type):
        given, hint = f"the class {geometry.__name__}", f" (try {geometry.__name__}())"
    elif isinstance(geometry, str) and geometry in FORMATS:
        hint = f' (try AxisAligned("{geometry}"))'
    raise TypeError(f"geometry: expected an instance such as AxisAligned(), got {given}{hint}")


def enclosing_region(enclosing: object, geometry: object) -> None:
    """An enclosing region that the geometry has."""
    if enclosing not in ENCLOSING:
        raise ValueError(f"enclosing: expected None, 'box' or 'hull', got {enclosing!r}")
    for shape in shapes(geometry) if enclosing == "hull" else ():
        if shape.dims not in (2, 3):
            raise ValueError(f"enclosing: expected None or 'box' for {shape}, got 'hull'")


def rows(name: str, value: Tensor, geometry: Shape) -> Tensor:
    """Rows of a geometry in the last dimensions; torchvision's `BoundingBoxes` are converted to it."""
    if type(value) is not Tensor:
        value = plain_boxes(name, value, geometry)
    floating_tensor(name, value)
    row = geometry.row
    given = value.shape[-len(row) :]
    if given == row:
        return value
    least = geometry.dims + 1
    if len(given) < len(row) or None not in row or given[-1] != row[-1] or given[0] < least:
        wanted = ", ".join(f"at least {least}" if size is None else str(size) for size in row)
        hint = ""
        if value.shape == (0,) and None not in row:
            hint = f" (no boxes have shape (0, {', '.join(map(str, row))}))"
        raise ValueError(f"{name}: expected (..., {wanted}) rows of {geometry}, got {tuple(value.shape)}{hint}")
    return value


def plain_boxes(name: str, value: Tensor, geometry: Shape) -> Tensor:
    """torchvision's `BoundingBoxes`, converted from their format to rows of the geometry; other values unchanged."""
    if not (isinstance(value, Tensor) and hasattr(value, "canvas_size") and hasattr(value, "format")):
        return value
    given = getattr(value.format, "name", str(value.format))
    source = TORCHVISION_FORMATS.get(given)
    target = geometry.format if isinstance(geometry, AxisAligned) and geometry.dims == 2 else None
    if source is None or target not in TORCHVISION_FORMATS.values():
        raise ValueError(
            f"{name}: expected rows of {geometry}, got BoundingBoxes in format {given} "
            f"(try {name}.as_subclass(torch.Tensor) if its numbers are rows of the geometry)"
        )
    plain = value.as_subclass(Tensor)
    if source == target:
        return plain
    first, second = plain.chunk(2, -1)
    if source == "cxcywh":
        first, second = first - 0.5 * second, first + 0.5 * second
    elif source == "xywh":
        second = first + second
    if target == "cxcywh":
        first, second = 0.5 * (first + second), second - first
    elif target == "xywh":
        second = second - first
    return torch.cat((first, second), -1)


# ------------------------------------------------------------------------------------------------------------- options


def reduction(value: object, normalizer: object) -> None:
    """A known reduction; a normalizer only with a mean."""
    if value not in REDUCTIONS:
        raise ValueError(f"reduction: expected 'none', 'sum' or 'mean', got {value!r}")
    if normalizer is not None and value != "mean":
        raise ValueError(f"normalizer: expected None with reduction={value!r}, since only a mean divides, got a value")


def number(name: str, value: object, low: float = -math.inf, high: float = math.inf, hint: str = "") -> float:
    """A finite number within bounds."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    if not (abs(size := float(value)) < math.inf and low <= size <= high):  # compilers trace this, not math.isfinite
        bounds = f" in [{low:g}, {high:g}]" if high < math.inf else f" of at least {low:g}" if low > -math.inf else ""
        raise ValueError(f"{name}: expected a finite number{bounds}, got {value!r}{hint}")
    return size


def positive(name: str, value: object, high: float = math.inf) -> float:
    """A finite number above 0."""
    size = number(name, value, 0.0, high)
    if size == 0.0:
        raise ValueError(f"{name}: expected more than 0, got {value!r}")
    return size


def per_row(name: str, value: object, pred: Tensor) -> float | Tensor:
    """A length above 0: a number, or a tensor that broadcasts to the rows of boxes, of which no value is read."""
    if not isinstance(value, Tensor):
        return positive(name, value)
    constant(name, value)
    shape = pred.shape[:-1]
    if value.dim():
        same_device(name, value, "pred", pred)
        if value.dim() != len(shape) or any(size not in (1, full) for size, full in zip(value.shape, shape)):
            raise ValueError(
                f"{name}: expected a scalar or a shape that broadcasts to the rows {tuple(shape)} dimension by "
                f"dimension, got {tuple(value.shape)}"
            )
    return value


def index(name: str, value: object) -> None:
    """An integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")


def weight(value: object, name: str, pred: Tensor, shape: torch.Size) -> Tensor:
    """A scalar, or a tensor of the rank of the unreduced loss that broadcasts to it."""
    if isinstance(value, Real):
        return torch.full((), float(value), dtype=torch.float64, device="cpu")
    if not isinstance(value, Tensor):
        raise TypeError(f"weight: expected a number or a tensor, got {type(value).__name__}")
    if value.is_complex():
        raise TypeError(f"weight: expected a real dtype, got {value.dtype}")
    if value.dim() == 0:
        return value
    same_device("weight", value, name, pred)
    if value.dim() != len(shape) or any(size not in (1, full) for size, full in zip(value.shape, shape)):
        raise ValueError(
            f"weight: expected a scalar or a shape that broadcasts to the unreduced loss {tuple(shape)} dimension "
            f"by dimension, got {tuple(value.shape)}{weight_hint(value, name, pred, shape)}"
        )
    return value


def weight_hint(value: Tensor, name: str, pred: Tensor, shape: torch.Size) -> str:
    """A suggestion for a weight of one dimension."""
    if value.dim() == 1 and len(shape) == 2 and len(value) == shape[0]:
        return " (try weight[:, None])"
    if value.dim() == 1 and len(shape) == 2 and len(value) == shape[1]:
        return " (try weight[None, :])"
    if name == "logits" and len(shape) < pred.dim() and value.shape == pred.shape[-1:]:
        return " (one weight per class is class_weight=)"
    return ""


def normalizer(value: object, name: str, pred: Tensor) -> float | Tensor:
    """One number; the host never reads that of a tensor."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return number("normalizer", value, 0.0)
    if not isinstance(value, Tensor):
        raise TypeError(f"normalizer: expected a number or a tensor, got {type(value).__name__}")
    constant("normalizer", value)
    if value.numel() != 1:
        raise ValueError(f"normalizer: expected one number, got a tensor of shape {tuple(value.shape)}")
    if value.dim():
        same_device("normalizer", value, name, pred)
    return value.reshape(())


# ------------------------------------------------------------------------------------------------------------- indices


def first_index(mask: Tensor) -> tuple[int, ...] | None:
    """The index of the first True element, None without one."""
    found = mask.nonzero()
    return tuple(found[0].tolist()) if len(found) else None


def element(name: str, at: tuple[int, ...]) -> str:
    """A tensor with an index, as in Python."""
    return f"{name}[{', '.join(map(str, at))}]" if at else name
