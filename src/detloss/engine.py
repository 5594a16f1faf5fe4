"""The way of every loss: checked arguments -> one autograd function -> the backend of the device -> the reduction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detloss import arguments, diagnosis
from detloss.kernels import backend_for, eager, words
from detloss.kernels.loops import Loop, PairLoop, RowLoop


@dataclass(frozen=True)
class Request:
    """What is asked for, apart from tensors."""

    name: str
    operands: tuple[str, str]
    loop: Loop
    reduction: str
    wants_target: bool
    on_fault: str | None


def evaluate(
    name: str,
    loop: Loop,
    pred: Tensor,
    target: Tensor,
    *,
    operands: tuple[str, str],
    weight: float | Tensor | None = None,
    reduction: str,
    normalizer: float | Tensor | None = None,
    parameters: Sequence[float | Tensor] = (),
) -> Tensor:
    """Evaluate a loss whose operands and own options have been checked."""
    arguments.reduction(reduction, normalizer)
    rows = isinstance(loop, RowLoop | PairLoop)
    shape = pred.shape[:-1] if rows else pred.shape
    factor = None if weight is None else arguments.weight(weight, operands[0], pred, shape)
    divisor = None if normalizer is None else arguments.normalizer(normalizer, operands[0], pred)
    dtype = eager.arithmetic_dtype(pred, target)
    constants = [
        value.to(dtype=dtype, device=pred.device)
        if isinstance(value, Tensor)
        else torch.full((), value, dtype=dtype, device=pred.device)
        for value in parameters
    ]
    request = Request(
        name, operands, loop, reduction, target.is_floating_point() and target.requires_grad, diagnosis.on_fault_now()
    )
    if diagnosis.is_validating():
        diagnosis.validate(request, pred, target, factor, divisor)
    differentiable = torch.is_grad_enabled() and any(
        operand is not None and operand.requires_grad for operand in (pred, target, factor)
    )
    # Dynamo miscalls an autograd function that nothing asks a gradient of, so there it is left out.
    run = Evaluate.apply if differentiable or not torch.compiler.is_compiling() else Evaluate.forward
    value: Tensor = run(request, pred, target, factor, divisor, *constants)[0]
    if request.on_fault:
        diagnosis.examine_value(request, value, pred, target, factor, divisor, constants)
    return value


class Evaluate(torch.autograd.Function):
    """The only autograd function: the forward pass makes the derivatives too, the backward pass hands them over."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        request: Request,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None,
        normalizer: Tensor | None,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        backend = backend_for(pred)
        evaluation = backend.evaluate(
            request.loop, request.reduction, request.wants_target, pred, target, weight, normalizer, parameters
        )
        sixteen_bits = pred.dtype in (torch.bfloat16, torch.float16)
        dtype = torch.float32 if sixteen_bits and request.reduction != "none" else pred.dtype
        return evaluation.value.to(dtype), evaluation.d_pred, evaluation.d_target

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        request, *tensors = inputs
        _, *derivatives = output
        ctx.request = request
        ctx.mark_non_differentiable(*[derivative for derivative in derivatives if derivative is not None])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *derivatives)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *_of_derivatives: None) -> tuple[Tensor | None, ...]:
        pred, target, weight, normalizer, *parameters, d_pred, d_target = ctx.saved_tensors
        _, needs_pred, needs_target, needs_weight, *_ = ctx.needs_input_grad
        if upstream is None:
            return (None,) * (5 + len(parameters))
        request = ctx.request
        inputs = (pred, target, weight, normalizer, parameters)
        if torch.is_grad_enabled() or (needs_target and d_target is None):  # derivatives that can be derived again
            _, d_pred, d_target = eager.evaluate(request.loop, request.reduction, needs_target, *inputs)
        grad_pred = chained(upstream, d_pred).to(pred.dtype) if needs_pred else None
        grad_target = chained(upstream, d_target).to(target.dtype) if needs_target else None
        grad_weight: Tensor | None = None
        if needs_weight:
            each = eager.by_weight(request.loop, request.reduction, pred, target, normalizer, parameters)
            grad_weight = (upstream.to(each.dtype) * each).sum_to_size(weight.shape).to(weight.dtype)
        if request.on_fault:
            diagnosis.examine_gradients(request, upstream, grad_pred, grad_target, *inputs)
        return (None, grad_pred, grad_target, grad_weight, None, *[None] * len(parameters))


def chained(upstream: Tensor, derivative: Tensor) -> Tensor:
    """The chain rule's last product, in the precision of the arithmetic; what is not asked for stays absent."""
    factor = upstream.to(derivative.dtype)
    return words.weighted(factor.unsqueeze(-1) if factor.dim() == derivative.dim() - 1 else factor, derivative)
