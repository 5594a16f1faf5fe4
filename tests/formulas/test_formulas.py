"""Traces of the formulas: straight-line scalar programs, run on plain Python floats.

This is why C++ and Triton can share them: no branch depends on a value, no primitive is missing from the list below.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch

import detloss
from detloss import formulas
from detloss.formulas.axis_aligned import axis_aligned
from detloss.formulas.mask_sums import mask_derivatives, mask_parts
from detloss.formulas.measures import needs
from detloss.formulas.modifiers import Modified
from detloss.geometry import FORMATS
from tests.support.loss_table import TABLE, Row
from tests.support.marks import exhaustive_except
from tools.print_formulas import straight
from tools.trace import Program, Symbol, traced

PRIMITIVES: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "exp": math.exp,
    "expm1": math.expm1,
    "square_root": math.sqrt,
    "log": math.log,
    "log1p": math.log1p,
    "log1p_of_fraction": math.log1p,
    "power": math.pow,
    "relu": lambda x: max(x, 0.0),
    "angle": math.atan2,
    "minimum": min,
    "maximum": max,
    "where": lambda condition, yes, no: yes if condition else no,
    "inverse": lambda x: 1.0 / x if x else 0.0,
    "quotient": lambda n, d: n / d if d else 0.0,
    "weighted": lambda w, x: w * x if w else 0.0,
    "constant": lambda x: x,
    "scale": lambda size, dimensions: 2.0 ** (8 - math.frexp(size)[1]),
    "difference": lambda a, b: (a - b, 0.0),  # in exact arithmetic no rounding error is left
}
BINARY_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "&": operator.and_,
    "|": operator.or_, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def evaluate(program: Program, *inputs: float) -> list[float]:
    """Run a program on floats."""
    known: dict[str, Any] = dict(zip(program.inputs, inputs, strict=True))

    def number(operand: Symbol | float) -> Any:
        return known[operand.name] if isinstance(operand, Symbol) else operand

    for step in program.steps:
        operands = [number(operand) for operand in step.operands]
        if step.function in PRIMITIVES:
            result = PRIMITIVES[step.function](*operands)
        else:
            result = BINARY_OPERATORS[step.function](*operands) if len(operands) == 2 else -operands[0]
        known |= zip(step.names, [result] if len(step.names) == 1 else result, strict=True)
    return [float(number(output)) for output in program.outputs]


def table_row(formula: Callable[..., Any]) -> Row:
    """The row of a formula's loss: a formula has the name of its loss, or of its row."""
    if isinstance(formula, Modified):
        return table_row(formula.penalty)
    names = {row.name: row for row in TABLE} | {row.loss.__name__: row for row in reversed(TABLE) if not row.of}
    return names.get(f"{formula.__name__}_loss") or names[formula.__name__]


def parameters(row: Row) -> list[float]:
    """The options of a row as a formula takes them: alpha is a weight per side."""
    return [*row.parameters] or [
        value for name, each in row.chosen.items() for value in ((each, 1.0 - each) if name == "alpha" else (each,))
    ]


every_formula = partial(pytest.mark.parametrize, "formula", ids=lambda formula: formula.__name__)


@every_formula(formulas.REGRESSION)
def test_regression(formula: Callable[..., Any], seed: int) -> None:
    row, program = table_row(formula), straight(formula)
    pred, target = torch.randn(2, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    pred.requires_grad_()
    ours = row(pred, target, reduction="none")
    gradient = torch.autograd.grad(ours.sum(), pred)[0]
    for k in range(20):
        value, by_pred, by_target = evaluate(program, pred[k].item(), target[k].item(), *parameters(row))
        assert value == pytest.approx(ours[k].item(), rel=1e-14)
        assert by_pred == -by_target == pytest.approx(gradient[k].item(), rel=1e-14)


@every_formula(formulas.BINARY)
def test_binary(formula: Callable[..., Any], seed: int) -> None:
    row, program = table_row(formula), straight(formula)
    generator = torch.Generator().manual_seed(seed)
    logits = (5 * torch.randn(20, dtype=torch.float64, generator=generator)).requires_grad_()
    target = torch.rand(20, dtype=torch.float64, generator=generator)
    target[15:] = 0.0
    ours = row(logits, target.requires_grad_(row.soft_target), reduction="none")
    gradients = torch.autograd.grad(ours.sum(), (logits, target) if row.soft_target else (logits,))
    for k in range(20):
        t = target[k].item()
        values = evaluate(program, logits[k].item(), t, 1 - t, 1.0, *parameters(row))
        by_target = gradients[1][k].item() if row.soft_target else 0.0
        assert values == pytest.approx([ours[k].item(), gradients[0][k].item(), by_target], rel=1e-12)


@every_formula(formulas.SOFTMAX)
def test_softmax(formula: Callable[..., Any], seed: int) -> None:
    row = table_row(formula)
    logits = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    p = logits.softmax(0)[1].item()
    value, _ = evaluate(straight(formula), -math.log(p), p, 1 - p, *parameters(row))
    assert value == pytest.approx(row(logits, torch.tensor(1)).item(), rel=1e-12)


@every_formula(formulas.MASKS)
def test_masks(formula: Callable[..., Any], seed: int) -> None:
    row, elements, derivatives = table_row(formula), straight(mask_parts), straight(mask_derivatives)
    generator = torch.Generator().manual_seed(seed)
    logits = (5 * torch.randn(20, dtype=torch.float64, generator=generator)).requires_grad_()
    target = torch.rand(20, dtype=torch.float64, generator=generator).requires_grad_()
    ours = row(logits, target, reduction="none")
    gradients = torch.stack(torch.autograd.grad(ours, (logits, target)), -1)
    pairs = list(zip(logits.tolist(), target.tolist()))
    sums = map(math.fsum, zip(*(evaluate(elements, *pair) for pair in pairs)))
    value, *slopes = evaluate(straight(formula), *sums, *row.chosen.values())
    assert value == pytest.approx(ours.item(), rel=1e-12)
    for pair, gradient in zip(pairs, gradients.tolist(), strict=True):
        assert evaluate(derivatives, *pair, *slopes) == pytest.approx(gradient, rel=1e-9, abs=1e-15)


OVERLAP = detloss.Overlap(power=1.5, interval=(0.05, 0.95))
INTERVAL = (0.05, 1.0 - 0.95, 0.95 - 0.05)
OWN = ("theta", "image_size", "scale")


def options_of(formula: Callable[..., Any], dims: int) -> dict[str, Any]:
    """The options of the loss of a penalty."""
    options = dict(table_row(formula).options_of(dims))
    if isinstance(formula, Modified):
        options["overlap"] = replace(OVERLAP, inner=1.25) if formula.is_inner else OVERLAP
    return options


def parameters_of(formula: Callable[..., Any], dims: int) -> list[float]:
    """The options of a loss as its penalty takes them: an image by its diagonal, an interval by its ends and length."""
    options = options_of(formula, dims)
    overlap = options.get("overlap")
    own = [math.hypot(*options[name]) if name == "image_size" else options[name] for name in OWN if name in options]
    return [overlap.power, *INTERVAL, overlap.inner, *own] if overlap else own


@pytest.mark.parametrize(
    ("form", "dims"), exhaustive_except(product(FORMATS, (1, 2, 3)), lambda case: case[0] == "xyxy" or case[1] == 2)
)
@every_formula(formulas.PENALTIES)
def test_boxes(formula: Callable[..., Any], form: str, dims: int, seed: int) -> None:
    row, geometry, options = table_row(formula), detloss.AxisAligned(form, dims), options_of(formula, dims)
    if row.planar and dims != 2:
        with pytest.raises(ValueError, match="with the measure (aspect_angle|plane)"):
            row(torch.ones(2 * dims), torch.ones(2 * dims), geometry=geometry)
        return
    box_format = FORMATS[form]

    def of_numbers(m: Any, *numbers: Any) -> Sequence[Any]:
        rows = [list(zip(numbers[k : k + dims], numbers[k + dims : k + 2 * dims])) for k in (0, 2 * dims)]
        formats = box_format.differences_of, box_format.derivatives_by
        loss, similarity, derivatives = axis_aligned(
            m, formula, *formats, needs(formula), *rows, 0.0, *numbers[4 * dims :]
        )
        return [loss, similarity, *(first for first, _ in derivatives), *(second for _, second in derivatives)]

    parameters = parameters_of(formula, dims)
    program = traced(row.name, tuple(f"x{k}" for k in range(4 * dims + len(parameters))), of_numbers)
    generator = torch.Generator().manual_seed(seed)
    low, size = torch.rand(2, 20, 2, dims, dtype=torch.float64, generator=generator)
    second = {"xyxy": low + size + 0.1, "xywh": size + 0.1, "cxcywh": size + 0.1, "ltrb": size + 0.1}[form]
    pairs = torch.cat([low, second], -1)
    pred, target = pairs[:, 0].clone().requires_grad_(), pairs[:, 1]
    ours = row.loss(pred, target, geometry=geometry, reduction="none", **options)
    gradient = torch.autograd.grad(ours.sum(), pred)[0]
    similarity = (row.measure or detloss.iou)(pred, target, geometry=geometry)
    for k in range(20):
        value, similar, *slopes = evaluate(program, *pred[k].tolist(), *target[k].tolist(), *parameters)
        assert [value, *slopes] == pytest.approx([ours[k].item(), *gradient[k].tolist()], rel=1e-11, abs=1e-12)
        if row.measure and not isinstance(formula, Modified):
            assert similar == pytest.approx(similarity[k].item(), rel=1e-11, abs=1e-12)
