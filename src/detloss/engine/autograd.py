"""Autograd functions of all losses: evaluate a checked call on its backend and register its gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from detloss.engine import checks, debugging
from detloss.engine.class_checks import refuse_class_out_of_range
from detloss.kernels import compiled, eager, kernel_for
from detloss.kernels.interface import BY_ROW, Call, Evaluation, Kernel, Request


def evaluate(
    name: str,
    request: Request,
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
    return run(checked_call(name, request, pred, target, operands, weight, reduction, normalizer, parameters))


def checked_call(
    name: str,
    request: Request,
    pred: Tensor,
    target: Tensor,
    operand_names: tuple[str, str],
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> Call:
    """The record of a call; weight, reduction and normalizer are checked here."""
    checks.reduction(reduction, normalizer)
    if weight is not None:
        shape = pred.shape[:-1] if isinstance(request, BY_ROW) else pred.shape
        weight = checks.weight(weight, operand_names[0], pred, shape)
    if normalizer is not None:
        normalizer = checks.normalizer(normalizer, operand_names[0], pred)
    on_fault = debugging.on_fault_now()
    return Call(pred, target, weight, normalizer, parameters, request, reduction, name, operand_names, on_fault)


def run(call: Call) -> Tensor:
    """The value of a call, with its gradient registered."""
    pred, target, weight, normalizer, parameters = call[:5]
    if debugging.is_validating():
        debugging.validate(call)
    needs_target_gradient = target.requires_grad and target.is_floating_point()
    differentiable = torch.is_grad_enabled() and (
        pred.requires_grad or needs_target_gradient or (weight is not None and weight.requires_grad)
    )
    compiling = torch.compiler.is_compiling()
    value: Tensor
    if compiling or torch._C._are_functorch_transforms_active():
        # Dynamo fails on autograd functions without a gradient, so `forward` is called directly.
        apply = TraceableLoss.apply if differentiable or not compiling else TraceableLoss.forward
        value = apply(call[5:], needs_target_gradient, pred, target, weight, normalizer, *parameters)[0]
    elif differentiable:
        value = FusedLoss.apply(call, pred, target, weight)
    else:
        value = evaluate_on(kernel_for(call), call, False, False).value
    if call.on_fault:
        debugging.examine_value(call, value)
    return value


def evaluate_on(kernel: Kernel, call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
    """The loss in the documented dtype, with the derivatives that are needed in the dtype of the arithmetic."""
    evaluation = kernel.evaluate(call, needs_pred_gradient, needs_target_gradient)
    if evaluation.class_out_of_range and not call.on_fault:
        refuse_class_out_of_range(call)
    value, dtype = evaluation.value, call.pred.dtype
    if value.dtype == dtype:
        return evaluation
    if call.reduction != "none" and dtype in (torch.bfloat16, torch.float16):
        dtype = torch.float32
    return evaluation._replace(value=value.to(dtype))


class FusedLoss(torch.autograd.Function):
    """Eager autograd: gradients are computed in forward; backward only scales them."""

    @staticmethod
    def forward(ctx: Any, call: Call, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        _, needs_pred_gradient, needs_target_gradient, _ = ctx.needs_input_grad
        ctx.kernel = kernel = kernel_for(call)
        value, d_pred, d_target, _ = evaluate_on(kernel, call, needs_pred_gradient, needs_target_gradient)
        ctx.derivatives = d_pred if needs_pred_gradient else None, d_target
        ctx.dtypes, ctx.options = (pred.dtype, target.dtype), call[3:]
        ctx.save_for_backward(pred, target, weight)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # With a reference to them in `ctx`, autograd would copy the gradients that it accumulates.
        derivatives, ctx.derivatives = ctx.derivatives, None
        # A batch of upstream gradients has no storage; with it, derivatives must not be scaled in place.
        scaled = ctx.kernel.scaled if torch._C._has_storage(upstream) else eager.scaled
        needs_gradient, on_fault = ctx.needs_input_grad[1:], ctx.options[-1]
        if derivatives and not (needs_gradient[2] or on_fault or torch.is_grad_enabled()):
            return None, *products(scaled, upstream, derivatives, ctx.dtypes), None
        call = Call(*ctx.saved_tensors, *ctx.options)
        if not derivatives and not torch.is_grad_enabled():
            _, *derivatives, _ = evaluate_on(ctx.kernel, call, *needs_gradient[:2])
        return None, *gradients(call, scaled, upstream, needs_gradient, derivatives or (None, None))


class TraceableLoss(torch.autograd.Function):
    """Autograd for function transforms and compilers: nothing is modified in place, only tensors are saved."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        options: tuple[Any, ...],
        needs_target_gradient: bool,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None,
        normalizer: float | Tensor | None,
        *parameters: float | Tensor,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        call = Call(pred, target, weight, normalizer, parameters, *options)
        in_graph = not torch._C._are_functorch_transforms_active() and not torch.compiler.is_exporting()
        kernel = compiled if in_graph and compiled.serves(call) else eager
        value, d_pred, d_target, _ = evaluate_on(kernel, call, True, needs_target_gradient)
        return value, d_pred, d_target

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.options, _, *operands = inputs
        _, *derivatives = output
        ctx.numbers = [None if isinstance(operand, Tensor) else operand for operand in operands]
        ctx.mark_non_differentiable(*[derivative for derivative in derivatives if derivative is not None])
        ctx.set_materialize_grads(False)
        tensors = [operand if isinstance(operand, Tensor) else None for operand in operands]
        ctx.save_for_backward(*derivatives, *tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *_of_derivatives: None) -> tuple[Tensor | None, ...]:
        if upstream is None:
            return (None,) * (2 + len(ctx.numbers))
        d_pred, d_target, *tensors = ctx.saved_tensors
        operands = [number if tensor is None else tensor for number, tensor in zip(ctx.numbers, tensors)]
        pred, target, weight, normalizer, *parameters = operands
        call = Call(pred, target, weight, normalizer, parameters, *ctx.options)
        needed = gradients(call, eager.scaled, upstream, ctx.needs_input_grad[2:5], (d_pred, d_target))
        return None, None, *needed, None, *[None] * len(parameters)


Derivatives = Sequence[Tensor | None]  # by the prediction and by the target


def gradients(
    call: Call,
    scaled: Callable[[Tensor, Tensor, torch.dtype], Tensor],
    upstream: Tensor,
    needs_gradient: Sequence[bool],
    derivatives: Derivatives,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients by prediction, target and weight, where they are needed."""
    needs_pred_gradient, needs_target_gradient, needs_weight_gradient = needs_gradient
    if torch.is_grad_enabled() or (needs_target_gradient and derivatives[1] is None):  # differentiable derivatives
        scaled = eager.scaled
        _, *derivatives, _ = eager.evaluate(call, needs_pred_gradient, needs_target_gradient)
    d_pred, d_target = derivatives
    needed = d_pred if needs_pred_gradient else None, d_target if needs_target_gradient else None
    grad_pred, grad_target = products(scaled, upstream, needed, (call.pred.dtype, call.target.dtype))
    grad_weight: Tensor | None = None
    if needs_weight_gradient and call.weight is not None:
        derivative = eager.weight_derivative(call)
        grad_weight = (upstream.to(derivative.dtype) * derivative).sum_to_size(call.weight.shape).to(call.weight.dtype)
    if call.on_fault:
        debugging.examine_gradients(call, upstream, grad_pred, grad_target)
    return grad_pred, grad_target, grad_weight


def products(
    scaled: Callable[[Tensor, Tensor, torch.dtype], Tensor],
    upstream: Tensor,
    derivatives: Derivatives,
    dtypes: tuple[torch.dtype, torch.dtype],
) -> tuple[Tensor | None, Tensor | None]:
    """The derivatives times the upstream gradient, in the dtypes of their operands."""
    d_pred, d_target = derivatives
    return (
        None if d_pred is None else scaled(d_pred, upstream, dtypes[0]),
        None if d_target is None else scaled(d_target, upstream, dtypes[1]),
    )
