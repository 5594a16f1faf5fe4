"""Debugging of non-finite losses and validation of inputs: `doctor` and `validating`."""

import contextlib
import inspect
import math
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.engine.class_checks import existing_classes
from detloss.geometry import AxisAligned, Cuboid, Polygon, Polytope, Rotated, Shape
from detloss.kernels import eager
from detloss.kernels.eager.convex.polygons import cross
from detloss.kernels.interface import (
    BoxRequest,
    Call,
    ClassRequest,
    ConvexRequest,
    GaussianRequest,
    MaskRequest,
    Request,
)

ON_FAULT = ("raise", "warn")
TOLERANCE = 16.0  # of the distance of a vertex outside of an edge: rounding units of the polygon's extent
watching: list[str] = []  # `on_fault` of every active doctor()
checking: list[bool] = []  # one item per active validating()


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient that is NaN or infinite, with the element or row that causes it."""


@contextlib.contextmanager
def doctor(*, on_fault: str = "raise") -> Iterator[None]:
    """Report the function, the row, its inputs and the cause of every loss or gradient that is NaN or infinite.

    Losses evaluated inside the block are examined, and so are their gradients, even when ``backward`` runs after it.
    The examination synchronizes with the device. Outside of the block there is no cost. Inside `torch.compile` nothing
    is examined: run the step without it to find the row.

    When to choose it: a training run reports NaN, to find the box and the image.

    Args:
        on_fault: ``"raise"`` a `NonFiniteLossError` at the first fault, or ``"warn"`` with the same text and continue.

    Raises:
        NonFiniteLossError: A loss or a gradient is not finite.
        ValueError: ``on_fault`` is neither of the two.

    Edge cases:
        A class index out of range is reported by the doctor on every device, in place of the ValueError that it raises
        on a CPU elsewhere.

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
    """Check the values of all inputs of losses, and raise with the index of the first invalid row.

    Outside of this block invalid values have a documented result and no check costs time: an inverted box is the empty
    set, and on a GPU a class index out of range makes its row NaN. Inside, the checks synchronize with the device and
    raise on non-finite coordinates, inverted boxes, negative sides, polygons that are not convex, NaN logits, class
    indices out of range, soft targets outside [0, 1], and negative or non-finite weights and normalizers.

    When to choose it: in tests, in the first steps of a training run, while writing a data loader.

    Raises:
        ValueError: Names the argument, the row, the expected and the given value.

    Edge cases:
        A class index out of range raises on a CPU outside of the block too, unless the weight of its row is 0. Inside,
        it raises on every device and in every row.

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
            for wrong, expected in invalid_rows(shape, rows):
                refuse(call.name, operand, rows, wrong, expected)
    elif isinstance(call.request, ClassRequest | MaskRequest):
        refuse(call.name, name, pred, pred.isnan(), "logits that are not NaN")
        if isinstance(call.request, ClassRequest) and call.has_indices:
            last = call.request.last_index(pred)
            existing_classes(f"{call.name}: {other}", target, last, call.request.ignore_index)
        else:
            refuse(call.name, other, target, ~((target >= 0) & (target <= 1)), "values in [0, 1]")
    else:
        refuse(call.name, name, pred, pred.isnan(), "values that are not NaN")
        refuse(call.name, other, target, target.isnan(), "values that are not NaN")
    for operand, value in (("weight", call.weight), ("normalizer", call.normalizer)):
        if isinstance(value, Tensor):
            refuse(call.name, operand, value, ~(value.isfinite() & (value >= 0)), "finite values of at least 0")


def shapes_of(request: Request) -> tuple[Shape, Shape] | None:
    """The geometries of both operands, None for operands that are not boxes."""
    if isinstance(request, ConvexRequest):
        return request.shapes
    if isinstance(request, GaussianRequest):
        return Rotated(), Rotated()
    return (request.geometry, request.geometry) if isinstance(request, BoxRequest) else None


def invalid_rows(shape: Shape, rows: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Masks (...) of invalid rows (..., numbers), each with the expected property."""
    yield ~rows.isfinite().all(-1), "finite coordinates"
    if isinstance(shape, AxisAligned):
        yield from inverted_boxes(shape, rows)
    elif isinstance(shape, Rotated | Cuboid):
        sizes = rows[..., shape.dims : 2 * shape.dims]
        yield (sizes < 0).any(-1), "sizes of at least 0"
    elif isinstance(shape, Polygon):
        yield ~is_convex(torch.unflatten(rows, -1, (-1, 2))), "the vertices of a convex polygon in order"
    elif isinstance(shape, Polytope) and shape.form == "halfspaces":
        normals = torch.unflatten(rows, -1, (-1, 4))[..., :3]
        yield (normals == 0).all(-1).any(-1), "half-spaces with a normal"


def inverted_boxes(shape: AxisAligned, rows: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Masks of axis-aligned boxes with a maximum below their minimum."""
    first, second = rows.chunk(2, -1)
    if shape.format == "xyxy":
        yield (second < first).any(-1), "maxima of at least the minima"
    elif shape.format == "ltrb":
        yield (first + second < 0).any(-1), "distances that do not sum below 0"
    else:
        yield (second < 0).any(-1), "sizes of at least 0"


def is_convex(vertices: Tensor) -> Tensor:
    """Whether no vertex of (..., K, 2) is outside of any edge, apart from rounding; either orientation."""
    rounding = torch.finfo(vertices.dtype).eps
    vertices = vertices.double() - vertices[..., :1, :].double()
    edges = vertices.roll(-1, -2) - vertices
    direction = cross(vertices, edges).sum(-1).sign()
    sides = cross(edges.unsqueeze(-2), vertices.unsqueeze(-3) - vertices.unsqueeze(-2))  # (..., edge, vertex)
    extent = (vertices.amax(-2) - vertices.amin(-2)).amax(-1)
    beyond = (sides * direction[..., None, None]).amin((-1, -2))
    convex: Tensor = beyond >= -TOLERANCE * rounding * extent * edges.norm(dim=-1).amax(-1)
    return convex


def refuse(function: str, operand: str, values: Tensor, wrong: Tensor, expected: str) -> None:
    """Raise with the first element or row that is invalid."""
    at = checks.first_index(wrong)
    if at is not None:
        raise ValueError(f"{function}: {checks.element(operand, at)}: expected {expected}, got {values[at].tolist()}")


def refuse_if_validating(function: str, operand: str, values: Tensor, wrong: Tensor, expected: str) -> None:
    """Inside `validating`, raise with the first element or row that is invalid."""
    if is_validating():
        refuse(function, operand, values, wrong, expected)


def examine_value(call: Call, value: Tensor) -> None:
    """Report the element or row of a loss that is not finite."""
    if torch.isfinite(value).all():
        return
    with torch.no_grad():
        losses = eager.evaluate(call._replace(reduction="none", normalizer=None), False, False).value
    at = checks.first_index(~torch.isfinite(losses))
    what = "the loss" if at is None else f"the loss is {losses[at].item()} at {list(at)}"
    report(call, what, at, "the value exceeds the range of the dtype")


def examine_gradients(call: Call, upstream: Tensor, grad_pred: Tensor | None, grad_target: Tensor | None) -> None:
    """Report the element or row of a gradient that is not finite."""
    for operand, gradient in zip(call.operand_names, (grad_pred, grad_target)):
        if gradient is None or torch.isfinite(gradient).all():
            continue
        at = checks.first_index(~torch.isfinite(gradient)) or ()
        what = f"the gradient by {operand} is {gradient[at].item()} at {list(at)}"
        entry = at[:-1] if call.by_row else at
        otherwise = "the derivative exceeds the range of the dtype"
        arriving = upstream if upstream.dim() == 0 else upstream[entry]
        if not math.isfinite(arriving.item()):
            otherwise = f"the upstream gradient is {arriving.item()}"
        report(call, what, entry, otherwise)


def report(call: Call, what: str, at: tuple[int, ...] | None, otherwise: str) -> None:
    """Raise or warn with the function, the row, its inputs and those of them that explain the fault."""
    culprits, inputs = [], []
    pred, target = call.pred, call.target
    operands = pred, target, call.weight, None if at is None else quality_at(call, at)
    for operand, tensor in zip((*call.operand_names, "weight", "quality"), operands):
        if tensor is None or at is None:
            continue
        if operand == "weight":
            tensor = tensor.expand(pred.shape[: len(at)])
        index = at[: tensor.dim()]
        if not call.by_row and tensor.dim() < pred.dim():
            index = at[:-1]
        entry = tensor[index]
        inputs.append(f"  {checks.element(operand, index)} = {entry.tolist()}")
        broken = (
            entry[~entry.isfinite()] if entry.is_floating_point() else entry[:0] if entry.dim() else entry.new_empty(0)
        )
        if broken.numel():
            culprits.append(f"{checks.element(operand, index)} holds {broken.flatten()[0].item()}")
        elif operand == "quality" and not 0 <= entry.item() <= 1:
            culprits.append(f"{checks.element(operand, index)} is not in [0, 1]")
        if operand == call.operand_names[1] and call.has_indices and isinstance(call.request, ClassRequest):
            last = call.request.last_index(pred)
            if not 0 <= entry.item() <= last:
                culprits.append(f"{checks.element(operand, index)} is not a class index in [0, {last}]")
    if call.normalizer is not None and not math.isfinite(call.normalizer):
        culprits.append(f"normalizer is {float(call.normalizer)}")
    message = "\n".join([f"{call.name}: {what}: {' and '.join(culprits) or otherwise}", *inputs])
    if call.on_fault == "warn":
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    else:
        raise NonFiniteLossError(message)


def quality_at(call: Call, at: tuple[int, ...]) -> Tensor | None:
    """The qualities of a call in the shape of its target; None if its loss reads none, as for background."""
    if "quality" not in inspect.signature(call.request.formula).parameters:
        return None
    quality = call.parameters[0]
    is_positive = call.target[at[:-1]] == at[-1] if call.has_indices else call.target[at] != 0
    if not isinstance(quality, Tensor) or not is_positive:
        return None
    return quality.squeeze(-1) if call.has_indices else quality
