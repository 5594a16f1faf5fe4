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
from detloss.geometry import FORMATS, Cuboid, Polygon, Polytope, Rotated, Shape
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
REQUEST = struct.Struct("=6q d")  # the fields of `Task` in task.h that a request determines
CALL = struct.Struct(f"=5q d 12q {MOST_PARAMETERS}d")  # those that a call determines, apart from
PARAMETER = struct.Struct("=3q")  # the operand of a parameter that is not a scalar
ROWS = struct.Struct("=8q d")  # the fields that `RowTask` adds
CONVEX = struct.Struct("=4q")  # the fields that `ConvexTask` adds
SHAPES = (Rotated(), Polygon(), Cuboid(), Polytope())
MAX_VERTICES, MAX_CORNERS = 64, 16  # of a polygon, of a polytope
KINDS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}
MEAN_OVER_DIVISOR, MEAN_OVER_PRESENT = 2, 3
REDUCTIONS = {"none": 0, "sum": 1, "mean": MEAN_OVER_DIVISOR}
PLAIN_ROWS, ADJUSTED_ROWS, ROWS_OF_BINS = range(3)
CLASS_OUT_OF_RANGE = 2  # the status of a run
INVERTIBLE = 2.0**-126  # the inverse of a smaller number is infinite in float32

# `empty_like` one of these takes half as long as `empty`.
SCALARS = {dtype: torch.empty((), dtype=dtype, device="cpu") for dtype in (torch.float32, torch.float64)}
Fields = tuple[int, ...]  # of an operand: the address of its data, its kind, the address of its layout
ABSENT: Fields = (0, 0, 0)
NO_CONSTANTS = (0.0,) * MOST_PARAMETERS
NO_OPERANDS = bytes(MOST_PARAMETERS * PARAMETER.size)


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
    """The kernel of a request: a function of the library, and what the request determines of its tasks."""

    run: Callable[[bytes], int]  # of the library
    fields: bytes  # packed
    by_row: bool = False
    parameters_per_class: bool = False  # else one that is not a scalar has one value per element or pair of boxes
    ignores: bool = False
    rows: int = PLAIN_ROWS
    excess: bool = False
    shapes: tuple[int, int] | None = None  # of convex shapes
    hull: bool = False

    def evaluate(self, call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
        """The loss, weighted and reduced, with the derivatives that are needed, in one pass."""
        pred, target, weight, normalizer, parameters, _, reduction = call[:7]
        shape, indices = pred.shape, target.dim() < pred.dim() and self.rows != ROWS_OF_BINS
        dtype = arithmetic_dtype(pred, target)
        loss_shape = shape[:-1] if self.by_row else shape
        count = loss_shape.numel()
        kind, divisor = REDUCTIONS[reduction], 1.0
        if kind == MEAN_OVER_DIVISOR:
            if normalizer is not None:
                divisor = float(normalizer)
            elif indices and self.ignores:
                kind = MEAN_OVER_PRESENT
            else:
                divisor = count
            if 0.0 < abs(divisor) < INVERTIBLE:
                return eager.evaluate(call, needs_pred_gradient, needs_target_gradient)
        value = torch.empty_like(SCALARS[dtype]) if kind else torch.empty(loss_shape, dtype=dtype, device=pred.device)
        d_pred = derivative_of(pred, dtype) if needs_pred_gradient or needs_target_gradient else None
        d_target = derivative_of(target, dtype) if needs_target_gradient else None

        kept: list[object] = []  # temporary objects that must outlive the call of the library
        weight_fields = ABSENT
        if weight is not None:
            if not weight.is_cpu:
                raise ValueError(f"weight: expected device cpu (same as the other operands), got {weight.device}")
            weight_fields = operand_of(weight if weight.shape == loss_shape else weight.expand(loss_shape), dtype, kept)
        parameters, adjustments = (parameters[:-2], parameters[-2:]) if self.rows == ADJUSTED_ROWS else (parameters, ())
        constants, operands = [*parameters, *NO_CONSTANTS[len(parameters) :]], NO_OPERANDS
        for k, parameter in enumerate(parameters):
            if isinstance(parameter, Tensor) and parameter.dim():
                expanded = parameter if self.parameters_per_class else parameter.expand(loss_shape)
                before, after = operands[: k * PARAMETER.size], operands[(k + 1) * PARAMETER.size :]
                operands = before + PARAMETER.pack(*operand_of(expanded, dtype, kept)) + after
                constants[k] = 0.0
        task = self.fields + CALL.pack(
            count, shape[-1] if self.by_row or indices else 1, dtype == torch.float64, kind, indices, divisor,
            value.data_ptr(), 0 if d_pred is None else d_pred.data_ptr(),
            0 if d_target is None else d_target.data_ptr(),
            *operand_of(pred, dtype, kept),
            *(indices_of(target, kept) if indices else operand_of(target, dtype, kept)),
            *weight_fields, *constants,
        ) + operands  # fmt: skip
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
            return Plan(library.detloss_elements, request_fields(number))
        case BinaryRequest(_, ignore_index, smoothing):
            fields = request_fields(number, ignore_index=ignore_index, label_smoothing=smoothing)
            return Plan(library.detloss_binary, fields, ignores=ignore_index is not None)
        case SoftmaxRequest(_, ignore_index, smoothing, is_adjusted):
            run = library.detloss_special_rows if is_adjusted else library.detloss_rows
            fields = request_fields(number, ignore_index=ignore_index, label_smoothing=smoothing)
            kind, ignores = ADJUSTED_ROWS if is_adjusted else PLAIN_ROWS, ignore_index is not None
            return Plan(run, fields, by_row=True, parameters_per_class=True, ignores=ignores, rows=kind)
        case DistributionRequest(_, excess):
            run, fields = library.detloss_special_rows, request_fields(number)
            return Plan(run, fields, by_row=True, parameters_per_class=True, rows=ROWS_OF_BINS, excess=excess)
        case MaskRequest():
            return Plan(library.detloss_masks, request_fields(number), by_row=True)
        case BoxRequest(_, geometry, measure):
            fields = request_fields(number, geometry.dims, list(FORMATS).index(geometry.format), measure)
            return Plan(library.detloss_pairs, fields, by_row=True)
        case ConvexRequest(_, (first, second), enclosing, measure):
            if INNER.isdisjoint(request.needs) and are_served(first, second):
                fields, shapes = request_fields(number, measure=measure), (SHAPES.index(first), SHAPES.index(second))
                return Plan(library.detloss_convex, fields, by_row=True, shapes=shapes, hull=enclosing == "hull")
    return None


def are_served(first: Shape, second: Shape) -> bool:
    """Whether the library has a loop over pairs of these shapes; a cuboid and a polytope are not such a pair."""
    return first in SHAPES and second in SHAPES and (first == Polytope()) == (second == Polytope())


def kernel_for(call: Call) -> Plan | None:
    """The plan that serves a call, None if there is none or no operand has memory."""
    if call.pred.numel() == 0:
        return None
    plan = plan_of(call.request)
    if plan is not None and plan.shapes is not None:
        most = 3 * MAX_CORNERS if SHAPES[plan.shapes[0]] == Polytope() else 2 * MAX_VERTICES
        return plan if max(call.pred.shape[-1], call.target.shape[-1]) <= most else None
    return plan


def request_fields(
    formula: int,
    dimensions: int = 0,
    box_format: int = 0,
    measure: bool = False,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> bytes:
    """The fields of a task that its request determines, packed."""
    ignores = ignore_index is not None
    return REQUEST.pack(formula, dimensions, box_format, measure, ignores, ignore_index or 0, label_smoothing)


def derivative_of(operand: Tensor, dtype: torch.dtype) -> Tensor:
    """Uninitialized, contiguous memory; `empty_like` without options takes half as long."""
    if operand.dtype == dtype and operand.is_contiguous():
        return torch.empty_like(operand)
    return torch.empty_like(operand, dtype=dtype, memory_format=torch.contiguous_format)


def rounded_product(derivative: Tensor, factor: float, dtype: torch.dtype) -> Tensor:
    """A float32 derivative times a factor, rounded to 16 bits, in one pass."""
    assert library is not None
    result = torch.empty_like(derivative, dtype=dtype)
    library.detloss_scale(derivative.data_ptr(), factor, derivative.numel(), KINDS[dtype], result.data_ptr())
    return result


def operand_of(tensor: Tensor, dtype: torch.dtype, kept: list[object]) -> Fields:
    """A tensor of any floating dtype and strides, without a copy; other dtypes are converted first."""
    address, kind = tensor.data_ptr(), KINDS.get(tensor.dtype)
    if kind is None or not address or tensor.is_neg():
        tensor = tensor.to(dtype, copy=True)
        kept.append(tensor)
        address, kind = tensor.data_ptr(), KINDS[dtype]
    if tensor.is_contiguous():
        return address, kind, 0
    layout = array("q", [tensor.dim(), *tensor.shape, *tensor.stride()])
    kept.append(layout)
    return address, kind, layout.buffer_info()[0]


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
