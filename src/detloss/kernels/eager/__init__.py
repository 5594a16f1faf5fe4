"""The reference backend: the loops in torch operations, on any device, differentiable once more.

`entries` gives the loss of every entry with its derivatives; `evaluate` adds weights, absent entries and the
reduction. Arithmetic is float32, or float64 where an operand is float64; on a CPU, losses of probabilities, boxes of
more than three dimensions and all sums are float64 throughout and rounded once.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.formulas.axis_aligned import axis_aligned
from detloss.formulas.gaussians import gaussian
from detloss.geometry import FORMATS
from detloss.kernels.eager import convex, primitives
from detloss.kernels.eager.class_sharding import Here, Spread
from detloss.kernels.interface import (
    BY_ROW,
    BinaryLoop,
    ConvexLoop,
    ElementLoop,
    GaussianLoop,
    Loop,
    PairLoop,
    RowLoop,
    SpreadRowLoop,
)


class Entries(NamedTuple):
    """What a loop yields before weights and reduction; `present` is None where no entry can be ignored."""

    value: Tensor
    d_pred: Tensor
    d_target: Tensor | None
    present: Tensor | None


class Evaluation(NamedTuple):
    """A loss as it was asked for, with the derivatives that go with it, in the dtype of the arithmetic."""

    value: Tensor
    d_pred: Tensor | None
    d_target: Tensor | None


def arithmetic_dtype(pred: Tensor, target: Tensor) -> torch.dtype:
    """float64 if an operand is float64, else float32."""
    return torch.float64 if pred.dtype == torch.float64 or target.dtype == torch.float64 else torch.float32


def accumulator(values: Tensor) -> torch.dtype:
    """Sums and powers of probabilities are kept in float64 where the processor has it at full speed."""
    return torch.float64 if values.device.type == "cpu" else values.dtype


@singledispatch
def entries(loop: Loop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    """Value and derivatives of every entry."""
    raise TypeError(f"loop: no such loop, {type(loop).__name__}")


@entries.register
def _(loop: ElementLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    value, d_pred, d_target = loop.formula(primitives, pred, target, *parameters)
    return Entries(value, d_pred, d_target, None)


@entries.register
def _(loop: BinaryLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    present = None
    indices = target.dim() < pred.dim()
    if indices:
        if loop.ignore_index is not None:
            present = target != loop.ignore_index
            target = torch.where(present, target, 0)
            present = present.unsqueeze(-1).expand_as(pred)
        target = one_hot(target, pred, 0, loop.last_index(pred))
    keep = 1.0 - loop.label_smoothing
    exact = accumulator(pred)
    target = target.to(exact)
    positive = target * keep + 0.5 * loop.label_smoothing
    negative = (1.0 - target) * keep + 0.5 * loop.label_smoothing
    options = [parameter.to(exact) for parameter in parameters]
    results = loop.formula(primitives, pred.to(exact), positive, negative, keep, *options)
    value, d_pred, d_target = (result.to(pred.dtype) for result in results)
    return Entries(value, d_pred, d_target if wants_target and not indices else None, present)


@entries.register
def _(loop: RowLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    return rows(loop, Here(), pred, target, parameters, wants_target)


@entries.register
def _(loop: SpreadRowLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    return rows(loop, loop.spread, pred, target, parameters, wants_target)


def rows(
    loop: RowLoop | SpreadRowLoop,
    classes: Here | Spread,
    pred: Tensor,
    target: Tensor,
    parameters: Sequence[Tensor],
    wants_target: bool,
) -> Entries:
    """Value and derivatives of every row, wherever its classes are."""
    class_weight, *options = parameters
    dtype, exact = pred.dtype, accumulator(pred)
    present = None
    if target.dim() < pred.dim():
        present = target != loop.ignore_index
        target = one_hot(torch.where(present, target, 0), pred, classes.first, loop.last_index(pred))
    keep = (1.0 - loop.label_smoothing) * class_weight.to(exact)
    spread = loop.label_smoothing / max(classes.count(pred), 1)
    share = target.to(exact) * keep + spread * class_weight.to(exact)

    nll, likelihood, missing = softmax(pred.to(exact), classes)
    value, rate = loop.formula(primitives, nll, likelihood, missing, *options)
    rates = primitives.weighted(share, rate * torch.ones_like(value))
    d_pred = likelihood * (classes.total(rates) - rates) - missing * rates
    d_target = primitives.weighted(keep, value).to(dtype) if wants_target and present is None else None
    total = classes.total(primitives.weighted(share, value)).squeeze(
        -1
    )  # its weight may bring it below the largest float
    return Entries(total, d_pred.to(dtype), d_target, present)


@entries.register
def _(loop: PairLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    box_format, dims, dtype = FORMATS[loop.geometry.format], loop.geometry.dims, pred.dtype
    # A product of more than three lengths is rounded too often for what is promised of float32.
    exact = accumulator(pred) if dims > 3 else dtype
    columns, target_columns = axes_of(pred.to(exact), dims), axes_of(target.to(exact), dims)

    def of(a: list[tuple[Tensor, Tensor]], b: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        loss, similarity, derivatives = axis_aligned(
            primitives, loop.formula, box_format.differences_of, box_format.derivatives_by, loop.needs, a, b
        )
        row = torch.stack([first for first, _ in derivatives] + [second for _, second in derivatives], -1).to(dtype)
        return (similarity.to(dtype), -row) if loop.measure else (loss.to(dtype), row)

    value, d_pred = of(columns, target_columns)
    d_target = of(target_columns, columns)[1] if wants_target else None
    return Entries(value, d_pred, d_target, None)


@entries.register
def _(loop: ConvexLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    value, d_pred, d_target = convex.evaluate(loop, pred, target)
    return Entries(value, d_pred, d_target if wants_target else None, None)


@entries.register
def _(loop: GaussianLoop, pred: Tensor, target: Tensor, parameters: Sequence[Tensor], wants_target: bool) -> Entries:
    dtype = pred.dtype
    columns, target_columns = (rows.to(torch.float64).unbind(-1) for rows in (pred, target))
    options = [parameter.to(torch.float64) for parameter in parameters]
    value, d_pred, d_target = gaussian(
        primitives, loop.formula, loop.penalty, loop.is_relative, columns, target_columns, *options
    )
    d_rows = [torch.stack(derivatives, -1).to(dtype) for derivatives in (d_pred, d_target)]
    return Entries(value.to(dtype), d_rows[0], d_rows[1] if wants_target else None, None)


def axes_of(rows: Tensor, dimensions: int) -> list[tuple[Tensor, Tensor]]:
    """The columns of rows, paired by axis."""
    columns = rows.unbind(-1)
    return list(zip(columns[:dimensions], columns[dimensions:]))


def one_hot(target: Tensor, logits: Tensor, first: int, last: int) -> Tensor:
    """Class indices as 0/1 over the classes from `first` on; an index above `last` or below 0 makes its row NaN."""
    index = target.unsqueeze(-1)
    hot = (index == places(logits, first)).to(logits.dtype)
    return torch.where((index >= 0) & (index <= last), hot, torch.nan)


def places(logits: Tensor, first: int) -> Tensor:
    """The classes that the last dimension has."""
    return torch.arange(first, first + logits.shape[-1], device=logits.device)


def softmax(logits: Tensor, classes: Here | Spread) -> tuple[Tensor, Tensor, Tensor]:
    """-log p, p and 1 - p of every class: the largest logit is left out of the sum, so 1 - p never cancels."""
    if classes.count(logits) == 0:
        return logits, logits, logits
    top, index = classes.top(logits)
    is_top = places(logits, classes.first) == index
    # The low part matters: a rounded difference of 80 would cost its exponential forty ulps.
    high, low = primitives.difference(torch.where(is_top, 0.0, logits), torch.where(is_top, 0.0, top))
    growth = torch.where(is_top, 0.0, torch.exp(high))
    correction = growth * torch.where(is_top, 0.0, low)
    rest = classes.total(growth) + classes.total(correction)
    rest = torch.where(top == top, rest, top)  # NaN stays NaN where it is the only logit
    others = growth + correction
    total = 1.0 + rest
    powers = torch.where(is_top, 1.0, others)
    nll = -high + (torch.log1p(rest) - low)
    return nll, powers / total, torch.where(is_top, rest, total - others) / total


def evaluate(
    loop: Loop,
    reduction: str,
    wants_pred: bool,
    wants_target: bool,
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> Evaluation:
    """The loss, weighted and reduced, with its derivatives by the prediction and, where wanted, by the target."""
    operands = in_arithmetic(pred, target)
    constants = as_constants(parameters, operands[0])
    value, d_pred, d_target, present = entries(loop, *operands, constants, wants_target)
    derivatives = [d_pred] if d_target is None else [d_pred, d_target]
    divisor = divisor_of(value, present, normalizer)
    by_row = isinstance(loop, BY_ROW)
    for factor in (factor.to(value.dtype) for factor in (present, weight) if factor is not None):
        value = primitives.weighted(factor, value)
        across = factor.unsqueeze(-1) if by_row and factor.dim() else factor
        derivatives = [primitives.weighted(across, derivative) for derivative in derivatives]
    if reduction != "none":
        value = value.sum(dtype=accumulator(value))
    if reduction == "mean":
        value = primitives.quotient(value, divisor.to(value.dtype))
        derivatives = [primitives.quotient(derivative, divisor.to(derivative.dtype)) for derivative in derivatives]
    return Evaluation(value, derivatives[0] if wants_pred else None, derivatives[1] if len(derivatives) > 1 else None)


def by_weight(
    loop: Loop,
    reduction: str,
    pred: Tensor,
    target: Tensor,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor],
) -> Tensor:
    """The derivative by each entry's weight: a loss is linear in its weights."""
    operands = in_arithmetic(pred, target)
    value, _, _, present = entries(loop, *operands, as_constants(parameters, operands[0]), False)
    divisor = divisor_of(value, present, normalizer)
    if present is not None:
        value = primitives.weighted(present.to(value.dtype), value)
    return primitives.quotient(value, divisor.to(value.dtype)) if reduction == "mean" else value


def in_arithmetic(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both operands in the dtype of the arithmetic; class indices stay what they are."""
    dtype = arithmetic_dtype(pred, target)
    return pred.to(dtype), target if target.dim() < pred.dim() else target.to(dtype)


def as_constants(parameters: Sequence[float | Tensor], pred: Tensor) -> list[Tensor]:
    """A formula's parameters as tensors beside the prediction."""
    return [
        value.to(dtype=pred.dtype, device=pred.device) if isinstance(value, Tensor) else pred.new_full((), value)
        for value in parameters
    ]


def divisor_of(value: Tensor, present: Tensor | None, normalizer: float | Tensor | None) -> Tensor:
    """What a mean divides by: the normaliser, or the number of entries that are not ignored."""
    if isinstance(normalizer, Tensor):
        return normalizer
    if normalizer is not None or present is None:
        count = value.numel() if normalizer is None else normalizer
        return torch.full((), count, dtype=torch.float64, device="cpu")
    return present.sum()


def as_read(tensor: Tensor) -> bool:
    """Whether memory holds what torch reads: some tensors are negated there, and some of zeros have none."""
    return not tensor.is_neg() and tensor.data_ptr() != 0


def scaled(derivative: Tensor, upstream: Tensor) -> Tensor:
    """The chain rule's last product, in the precision of the arithmetic."""
    factor = upstream.to(derivative.dtype)
    return primitives.weighted(factor.unsqueeze(-1) if factor.dim() == derivative.dim() - 1 else factor, derivative)
