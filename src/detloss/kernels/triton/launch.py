"""Launches of the Triton kernels: at most two in the forward pass and one in the backward pass, without a wait."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from detloss.formulas.modifiers import MOST_PARAMETERS as PENALTY_PARAMETERS
from detloss.geometry import FORMATS
from detloss.kernels.interface import (
    BinaryRequest,
    BoxRequest,
    Call,
    ConvexRequest,
    DistributionRequest,
    ElementwiseRequest,
    Evaluation,
    MaskRequest,
    SoftmaxRequest,
    arithmetic_dtype,
    formula_number,
    has_plain_memory,
    to_dtype,
)
from detloss.kernels.triton import formulas
from detloss.kernels.triton.blocks import COUNTERS, prepare, scale
from detloss.kernels.triton.box_kernel import pairs
from detloss.kernels.triton.elementwise_kernel import elements
from detloss.kernels.triton.mask_kernel import masks
from detloss.kernels.triton.softmax_kernel import rows

ARITHMETIC = {torch.float32: triton.language.float32, torch.float64: triton.language.float64}
ELEMENTS, PAIRS = 1024, 256  # per block
PROGRAMS = 4096  # about, for large operands: the last program sums the partial sums of all
MOST_PARAMETERS = 5  # of a formula of elements
SCALE_BLOCK = 1024  # elements that a program counts or scales
LARGEST_TILE = 4096  # classes of a row that is loaded at once
MASK_TILE = 1024  # of a row: three sums are kept per element
LOGITS_PER_WARP = 256  # eight per thread: the work per row is repeated by few threads
ALIGNED = 4  # logits of a load; a thread has more rows of other lengths, and registers for half as many


def serves(call: Call) -> bool:
    """Whether there is a kernel for the request, and at least one element."""
    has_kernel = not isinstance(call.request, ConvexRequest) and formula_number(call.request) is not None
    return has_kernel and call.pred.numel() > 0


def evaluate(call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
    """The loss, weighted and reduced, with the derivatives that are needed, in one pass over the operands."""
    call = call._replace(pred=in_plain_memory(call.pred), target=in_plain_memory(call.target))
    pred, target, loss_shape = call.pred, call.target, call.loss_shape
    weight = scalar(1.0 if call.weight is None else call.weight, pred)
    weights = [] if weight.memory is None else [weight.memory.expand(loss_shape)]
    plan = plan_of(call, weights)
    arguments, count = plan.arguments, loss_shape.numel()
    steps = max(1, count // (plan.block * PROGRAMS))
    programs = triton.cdiv(count, plan.block * steps)
    dtype = arithmetic_dtype(pred, target)
    reduced, mean = call.reduction != "none", call.reduction == "mean"

    value = pred.new_empty(() if reduced else loss_shape, dtype=dtype)
    d_pred = pred.new_empty(pred.shape, dtype=dtype) if needs_pred_gradient else None
    d_target = pred.new_empty(pred.shape, dtype=dtype) if needs_target_gradient else None
    sums = arrivals = counts = None
    if reduced and programs > 1:
        sums, arrivals = pred.new_empty(programs, dtype=torch.float64), pred.new_empty((), dtype=torch.int32)
    counters = min(COUNTERS.value, triton.cdiv(target.numel(), SCALE_BLOCK))
    divisor = scalar(float(count) if call.normalizer is None else call.normalizer, pred)
    if mean and call.normalizer is None and arguments.get("ignore_index") is not None:
        counts = pred.new_empty(counters, dtype=torch.int64)
        divisor, arguments["counters"] = Scalar(0.0, counts), counters

    with torch.cuda.device(pred.get_device()):
        if arrivals is not None or counts is not None:
            prepare[(1 if counts is None else counters,)](
                arguments["target"], counts, arrivals, target.numel(), arguments.get("ignore_index"), block=SCALE_BLOCK
            )
        plan.kernel[(programs,)](
            value=value,
            d_pred=d_pred,
            d_target=d_target,
            sums=sums,
            arrivals=arrivals,
            divisors=divisor.memory,
            divisor=divisor.value,
            weight=weight.value,
            count=count,
            steps=steps,
            columns=plan.columns,
            reduced=reduced,
            mean=mean,
            dtype=ARITHMETIC[dtype],
            block=plan.block,
            enable_fp_fusion=False,  # a fused multiply-add would not have the bits of the other backends
            **weight_arguments(weights, loss_shape, plan.columns),
            **arguments,
        )
    return Evaluation(value, d_pred, d_target)


def scaled(derivative: Tensor, upstream: Tensor, dtype: torch.dtype) -> Tensor:
    """The derivative times the upstream gradient, in place unless another dtype is needed."""
    upstream = in_plain_memory(upstream)
    is_uniform = stride_of(upstream.shape, upstream.stride()) == 0
    with torch.cuda.device(derivative.get_device()):
        scale[(triton.cdiv(derivative.numel(), SCALE_BLOCK),)](
            derivative,
            upstream if is_uniform else upstream.contiguous(),
            derivative.numel(),
            derivative.numel() // upstream.numel(),
            is_uniform=is_uniform,
            block=SCALE_BLOCK,
            enable_fp_fusion=False,
        )
    return to_dtype(derivative, dtype)


class Scalar(NamedTuple):
    """A number as an argument of a kernel: its value, or the device memory that holds it."""

    value: float
    memory: Tensor | None = None


def scalar(value: float | Tensor, pred: Tensor) -> Scalar:
    """The argument of a number or a tensor; values in device memory are not read."""
    if not isinstance(value, Tensor):
        return Scalar(value)
    if value.dim() == 0 and value.device != pred.device:
        return Scalar(value.item())
    return Scalar(0.0, without_booleans(in_plain_memory(value.to(pred.device, non_blocking=True))))


def in_plain_memory(tensor: Tensor) -> Tensor:
    """The tensor, or a copy where kernels cannot read its memory."""
    return tensor if has_plain_memory(tensor) else tensor.to(tensor.dtype, copy=True)


def without_booleans(tensor: Tensor) -> Tensor:
    """A tensor of booleans as one of bytes: a boolean of Triton has one bit."""
    return tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor


# ------------------------------------------------------------------------------------------------- the requests' plans


class Plan(NamedTuple):
    """A kernel, the elements or rows per block, the columns that they are in, and the kernel's own arguments."""

    kernel: Any
    block: int
    columns: int
    arguments: dict[str, Any]


def plan_of(call: Call, weights: Sequence[Tensor]) -> Plan:
    """The plan of a call whose formula has generated code."""
    parameters = [scalar(parameter, call.pred) for parameter in call.parameters]
    if isinstance(call.request, SoftmaxRequest | DistributionRequest):
        return softmax_plan(call, call.request, weights, parameters)
    if isinstance(call.request, MaskRequest):
        return mask_plan(call, call.request, weights, parameters)
    if isinstance(call.request, BoxRequest):
        return box_plan(call, call.request, weights, parameters)
    assert isinstance(call.request, ElementwiseRequest | BinaryRequest)
    return elementwise_plan(call, call.request, weights, parameters)


def elementwise_plan(
    call: Call, request: ElementwiseRequest | BinaryRequest, weights: Sequence[Tensor], parameters: Sequence[Scalar]
) -> Plan:
    """Elements have a column each where classes matter."""
    binary, indices = isinstance(request, BinaryRequest), call.has_indices
    smoothing = request.label_smoothing if isinstance(request, BinaryRequest) else 0.0
    padded = [*parameters, *[Scalar(0.0)] * (MOST_PARAMETERS - len(parameters))]
    shape = call.loss_shape
    spread = [each.memory.expand(shape) for each in padded if each.memory is not None and each.memory.dim()]
    columns = shape[-1] if indices else columns_of(shape, *weights, *spread)
    placed = [placed_parameter(each.memory, shape, columns) for each in padded]
    first, second, third, fourth, fifth = (each.value for each in padded)
    arguments = {
        "pred": call.pred.contiguous(),
        "target": without_booleans(call.target.contiguous()),
        "parameters": tuple(each.tensor for each in placed),
        "parameter_rows": tuple(each.row for each in placed),
        "parameter_columns": tuple(each.column for each in placed),
        "first": first,
        "second": second,
        "third": third,
        "fourth": fourth,
        "fifth": fifth,
        "keep": 1.0 - smoothing,
        "spread": 0.5 * smoothing,
        "formula": getattr(formulas, request.formula.__name__),
        "arity": len(parameters),
        "binary": binary,
        "indices": indices,
        "ignore_index": request.ignore_index if indices and isinstance(request, BinaryRequest) else None,
        "counters": None,
        "num_warps": 8,
    }
    return Plan(elements, ELEMENTS, columns, arguments)


def softmax_plan(
    call: Call, request: SoftmaxRequest | DistributionRequest, weights: Sequence[Tensor], parameters: Sequence[Scalar]
) -> Plan:
    """A block has several whole rows, or a part of one long row at a time."""
    classes, indices, between = call.pred.shape[-1], call.has_indices, isinstance(request, DistributionRequest)
    smoothing = request.label_smoothing if isinstance(request, SoftmaxRequest) else 0.0
    bins = offset = margin = Scalar(0.0)
    if isinstance(request, DistributionRequest):
        bins, parameters = (parameters[0] if parameters else bins), [Scalar(1.0)]
    elif request.is_adjusted:
        *parameters, offset, margin = parameters
        if margin.memory is not None and margin.memory.dim() == 0:
            margin = Scalar(0.0, margin.memory.expand(classes).contiguous())
    whole = classes <= LARGEST_TILE
    tile = triton.next_power_of_2(classes) if whole else LARGEST_TILE
    warps = max(1, tile // LOGITS_PER_WARP)
    block = max(1, LOGITS_PER_WARP // tile // (2 if classes % ALIGNED else 1))
    padded = [*parameters, *[Scalar(0.0)] * (3 - len(parameters))]
    arguments = {
        "pred": call.pred.contiguous(),
        "target": without_booleans(call.target.contiguous()),
        "classes": classes,
        "parameters": tuple(parameter.memory for parameter in padded),
        "parameter_column": int(has_class_values(parameters)),
        "first": padded[0].value,
        "second": padded[1].value,
        "third": padded[2].value,
        "offsets": offset.memory
        if offset.memory is None or offset.memory.dim()
        else None,  # a common one has no effect
        "margins": margin.memory,
        "margin": margin.value,
        "bins": bins.memory,
        "keep": 1.0 - smoothing,
        "spread": smoothing / classes,
        "formula": getattr(formulas, request.formula.__name__),
        "arity": len(parameters) - 1,
        "indices": indices,
        "single": indices and smoothing == 0.0,
        "adjusted": isinstance(request, SoftmaxRequest) and request.is_adjusted,
        "between": between,
        "excess": isinstance(request, DistributionRequest) and request.excess,
        "ignore_index": request.ignore_index if indices and isinstance(request, SoftmaxRequest) else None,
        "counters": None,
        "whole": whole,
        "tile": tile,
        "num_warps": warps,
    }
    return Plan(rows, block, columns_of(call.loss_shape, *weights), arguments)


def mask_plan(call: Call, request: MaskRequest, weights: Sequence[Tensor], parameters: Sequence[Scalar]) -> Plan:
    """A block has several short rows, or one row in parts."""
    elements = call.pred.shape[-1]
    tile = min(triton.next_power_of_2(elements), MASK_TILE)
    warps = max(1, tile // LOGITS_PER_WARP)
    first, second = parameters
    arguments = {
        "pred": call.pred.contiguous(),
        "target": without_booleans(call.target.contiguous()),
        "elements": elements,
        "parameters": (first.memory, second.memory),
        "first": first.value,
        "second": second.value,
        "formula": getattr(formulas, request.formula.__name__),
        "tile": tile,
        "num_warps": warps,
    }
    return Plan(masks, warps * LOGITS_PER_WARP // tile, columns_of(call.loss_shape, *weights), arguments)


def box_plan(call: Call, request: BoxRequest, weights: Sequence[Tensor], parameters: Sequence[Scalar]) -> Plan:
    """Pairs have as few columns as their operands allow, so that expanded operands are not copied."""
    shape, dims, box_format = call.loss_shape, request.geometry.dims, FORMATS[request.geometry.format]
    columns, width = columns_of(shape, call.pred, call.target, *weights), 2 * dims
    pred, target = (strided(operand, shape, columns, width) for operand in (call.pred, call.target))
    padded = [*parameters, *[Scalar(0.0)] * (PENALTY_PARAMETERS - len(parameters))]
    arguments = {
        "pred": pred.tensor,
        "target": target.tensor,
        "pred_row": pred.row,
        "pred_column": pred.column,
        "target_row": target.row,
        "target_column": target.column,
        "parameters": tuple(None if each.memory is None else each.memory.expand(shape).contiguous() for each in padded),
        **{f"parameter{k}": each.value for k, each in enumerate(padded)},
        "arity": len(padded) if request.passes_parameters else 0,
        "geometry": getattr(formulas, str(request.generated_code)),
        "penalty": getattr(formulas, request.formula.__name__),
        "differences_of": getattr(formulas, box_format.differences_of.__name__),
        "derivatives_by": getattr(formulas, box_format.derivatives_by.__name__),
        "measure": request.measure,
        "width": width,
        "padded": triton.next_power_of_2(width),
        "num_warps": 8,
    }
    return Plan(pairs, PAIRS, columns, arguments)


def has_class_values(parameters: Sequence[Scalar]) -> bool:
    """Whether a parameter has one value per class."""
    return any(parameter.memory is not None and parameter.memory.dim() > 0 for parameter in parameters)


def weight_arguments(weights: Sequence[Tensor], shape: Sequence[int], columns: int) -> dict[str, Any]:
    """The arguments of weights in memory, or of none."""
    if not weights:
        return {"weights": None, "weight_row": 0, "weight_column": 0}
    tensor, row, column = strided(weights[0], shape, columns)
    return {"weights": tensor, "weight_row": row, "weight_column": column}


# ------------------------------------------------------------------------------------------------------------- strides


class Strided(NamedTuple):
    """A tensor and the strides of its rows and columns of elements, in units of an element's numbers."""

    tensor: Tensor | None
    row: int
    column: int


def columns_of(shape: Sequence[int], *tensors: Tensor) -> int:
    """The number of columns that the elements need: 1 if every tensor has one stride for all of them."""
    return 1 if all(stride_of(shape, tensor.stride()) is not None for tensor in tensors) else shape[-1]


def strided(tensor: Tensor, shape: Sequence[int], columns: int, unit: int = 1) -> Strided:
    """The strides of a tensor whose first dimensions are the elements; a copy of it if they do not suffice."""
    dims = len(shape) if columns == 1 else len(shape) - 1
    row = stride_of(shape[:dims], tensor.stride())
    column = tensor.stride(dims) if dims < len(shape) and shape[dims] > 1 else 0
    has_dense_numbers = tensor.dim() == len(shape) or tensor.stride(-1) == 1
    if row is None or row % unit or column % unit or not has_dense_numbers:
        return strided(tensor.contiguous(), shape, columns, unit)
    return Strided(tensor, row // unit, column // unit)


def placed_parameter(memory: Tensor | None, shape: Sequence[int], columns: int) -> Strided:
    """A parameter of elements with its strides, which are 0 for a number in memory or as an argument."""
    if memory is None or memory.dim() == 0:
        return Strided(memory, 0, 0)
    return strided(memory.expand(shape), shape, columns)


def stride_of(sizes: Sequence[int], strides: Sequence[int]) -> int | None:
    """The stride of all dimensions as one, None if they have no common one."""
    stride, seen = 0, 1
    for size, own in reversed(list(zip(sizes, strides))):
        if size > 1 and seen == 1:
            stride = own
        elif size > 1 and own != stride * seen:
            return None
        seen *= size
    return stride
