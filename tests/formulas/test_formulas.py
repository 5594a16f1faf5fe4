"""Formulas are straight-line scalar code: traced once without any data, their programs run on plain Python floats.

This is why C++ and Triton can share them: no branch depends on a value, no primitive is missing from the list below.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

import detloss
from detloss import formulas
from detloss.formulas.axis_aligned import axis_aligned
from detloss.formulas.measures import needs
from detloss.geometry import FORMATS
from tools.print_formulas import straight
from tools.trace import Program, Symbol, traced

BY_NAME = {
    formula.__name__: formula
    for table in (formulas.REGRESSION, formulas.BINARY, formulas.SOFTMAX, formulas.PENALTIES)
    for formula in table
}
PRIMITIVES: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "exp": math.exp,
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


@pytest.mark.parametrize("name", ["l1", "l2", "smooth_l1"])
def test_regression(name: str, seed: int) -> None:
    pred, target = torch.randn(2, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    options = {"beta": 0.7} if name == "smooth_l1" else {}
    program = straight(BY_NAME[name])
    pred.requires_grad_()
    ours = getattr(detloss, f"{name}_loss")(pred, target, reduction="none", **options)
    slope = torch.autograd.grad(ours.sum(), pred)[0]
    for k in range(20):
        value, by_pred, by_target = evaluate(program, pred[k].item(), target[k].item(), *options.values())
        assert value == pytest.approx(ours[k].item(), rel=1e-14)
        assert by_pred == -by_target == pytest.approx(slope[k].item(), rel=1e-14)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "balanced_cross_entropy", "sigmoid_focal"])
def test_binary(name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(20, dtype=torch.float64, generator=generator)
    target = torch.rand(20, dtype=torch.float64, generator=generator)
    options = {"binary_cross_entropy": {}, "balanced_cross_entropy": {"alpha": 0.3}}.get(
        name, {"alpha": 0.3, "gamma": 1.5}
    )
    parameters = ([0.3, 0.7] if "alpha" in options else []) + ([1.5] if "gamma" in options else [])
    program = straight(BY_NAME[name])
    logits.requires_grad_()
    target.requires_grad_()
    ours = getattr(detloss, f"{name}_loss")(logits, target, reduction="none", **options)
    slopes = torch.autograd.grad(ours.sum(), (logits, target))
    for k in range(20):
        t = target[k].item()
        values = evaluate(program, logits[k].item(), t, 1 - t, 1.0, *parameters)
        assert values == pytest.approx([ours[k].item(), slopes[0][k].item(), slopes[1][k].item()], rel=1e-12)


def test_softmax(seed: int) -> None:
    logits = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    p = logits.softmax(0)[1].item()
    for name, parameters, expected in (
        ("cross_entropy", [], detloss.cross_entropy_loss(logits, torch.tensor(1))),
        ("softmax_focal", [1.5], detloss.softmax_focal_loss(logits, torch.tensor(1), gamma=1.5)),
    ):
        value, _ = evaluate(straight(BY_NAME[name]), -math.log(p), p, 1 - p, *parameters)
        assert value == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["iou", "log_iou", "generalized_iou", "distance_iou", "complete_iou"])
def test_boxes(name: str, form: str, dims: int, seed: int) -> None:
    if name == "complete_iou" and dims != 2:
        with pytest.raises(ValueError, match="with the measure aspect_angle"):
            detloss.complete_iou_loss(
                torch.ones(2 * dims), torch.ones(2 * dims), geometry=detloss.AxisAligned(form, dims)
            )
        return
    penalty, box_format = BY_NAME[name], FORMATS[form]

    def formula(m: Any, *numbers: Any) -> Sequence[Any]:
        rows = [list(zip(numbers[k : k + dims], numbers[k + dims : k + 2 * dims])) for k in (0, 2 * dims)]
        loss, similarity, derivatives = axis_aligned(
            m, penalty, box_format.differences_of, box_format.derivatives_by, needs(penalty), *rows
        )
        return [loss, similarity, *(first for first, _ in derivatives), *(second for _, second in derivatives)]

    program = traced(name, tuple(f"x{k}" for k in range(4 * dims)), formula)
    generator = torch.Generator().manual_seed(seed)
    low, size = torch.rand(2, 20, 2, dims, dtype=torch.float64, generator=generator)
    second = {"xyxy": low + size + 0.1, "xywh": size + 0.1, "cxcywh": size + 0.1, "ltrb": size + 0.1}[form]
    pairs = torch.cat([low, second], -1)
    pred, target = pairs[:, 0].clone().requires_grad_(), pairs[:, 1]
    geometry = detloss.AxisAligned(form, dims)
    if name == "log_iou":
        ours = detloss.iou_loss(pred, target, form="log", geometry=geometry, reduction="none")
        similar = detloss.iou(pred, target, geometry=geometry)
    else:
        ours = getattr(detloss, f"{name}_loss")(pred, target, geometry=geometry, reduction="none")
        similar = getattr(detloss, name)(pred, target, geometry=geometry)
    slope = torch.autograd.grad(ours.sum(), pred)[0]
    for k in range(20):
        values = evaluate(program, *pred[k].tolist(), *target[k].tolist())
        expected = [ours[k].item(), similar[k].item(), *slope[k].tolist()]
        assert values == pytest.approx(expected, rel=1e-11, abs=1e-12)
