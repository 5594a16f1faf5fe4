"""Fused linear layer and loss: logits are computed chunk by chunk, so they never exist all at once.

The forward pass computes each chunk's loss and adds its derivatives to the gradients of the layer; the backward pass
scales these.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from detloss.engine import autograd, checks, debugging
from detloss.engine.class_checks import OPERANDS, refuse_class_out_of_range
from detloss.kernels import active, kernel_for
from detloss.kernels.eager import primitives
from detloss.kernels.interface import BinaryRequest, Call, ClassRequest, SoftmaxRequest

# Logits per chunk, by backend: eager needs 200 bytes per logit, the others 8. Products of fewer rows are slow.
# Measured on CPUs; not measured on GPUs.
LOGITS_PER_CHUNK = {"eager": 30_000, "cpp": 2**17, "triton": 2**20}
MIN_ROWS = {"cpu": 24, "cuda": 768}


class Layer(NamedTuple):
    """The operands of a linear layer."""

    features: Tensor
    weight: Tensor
    bias: Tensor | None

    def logits(self, dtype: torch.dtype) -> Tensor:
        """The output of the layer."""
        bias = None if self.bias is None else self.bias.to(dtype)
        return nn.functional.linear(self.features.to(dtype), self.weight.to(dtype), bias)


def empty_logits(layer: Layer) -> Tensor:
    """A tensor of the shape, dtype and device of the logits, without memory for them; the layer is checked."""
    features, layer_weight, layer_bias = layer
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
    """The dtype of an operand in a linear layer: autocast converts all dtypes but float64."""
    device = operand.device.type
    autocast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if autocast and operand.dtype != torch.float64 else operand.dtype


def evaluate(
    name: str,
    request: BinaryRequest | SoftmaxRequest,
    logits: Tensor,
    layer: Layer,
    target: Tensor,
    *,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor] = (),
) -> Tensor:
    """Evaluate a loss whose operands and own options have been checked; `logits` are the empty ones."""
    call = autograd.checked_call(name, request, logits, target, OPERANDS, weight, reduction, normalizer, parameters)
    differentiable = torch.is_grad_enabled()
    if (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or debugging.is_validating()
        or call.on_fault
        or (differentiable and (target.requires_grad or (call.weight is not None and call.weight.requires_grad)))
        or logits.shape[:-1].numel() <= rows_per_chunk(layer.weight)
    ):
        return unfused(call, layer)
    if not differentiable:
        return evaluate_chunks(call, layer, (False, False, False), None)[0]
    value: Tensor = LinearLoss.apply(call, *layer, target, call.weight)
    return value


def rows_per_chunk(layer_weight: Tensor) -> int:
    """The number of rows of a chunk."""
    device = layer_weight.device.type
    logits = LOGITS_PER_CHUNK[active(device)]
    return max(MIN_ROWS.get(device, MIN_ROWS["cuda"]), logits // max(len(layer_weight), 1))


def unfused(call: Call, layer: Layer) -> Tensor:
    """The layer, then the loss of all its logits, for everything that chunks do not support."""
    return autograd.run(call._replace(pred=layer.logits(call.pred.dtype)))


class LinearLoss(torch.autograd.Function):
    """Gradients are computed in forward and scaled in backward; a second backward computes them again."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Any) -> Tensor:
        layer, is_reduced = Layer(*tensors[:3]), call.reduction != "none"  # else gradients depend on the upstream one
        needs_gradient = [is_reduced and needed for needed in ctx.needs_input_grad[1:4]]
        value, gradients = evaluate_chunks(call, layer, needs_gradient, None)
        ctx.logits, ctx.options, ctx.gradients = call.pred, call[3:], gradients if is_reduced else None
        ctx.save_for_backward(*tensors)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        *operands, target, weight = ctx.saved_tensors
        call, layer = Call(ctx.logits, target, weight, *ctx.options), Layer(*operands)
        needs_gradient, device = ctx.needs_input_grad[1:4], upstream.device.type
        gradients, ctx.gradients = ctx.gradients, None  # autograd would copy gradients with another reference to them
        has_autocast = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if has_autocast else nullcontext():  # as in the dtype of the logits
            if torch.is_grad_enabled():
                gradients = differentiable_gradients(call, layer, needs_gradient, upstream)
            elif call.reduction == "none":
                _, gradients = evaluate_chunks(call, layer, needs_gradient, upstream)
            else:
                if gradients is None:
                    _, gradients = evaluate_chunks(call, layer, needs_gradient, None)
                if device != "cpu" or upstream != 1:  # the host must not wait for a value of a GPU
                    for gradient in (each for each in gradients if each is not None):
                        gradient.masked_fill_(upstream == 0, 0.0).mul_(upstream)
        return None, *gradients, None, None  # autograd converts them to the dtypes of their operands


def differentiable_gradients(
    call: Call, layer: Layer, needs_gradient: Sequence[bool], upstream: Tensor
) -> list[Tensor | None]:
    """The gradients as differentiable functions of the operands."""
    # Views, because the history of one operand may contain another.
    views: list[Any] = [None if each is None else each.view_as(each) for each in layer]
    loss = unfused(call, Layer(*views))
    needed = [each for each, needs in zip(views, needs_gradient) if needs]
    gradients = iter(torch.autograd.grad(loss, needed, upstream, create_graph=True))
    return [next(gradients) if needs else None for needs in needs_gradient]


def evaluate_chunks(
    call: Call, layer: Layer, needs_gradient: Sequence[bool], upstream: Tensor | None
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss and the gradients that are needed, chunk by chunk; `upstream` is that of an unreduced loss."""
    features, layer_weight, layer_bias = layer
    reduction, normalizer = call.reduction if upstream is None else "sum", call.normalizer
    if reduction == "mean" and normalizer is None:
        normalizer = count_present(call)
    # Derivatives that are scaled later exceed the range of float16; long sums exceed the precision of bfloat16.
    dtype = call.pred.dtype
    slopes = torch.float32 if dtype == torch.float16 else dtype
    sums = torch.promote_types(slopes, torch.float32)
    matrix = layer_weight.to(dtype)
    matrix_of_slopes = matrix.to(slopes)
    bias = None if layer_bias is None else layer_bias.to(dtype)
    d_features = matrix.new_empty(features.shape, dtype=slopes) if needs_gradient[0] else None
    d_weight = matrix.new_zeros(matrix.shape, dtype=sums) if needs_gradient[1] else None
    d_bias = matrix.new_zeros(len(matrix), dtype=sums) if needs_gradient[2] else None
    exact = torch.float64 if matrix.device.type == "cpu" else sums
    value = matrix.new_zeros(call.loss_shape) if reduction == "none" else matrix.new_zeros((), dtype=exact)

    rows, size = features.shape[:-1], rows_per_chunk(layer_weight)
    class_out_of_range = False
    operands = (features, call.target, call.weight, upstream, value, d_features)
    for x, target, weight, arriving, part, d_x in zip(*(chunks(each, rows, size) for each in operands)):
        x = x.to(dtype)
        logits = nn.functional.linear(x, matrix, bias)
        if arriving is not None:
            weight = arriving.to(sums) if weight is None else primitives.weighted(arriving.to(sums), weight)
        chunk = Call(logits, target, weight, normalizer, call.parameters, call.request, reduction)
        evaluation = kernel_for(chunk).evaluate(chunk, any(needs_gradient), False)
        part += evaluation.value
        class_out_of_range |= evaluation.class_out_of_range
        if evaluation.d_pred is None:
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
    if class_out_of_range:
        refuse_class_out_of_range(call)
    return value if reduction == "none" else value.to(sums), [d_features, d_weight, d_bias]


def chunks(operand: Tensor | None, rows: torch.Size, size: int) -> Iterable[Any]:
    """The rows of an operand, chunk by chunk; every chunk has the same scalar, or None."""
    if operand is None or operand.dim() == 0:
        return repeat(operand)
    own = operand.shape[len(rows) :]
    return torch.split(operand.expand(*rows, *own).reshape(rows.numel(), *own), size)


def count_present(call: Call) -> float | Tensor:
    """The default divisor of a mean: the number of logits or rows that are not ignored."""
    ignore_index = call.request.ignore_index if isinstance(call.request, ClassRequest) else None
    if ignore_index is None or not call.has_indices:
        return float(call.loss_shape.numel())
    return (call.target != ignore_index).sum() * (call.loss_shape.numel() // call.target.numel())
