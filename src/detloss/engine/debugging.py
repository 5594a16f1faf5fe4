"""Finding the row that made a loss non-finite, and refusing input that only its values can show to be wrong."""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from detloss.geometry import Rotated, Shape
from detloss.kernels import eager
from detloss.kernels.eager.convex.validity import faults
from detloss.kernels.interface import (
    BY_ROW,
    BinaryLoop,
    ConvexLoop,
    GaussianLoop,
    Loop,
    PairLoop,
    RowLoop,
    SpreadRowLoop,
)

if TYPE_CHECKING:
    from detloss.engine.autograd import Request

ON_FAULT = ("raise", "warn")
watching: list[str] = []  # what each open doctor() does on a fault
checking: list[bool] = []  # one entry for each open validating()


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient that is NaN or infinite, with the row that made it so."""


@contextlib.contextmanager
def doctor(*, on_fault: str = "raise") -> Iterator[None]:
    """Name the loss, the row, its inputs and the term behind every loss or gradient that is NaN or infinite.

    Losses evaluated inside the block are examined, and so are their gradients, even when ``backward`` runs after it.
    Looking makes the host wait for the device; outside of the block nothing is looked at and nothing is paid.
    Inside `torch.compile` nothing is examined: run the step without it to find the row.

    When to choose it: a training run printed ``nan``, and the question is which box of which image.

    Args:
        on_fault: ``"raise"`` a `NonFiniteLossError` at the first fault, or ``"warn"`` with the same text and go on.

    Raises:
        NonFiniteLossError: A loss or a gradient is not finite.
        ValueError: ``on_fault`` is neither of the two.

    Example:
        >>> import torch, detloss
        >>> boxes = torch.tensor([[0., 0., 1., 1.], [0., 0., float("nan"), 1.]])
        >>> with detloss.doctor():
        ...     detloss.iou_loss(boxes, torch.ones(2, 4))
        Traceback (most recent call last):
            ...
        detloss.engine.debugging.NonFiniteLossError: iou_loss: the loss is nan at [1]: pred[1] holds nan
          pred[1] = [0.0, 0.0, nan, 1.0]
          target[1] = [1.0, 1.0, 1.0, 1.0]
    """
    if on_fault not in ON_FAULT:
        raise ValueError(f"on_fault: expected 'raise' or 'warn', got {on_fault!r}")
    watching.append(on_fault)
    try:
        yield
    finally:
        watching.remove(on_fault)


@contextlib.contextmanager
def validating() -> Iterator[None]:
    """Check the values of all that losses are given, and raise on what is wrong with the index of its row.

    Outside of this block such input has a defined answer and costs nothing: a box whose maximum lies below its
    minimum is the empty set, a class index that does not exist makes its row NaN. Inside, the host waits for the
    device and raises on: coordinates that are not finite, inverted boxes, negative sides, polygons that are not convex,
    NaN logits, class indices out of range, soft targets outside [0, 1], negative or non-finite weights and normalisers.

    When to choose it: in tests, in the first steps of a training run, while writing a data loader.

    Raises:
        ValueError: With the argument, the row, what was expected and what came.

    Example:
        >>> import torch, detloss
        >>> with detloss.validating():
        ...     detloss.iou_loss(torch.tensor([[2., 0., 1., 1.]]), torch.ones(1, 4))
        Traceback (most recent call last):
            ...
        ValueError: iou_loss: pred[0]: expected maxima of at least the minima, got [2.0, 0.0, 1.0, 1.0]
    """
    checking.append(True)
    try:
        yield
    finally:
        checking.pop()


def on_fault_now() -> str | None:
    """What the innermost open doctor does on a fault; None where nobody looks."""
    return watching[-1] if watching and not torch.compiler.is_compiling() else None


def is_validating() -> bool:
    """Whether values are to be checked."""
    return bool(checking) and not torch.compiler.is_compiling()


def validate(
    request: "Request",
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
) -> None:
    """Raise on the first row that cannot be meant."""
    name, other = request.operands
    loop = request.loop
    shapes = shapes_of(loop)
    if shapes is not None:
        for operand, shape, rows in zip((name, other), shapes, (pred, target)):
            for wrong, expected in faults(shape, rows):
                refuse(request, operand, rows, wrong.unsqueeze(-1), expected)
    elif isinstance(loop, BinaryLoop | RowLoop | SpreadRowLoop):
        refuse(request, name, pred, pred.isnan(), "logits that are not NaN")
        if target.dim() < pred.dim():
            last = loop.last_index(pred)
            wrong = (target < 0) | (target > last)
            if loop.ignore_index is not None:
                wrong &= target != loop.ignore_index
            refuse(request, other, target.unsqueeze(-1), wrong.unsqueeze(-1), f"a class index in [0, {last}]")
        else:
            refuse(request, other, target, ~((target >= 0) & (target <= 1)), "values in [0, 1]")
    else:
        refuse(request, name, pred, pred.isnan(), "values that are not NaN")
        refuse(request, other, target, target.isnan(), "values that are not NaN")
    for operand, value in (("weight", weight), ("normalizer", normalizer)):
        if isinstance(value, Tensor):
            row = value.reshape(-1, 1) if value.dim() < 2 else value
            wrong = ~(row.isfinite() & (row >= 0))
            refuse(request, operand, row, wrong, "finite values of at least 0")


def shapes_of(loop: Loop) -> tuple[Shape, Shape] | None:
    """What the rows of both operands are, where they are shapes."""
    if isinstance(loop, ConvexLoop):
        return loop.shapes
    if isinstance(loop, GaussianLoop):
        return Rotated(), Rotated()
    return (loop.geometry, loop.geometry) if isinstance(loop, PairLoop) else None


def refuse(request: "Request", operand: str, rows: Tensor, wrong: Tensor, expected: str) -> None:
    """Raise with the first row that has something wrong in it."""
    at = first(wrong.any(-1) if wrong.dim() else wrong)
    if at is not None:
        raise ValueError(f"{request.name}: {place(operand, at)}: expected {expected}, got {rows[at].tolist()}")


def examine_value(
    request: "Request",
    value: Tensor,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> None:
    """Find the entry behind a loss that is not finite."""
    if torch.isfinite(value).all():
        return
    with torch.no_grad():
        each = eager.evaluate(request.loop, "none", False, False, pred, target, weight, None, parameters).value
    at = first(~torch.isfinite(each))
    what = "the loss" if at is None else f"the loss is {each[at].item()} at {list(at)}"
    report(request, what, at, pred, target, weight, normalizer, "the value is above what the dtype holds")


def examine_gradients(
    request: "Request",
    upstream: Tensor,
    grad_pred: Tensor | None,
    grad_target: Tensor | None,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
) -> None:
    """Find the entry behind a gradient that is not finite."""
    for operand, gradient in zip(request.operands, (grad_pred, grad_target)):
        if gradient is None or torch.isfinite(gradient).all():
            continue
        at = first(~torch.isfinite(gradient)) or ()
        what = f"the gradient by {operand} is {gradient[at].item()} at {list(at)}"
        rows = isinstance(request.loop, BY_ROW)
        otherwise = "the slope is above what the dtype holds"
        arriving = upstream if upstream.dim() == 0 else upstream[at[:-1] if rows else at]
        if not math.isfinite(arriving.item()):
            otherwise = f"the gradient that arrives from behind the loss is {arriving.item()}"
        report(request, what, at[:-1] if rows else at, pred, target, weight, normalizer, otherwise)


def report(
    request: "Request",
    what: str,
    at: tuple[int, ...] | None,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    otherwise: str,
) -> None:
    """Raise or warn: the loss, the row, the term that broke, and the row's inputs."""
    culprits, inputs = [], []
    for operand, tensor in zip((*request.operands, "weight"), (pred, target, weight)):
        if tensor is None or at is None:
            continue
        if operand == "weight":
            tensor = tensor.expand(pred.shape[: len(at)])
        index = at[: tensor.dim()]
        if isinstance(request.loop, BinaryLoop) and tensor.dim() < pred.dim():
            index = at[:-1]
        entry = tensor[index]
        inputs.append(f"  {place(operand, index)} = {entry.tolist()}")
        broken = (
            entry[~entry.isfinite()] if entry.is_floating_point() else entry[:0] if entry.dim() else entry.new_empty(0)
        )
        if broken.numel():
            culprits.append(f"{place(operand, index)} holds {broken.flatten()[0].item()}")
        if operand == request.operands[1] and tensor.dim() < pred.dim():
            last = cast(BinaryLoop | RowLoop | SpreadRowLoop, request.loop).last_index(pred)
            if not 0 <= entry.item() <= last:
                culprits.append(f"{place(operand, index)} is no class index in [0, {last}]")
    if normalizer is not None and not math.isfinite(normalizer):
        culprits.append(f"normalizer is {float(normalizer)}")
    message = "\n".join([f"{request.name}: {what}: {' and '.join(culprits) or otherwise}", *inputs])
    if request.on_fault == "warn":
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    else:
        raise NonFiniteLossError(message)


def first(mask: Tensor) -> tuple[int, ...] | None:
    """The index of the first True."""
    found = mask.nonzero()
    return tuple(found[0].tolist()) if len(found) else None


def place(operand: str, at: tuple[int, ...]) -> str:
    """An operand and an index as one writes them."""
    return f"{operand}[{', '.join(map(str, at))}]" if at else operand
