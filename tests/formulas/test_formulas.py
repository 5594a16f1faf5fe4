"""Formulas are straight-line scalar code: recorded once without any data, they replay on plain Python floats.

This is what lets C++ and Triton share them: no branch looks at a value, no word is missing from the list below.
"""

import math
import operator
from dataclasses import dataclass, field
from itertools import count

import pytest
import torch

import detloss
from detloss import formulas
from detloss.geometry import FORMATS

WORDS = {
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
}


@dataclass
class Recorder:
    """A vocabulary that writes down what it is asked for."""

    lines: list = field(default_factory=list)
    names: count = field(default_factory=count)

    def write(self, word: str, *operands: object) -> "Symbol":
        symbol = Symbol(self, next(self.names))
        self.lines.append((symbol.name, word, [o.name if isinstance(o, Symbol) else float(o) for o in operands]))
        return symbol

    def difference(self, a: object, b: object) -> tuple:
        return self.write("sub", a, b), self.write("low", a, b)

    def __getattr__(self, word: str) -> object:
        if word not in WORDS:
            raise AttributeError(f"{word} is no word of the vocabulary")
        return lambda *operands: self.write(word, *operands)


@dataclass(eq=False)
class Symbol:
    """A scalar of which nothing is known: asking for its truth is an error."""

    recorder: Recorder
    name: int

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on a value")


def operation(name: str, swapped: bool = False) -> object:
    def method(self: Symbol, *others: object) -> Symbol:
        operands = (*others, self) if swapped else (self, *others)
        return self.recorder.write(name, *operands)

    return method


OPERATORS = {
    name: getattr(operator, f"{name}_" if name in ("and", "or") else name)
    for name in ("add", "sub", "mul", "truediv", "neg", "lt", "le", "gt", "ge", "eq", "ne", "and", "or")
}
for name in OPERATORS:
    setattr(Symbol, f"__{name}__", operation(name))
for name in ("add", "sub", "mul", "truediv"):
    setattr(Symbol, f"__r{name}__", operation(name, swapped=True))


def replay(recorder: Recorder, inputs: list[float], outputs: list) -> list[float]:
    known = dict(enumerate(inputs))
    for name, word, operands in recorder.lines:
        values = [known[o] if isinstance(o, int) else o for o in operands]
        if word == "low":
            known[name] = 0.0  # in exact arithmetic there is none
        else:
            known[name] = OPERATORS[word](*values) if word in OPERATORS else WORDS[word](*values)
    return [known[o.name] if isinstance(o, Symbol) else float(o) for o in outputs]


def record(inputs: int) -> tuple[Recorder, list[Symbol]]:
    recorder = Recorder()
    return recorder, [Symbol(recorder, next(recorder.names)) for _ in range(inputs)]


@pytest.mark.parametrize("name", ["l1", "l2", "smooth_l1"])
def test_regression(name: str, seed: int) -> None:
    pred, target = torch.randn(2, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    options = {"beta": 0.7} if name == "smooth_l1" else {}
    recorder, (p, t) = record(2)
    loss, d_pred, d_target = getattr(formulas, name)(recorder, p, t, *options.values())
    pred.requires_grad_()
    ours = getattr(detloss, f"{name}_loss")(pred, target, reduction="none", **options)
    slope = torch.autograd.grad(ours.sum(), pred)[0]
    for k in range(20):
        value, by_pred, by_target = replay(recorder, [pred[k].item(), target[k].item()], [loss, d_pred, d_target])
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
    recorder, (z, u, v) = record(3)
    outputs = getattr(formulas, name)(recorder, z, u, v, 1.0, *parameters)
    logits.requires_grad_()
    target.requires_grad_()
    ours = getattr(detloss, f"{name}_loss")(logits, target, reduction="none", **options)
    slopes = torch.autograd.grad(ours.sum(), (logits, target))
    for k in range(20):
        t = target[k].item()
        values = replay(recorder, [logits[k].item(), t, 1 - t], list(outputs))
        assert values == pytest.approx([ours[k].item(), slopes[0][k].item(), slopes[1][k].item()], rel=1e-12)


def test_softmax(seed: int) -> None:
    logits = torch.randn(3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    p = logits.softmax(0)[1].item()
    for formula, parameters, expected in (
        (formulas.cross_entropy, [], detloss.cross_entropy_loss(logits, torch.tensor(1))),
        (formulas.softmax_focal, [1.5], detloss.softmax_focal_loss(logits, torch.tensor(1), gamma=1.5)),
    ):
        recorder, symbols = record(3)
        loss, rate = formula(recorder, *symbols, *parameters)
        value, _ = replay(recorder, [-math.log(p), p, 1 - p], [loss, rate])
        assert value == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["iou", "log_iou", "generalized_iou", "distance_iou", "complete_iou"])
def test_boxes(name: str, form: str, dims: int, seed: int) -> None:
    if name == "complete_iou" and dims != 2:
        with pytest.raises(ValueError, match="boxes of the plane"):
            detloss.complete_iou_loss(
                torch.ones(2 * dims), torch.ones(2 * dims), geometry=detloss.AxisAligned(form, dims)
            )
        return
    recorder, symbols = record(4 * dims)
    rows = [list(zip(symbols[k : k + dims], symbols[k + dims : k + 2 * dims])) for k in (0, 2 * dims)]
    box_format = FORMATS[form]
    loss, measure, derivatives = formulas.axis_aligned(
        recorder,
        getattr(formulas, name),
        box_format.differences_of,
        box_format.derivatives_by,
        name == "complete_iou",
        *rows,
    )
    outputs = [loss, measure, *(first for first, _ in derivatives), *(second for _, second in derivatives)]
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
        values = replay(recorder, [*pred[k].tolist(), *target[k].tolist()], outputs)
        expected = [ours[k].item(), similar[k].item(), *slope[k].tolist()]
        assert values == pytest.approx(expected, rel=1e-11, abs=1e-12)
