"""The fused backends as one custom operator, which compilers put into their graphs unchanged.

The arguments of an operator are tensors and numbers, so a request is passed as the numbers of its type and formula.
"""

from typing import cast

import torch
from torch import Tensor

from detloss.geometry import AxisAligned
from detloss.kernels import active, kernel_for
from detloss.kernels.interface import (
    BY_ROW,
    GENERATED,
    BinaryRequest,
    BoxRequest,
    Call,
    DistributionRequest,
    ElementwiseRequest,
    Evaluation,
    MaskRequest,
    Request,
    SoftmaxRequest,
    arithmetic_dtype,
    formula_number,
)
from detloss.types import BoxFormat

REQUESTS = (  # of every fused backend
    ElementwiseRequest,
    BinaryRequest,
    SoftmaxRequest,
    DistributionRequest,
    BoxRequest,
    MaskRequest,
)


def serves(call: Call) -> bool:
    """Whether a fused backend of the device serves the request."""
    is_fused = active(call.pred.device.type) != "eager" and isinstance(call.request, REQUESTS)
    return is_fused and formula_number(call.request) is not None


def evaluate(call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
    """The loss and its derivatives, as one node of a graph."""
    request, normalizer = call.request, call.normalizer
    number = formula_number(request)
    assert isinstance(request, REQUESTS)
    assert number is not None
    geometry = request.geometry if isinstance(request, BoxRequest) else AxisAligned()
    value, d_pred, d_target = evaluate_in_graph(
        call.pred,
        call.target,
        call.weight,
        None if normalizer is None else as_tensor(normalizer),
        [as_tensor(parameter) for parameter in call.parameters],
        REQUESTS.index(type(request)),
        number,
        geometry.format,
        geometry.dims,
        request.measure if isinstance(request, BoxRequest) else False,
        request.ignore_index if isinstance(request, BinaryRequest | SoftmaxRequest) else None,
        request.label_smoothing if isinstance(request, BinaryRequest | SoftmaxRequest) else 0.0,
        request.is_adjusted if isinstance(request, SoftmaxRequest) else False,
        request.excess if isinstance(request, DistributionRequest) else False,
        call.reduction,
        needs_pred_gradient,
        needs_target_gradient,
    )
    return Evaluation(value, d_pred if needs_pred_gradient else None, d_target if needs_target_gradient else None)


def as_tensor(value: float | Tensor) -> Tensor:
    """A number as a tensor in CPU memory."""
    return value if isinstance(value, Tensor) else torch.full((), value, dtype=torch.float64, device="cpu")


def as_number(value: Tensor) -> float | Tensor:
    """The number of a tensor in CPU memory: a kernel for one exponent of all entries does not read it from memory."""
    return value.item() if value.dim() == 0 and value.device.type == "cpu" else value


@torch.library.custom_op("detloss::evaluate", mutates_args=())
def evaluate_in_graph(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: Tensor | None,
    parameters: list[Tensor],
    request_type: int,
    formula: int,
    box_format: str,
    dims: int,
    measure: bool,
    ignore_index: int | None,
    label_smoothing: float,
    is_adjusted: bool,
    excess: bool,
    reduction: str,
    needs_pred_gradient: bool,
    needs_target_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Value and derivatives; those that are not needed are empty."""
    kind = REQUESTS[request_type]
    function = GENERATED[kind][formula]
    request: Request
    if kind is BoxRequest:
        request = BoxRequest(function, AxisAligned(cast(BoxFormat, box_format), dims), measure)
    elif kind is BinaryRequest:
        request = BinaryRequest(function, ignore_index, label_smoothing)
    elif kind is SoftmaxRequest:
        request = SoftmaxRequest(function, ignore_index, label_smoothing, is_adjusted)
    elif kind is DistributionRequest:
        request = DistributionRequest(function, excess)
    else:
        request = MaskRequest(function) if kind is MaskRequest else ElementwiseRequest(function)
    call = Call(pred, target, weight, normalizer, [*map(as_number, parameters)], request, reduction)
    evaluation = kernel_for(call).evaluate(call, needs_pred_gradient, needs_target_gradient)
    value, d_pred, d_target = (pred.new_empty(0) if part is None else part for part in evaluation[:3])
    return value, d_pred, d_target


@evaluate_in_graph.register_fake
def _(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: Tensor | None,
    parameters: list[Tensor],
    request_type: int,
    formula: int,
    box_format: str,
    dims: int,
    measure: bool,
    ignore_index: int | None,
    label_smoothing: float,
    is_adjusted: bool,
    excess: bool,
    reduction: str,
    needs_pred_gradient: bool,
    needs_target_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dtype = arithmetic_dtype(pred, target)
    loss_shape = pred.shape[:-1] if REQUESTS[request_type] in BY_ROW else pred.shape
    gradients = [
        pred.new_empty(pred.shape if needed else (0,), dtype=dtype)
        for needed in (needs_pred_gradient, needs_target_gradient)
    ]
    return pred.new_empty(loss_shape if reduction == "none" else (), dtype=dtype), gradients[0], gradients[1]
