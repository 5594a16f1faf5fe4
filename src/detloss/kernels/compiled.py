"""The fused backends as one operator that compilers put into their graphs as it stands.

An operator's arguments are tensors and plain numbers, so a formula travels as its number in the tables of `formulas`.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from detloss.formulas import BINARY, DIMENSIONS, PENALTIES, REGRESSION, SOFTMAX
from detloss.geometry import AxisAligned
from detloss.kernels import active, backend_for, eager
from detloss.kernels.interface import (
    BinaryLoop,
    ElementLoop,
    Loop,
    PairLoop,
    RowLoop,
)
from detloss.types import BoxFormat

FORMULAS: dict[type, tuple[Callable[..., Any], ...]] = {
    ElementLoop: REGRESSION,
    BinaryLoop: BINARY,
    RowLoop: SOFTMAX,
    PairLoop: PENALTIES,
}
LOOPS = tuple(FORMULAS)


def serves(loop: Loop, pred: Tensor) -> bool:
    """Whether a fused backend of the operand's device has the loop."""
    fused = active(pred.device.type) != "eager" and type(loop) in FORMULAS
    fits = not isinstance(loop, PairLoop) or loop.geometry.dims in DIMENSIONS
    return fused and fits and loop.formula in FORMULAS[type(loop)]


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
) -> eager.Evaluation:
    """The loss and its derivatives, as one node of a graph."""
    geometry = loop.geometry if isinstance(loop, PairLoop) else AxisAligned()
    value, d_pred, d_target = evaluate_in_graph(
        pred,
        target,
        weight,
        None if normalizer is None else as_tensor(normalizer),
        [as_tensor(parameter) for parameter in parameters],
        LOOPS.index(type(loop)),
        FORMULAS[type(loop)].index(loop.formula),
        geometry.format,
        geometry.dims,
        loop.measure if isinstance(loop, PairLoop) else False,
        loop.ignore_index if isinstance(loop, BinaryLoop | RowLoop) else None,
        loop.label_smoothing if isinstance(loop, BinaryLoop | RowLoop) else 0.0,
        reduction,
        wants_pred,
        wants_target,
    )
    return eager.Evaluation(value, d_pred if wants_pred else None, d_target if wants_target else None)


def as_tensor(value: float | Tensor) -> Tensor:
    """A number as a tensor that the host may read."""
    return value if isinstance(value, Tensor) else torch.full((), value, dtype=torch.float64, device="cpu")


@torch.library.custom_op("detloss::evaluate", mutates_args=())
def evaluate_in_graph(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: Tensor | None,
    parameters: list[Tensor],
    kind: int,
    formula: int,
    box_format: str,
    dims: int,
    measure: bool,
    ignore_index: int | None,
    label_smoothing: float,
    reduction: str,
    wants_pred: bool,
    wants_target: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Value and derivatives; what is not wanted is empty."""
    loop_type = LOOPS[kind]
    function = FORMULAS[loop_type][formula]
    loop: Loop
    if loop_type is PairLoop:
        loop = PairLoop(function, AxisAligned(cast(BoxFormat, box_format), dims), measure)
    elif loop_type is BinaryLoop:
        loop = BinaryLoop(function, ignore_index, label_smoothing)
    elif loop_type is RowLoop:
        loop = RowLoop(function, -100 if ignore_index is None else ignore_index, label_smoothing)
    else:
        loop = ElementLoop(function)
    evaluation = backend_for(loop, pred, target, weight).evaluate(
        loop, reduction, wants_pred, wants_target, pred, target, weight, normalizer, parameters
    )
    value, d_pred, d_target = (pred.new_empty(0) if part is None else part for part in evaluation)
    return value, d_pred, d_target


@evaluate_in_graph.register_fake
def _(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None,
    normalizer: Tensor | None,
    parameters: list[Tensor],
    kind: int,
    formula: int,
    box_format: str,
    dims: int,
    measure: bool,
    ignore_index: int | None,
    label_smoothing: float,
    reduction: str,
    wants_pred: bool,
    wants_target: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dtype = eager.arithmetic_dtype(pred, target)
    entries = pred.shape[:-1] if LOOPS[kind] in (RowLoop, PairLoop) else pred.shape
    slopes = [pred.new_empty(pred.shape if wanted else (0,), dtype=dtype) for wanted in (wants_pred, wants_target)]
    return pred.new_empty(entries if reduction == "none" else (), dtype=dtype), slopes[0], slopes[1]
