"""The C++ backend: plain C functions in a library that setup.py builds beside this file, called through ctypes."""

import ctypes
import functools
import os
import struct
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from detloss import formulas
from detloss.geometry import FORMATS, Polygon, Rotated
from detloss.kernels import eager
from detloss.kernels.eager import Evaluation
from detloss.kernels.interface import (
    BinaryLoop,
    ConvexLoop,
    ElementLoop,
    Loop,
    PairLoop,
    RowLoop,
)

TASK = struct.Struct("=11q 2d 18q 3d 3q")  # `Task` of task.h, field by field
CONVEX = struct.Struct("=4q")  # what `ConvexTask` has beyond
SHAPES = (Rotated, Polygon)
MOST_VERTICES = 64  # of a polygon
KINDS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
NONE, SUM, MEAN_OVER_DIVISOR, MEAN_OVER_PRESENT = range(4)
INVERTIBLE = 2.0**-126  # of what is nearer to 0 the inverse is infinite, in float32

DENSE = torch.contiguous_format
Fields = tuple[int, ...]  # of an operand: the address of its data, its kind, the address of its layout
ABSENT: Fields = (0, 0, 0)


def find_library() -> ctypes.CDLL | None:
    """The built library, with an instruction set and torch's threads; None where nothing was built."""
    path = next((Path(__file__).parent / "built").glob("libdetloss*"), None)
    if path is None:
        return None
    library = ctypes.CDLL(str(path))
    torch_library = next((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"), None)
    threads = getattr(ctypes.CDLL(str(torch_library)), "torch_parallel_for", None) if torch_library else None
    library.detloss_start.restype = ctypes.c_char_p
    wanted = os.environ.get("DETLOSS_ISA", "")
    if library.detloss_start(wanted.encode(), ctypes.cast(threads, ctypes.c_void_p) if threads else None) is None:
        raise ValueError(f"DETLOSS_ISA: expected an instruction set of this processor, v2, v3 or v4, got {wanted!r}")
    return library


library = find_library()


class Plan(NamedTuple):
    """What of a task its loop decides."""

    run: Callable[[bytes], int]  # of the library
    formula: int
    dimensions: int = 0
    format: int = 0
    measure: bool = False
    by_row: bool = False
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    shapes: tuple[int, int] | None = None  # of convex bodies
    hull: bool = False


@functools.cache
def plan_of(loop: Loop) -> Plan | None:
    """The plan of a loop, None where no code was generated for it."""
    assert library is not None
    match loop:
        case ElementLoop(formula) if formula in formulas.REGRESSION:
            return Plan(library.detloss_elements, formulas.REGRESSION.index(formula))
        case BinaryLoop(formula, ignore_index, label_smoothing) if formula in formulas.BINARY:
            return Plan(
                library.detloss_binary,
                formulas.BINARY.index(formula),
                label_smoothing=label_smoothing,
                ignore_index=ignore_index,
            )
        case RowLoop(formula, ignore_index, label_smoothing) if formula in formulas.SOFTMAX:
            return Plan(
                library.detloss_rows,
                formulas.SOFTMAX.index(formula),
                by_row=True,
                label_smoothing=label_smoothing,
                ignore_index=ignore_index,
            )
        case PairLoop(formula, geometry, measure) if formula in formulas.PENALTIES:
            if geometry.dims in formulas.DIMENSIONS:
                return Plan(
                    library.detloss_pairs,
                    formulas.PENALTIES.index(formula),
                    geometry.dims,
                    list(FORMATS).index(geometry.format),
                    measure,
                    by_row=True,
                )
        case ConvexLoop(formula, (first, second), enclosing, measure) if formula in formulas.PENALTIES:
            if isinstance(first, SHAPES) and isinstance(second, SHAPES):
                return Plan(
                    library.detloss_convex,
                    formulas.PENALTIES.index(formula),
                    measure=measure,
                    by_row=True,
                    shapes=(SHAPES.index(type(first)), SHAPES.index(type(second))),
                    hull=enclosing == "hull",
                )
    return None


def serves(loop: Loop, pred: Tensor, target: Tensor) -> bool:
    """Whether the library has the loop, and the operands memory of their own to point at."""
    fits = not isinstance(loop, ConvexLoop) or max(pred.shape[-1], target.shape[-1]) <= 2 * MOST_VERTICES
    return pred.numel() > 0 and fits and plan_of(loop) is not None


def evaluate(
    loop: Loop,
    reduction: str,
    wants_pred: bool,
    wants_target: bool,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> Evaluation:
    """The loss, weighted and reduced, with the derivatives that are wanted, in one pass."""
    plan = plan_of(loop)
    assert plan is not None
    shape, indices = pred.shape, target.dim() < pred.dim()
    dtype = eager.arithmetic_dtype(pred, target)
    entries = shape[:-1] if plan.by_row else shape
    count = entries.numel()
    counted = indices and plan.ignore_index is not None
    if reduction == "mean":
        how = MEAN_OVER_PRESENT if counted and normalizer is None else MEAN_OVER_DIVISOR
        divisor = count if normalizer is None else float(normalizer)
    else:
        how, divisor = (SUM if reduction == "sum" else NONE), 1.0
    if 0.0 < abs(divisor) < INVERTIBLE:
        return eager.evaluate(loop, reduction, wants_pred, wants_target, pred, target, weight, normalizer, parameters)
    value = torch.empty(entries if how == NONE else (), dtype=dtype, device=pred.device)
    d_pred = torch.empty_like(pred, dtype=dtype, memory_format=DENSE) if wants_pred or wants_target else None
    d_target = torch.empty_like(target, dtype=dtype, memory_format=DENSE) if wants_target else None

    kept: list[object] = []  # what is made here and must outlive the call
    fields = operand_of(pred, dtype, kept)
    fields += indices_of(target, kept) if indices else operand_of(target, dtype, kept)
    if weight is not None and not weight.is_cpu:
        raise ValueError(f"weight: expected on cpu like the other operands, got on {weight.device}")
    fields += ABSENT if weight is None else operand_of(weight.expand(entries), dtype, kept)
    constants = [0.0, 0.0, 0.0]
    for k, parameter in enumerate(parameters):
        if isinstance(parameter, Tensor) and parameter.dim():
            fields += operand_of(parameter if plan.by_row else parameter.expand(shape), dtype, kept)
        else:
            constants[k] = float(parameter)
            fields += ABSENT
    fields += ABSENT * (3 - len(parameters))
    task = TASK.pack(
        plan.formula, plan.dimensions, plan.format, count, shape[-1] if plan.by_row or indices else 1,
        dtype == torch.float64, how, plan.measure, indices, counted, plan.ignore_index or 0,
        divisor, plan.label_smoothing, *fields, *constants,
        value.data_ptr(), 0 if d_pred is None else d_pred.data_ptr(), 0 if d_target is None else d_target.data_ptr(),
    )  # fmt: skip
    if plan.shapes is not None:
        task += CONVEX.pack(*plan.shapes, target.shape[-1], plan.hull)
    plan.run(task)
    return Evaluation(value, d_pred, d_target)


def operand_of(tensor: Tensor, dtype: torch.dtype, kept: list[object]) -> Fields:
    """A tensor in place, of any floating dtype and any strides; other dtypes are converted first."""
    kind = KINDS.get(tensor.dtype)
    if kind is None or not eager.as_read(tensor):
        tensor, kind = tensor.to(dtype, copy=True), KINDS[dtype]
        kept.append(tensor)
    if tensor.is_contiguous():
        return tensor.data_ptr(), kind, 0
    layout = array("q", [tensor.dim(), *tensor.shape, *tensor.stride()])
    kept.append(layout)
    return tensor.data_ptr(), kind, layout.buffer_info()[0]


def indices_of(target: Tensor, kept: list[object]) -> Fields:
    """Class indices as the library reads them."""
    target = target.to(torch.int64, copy=not eager.as_read(target)).contiguous()
    kept.append(target)
    return target.data_ptr(), 0, 0


def scaled(derivative: Tensor, upstream: Tensor) -> Tensor:
    """The chain rule's last product, in the derivative's own memory."""
    if upstream.dim():
        return eager.scaled(derivative, upstream)
    factor = upstream.item()
    if factor == 1.0:
        return derivative
    return derivative.mul_(factor) if factor else derivative.zero_()
