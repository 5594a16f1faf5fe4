"""The eager backend: every request in torch operations, on any device, differentiable twice; the reference.

`evaluate_entries` returns the loss of every element or row with its derivatives; `evaluate` applies weights, ignored
targets and the reduction. The arithmetic is float32, or float64 if an operand is float64. On a CPU, losses of
logits, boxes in more than three dimensions and all sums are in float64 and rounded once.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.formulas.axis_aligned import axis_aligned
from detloss.formulas.gaussians import gaussian
from detloss.formulas.mask_sums import mask_derivatives, mask_parts, raised_logit
from detloss.geometry import FORMATS
from detloss.kernels.class_sharding import LocalClasses, ShardedClasses
from detloss.kernels.eager import convex, primitives
from detloss.kernels.interface import (
    BinaryRequest,
    BoxRequest,
    Call,
    ConvexRequest,
    DistributionRequest,
    ElementwiseRequest,
    Evaluation,
    GaussianRequest,
    MaskRequest,
    Request,
    ShardedSoftmaxRequest,
    SoftmaxRequest,
    arithmetic_dtype,
    may_read,
    to_dtype,
)


class Entries(NamedTuple):
    """The losses of all elements or rows, before weights and reduction.

    `present` is a mask of those that are not ignored, None if none can be; `exists` one of class indices in range.
    """

    value: Tensor
    d_pred: Tensor
    d_target: Tensor | None = None
    present: Tensor | None = None
    exists: Tensor | None = None


def accumulator(values: Tensor) -> torch.dtype:
    """The dtype of sums and of class losses: float64 on a CPU, where it is as fast."""
    return torch.float64 if values.device.type == "cpu" else values.dtype


@singledispatch
def evaluate_entries(
    request: Request, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    """The loss of every element or row, with its derivatives."""
    raise TypeError(f"request: expected one of the interface, got {type(request).__name__}")


@evaluate_entries.register
def _(
    request: ElementwiseRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    value, d_pred, d_target = request.formula(primitives, pred, target, *parameters)
    return Entries(value, d_pred, d_target)


@evaluate_entries.register
def _(
    request: BinaryRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    present = exists = None
    if target.dim() < pred.dim():
        if request.ignore_index is not None:
            present = target != request.ignore_index
            target = torch.where(present, target, 0)
            present = present.unsqueeze(-1).expand_as(pred)
        exists = (target >= 0) & (target <= request.last_index(pred))
        target = one_hot(target, exists, pred, 0)
    keep = 1.0 - request.label_smoothing
    exact = accumulator(pred)
    target = target.to(exact)
    positive = target * keep + 0.5 * request.label_smoothing
    negative = (1.0 - target) * keep + 0.5 * request.label_smoothing
    options = [parameter.to(exact) for parameter in parameters]
    value, d_pred, d_target = request.formula(primitives, pred.to(exact), positive, negative, keep, *options)
    d_target = d_target.to(pred.dtype) if needs_target_gradient and exists is None else None
    return Entries(value.to(pred.dtype), d_pred.to(pred.dtype), d_target, present, exists)


@evaluate_entries.register
def _(
    request: SoftmaxRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    return softmax_rows(request, LocalClasses(), pred, target, parameters, needs_target_gradient)


@evaluate_entries.register
def _(
    request: ShardedSoftmaxRequest,
    pred: Tensor,
    target: Tensor,
    parameters: Sequence[Tensor],
    needs_target_gradient: bool,
) -> Entries:
    return softmax_rows(request, request.classes, pred, target, parameters, needs_target_gradient)


@evaluate_entries.register
def _(
    request: DistributionRequest,
    pred: Tensor,
    target: Tensor,
    parameters: Sequence[Tensor],
    needs_target_gradient: bool,
) -> Entries:
    logits = pred.to(accumulator(pred))
    share, rest = shares_of_bins(target.to(logits.dtype), logits, *(bins.to(logits.dtype) for bins in parameters))
    nll, probability, complement = softmax(logits, LocalClasses())
    value, rate = request.formula(primitives, nll, probability, complement)
    if request.excess:
        value = value + torch.log(torch.where(share == 0, 1.0, share))
    d_pred = rate * (probability * rest - complement * share)
    return Entries(primitives.weighted(share, value).sum(-1), d_pred.to(pred.dtype))


def softmax_rows(
    request: SoftmaxRequest | ShardedSoftmaxRequest,
    classes: LocalClasses | ShardedClasses,
    pred: Tensor,
    target: Tensor,
    parameters: Sequence[Tensor],
    needs_target_gradient: bool,
) -> Entries:
    """Losses and derivatives of all rows, with local or sharded classes."""
    class_weight, *options = parameters
    dtype, exact = pred.dtype, accumulator(pred)
    present = exists = low = None
    if target.dim() < pred.dim():
        if request.ignore_index is not None:
            present = target != request.ignore_index
            target = torch.where(present, target, 0)
        exists = (target >= 0) & (target <= request.last_index(pred))
        target = one_hot(target, exists, pred, classes.first)
    keep = (1.0 - request.label_smoothing) * class_weight.to(exact)
    smoothing = request.label_smoothing / max(classes.count(pred), 1)
    share = target.to(exact) * keep + smoothing * class_weight.to(exact)

    logits = pred.to(exact)
    if request.is_adjusted:
        *options, offset, margin = (option.to(exact) for option in options)
        logits, low = primitives.difference(logits, -offset)
        logits, lower = primitives.difference(logits, margin * target)
        low = low + lower
    nll, probability, complement = softmax(logits, classes, low)
    value, rate = request.formula(primitives, nll, probability, complement, *options)
    total, d_pred = sum_over_classes(classes, share, value, rate, probability, complement)
    d_target = primitives.weighted(keep, value).to(dtype) if needs_target_gradient and exists is None else None
    return Entries(total, d_pred.to(dtype), d_target, present, exists)


def sum_over_classes(
    classes: LocalClasses | ShardedClasses,
    share: Tensor,
    value: Tensor,
    rate: float | Tensor,
    probability: Tensor,
    complement: Tensor,
) -> tuple[Tensor, Tensor]:
    """The losses of all rows, and their derivatives, from the losses of every class and its share of the target."""
    rates = primitives.weighted(share, rate * torch.ones_like(value))
    d_pred = probability * (classes.total(rates) - rates) - complement * rates
    total = classes.total(primitives.weighted(share, value)).squeeze(-1)  # float64: a weight may bring it into range
    return total, d_pred


@evaluate_entries.register
def _(
    request: MaskRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    exact = accumulator(pred)
    logits, mask = pred.to(exact), target.to(exact)
    options = [parameter.to(exact) for parameter in parameters]
    rows = logits.detach() if pred.shape[-1] else logits.new_zeros(*pred.shape[:-1], 1)  # amax needs an element
    highest = rows.amax(-1, keepdim=True)
    counted = options[1] * mask.detach().sum(-1, keepdim=True)
    logits = raised_logit(primitives, logits, highest, counted, -256.0 if exact == torch.float64 else -32.0)
    sums = (part.sum(-1, keepdim=True) for part in mask_parts(primitives, logits, mask))
    value, *slopes = request.formula(primitives, *sums, *options)
    d_pred, d_target = mask_derivatives(primitives, logits, mask, *slopes)
    dtype = pred.dtype
    return Entries(value.squeeze(-1).to(dtype), d_pred.to(dtype), d_target.to(dtype) if needs_target_gradient else None)


@evaluate_entries.register
def _(
    request: BoxRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    box_format, dims, dtype = FORMATS[request.geometry.format], request.geometry.dims, pred.dtype
    # The rounding errors of a product of more than three lengths exceed the documented tolerance of float32.
    exact = accumulator(pred) if dims > 3 else dtype
    columns, target_columns = axes_of(pred.to(exact), dims), axes_of(target.to(exact), dims)
    formula, needs, options = request.formula, request.needs, [parameter.to(exact) for parameter in parameters]
    exchanged = torch.arange(2, dtype=exact, device=pred.device)

    def of(a: list[tuple[Tensor, Tensor]], b: list[tuple[Tensor, Tensor]], exchanged: Tensor) -> tuple[Tensor, Tensor]:
        loss, similarity, derivatives = axis_aligned(
            primitives,
            formula,
            box_format.differences_of,
            box_format.derivatives_by,
            needs,
            a,
            b,
            exchanged,
            *options,
        )
        row = torch.stack([first for first, _ in derivatives] + [second for _, second in derivatives], -1).to(dtype)
        return (similarity.to(dtype), -row) if request.measure else (loss.to(dtype), row)

    value, d_pred = of(columns, target_columns, exchanged[0])
    d_target = of(target_columns, columns, exchanged[1])[1] if needs_target_gradient else None
    return Entries(value, d_pred, d_target)


@evaluate_entries.register
def _(
    request: ConvexRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    value, d_pred, d_target = convex.evaluate(request, pred, target, [each.to(torch.float64) for each in parameters])
    return Entries(value, d_pred, d_target if needs_target_gradient else None)


@evaluate_entries.register
def _(
    request: GaussianRequest, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], needs_target_gradient: bool
) -> Entries:
    dtype = pred.dtype
    columns, target_columns = (rows.to(torch.float64).unbind(-1) for rows in (pred, target))
    options = [parameter.to(torch.float64) for parameter in parameters]
    value, d_pred, d_target = gaussian(
        primitives, request.formula, request.penalty, request.is_relative, columns, target_columns, *options
    )
    d_rows = [torch.stack(derivatives, -1).to(dtype) for derivatives in (d_pred, d_target)]
    return Entries(value.to(dtype), d_rows[0], d_rows[1] if needs_target_gradient else None)


def axes_of(rows: Tensor, dimensions: int) -> list[tuple[Tensor, Tensor]]:
    """The columns of rows of boxes, paired by axis."""
    columns = rows.unbind(-1)
    return list(zip(columns[:dimensions], columns[dimensions:]))


def one_hot(target: Tensor, exists: Tensor, logits: Tensor, first: int) -> Tensor:
    """One-hot targets of the classes from `first` on; NaN in the rows of class indices out of range."""
    hot = (target.unsqueeze(-1) == class_indices(logits, first)).to(logits.dtype)
    return torch.where(exists.unsqueeze(-1), hot, torch.nan)


def shares_of_bins(value: Tensor, logits: Tensor, bins: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The share of every bin, and the sum of the others': those next to a value sum to 1, all others are 0."""
    index = class_indices(logits, 0)
    bins = index.to(logits.dtype) if bins is None else bins
    value = value.unsqueeze(-1).clamp(bins[0], bins[-1])
    first = (value >= bins[1:-1]).sum(-1, keepdim=True)
    below, above = bins[first], bins[first + 1]
    one, other = (above - value) / (above - below), (value - below) / (above - below)
    is_first, is_second = index == first, index == first + 1
    share = torch.where(is_first, one, torch.where(is_second, other, 0.0))
    return share, torch.where(is_first, other, torch.where(is_second, one, one + other))


def class_indices(logits: Tensor, first: int) -> Tensor:
    """The classes in the last dimension."""
    return torch.arange(first, first + logits.shape[-1], device=logits.device)


def softmax(
    logits: Tensor, classes: LocalClasses | ShardedClasses, rounding: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """-log p, p and 1 - p of every class; the sum of exponentials excludes the largest logit, so 1 - p is accurate.

    `rounding` is the difference of the exact logits from the given ones.
    """
    if classes.count(logits) == 0:
        return logits, logits, logits
    top, index = classes.top(logits)
    is_top = class_indices(logits, classes.first) == index
    # The rounding error of a difference of 80 would change its exponential by forty ulps.
    high, low = primitives.difference(torch.where(is_top, 0.0, logits), torch.where(is_top, 0.0, top))
    if rounding is not None:
        low = low + (rounding - classes.total(torch.where(is_top, rounding, 0.0)))
        high, low = primitives.difference(high, torch.where(is_top, 0.0, -low))
    growth = torch.where(is_top, 0.0, torch.exp(high))
    correction = growth * torch.where(is_top, 0.0, low)
    rest = classes.total(growth) + classes.total(correction)
    rest = torch.where(top == top, rest, top)  # NaN if the only logit is NaN
    others = growth + correction
    total = 1.0 + rest
    powers = torch.where(is_top, 1.0, others)
    nll = -high + (torch.log1p(rest) - low)
    return nll, powers / total, torch.where(is_top, rest, total - others) / total


def evaluate(call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
    """The loss, weighted and reduced, with the derivatives that are needed."""
    value, d_pred, d_target, present, exists = entries_of(call, needs_target_gradient)
    derivatives = [d_pred] if d_target is None else [d_pred, d_target]
    divisor = divisor_of(value, present, call.normalizer)
    for factor in (factor.to(value.dtype) for factor in (present, call.weight) if factor is not None):
        value = primitives.weighted(factor, value)
        across = factor.unsqueeze(-1) if call.by_row and factor.dim() else factor
        derivatives = [primitives.weighted(across, derivative) for derivative in derivatives]
    if call.reduction != "none":
        value = value.sum(dtype=accumulator(value))
    if call.reduction == "mean":
        value = primitives.quotient(value, divisor.to(value.dtype))
        derivatives = [primitives.quotient(derivative, divisor.to(derivative.dtype)) for derivative in derivatives]
    return Evaluation(
        value,
        derivatives[0] if needs_pred_gradient else None,
        derivatives[1] if len(derivatives) > 1 else None,
        exists is not None and may_read(call.pred, call.target, call.weight) and not exists.all(),
    )


def weight_derivative(call: Call) -> Tensor:
    """The derivative by the weight of every element or row: a loss is linear in its weights."""
    value, _, _, present, _ = entries_of(call, needs_target_gradient=False)
    divisor = divisor_of(value, present, call.normalizer)
    if present is not None:
        value = primitives.weighted(present.to(value.dtype), value)
    return primitives.quotient(value, divisor.to(value.dtype)) if call.reduction == "mean" else value


def entries_of(call: Call, needs_target_gradient: bool) -> Entries:
    """The losses of all elements or rows, in the dtype of the arithmetic."""
    dtype = arithmetic_dtype(call.pred, call.target)
    pred, target = call.pred.to(dtype), call.target if call.has_indices else call.target.to(dtype)
    parameters = [
        value.to(dtype=dtype, device=pred.device) if isinstance(value, Tensor) else pred.new_full((), value)
        for value in call.parameters
    ]
    return evaluate_entries(call.request, pred, target, parameters, needs_target_gradient)


def divisor_of(value: Tensor, present: Tensor | None, normalizer: float | Tensor | None) -> Tensor:
    """The divisor of a mean: the normalizer, or the number of elements or rows that are not ignored."""
    if isinstance(normalizer, Tensor):
        return normalizer
    if normalizer is not None or present is None:
        count = value.numel() if normalizer is None else normalizer
        return torch.full((), count, dtype=torch.float64, device="cpu")
    return present.sum()


def scaled(derivative: Tensor, upstream: Tensor, dtype: torch.dtype) -> Tensor:
    """The derivative times the upstream gradient, rounded to a dtype."""
    factor = upstream.to(derivative.dtype)
    by_row = factor.dim() == derivative.dim() - 1
    return to_dtype(primitives.weighted(factor.unsqueeze(-1) if by_row else factor, derivative), dtype)
