"""The way of every loss: checked arguments -> an autograd function -> the backend of the device -> the reduction."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.engine import checks, debugging
from detloss.kernels import backend_for, compiled, eager
from detloss.kernels.interface import BY_ROW, Loop


class Request(NamedTuple):
    """What is asked for, apart from tensors that gradients flow to."""

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
    checks.reduction(reduction, normalizer)
    if weight is not None:
        shape = pred.shape[:-1] if isinstance(loop, BY_ROW) else pred.shape
        weight = checks.weight(weight, operands[0], pred, shape)
    if normalizer is not None:
        normalizer = checks.normalizer(normalizer, operands[0], pred)
    wants_target = target.requires_grad and target.is_floating_point()
    request = Request(name, operands, loop, reduction, wants_target, debugging.on_fault_now())
    if debugging.is_validating():
        debugging.validate(request, pred, target, weight, normalizer)
    differentiable = torch.is_grad_enabled() and (
        pred.requires_grad or wants_target or (weight is not None and weight.requires_grad)
    )
    compiling = torch.compiler.is_compiling()
    if compiling or torch._C._are_functorch_transforms_active():
        # Dynamo miscalls an autograd function that nothing asks a gradient of, so there it is left out.
        run = Traceable.apply if differentiable or not compiling else Traceable.forward
        value: Tensor = run(request, pred, target, weight, normalizer, *parameters)[0]
    elif differentiable:
        value = HandOver.apply(request, pred, target, weight, normalizer, *parameters)
    else:
        backend = backend_for(loop, pred, target, weight)
        value = derived(backend, request, False, False, pred, target, weight, normalizer, parameters).value
    if request.on_fault:
        debugging.examine_value(request, value, pred, target, weight, normalizer, parameters)
    return value


def derived(
    backend: ModuleType,
    request: Request,
    wants_pred: bool,
    wants_target: bool,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> eager.Evaluation:
    """The loss in the dtype that is promised, with the derivatives that are wanted in the dtype of the arithmetic."""
    value, d_pred, d_target = backend.evaluate(
        request.loop, request.reduction, wants_pred, wants_target, pred, target, weight, normalizer, parameters
    )
    sixteen_bits = pred.dtype in (torch.bfloat16, torch.float16)
    dtype = torch.float32 if sixteen_bits and request.reduction != "none" else pred.dtype
    return eager.Evaluation(in_dtype(value, dtype), d_pred, d_target)


class HandOver(torch.autograd.Function):
    """The way of ordinary training: the forward pass makes the gradients too, the backward pass hands them over."""

    @staticmethod
    def forward(
        ctx: Any,
        request: Request,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None,
        normalizer: float | Tensor | None,
        *parameters: float | Tensor,
    ) -> Tensor:
        _, wants_pred, wants_target, wants_weight, *_ = ctx.needs_input_grad
        backend = backend_for(request.loop, pred, target, weight)
        value, d_pred, d_target = derived(
            backend, request, wants_pred, wants_target, pred, target, weight, normalizer, parameters
        )
        ctx.derivatives = d_pred if wants_pred else None, d_target
        ready = not (wants_weight or request.on_fault)  # nothing but a product is left to do
        ctx.rest = request, backend, (pred.dtype, target.dtype), ready, (normalizer, parameters)
        ctx.save_for_backward(pred, target, weight)
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # A reference kept here would make autograd copy the gradients that it accumulates.
        derivatives, ctx.derivatives = ctx.derivatives, None
        request, backend, dtypes, ready, constants = ctx.rest
        scaled = eager.scaled if is_batched(upstream) else backend.scaled
        if ready and derivatives and not torch.is_grad_enabled():
            gradient, other = products(scaled, upstream, derivatives, dtypes)
            return None, gradient, other, None, None, *(None for _ in constants[1])
        inputs = (*ctx.saved_tensors, *constants)
        if not derivatives and not torch.is_grad_enabled():
            _, wants_pred, wants_target, *_ = ctx.needs_input_grad
            _, *derivatives = derived(backend, request, wants_pred, wants_target, *inputs)
        return gradients(request, scaled, upstream, ctx.needs_input_grad, derivatives or (None, None), *inputs)


class Traceable(torch.autograd.Function):
    """The way of function transforms and compilers: nothing is changed in place, nothing is kept but tensors."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        request: Request,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None,
        normalizer: float | Tensor | None,
        *parameters: float | Tensor,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        in_graph = not torch._C._are_functorch_transforms_active() and not torch.compiler.is_exporting()
        backend = compiled if in_graph and compiled.serves(request.loop, pred) else eager
        value, d_pred, d_target = derived(
            backend, request, True, request.wants_target, pred, target, weight, normalizer, parameters
        )
        return value, d_pred, d_target

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        request, *operands = inputs
        _, *derivatives = output
        ctx.request = request
        ctx.numbers = [None if isinstance(operand, Tensor) else operand for operand in operands]
        ctx.mark_non_differentiable(*[derivative for derivative in derivatives if derivative is not None])
        ctx.set_materialize_grads(False)
        tensors = [operand if isinstance(operand, Tensor) else None for operand in operands]
        ctx.save_for_backward(*derivatives, *tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *_of_derivatives: None) -> tuple[Tensor | None, ...]:
        if upstream is None:
            return (None,) * (1 + len(ctx.numbers))
        d_pred, d_target, *tensors = ctx.saved_tensors
        inputs = [number if tensor is None else tensor for number, tensor in zip(ctx.numbers, tensors)]
        pred, target, weight, normalizer, *parameters = inputs
        return gradients(
            ctx.request, eager.scaled, upstream, ctx.needs_input_grad, (d_pred, d_target),
            pred, target, weight, normalizer, parameters,
        )  # fmt: skip


Derivatives = Sequence[Tensor | None]  # by the prediction and by the target


def gradients(
    request: Request,
    scaled: Callable[[Tensor, Tensor], Tensor],
    upstream: Tensor,
    wanted: Sequence[bool],
    derivatives: Derivatives,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> tuple[Tensor | None, ...]:
    """The gradients by every operand that wants one."""
    _, wants_pred, wants_target, wants_weight, *_ = wanted
    if torch.is_grad_enabled() or (wants_target and derivatives[1] is None):  # derivatives that can be derived again
        scaled = eager.scaled
        _, *derivatives = eager.evaluate(
            request.loop, request.reduction, wants_pred, wants_target, pred, target, weight, normalizer, parameters
        )
    d_pred, d_target = derivatives
    kept = d_pred if wants_pred else None, d_target if wants_target else None
    grad_pred, grad_target = products(scaled, upstream, kept, (pred.dtype, target.dtype))
    grad_weight: Tensor | None = None
    if wants_weight and weight is not None:
        each = eager.by_weight(request.loop, request.reduction, pred, target, normalizer, parameters)
        grad_weight = (upstream.to(each.dtype) * each).sum_to_size(weight.shape).to(weight.dtype)
    if request.on_fault:
        debugging.examine_gradients(request, upstream, grad_pred, grad_target, pred, target, weight, normalizer)
    return None, grad_pred, grad_target, grad_weight, None, *[None] * len(parameters)


def products(
    scaled: Callable[[Tensor, Tensor], Tensor],
    upstream: Tensor,
    derivatives: Derivatives,
    dtypes: tuple[torch.dtype, torch.dtype],
) -> tuple[Tensor | None, Tensor | None]:
    """The chain rule's last product, by the prediction and by the target."""
    d_pred, d_target = derivatives
    return (
        None if d_pred is None else in_dtype(scaled(d_pred, upstream), dtypes[0]),
        None if d_target is None else in_dtype(scaled(d_target, upstream), dtypes[1]),
    )


def is_batched(upstream: Tensor) -> bool:
    """Whether it stands for several upstream gradients at once: then nothing may change in place."""
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(upstream) or functorch.is_legacy_batchedtensor(upstream)


def in_dtype(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor itself where it has the dtype: a call of `to` costs as much as a small loss."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)
