"""What may come in: every check names the argument, what was expected and what came, before anything is computed.

What only the data could tell (an inverted box, a class out of range) would make the host wait for the device, so it
is not checked here: it has a defined answer, and `detloss.validating()` raises on it.
"""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from detloss.geometry import Shape

FLOATING = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
REDUCTIONS = ("none", "sum", "mean")


def floating_tensor(name: str, value: object) -> None:
    """A real floating tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(value).__name__}")
    if value.dtype not in FLOATING:
        raise TypeError(f"{name}: expected a floating dtype, got {value.dtype}")


def same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Both on one device."""
    if value.device != other.device:
        raise ValueError(f"{name}: expected on {other.device} like {other_name}, got on {value.device}")


def pair(name: str, pred: Tensor, target_name: str, target: Tensor) -> None:
    """Two floating tensors of one shape on one device."""
    floating_tensor(name, pred)
    floating_tensor(target_name, target)
    same_device(target_name, target, name, pred)
    if target.shape != pred.shape:
        raise ValueError(f"{target_name}: expected the shape of {name}, {tuple(pred.shape)}, got {tuple(target.shape)}")


def rows(name: str, value: Tensor, geometry: Shape) -> None:
    """Rows of a geometry in the last dimensions."""
    floating_tensor(name, value)
    row, least = geometry.row, geometry.dims + 1
    given = value.shape[-len(row) :]
    if given == row:
        return
    if len(given) < len(row) or None not in row or given[-1] != row[-1] or given[0] < least:
        wanted = ", ".join(f"at least {least}" if size is None else str(size) for size in row)
        raise ValueError(f"{name}: expected (..., {wanted}) rows of {geometry}, got {tuple(value.shape)}")


def class_target(logits: Tensor, target: Tensor, dense: str) -> None:
    """Class indices with one dimension fewer than the logits, or one value a logit (`dense` says what kind)."""
    floating_tensor("logits", logits)
    if not isinstance(target, Tensor):
        raise TypeError(f"target: expected a tensor, got {type(target).__name__}")
    same_device("target", target, "logits", logits)
    if logits.dim() >= 1 and target.shape == logits.shape[:-1]:
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            raise TypeError(
                f"target: expected an integer dtype for class indices {tuple(target.shape)}, got {target.dtype}"
            )
    elif target.shape != logits.shape:
        indices = f"class indices {tuple(logits.shape[:-1])} or " if logits.dim() >= 1 else ""
        raise ValueError(
            f"target: expected {indices}{dense} {tuple(logits.shape)} for logits {tuple(logits.shape)}, "
            f"got {tuple(target.shape)}"
        )
    elif target.is_complex():
        raise TypeError(f"target: expected a real dtype, got {target.dtype}")


def only_indices(logits: Tensor, target: Tensor) -> None:
    """Class indices and nothing else."""
    if target.dim() >= logits.dim():
        raise ValueError(f"target: expected class indices {tuple(logits.shape[:-1])}, got {tuple(target.shape)}")


def reduction(value: object, normalizer: object) -> None:
    """A known reduction; a normaliser only where something is divided."""
    if value not in REDUCTIONS:
        raise ValueError(f"reduction: expected 'none', 'sum' or 'mean', got {value!r}")
    if normalizer is not None and value != "mean":
        raise ValueError(f"normalizer: expected None with reduction={value!r}, since only a mean divides, got a value")


def number(name: str, value: object, low: float, high: float = math.inf) -> float:
    """A finite number within bounds."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    bounds = f"in [{low:g}, {high:g}]" if math.isfinite(high) else f"of at least {low:g}"
    if not (abs(size := float(value)) < math.inf and low <= size <= high):  # compilers trace this, not math.isfinite
        raise ValueError(f"{name}: expected a finite number {bounds}, got {value!r}")
    return size


def index(name: str, value: object) -> None:
    """An integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")


def one_a_class(name: str, value: Tensor | Sequence[float], logits: Tensor, high: float = math.inf) -> Tensor:
    """A value in [0, high] for each class (a tensor may also hold a single number), as a tensor."""
    if not isinstance(value, Tensor):
        numbers = [number(f"{name}[{k}]", each, 0.0, high) for k, each in enumerate(value)]
        value = torch.tensor(numbers, dtype=torch.float64)
    elif value.dim():
        same_device(name, value, "logits", logits)
    constant(name, value)
    classes = logits.shape[-1] if logits.dim() else 1
    if value.dim() and value.shape != (classes,):
        raise ValueError(f"{name}: expected one value a class, ({classes},), got {tuple(value.shape)}")
    if value.device.type == "cpu" and not torch.compiler.is_compiling():  # read only where nothing has to wait
        outside = value[~((value >= 0) & (value <= high))].flatten()
        if len(outside):
            bounds = f"in [0, {high:g}]" if math.isfinite(high) else "of at least 0"
            raise ValueError(f"{name}: expected values {bounds}, got {outside[0].item()}")
    return value.reshape(logits.shape[-1:]) if value.dim() else value


def constant(name: str, value: Tensor) -> None:
    """A tensor that no gradient is asked for: a silent None would be a lie."""
    if value.requires_grad:
        raise ValueError(f"{name}: expected a constant, got a tensor that requires grad; pass {name}.detach()")


def weight(value: object, name: str, pred: Tensor, shape: torch.Size) -> Tensor:
    """A scalar, or as many dimensions as the unreduced loss and broadcasting to it."""
    if isinstance(value, Real):
        return torch.full((), float(value), dtype=torch.float64, device="cpu")
    if not isinstance(value, Tensor):
        raise TypeError(f"weight: expected a number or a tensor, got {type(value).__name__}")
    if value.is_complex():
        raise TypeError(f"weight: expected a real dtype, got {value.dtype}")
    if value.dim() == 0:
        return value
    same_device("weight", value, name, pred)
    fits = value.dim() == len(shape) and all(size in (1, full) for size, full in zip(value.shape, shape))
    if not fits:
        hint = " (try weight[:, None])" if value.dim() == 1 and len(shape) == 2 and value.shape[0] == shape[0] else ""
        raise ValueError(
            f"weight: expected a scalar or a shape that broadcasts to the unreduced loss {tuple(shape)} dimension "
            f"by dimension, got {tuple(value.shape)}{hint}"
        )
    return value


def normalizer(value: object, name: str, pred: Tensor) -> float | Tensor:
    """One number, never read by the host when it is a tensor."""
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
