"""What a loop adds to a launch: its kernel, its blocks of entries, and the arguments that only this kernel has."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from detloss.formulas.axis_aligned import name_of_generated
from detloss.geometry import FORMATS
from detloss.kernels.interface import (
    BinaryLoop,
    ElementLoop,
    Loop,
    PairLoop,
    RowLoop,
)
from detloss.kernels.triton import formulas
from detloss.kernels.triton.box_kernel import pairs
from detloss.kernels.triton.elementwise_kernel import elements
from detloss.kernels.triton.softmax_kernel import rows
from detloss.kernels.triton.walks import columns_of, walk

ELEMENTS, PAIRS = 1024, 256  # in a block
LONGEST_TILE = 4096  # classes of a row that is taken whole
NUMBERS_A_WARP = 256  # of logits: eight a thread, so that few threads repeat what is of a whole row


class Number(NamedTuple):
    """A number as kernels take it: as it is, or where it stands in the device's memory."""

    given: float
    place: Tensor | None = None


class Plan(NamedTuple):
    """A kernel, the entries of a block, in how many columns they lie, and the kernel's own arguments."""

    kernel: Any
    block: int
    columns: int
    arguments: dict[str, Any]


def plan_of(
    loop: Loop,
    entries: Sequence[int],
    pred: Tensor,
    target: Tensor,
    weights: Sequence[Tensor],
    options: Sequence[Number],
) -> Plan:
    """The plan of a loop that has generated code."""
    if isinstance(loop, PairLoop):
        return plan_of_pairs(loop, entries, pred, target, weights)
    if isinstance(loop, RowLoop):
        return plan_of_rows(loop, entries, pred, target, weights, options)
    assert isinstance(loop, ElementLoop | BinaryLoop)
    return plan_of_elements(loop, entries, pred, target, weights, options)


def plan_of_elements(
    loop: ElementLoop | BinaryLoop,
    entries: Sequence[int],
    pred: Tensor,
    target: Tensor,
    weights: Sequence[Tensor],
    options: Sequence[Number],
) -> Plan:
    """Elements lie in their own columns where classes matter."""
    binary, indices = isinstance(loop, BinaryLoop), target.dim() < pred.dim()
    smoothing = loop.label_smoothing if isinstance(loop, BinaryLoop) else 0.0
    by_class = one_a_class(options)
    padded = [*options, *[Number(0.0)] * (3 - len(options))]
    arguments = {
        "pred": pred.contiguous(),
        "target": without_booleans(target.contiguous()),
        "parameters": tuple(option.place for option in padded),
        "parameter_column": int(by_class),
        "first": padded[0].given,
        "second": padded[1].given,
        "third": padded[2].given,
        "keep": 1.0 - smoothing,
        "spread": 0.5 * smoothing,
        "formula": getattr(formulas, loop.formula.__name__),
        "arity": len(options),
        "binary": binary,
        "indices": indices,
        "ignore_index": loop.ignore_index if indices and isinstance(loop, BinaryLoop) else None,
        "counters": None,
        "num_warps": 8,
    }
    columns = entries[-1] if indices or by_class else columns_of(entries, *weights)
    return Plan(elements, ELEMENTS, columns, arguments)


def plan_of_rows(
    loop: RowLoop,
    entries: Sequence[int],
    pred: Tensor,
    target: Tensor,
    weights: Sequence[Tensor],
    options: Sequence[Number],
) -> Plan:
    """Rows are taken whole, a few in a block, or alone in pieces."""
    classes, indices = pred.shape[-1], target.dim() < pred.dim()
    whole = classes <= LONGEST_TILE
    tile = triton.next_power_of_2(classes) if whole else LONGEST_TILE
    warps = max(1, tile // NUMBERS_A_WARP)
    block = warps * NUMBERS_A_WARP // tile
    padded = [*options, *[Number(0.0)] * (2 - len(options))]
    arguments = {
        "pred": pred.contiguous(),
        "target": without_booleans(target.contiguous()),
        "classes": classes,
        "parameters": tuple(option.place for option in padded),
        "parameter_column": int(one_a_class(options)),
        "first": padded[0].given,
        "second": padded[1].given,
        "keep": 1.0 - loop.label_smoothing,
        "spread": loop.label_smoothing / classes,
        "formula": getattr(formulas, loop.formula.__name__),
        "arity": len(options) - 1,
        "indices": indices,
        "single": indices and loop.label_smoothing == 0.0,
        "ignore_index": loop.ignore_index if indices else None,
        "counters": None,
        "whole": whole,
        "tile": tile,
        "num_warps": warps,
    }
    return Plan(rows, block, columns_of(entries, *weights), arguments)


def plan_of_pairs(
    loop: PairLoop, entries: Sequence[int], pred: Tensor, target: Tensor, weights: Sequence[Tensor]
) -> Plan:
    """Pairs lie in as few columns as their operands allow: expanded ones are never copied out."""
    columns, width = columns_of(entries, pred, target, *weights), 2 * loop.geometry.dims
    of_pred, of_target = (walk(operand, entries, columns, width) for operand in (pred, target))
    box_format = FORMATS[loop.geometry.format]
    arguments = {
        "pred": of_pred.tensor,
        "target": of_target.tensor,
        "pred_row": of_pred.row,
        "pred_column": of_pred.column,
        "target_row": of_target.row,
        "target_column": of_target.column,
        "geometry": getattr(formulas, name_of_generated(loop.geometry.dims, loop.needs)),
        "penalty": getattr(formulas, loop.formula.__name__),
        "differences_of": getattr(formulas, box_format.differences_of.__name__),
        "derivatives_by": getattr(formulas, box_format.derivatives_by.__name__),
        "measure": loop.measure,
        "width": width,
        "padded": triton.next_power_of_2(width),
        "num_warps": 8,
    }
    return Plan(pairs, PAIRS, columns, arguments)


def one_a_class(options: Sequence[Number]) -> bool:
    """Whether some parameter has a number a class."""
    return any(option.place is not None and option.place.dim() > 0 for option in options)


def without_booleans(tensor: Tensor) -> Tensor:
    """A tensor whose booleans are numbers: Triton's would be of one bit."""
    return tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor
