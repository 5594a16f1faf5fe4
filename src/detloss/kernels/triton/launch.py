"""The host's side of the Triton kernels: at most two launches forward, one backward, and no value is ever read."""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from detloss import formulas
from detloss.kernels.eager import Evaluation, arithmetic_dtype, as_read
from detloss.kernels.interface import (
    BinaryLoop,
    ElementLoop,
    Loop,
    PairLoop,
    RowLoop,
)
from detloss.kernels.triton.backward import scale
from detloss.kernels.triton.blocks import COUNTERS, begin
from detloss.kernels.triton.plans import Number, plan_of, without_booleans
from detloss.kernels.triton.walks import step, walk

ARITHMETIC = {torch.float32: triton.language.float32, torch.float64: triton.language.float64}
AT_ONCE = 1024  # counted or scaled by a program
PROGRAMS = 4096  # about, however many entries: the last one adds up the sums of all


def serves(loop: Loop, pred: Tensor, target: Tensor) -> bool:
    """Whether there is generated code for the loop, and there is an entry to evaluate."""
    if pred.numel() == 0:
        return False
    match loop:
        case ElementLoop(formula):
            return formula in formulas.REGRESSION
        case BinaryLoop(formula):
            return formula in formulas.BINARY
        case RowLoop(formula):
            return formula in formulas.SOFTMAX
        case PairLoop(formula, geometry):
            known = formula in formulas.PENALTIES and geometry.dims in formulas.DIMENSIONS
            return known and loop.needs <= loop.provided
    return False


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
    """The loss, weighted and reduced, with the derivatives that are wanted, in one pass over the operands."""
    entries = pred.shape[:-1] if isinstance(loop, RowLoop | PairLoop) else pred.shape
    pred, target = in_memory(pred), in_memory(target)
    factor = number(1.0 if weight is None else weight, pred)
    weights = [] if factor.place is None else [factor.place.expand(entries)]
    plan = plan_of(loop, entries, pred, target, weights, [number(parameter, pred) for parameter in parameters])
    arguments, count = plan.arguments, entries.numel()
    steps = max(1, count // (plan.block * PROGRAMS))
    programs = triton.cdiv(count, plan.block * steps)
    dtype, reduced, mean = arithmetic_dtype(pred, target), reduction != "none", reduction == "mean"

    value = pred.new_empty(() if reduced else entries, dtype=dtype)
    d_pred = pred.new_empty(pred.shape, dtype=dtype) if wants_pred else None
    d_target = pred.new_empty(pred.shape, dtype=dtype) if wants_target else None
    sums = arrivals = counts = None
    if reduced and programs > 1:
        sums, arrivals = pred.new_empty(programs, dtype=dtype), pred.new_empty((), dtype=torch.int32)
    counters = min(COUNTERS.value, triton.cdiv(target.numel(), AT_ONCE))
    divisor = number(float(count) if normalizer is None else normalizer, pred)
    if mean and normalizer is None and arguments.get("ignore_index") is not None:
        counts = pred.new_empty(counters, dtype=torch.int64)
        divisor, arguments["counters"] = Number(0.0, counts), counters

    with torch.cuda.device(pred.get_device()):
        if arrivals is not None or counts is not None:
            begin[(1 if counts is None else counters,)](
                arguments["target"], counts, arrivals, target.numel(), arguments.get("ignore_index"), block=AT_ONCE
            )
        plan.kernel[(programs,)](
            value=value,
            d_pred=d_pred,
            d_target=d_target,
            sums=sums,
            arrivals=arrivals,
            divisors=divisor.place,
            divisor=divisor.given,
            weight=factor.given,
            count=count,
            steps=steps,
            columns=plan.columns,
            reduced=reduced,
            mean=mean,
            dtype=ARITHMETIC[dtype],
            block=plan.block,
            enable_fp_fusion=False,  # a fused product would not have the bits of the other backends
            **weights_of(weights, entries, plan.columns),
            **arguments,
        )
    return Evaluation(value, d_pred, d_target)


def weights_of(weights: Sequence[Tensor], entries: Sequence[int], columns: int) -> dict[str, Any]:
    """The kernels' arguments for weights in memory, or for none."""
    if not weights:
        return {"weights": None, "weight_row": 0, "weight_column": 0}
    tensor, row, column = walk(weights[0], entries, columns)
    return {"weights": tensor, "weight_row": row, "weight_column": column}


def number(value: float | Tensor, pred: Tensor) -> Number:
    """A number for the kernels; what the host holds is handed over, what stands on the device is left there."""
    if not isinstance(value, Tensor):
        return Number(value)
    if value.dim() == 0 and value.device != pred.device:
        return Number(value.item())
    return Number(0.0, without_booleans(in_memory(value.to(pred.device, non_blocking=True))))


def in_memory(tensor: Tensor) -> Tensor:
    """The tensor in memory that kernels read as torch does."""
    return tensor if as_read(tensor) else tensor.to(tensor.dtype, copy=True)


def scaled(derivative: Tensor, upstream: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """The chain rule's last product, in the derivative's own memory unless another dtype is asked for."""
    result = None if dtype in (None, derivative.dtype) else derivative.new_empty(derivative.shape, dtype=dtype)
    upstream = in_memory(upstream)
    one = step(upstream.shape, upstream.stride()) == 0
    numbers_an_entry = derivative.numel() // upstream.numel()
    with torch.cuda.device(derivative.get_device()):
        scale[(triton.cdiv(derivative.numel(), AT_ONCE),)](
            derivative,
            upstream if one else upstream.contiguous(),
            result,
            derivative.numel(),
            numbers_an_entry,
            one=one,
            block=AT_ONCE,
            enable_fp_fusion=False,
        )
    return derivative if result is None else result
