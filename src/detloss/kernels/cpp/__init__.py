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

from detloss.formulas.measures import INNER
from detloss.geometry import FORMATS, Polygon, Rotated
from detloss.kernels import eager
from detloss.kernels.interface import (
    BinaryRequest,
    BoxRequest,
    Call,
    ConvexRequest,
    DistributionRequest,
    ElementwiseRequest,
    Evaluation,
    MaskRequest,
    Request,
    SoftmaxRequest,
    arithmetic_dtype,
    formula_number,
    has_plain_memory,
    to_dtype,
)

MOST_PARAMETERS = 7  # of a formula
TASK = struct.Struct(f"=11q 2d {3 * (3 + MOST_PARAMETERS)}q {MOST_PARAMETERS}d 3q")  # `Task` of task.h, field by field
ROWS = struct.Struct("=8q d")  # the fields that `RowTask` adds
CONVEX = struct.Struct("=4q")  # the fields that `ConvexTask` adds
SHAPES = (Rotated, Polygon)
MAX_VERTICES = 64  # of a polygon
KINDS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
NONE, SUM, MEAN_OVER_DIVISOR, MEAN_OVER_PRESENT = range(4)
PLAIN_ROWS, ADJUSTED_ROWS, ROWS_OF_BINS = range(3)
CLASS_OUT_OF_RANGE = 2  # the status of a run
INVERTIBLE = 2.0**-126  # the inverse of a smaller number is infinite in float32

DENSE = torch.contiguous_format
Fields = tuple[int, ...]  # of an operand: the address of its data, its kind, the address of its layout
ABSENT: Fields = (0, 0, 0)


def find_library() -> ctypes.CDLL | None:
    """The library, started with an instruction set and torch's threads; None if it was not built."""
    path = next((Path(__file__).parent / "built").glob("libdetloss*"), None)
    if path is None:
        return None
    library = ctypes.CDLL(str(path))
    torch_library = next((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*"), None)
    threads = getattr(ctypes.CDLL(str(torch_library)), "torch_parallel_for", None) if torch_library else None
    library.detloss_start.restype = ctypes.c_char_p
    library.detloss_scale.argtypes = ctypes.c_void_p, ctypes.c_double, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
    library.detloss_scale.restype = None
    isa = os.environ.get("DETLOSS_ISA", "")
    if library.detloss_start(isa.encode(), ctypes.cast(threads, ctypes.c_void_p) if threads else None) is None:
        raise ValueError(f"DETLOSS_ISA: expected an instruction set of this processor, v2, v3 or v4, got {isa!r}")
    return library


library = find_library()


class Plan(NamedTuple):
    """The kernel of a request: a function of the library, and the fields of a task that the request determines."""

    run: Callable[[bytes], int]  # of the library
    formula: int
    dimensions: int = 0
    format: int = 0
    measure: bool = False
    by_row: bool = False
    label_smoothing: float = 0.0
    ignore_index: int | None = None
    rows: int = PLAIN_ROWS
    excess: bool = False
    shapes: tuple[int, int] | None = None  # of convex shapes
    hull: bool = False

    def evaluate(self, call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
        """The loss, weighted and reduced, with the derivatives that are needed, in one pass."""
        pred, target, weight, normalizer, parameters = call[:5]
        shape, indices = pred.shape, target.dim() < pred.dim() and self.rows != ROWS_OF_BINS
        dtype = arithmetic_dtype(pred, target)
        loss_shape = shape[:-1] if self.by_row else shape
        count = loss_shape.numel()
        ignores = indices and self.ignore_index is not None
        if call.reduction == "mean":
            reduction = MEAN_OVER_PRESENT if ignores and normalizer is None else MEAN_OVER_DIVISOR
            divisor = count if normalizer is None else float(normalizer)
        else:
            reduction, divisor = (SUM if call.reduction == "sum" else NONE), 1.0
        if 0.0 < abs(divisor) < INVERTIBLE:
            return eager.evaluate(call, needs_pred_gradient, needs_target_gradient)
        needs_gradient = needs_pred_gradient or needs_target_gradient
        value = torch.empty(loss_shape if reduction == NONE else (), dtype=dtype, device=pred.device)
        d_pred = torch.empty_like(pred, dtype=dtype, memory_format=DENSE) if needs_gradient else None
        d_target = torch.empty_like(target, dtype=dtype, memory_format=DENSE) if needs_target_gradient else None

        kept: list[object] = []  # temporary objects that must outlive the call of the library
        fields = operand_of(pred, dtype, kept)
        fields += indices_of(target, kept) if indices else operand_of(target, dtype, kept)
        if weight is not None and not weight.is_cpu:
            raise ValueError(f"weight: expected device cpu (same as the other operands), got {weight.device}")
        fields += ABSENT if weight is None else operand_of(weight.expand(loss_shape), dtype, kept)
        parameters, adjustments = (parameters[:-2], parameters[-2:]) if self.rows == ADJUSTED_ROWS else (parameters, ())
        constants = [0.0] * MOST_PARAMETERS
        for k, parameter in enumerate(parameters):
            if isinstance(parameter, Tensor) and parameter.dim():
                per_class = self.by_row and not self.dimensions  # else there is one value per element or pair of boxes
                fields += operand_of(parameter if per_class else parameter.expand(loss_shape), dtype, kept)
            else:
                constants[k] = float(parameter)
                fields += ABSENT
        fields += ABSENT * (MOST_PARAMETERS - len(parameters))
        task = TASK.pack(
            self.formula, self.dimensions, self.format, count, shape[-1] if self.by_row or indices else 1,
            dtype == torch.float64, reduction, self.measure, indices, ignores, self.ignore_index or 0,
            divisor, self.label_smoothing, *fields, *constants,
            value.data_ptr(), 0 if d_pred is None else d_pred.data_ptr(),
            0 if d_target is None else d_target.data_ptr(),
        )  # fmt: skip
        if self.rows != PLAIN_ROWS:
            task += ROWS.pack(self.rows, self.excess, *adjustment_fields(adjustments, dtype, kept))
        if self.shapes is not None:
            task += CONVEX.pack(*self.shapes, target.shape[-1], self.hull)
        return Evaluation(value, d_pred, d_target, self.run(task) == CLASS_OUT_OF_RANGE)

    def scaled(self, derivative: Tensor, upstream: Tensor, dtype: torch.dtype) -> Tensor:
        """The derivative times the upstream gradient; one that keeps its dtype is multiplied in place by a scalar."""
        if upstream.dim():
            return eager.scaled(derivative, upstream, dtype)
        factor = upstream.item()
        if not factor:
            derivative.zero_()
        elif derivative.dtype == torch.float32 and dtype != torch.float32 and derivative.is_contiguous():
            return rounded_product(derivative, factor, dtype)
        elif factor != 1.0:
            derivative.mul_(factor)
        return to_dtype(derivative, dtype)


@functools.cache
def plan_of(request: Request) -> Plan | None:
    """The plan of a request, None without generated code."""
    assert library is not None
    number = formula_number(request)
    if number is None:
        return None
    match request:
        case ElementwiseRequest():
            return Plan(library.detloss_elements, number)
        case BinaryRequest(_, ignore_index, smoothing):
            return Plan(library.detloss_binary, number, label_smoothing=smoothing, ignore_index=ignore_index)
        case SoftmaxRequest(_, ignore_index, smoothing, is_adjusted):
            run = library.detloss_special_rows if is_adjusted else library.detloss_rows
            kind = ADJUSTED_ROWS if is_adjusted else PLAIN_ROWS
            return Plan(run, number, by_row=True, label_smoothing=smoothing, ignore_index=ignore_index, rows=kind)
        case DistributionRequest(_, excess):
            return Plan(library.detloss_special_rows, number, by_row=True, rows=ROWS_OF_BINS, excess=excess)
        case MaskRequest():
            return Plan(library.detloss_masks, number, by_row=True)
        case BoxRequest(_, geometry, measure):
            box_format = list(FORMATS).index(geometry.format)
            return Plan(library.detloss_pairs, number, geometry.dims, box_format, measure, by_row=True)
        case ConvexRequest(_, (first, second), enclosing, measure):
            if INNER.isdisjoint(request.needs) and isinstance(first, SHAPES) and isinstance(second, SHAPES):
                shapes = SHAPES.index(type(first)), SHAPES.index(type(second))
                hull = enclosing == "hull"
                return Plan(library.detloss_convex, number, measure=measure, by_row=True, shapes=shapes, hull=hull)
    return None


def kernel_for(call: Call) -> Plan | None:
    """The plan that serves a call, None if there is none or no operand has memory."""
    if call.pred.numel() == 0:
        return None
    plan = plan_of(call.request)
    if plan is not None and plan.shapes is not None:
        width = max(call.pred.shape[-1], call.target.shape[-1])
        return plan if width <= 2 * MAX_VERTICES else None
    return plan


def rounded_product(derivative: Tensor, factor: float, dtype: torch.dtype) -> Tensor:
    """A float32 derivative times a factor, rounded to 16 bits, in one pass."""
    assert library is not None
    result = torch.empty_like(derivative, dtype=dtype)
    library.detloss_scale(derivative.data_ptr(), factor, derivative.numel(), KINDS[dtype], result.data_ptr())
    return result


def operand_of(tensor: Tensor, dtype: torch.dtype, kept: list[object]) -> Fields:
    """A tensor of any floating dtype and strides, without a copy; other dtypes are converted first."""
    kind = KINDS.get(tensor.dtype)
    if kind is None or not has_plain_memory(tensor):
        tensor, kind = tensor.to(dtype, copy=True), KINDS[dtype]
        kept.append(tensor)
    if tensor.is_contiguous():
        return tensor.data_ptr(), kind, 0
    layout = array("q", [tensor.dim(), *tensor.shape, *tensor.stride()])
    kept.append(layout)
    return tensor.data_ptr(), kind, layout.buffer_info()[0]


def adjustment_fields(
    adjustments: Sequence[float | Tensor], dtype: torch.dtype, kept: list[object]
) -> tuple[float, ...]:
    """The operands of an offset and a margin, and the margin of all classes; a common offset changes nothing."""
    fields, common = ABSENT * 2, 0.0
    if adjustments:
        offset, margin = (
            operand_of(each, dtype, kept) if isinstance(each, Tensor) and each.dim() else ABSENT for each in adjustments
        )
        fields, common = offset + margin, float(adjustments[1]) if margin == ABSENT else 0.0
    return *fields, common


def indices_of(target: Tensor, kept: list[object]) -> Fields:
    """Class indices as contiguous int64."""
    target = target.to(torch.int64, copy=not has_plain_memory(target)).contiguous()
    kept.append(target)
    return target.data_ptr(), 0, 0
