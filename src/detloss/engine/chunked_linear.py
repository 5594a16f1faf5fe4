"""A linear layer and the loss of its logits as one: a chunk of rows at a time, so that all logits never exist at once.

The forward pass turns a chunk's logits into their loss and derivatives, and these into sums for the layer's gradients;
the backward pass hands the sums over.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from detloss.engine import autograd, checks, debugging
from detloss.engine.class_targets import OPERANDS
from detloss.kernels import active, backend_for
from detloss.kernels.eager import primitives
from detloss.kernels.interface import BinaryLoop, RowLoop

# A chunk, by backend: eager makes 200 bytes of each logit, the others 8. Fewer rows would make slow matrix products.
# Measured on CPUs; on GPUs a guess.
LOGITS_AT_ONCE = {"eager": 30_000, "cpp": 2**17, "triton": 2**20}
ROWS_AT_LEAST = {"cpu": 24, "cuda": 768}


def logits_to_be(features: Tensor, layer_weight: Tensor, layer_bias: Tensor | None) -> Tensor:
    """The shape, dtype and device of a layer's logits, the layer checked: one number, expanded."""
    operands = {"features": features, "layer_weight": layer_weight}
    if layer_bias is not None:
        operands["layer_bias"] = layer_bias
    for name, operand in operands.items():
        checks.floating_tensor(name, operand)
        checks.same_device(name, operand, "features", features)
        if dtype_in_layer(operand) != dtype_in_layer(features):
            raise TypeError(f"{name}: expected {features.dtype} like features, got {operand.dtype}")
    if features.dim() < 1:
        raise ValueError("features: expected (..., F), got ()")
    wide, shape = features.shape[-1], tuple(layer_weight.shape)
    if len(shape) != 2 or shape[1] != wide:
        raise ValueError(f"layer_weight: expected (C, {wide}) for features {tuple(features.shape)}, got {shape}")
    if layer_bias is not None and layer_bias.shape != shape[:1]:
        raise ValueError(f"layer_bias: expected {shape[:1]} for layer_weight {shape}, got {tuple(layer_bias.shape)}")
    return features.new_empty((), dtype=dtype_in_layer(features)).expand(*features.shape[:-1], shape[0])


def dtype_in_layer(operand: Tensor) -> torch.dtype:
    """What a linear layer makes of an operand's dtype: autocast changes all but float64."""
    device = operand.device.type
    autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if autocast and operand.dtype != torch.float64 else operand.dtype


@dataclass(frozen=True)
class Request:
    """What is asked for, apart from tensors that gradients could flow to."""

    name: str
    loop: BinaryLoop | RowLoop
    reduction: str
    normalizer: float | Tensor | None
    parameters: tuple[float | Tensor, ...]
    shape: torch.Size  # of the unreduced loss
    dtype: torch.dtype  # of the logits


def evaluate(
    name: str,
    loop: BinaryLoop | RowLoop,
    logits: Tensor,
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
    target: Tensor,
    *,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor] = (),
) -> Tensor:
    """Evaluate a loss whose operands and own options have been checked; `logits` stands for those to be made."""
    checks.reduction(reduction, normalizer)
    shape = logits.shape[:-1] if isinstance(loop, RowLoop) else logits.shape
    factor = None if weight is None else checks.weight(weight, OPERANDS[0], logits, shape)
    divisor = None if normalizer is None else checks.normalizer(normalizer, OPERANDS[0], logits)
    request = Request(name, loop, reduction, divisor, tuple(parameters), shape, logits.dtype)
    tensors = (features, layer_weight, layer_bias, target, factor)
    differentiable = torch.is_grad_enabled()
    if (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or debugging.is_validating()
        or debugging.on_fault_now()
        or (differentiable and (target.requires_grad or (factor is not None and factor.requires_grad)))
        or logits.shape[:-1].numel() <= rows_at_once(layer_weight)
    ):
        return composed(request, *tensors)
    if not differentiable:
        return swept(request, (False, False, False), None, *tensors)[0]
    value: Tensor = EvaluateLinear.apply(request, *tensors)
    return value


def rows_at_once(layer_weight: Tensor) -> int:
    """How many rows make a chunk."""
    device = layer_weight.device.type
    logits = LOGITS_AT_ONCE[active(device)]
    return max(ROWS_AT_LEAST.get(device, ROWS_AT_LEAST["cuda"]), logits // max(len(layer_weight), 1))


def composed(
    request: Request,
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
) -> Tensor:
    """The layer, then the loss of all its logits: there torch and the engine serve whatever is asked for."""
    bias = None if layer_bias is None else layer_bias.to(request.dtype)
    return autograd.evaluate(
        request.name,
        request.loop,
        nn.functional.linear(features.to(request.dtype), layer_weight.to(request.dtype), bias),
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=request.reduction,
        normalizer=request.normalizer,
        parameters=request.parameters,
    )


class EvaluateLinear(torch.autograd.Function):
    """The forward pass makes the gradients too, the backward pass hands them over; asked again, it makes them again."""

    @staticmethod
    def forward(ctx: Any, request: Request, *tensors: Any) -> Tensor:
        reduced = request.reduction != "none"  # else the gradients depend on what arrives from behind
        value, gradients = swept(request, [reduced and needed for needed in ctx.needs_input_grad[1:4]], None, *tensors)
        ctx.request, ctx.gradients = request, gradients if reduced else None
        ctx.save_for_backward(*tensors)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        request, wants, device = ctx.request, ctx.needs_input_grad[1:4], upstream.device.type
        gradients, ctx.gradients = ctx.gradients, None  # autograd would copy what is referred to elsewhere
        has_autocast = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if has_autocast else nullcontext():  # what it was is in the request
            if torch.is_grad_enabled():
                gradients = derived(request, wants, upstream, *ctx.saved_tensors)
            elif request.reduction == "none":
                _, gradients = swept(request, wants, upstream, *ctx.saved_tensors)
            else:
                if gradients is None:
                    _, gradients = swept(request, wants, None, *ctx.saved_tensors)
                if device != "cpu" or upstream != 1:  # a host never waits for a GPU's number
                    for gradient in (each for each in gradients if each is not None):
                        gradient.masked_fill_(upstream == 0, 0.0).mul_(upstream)
        return None, *gradients, None, None  # autograd itself brings them to their operands' dtypes


def derived(request: Request, wants: Sequence[bool], upstream: Tensor, *tensors: Any) -> list[Tensor | None]:
    """The gradients as functions of the operands, to be derived again."""
    # Views, because the history of one operand may lead to another.
    layer: list[Any] = [None if each is None else each.view_as(each) for each in tensors[:3]]
    loss = composed(request, *layer, *tensors[3:])
    wanted = [each for each, want in zip(layer, wants) if want]
    gradients = iter(torch.autograd.grad(loss, wanted, upstream, create_graph=True))
    return [next(gradients) if want else None for want in wants]


def swept(
    request: Request,
    wants: Sequence[bool],
    upstream: Tensor | None,
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss and the gradients that are wanted, chunk by chunk; `upstream` arrives at the unreduced loss."""
    reduction, normalizer = request.reduction if upstream is None else "sum", request.normalizer
    if reduction == "mean" and normalizer is None:
        normalizer = counted(request, features, target)
    # Gradients that are still to be scaled need more range than float16 has, long sums more digits than bfloat16.
    slopes = torch.float32 if request.dtype == torch.float16 else request.dtype
    sums = torch.promote_types(slopes, torch.float32)
    matrix = layer_weight.to(request.dtype)
    matrix_of_slopes = matrix.to(slopes)
    bias = None if layer_bias is None else layer_bias.to(request.dtype)
    d_features = matrix.new_empty(features.shape, dtype=slopes) if wants[0] else None
    d_weight = matrix.new_zeros(matrix.shape, dtype=sums) if wants[1] else None
    d_bias = matrix.new_zeros(len(matrix), dtype=sums) if wants[2] else None
    exact = torch.float64 if matrix.device.type == "cpu" else sums
    value = matrix.new_zeros(request.shape) if reduction == "none" else matrix.new_zeros((), dtype=exact)

    rows, size = features.shape[:-1], rows_at_once(layer_weight)
    operands = (features, target, weight, upstream, value, d_features)
    for x, t, w, arriving, part, d_x in zip(*(chunks(each, rows, size) for each in operands)):
        x = x.to(request.dtype)
        logits = nn.functional.linear(x, matrix, bias)
        if arriving is not None:
            w = arriving.to(sums) if w is None else primitives.weighted(arriving.to(sums), w)
        evaluation = backend_for(request.loop, logits, t, w).evaluate(
            request.loop, reduction, any(wants), False, logits, t, w, normalizer, request.parameters
        )
        part += evaluation.value
        if not any(wants):
            continue
        d_logits = evaluation.d_pred.to(slopes)
        if d_x is not None:
            torch.mm(d_logits, matrix_of_slopes, out=d_x)
        if d_weight is not None and slopes == sums:
            d_weight.addmm_(d_logits.mT, x.to(slopes))
        elif d_weight is not None:
            d_weight += d_logits.mT @ x
        if d_bias is not None:
            d_bias += evaluation.d_pred.sum(0)
    return value if reduction == "none" else value.to(sums), [d_features, d_weight, d_bias]


def chunks(operand: Tensor | None, rows: torch.Size, size: int) -> Iterable[Any]:
    """An operand's rows, so many at a time; a number, or None, serves every chunk."""
    if operand is None or operand.dim() == 0:
        return repeat(operand)
    own = operand.shape[len(rows) :]
    return torch.split(operand.expand(*rows, *own).reshape(rows.numel(), *own), size)


def counted(request: Request, features: Tensor, target: Tensor) -> float | Tensor:
    """What a mean divides by unless it is told: the number of entries that are not ignored."""
    if request.loop.ignore_index is None or target.dim() == features.dim():
        return float(request.shape.numel())
    return (target != request.loop.ignore_index).sum() * (request.shape.numel() // target.numel())
