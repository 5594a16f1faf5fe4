"""Tolerances between two backends: equal bits for the same arithmetic, else twice the bounds of the page on numerics.

Twice, because either backend may be off by the promise, on either side of the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

import detloss
from detloss.auditing.battery.error_bounds import error_bound
from detloss.catalog import Kind
from tests.support.class_indices import unread_classes
from tests.support.condition_numbers import condition
from tests.support.random_calls import Call


@dataclass
class Results:
    """The results of a call: its value, and the gradients by pred, target and weight."""

    value: Tensor
    gradients: dict[str, Tensor]


def results(call: Call, backend: str) -> Results:
    """A call evaluated on one backend, with its operands in their memory layout."""
    given = {"pred": call.pred, "target": call.target, "weight": call.options.get("weight")}
    for required, (name, operand) in zip(call.requires_grad, list(given.items())):
        if required and isinstance(operand, Tensor) and operand.is_floating_point():
            given[name] = operand.detach().requires_grad_()
    leaves = {name: each for name, each in given.items() if isinstance(each, Tensor) and each.requires_grad}
    options = call.options if call.measure else {**call.options, "weight": given["weight"]}
    with detloss.use_backend(backend), unread_classes():
        value = call.loss(given["pred"], given["target"], **options)
        found = torch.autograd.grad(value, list(leaves.values()), upstream(call, value)) if leaves else ()
    return Results(value.detach(), dict(zip(leaves, found)))


def differences(call: Call, ours: Results, theirs: Results, exact: bool = False) -> Iterator[str]:
    """The results of one backend that differ too much from the other's, or at all where equal bits are required."""
    yield from _difference("value", ours.value, theirs.value, _allowed(call, "value", theirs.value, exact))
    for name, gradient in theirs.gradients.items():
        allowed = _allowed(call, name, gradient, exact)
        yield from _difference(f"gradient by {name}", ours.gradients[name], gradient, allowed)


def upstream(call: Call, value: Tensor) -> Tensor:
    """A gradient of each entry of a value, small whole numbers and 0 among them."""
    generator = torch.Generator().manual_seed(call.upstream)
    return torch.randint(-2, 3, value.shape, generator=generator).to(value)


def _difference(part: str, ours: Tensor, theirs: Tensor, allowed: Tensor) -> Iterator[str]:
    if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
        yield f"{part}: {ours.dtype} {tuple(ours.shape)} instead of {theirs.dtype} {tuple(theirs.shape)}"
        return
    one, other = ours.double(), theirs.double()
    same = (one == other) | (one.isnan() & other.isnan()) | ((one - other).abs() <= allowed)
    if not same.all():
        place = (~same).nonzero()[0].tolist()
        got, expected = one[tuple(place)].item(), other[tuple(place)].item()
        yield (
            f"{part}: {(~same).sum()} of {same.numel()} differ, first at {place}: {got!r} instead of {expected!r}, "
            f"off by {abs(got - expected) / max(allowed[tuple(place)].item(), 5e-324):.3g} times what is allowed"
        )


def _allowed(call: Call, part: str, theirs: Tensor, exact: bool) -> Tensor:
    """Tolerances of the elements of a result."""
    if exact:
        return torch.zeros(theirs.shape)
    arithmetic = torch.float64 if torch.float64 in (call.pred.dtype, call.target.dtype) else torch.float32
    mean = call.options.get("reduction") == "mean"
    ulps = 0.0
    if not call.row.same_bits:
        kind = call.row.bound if call.row.kind is not Kind.BOX or call.row.bound == "smooth" else "dense"
        kept = error_bound(kind, arithmetic, sum(call.options.get(name, 0.0) for name in call.row.exponents))
        ulps = 2 * (kept.value if part == "value" else kept.gradient)
    if mean or (part == "value" and not theirs.dim()):
        ulps += 2  # a quotient on the one side, a product with an inverse on the other; sums in another order
    size = theirs.double().abs().nan_to_num(0.0, 0.0, 0.0)
    allowed = ulps * torch.finfo(arithmetic).eps * condition(call, part, size)
    if ulps:
        allowed = allowed + torch.finfo(arithmetic).tiny
    last = torch.finfo(theirs.dtype)
    if ulps and last.eps > torch.finfo(arithmetic).eps:  # one of two neighbors, after rounding
        allowed = allowed + last.eps * size.clamp(min=last.tiny)
    return allowed
