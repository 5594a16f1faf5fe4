"""Debugging of non-finite losses and validation of inputs: `doctor` and `validating`."""

import contextlib
import math
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

from detloss.geometry import Rotated, Shape
from detloss.kernels import eager
from detloss.kernels.eager.convex.validity import faults
from detloss.kernels.interface import BoxRequest, Call, ClassRequest, ConvexRequest, GaussianRequest, Request

ON_FAULT = ("raise", "warn")
watching: list[str] = []  # `on_fault` of every active doctor()
checking: list[bool] = []  # one item per active validating()


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
    """`on_fault` of the innermost active doctor, None without one."""
    return watching[-1] if watching and not torch.compiler.is_compiling() else None


def is_validating() -> bool:
    """Whether values have to be checked."""
    return bool(checking) and not torch.compiler.is_compiling()


def validate(call: Call) -> None:
    """Raise on the first invalid row."""
    pred, target = call.pred, call.target
    name, other = call.operand_names
    shapes = shapes_of(call.request)
    if shapes is not None:
        for operand, shape, rows in zip((name, other), shapes, (pred, target)):
            for wrong, expected in faults(shape, rows):
                refuse(call.name, operand, rows, wrong.unsqueeze(-1), expected)
    elif isinstance(call.request, ClassRequest):
        refuse(call.name, name, pred, pred.isnan(), "logits that are not NaN")
        if call.has_indices:
            last = call.request.last_index(pred)
            wrong = (target < 0) | (target > last)
            if call.request.ignore_index is not None:
                wrong &= target != call.request.ignore_index
            refuse(call.name, other, target.unsqueeze(-1), wrong.unsqueeze(-1), f"a class index in [0, {last}]")
        else:
            refuse(call.name, other, target, ~((target >= 0) & (target <= 1)), "values in [0, 1]")
    else:
        refuse(call.name, name, pred, pred.isnan(), "values that are not NaN")
        refuse(call.name, other, target, target.isnan(), "values that are not NaN")
    for operand, value in (("weight", call.weight), ("normalizer", call.normalizer)):
        if isinstance(value, Tensor):
            row = value.reshape(-1, 1) if value.dim() < 2 else value
            wrong = ~(row.isfinite() & (row >= 0))
            refuse(call.name, operand, row, wrong, "finite values of at least 0")


def shapes_of(request: Request) -> tuple[Shape, Shape] | None:
    """The geometries of both operands, None for operands that are not boxes."""
    if isinstance(request, ConvexRequest):
        return request.shapes
    if isinstance(request, GaussianRequest):
        return Rotated(), Rotated()
    return (request.geometry, request.geometry) if isinstance(request, BoxRequest) else None


def refuse(function: str, operand: str, rows: Tensor, wrong: Tensor, expected: str) -> None:
    """Raise with the first row that has an invalid element."""
    at = first(wrong.any(-1) if wrong.dim() else wrong)
    if at is not None:
        raise ValueError(f"{function}: {place(operand, at)}: expected {expected}, got {rows[at].tolist()}")


def examine_value(call: Call, value: Tensor) -> None:
    """Report the element or row of a loss that is not finite."""
    if torch.isfinite(value).all():
        return
    with torch.no_grad():
        losses = eager.evaluate(call._replace(reduction="none", normalizer=None), False, False).value
    at = first(~torch.isfinite(losses))
    what = "the loss" if at is None else f"the loss is {losses[at].item()} at {list(at)}"
    report(call, what, at, "the value is above what the dtype holds")


def examine_gradients(call: Call, upstream: Tensor, grad_pred: Tensor | None, grad_target: Tensor | None) -> None:
    """Report the element or row of a gradient that is not finite."""
    for operand, gradient in zip(call.operand_names, (grad_pred, grad_target)):
        if gradient is None or torch.isfinite(gradient).all():
            continue
        at = first(~torch.isfinite(gradient)) or ()
        what = f"the gradient by {operand} is {gradient[at].item()} at {list(at)}"
        entry = at[:-1] if call.by_row else at
        otherwise = "the slope is above what the dtype holds"
        arriving = upstream if upstream.dim() == 0 else upstream[entry]
        if not math.isfinite(arriving.item()):
            otherwise = f"the gradient that arrives from behind the loss is {arriving.item()}"
        report(call, what, entry, otherwise)


def report(call: Call, what: str, at: tuple[int, ...] | None, otherwise: str) -> None:
    """Raise or warn with the function, the row, its inputs and those of them that explain the fault."""
    culprits, inputs = [], []
    pred, target = call.pred, call.target
    for operand, tensor in zip((*call.operand_names, "weight"), (pred, target, call.weight)):
        if tensor is None or at is None:
            continue
        if operand == "weight":
            tensor = tensor.expand(pred.shape[: len(at)])
        index = at[: tensor.dim()]
        if not call.by_row and tensor.dim() < pred.dim():
            index = at[:-1]
        entry = tensor[index]
        inputs.append(f"  {place(operand, index)} = {entry.tolist()}")
        broken = (
            entry[~entry.isfinite()] if entry.is_floating_point() else entry[:0] if entry.dim() else entry.new_empty(0)
        )
        if broken.numel():
            culprits.append(f"{place(operand, index)} holds {broken.flatten()[0].item()}")
        if operand == call.operand_names[1] and call.has_indices and isinstance(call.request, ClassRequest):
            last = call.request.last_index(pred)
            if not 0 <= entry.item() <= last:
                culprits.append(f"{place(operand, index)} is no class index in [0, {last}]")
    if call.normalizer is not None and not math.isfinite(call.normalizer):
        culprits.append(f"normalizer is {float(call.normalizer)}")
    message = "\n".join([f"{call.name}: {what}: {' and '.join(culprits) or otherwise}", *inputs])
    if call.on_fault == "warn":
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    else:
        raise NonFiniteLossError(message)


def first(mask: Tensor) -> tuple[int, ...] | None:
    """The index of the first True."""
    found = mask.nonzero()
    return tuple(found[0].tolist()) if len(found) else None


def place(operand: str, at: tuple[int, ...]) -> str:
    """An operand with an index, as in Python."""
    return f"{operand}[{', '.join(map(str, at))}]" if at else operand
