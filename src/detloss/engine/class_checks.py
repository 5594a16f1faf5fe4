"""Checks of class losses: targets, the weights of classes, and class indices out of range."""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NoReturn

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.kernels.interface import BinaryRequest, Call, ClassRequest, SoftmaxRequest

OPERANDS = ("logits", "target")


def softmax_request(
    formula: Callable[..., Any],
    logits: Tensor,
    target: Tensor,
    ignore_index: int | None,
    label_smoothing: float = 0.0,
    dense: str | None = "probabilities",
    is_adjusted: bool = False,
) -> SoftmaxRequest:
    """The request of a softmax loss, its operands and options checked."""
    class_target(logits, target, dense)
    if ignore_index is not None:
        checks.index("ignore_index", ignore_index)
    return SoftmaxRequest(
        formula, ignore_index, checks.number("label_smoothing", label_smoothing, 0.0, 1.0), is_adjusted
    )


def binary_request(
    formula: Callable[..., Any], logits: Tensor, target: Tensor, ignore_index: int | None, label_smoothing: float
) -> BinaryRequest:
    """The request of a binary loss, its operands and options checked."""
    class_target(logits, target, "0/1 or soft values")
    if ignore_index is not None:
        checks.index("ignore_index", ignore_index)
        if target.dim() == logits.dim():
            raise ValueError("ignore_index: expected None with targets that are not class indices, got a value")
    return BinaryRequest(formula, ignore_index, checks.number("label_smoothing", label_smoothing, 0.0, 1.0))


def constant_target_request(
    formula: Callable[..., Any], logits: Tensor, target: Tensor, ignore_index: int | None
) -> BinaryRequest:
    """The request of a binary loss without a derivative by the target."""
    request = binary_request(formula, logits, target, ignore_index, 0.0)
    checks.constant("target", target)
    return request


def class_target(logits: Tensor, target: Tensor, dense: str | None) -> None:
    """Class indices with one dimension fewer than the logits, or unless `dense` is None, one such value per logit."""
    checks.floating_tensor("logits", logits, "logits")
    if not isinstance(target, Tensor):
        checks.tensor("target", target, "labels")
    checks.same_device("target", target, "logits", logits)
    if target.dim() < logits.dim() and target.shape == logits.shape[:-1]:
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            refuse_target(logits, target, dense)
    elif dense is None or target.shape != logits.shape:
        refuse_target(logits, target, dense)
    elif target.is_complex():
        raise TypeError(f"target: expected a real dtype, got {target.dtype}")


def refuse_target(logits: Tensor, target: Tensor, dense: str | None) -> NoReturn:
    """Raise with the shapes and dtypes that a target may have."""
    shape, given = tuple(logits.shape), tuple(target.shape)
    expected = [f"class indices {shape[:-1]}"] if shape else []
    expected += [f"{dense} {shape}"] if dense else []
    if shape and given == shape[:-1]:
        expected[0] += " of an integer dtype"
        hint = " (try target[:, None])" if dense and len(given) == 1 and shape[-1] == 1 else ""
        raise TypeError(f"target: expected {' or '.join(expected)}, got {given} of {target.dtype}{hint}")
    channels_first = (*shape[:1], *shape[2:]), (*shape[:1], *shape[2:], *shape[1:2])
    is_channels_first = len(shape) > 2 and given in channels_first
    hint = " (classes are the last dimension: try logits.movedim(1, -1))" if is_channels_first else ""
    raise ValueError(f"target: expected {' or '.join(expected)} for logits {shape}, got {given}{hint}")


def alpha_weights(
    alpha: float | Tensor | Sequence[float] | None, logits: Tensor
) -> tuple[float | Tensor, float | Tensor]:
    """The weights of positive and negative targets."""
    if alpha is None:
        return 1.0, 1.0
    if isinstance(alpha, Real):
        hint = " (alpha=None disables it, as -1 does in torchvision and fvcore)" if alpha == -1 else ""
        positive = checks.number("alpha", alpha, 0.0, 1.0, hint)
        return positive, 1.0 - positive
    if isinstance(alpha, str) or not isinstance(alpha, Tensor | Sequence):
        raise TypeError(f"alpha: expected None, a number or one value per class, got {type(alpha).__name__}")
    each = value_per_class("alpha", alpha, logits, high=1.0).to(torch.float64)
    return each, 1.0 - each


def class_weight_parameter(class_weight: Tensor | Sequence[float] | None, logits: Tensor) -> float | Tensor:
    """One weight per class, 1 without them."""
    if class_weight is None:
        return 1.0
    if isinstance(class_weight, str) or not isinstance(class_weight, Tensor | Sequence):
        raise TypeError(f"class_weight: expected None or one value per class, got {type(class_weight).__name__}")
    return value_per_class("class_weight", class_weight, logits)


def adjustments(
    logit_offset: Tensor | Sequence[float] | None,
    margin: float | Tensor | Sequence[float] | None,
    logits: Tensor,
    target: Tensor,
) -> list[float | Tensor]:
    """The offset and the margin of an adjusted request, or nothing without both."""
    if logit_offset is None and margin is None:
        return []
    if logit_offset is not None and (isinstance(logit_offset, str) or not isinstance(logit_offset, Tensor | Sequence)):
        raise TypeError(f"logit_offset: expected None or one value per class, got {type(logit_offset).__name__}")
    offset = 0.0 if logit_offset is None else value_per_class("logit_offset", logit_offset, logits, -math.inf)
    if margin is None:
        return [offset, 0.0]
    if target.dim() == logits.dim():
        raise ValueError("margin: expected None with targets that are not class indices, got a value")
    if isinstance(margin, Real):
        return [offset, checks.number("margin", margin, 0.0)]
    if isinstance(margin, str) or not isinstance(margin, Tensor | Sequence):
        raise TypeError(f"margin: expected None, a number or one value per class, got {type(margin).__name__}")
    return [offset, value_per_class("margin", margin, logits)]


def value_per_class(
    name: str, value: Tensor | Sequence[float], logits: Tensor, low: float = 0.0, high: float = math.inf
) -> Tensor:
    """A value in [low, high] per class, as a tensor; a tensor may also be a scalar."""
    if not isinstance(value, Tensor):
        numbers = [checks.number(f"{name}[{k}]", each, low, high) for k, each in enumerate(value)]
        value = torch.tensor(numbers, dtype=torch.float64)
    elif value.dim():
        checks.same_device(name, value, "logits", logits)
    checks.constant(name, value)
    classes = logits.shape[-1] if logits.dim() else 1
    if value.dim() and value.shape != (classes,):
        raise ValueError(f"{name}: expected shape ({classes},), one value per class, got {tuple(value.shape)}")
    if value.device.type == "cpu" and not torch.compiler.is_compiling():  # read only where the host need not wait
        is_inside = (value >= low) & (value <= high) if math.isfinite(low) else value.isfinite()
        outside = value[~is_inside].flatten()
        if len(outside):
            bounds = f"in [0, {high:g}]" if math.isfinite(high) else "of at least 0"
            bounds = bounds if math.isfinite(low) else "that are finite"
            raise ValueError(f"{name}: expected values {bounds}, got {outside[0].item()}")
    return value.reshape(logits.shape[-1:]) if value.dim() else value


def refuse_class_out_of_range(call: Call) -> None:
    """Raise with the first row whose class index is out of range and whose weight is not 0."""
    assert isinstance(call.request, ClassRequest)
    last = call.request.last_index(call.pred)
    existing_classes(call.operand_names[1], call.target, last, call.request.ignore_index, call.weight)


def existing_classes(
    name: str, target: Tensor, last: int, ignore_index: int | None, weight: Tensor | None = None
) -> None:
    """Class indices in [0, last], apart from those that are ignored and those of weight 0."""
    wrong = (target < 0) | (target > last)
    if ignore_index is not None:
        wrong &= target != ignore_index
    if weight is not None and weight.dim() == 0:
        wrong &= weight != 0
    elif weight is not None:
        wrong &= (weight != 0).any(-1) if weight.dim() > target.dim() else weight != 0
    at = checks.first_index(wrong)
    if at is not None:
        value = target[at].item()
        ignored = "" if ignore_index is None else f" or ignore_index {ignore_index}"
        hint = " (ignore_index=-1 excludes such rows)" if value == -1 else ""
        place = checks.element(name, at)
        raise ValueError(f"{place}: expected a class index in [0, {last}]{ignored}, got {value}{hint}")
