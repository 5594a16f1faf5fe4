"""Random calls of every loss with every option, on which all backends must agree."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

import detloss
from detloss.auditing.battery import box_families as boxes
from detloss.auditing.battery import logit_families as logits
from detloss.catalog import Kind
from tests.support.loss_table import BOXES, ONE_LOGIT, Row, rows_of
from tests.support.memory_layouts import laid_out

DTYPES = (torch.float64, torch.float32, torch.float32, torch.float32, torch.bfloat16, torch.float16)
BORDERS = (255, 256, 257, 2047, 2048, 2049, 4095, 4096, 4097, 32767, 32768, 32769)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint8)


@dataclass
class Call:
    """A loss or a measure with its arguments; `soft` if a derivative is a difference of larger terms."""

    row: Row
    pred: Tensor
    target: Tensor
    options: dict[str, Any]
    soft: bool = False
    measure: bool = False  # the measure of the loss, which takes no weight and no reduction
    requires_grad: tuple[bool, ...] = (True, True, True)  # gradients by pred, target, weight
    upstream: int = 0  # the seed of the gradient from above

    @property
    def name(self) -> str:
        """The name of the loss, or of the measure."""
        return self.row.measure.__name__ if self.measure else self.row.name

    @property
    def loss(self) -> Callable[..., Tensor]:
        """The function that is called."""
        return self.row.measure if self.measure else self.row.loss

    @property
    def per_row(self) -> bool:
        """Whether the unreduced loss has a value per row."""
        return self.row.per_row

    @property
    def entries(self) -> tuple[int, ...]:
        """The shape of the unreduced loss."""
        return self.pred.shape[:-1] if self.per_row else self.pred.shape

    def __str__(self) -> str:
        def shown(value: object) -> str:
            if not isinstance(value, Tensor):
                return repr(value)
            kind = f"{tuple(value.shape)} by {value.stride()} from {value.storage_offset()}, {value.dtype}"
            return f"<{kind}{', negated' if value.is_neg() else ''}>"

        options = [f"{key}={shown(value)}" for key, value in self.options.items()]
        given = [shown(self.pred), shown(self.target), *options]
        return f"{self.name}({', '.join(given)}), gradients required by pred, target, weight: {self.requires_grad}"


def draw(rng: Random, kind: str) -> Call:
    """A call of some loss of a kind."""
    call = KINDS[kind](rng)
    if not call.measure:
        call.options["weight"] = weight = _weight(rng, call.entries)
        call.options["reduction"] = reduction = rng.choice(("none", "sum", "mean"))
        call.options["normalizer"] = _normalizer(rng) if reduction == "mean" else None
        if isinstance(weight, Tensor) and weight.shape == call.entries and rng.random() < 0.3:
            absent = weight.unsqueeze(-1) == 0 if call.per_row else weight == 0
            call.pred = laid_out(rng, call.pred.masked_fill(absent, rng.choice((torch.nan, torch.inf))))
    call.requires_grad = tuple(rng.random() < 0.7 for _ in range(3))
    if call.row.constant_target:
        call.requires_grad = (call.requires_grad[0], False, call.requires_grad[2])
    call.upstream = rng.getrandbits(40)
    return call


def _numbers(rng: Random) -> Call:
    shape = _shape(rng, _count(rng))
    pred, target = (10.0 ** rng.choice((0, 0, 0, -15, 15)) * 3 * _normal(rng, shape) for _ in range(2))
    target = torch.where(_random(rng, shape) < 0.1, pred, target)
    row = rng.choice(rows_of(Kind.REGRESSION))
    return Call(row, *_pair(rng, pred, target), dict(rng.choice(list(row.grid(rng, True)))))


def _options(rng: Random, row: Row, **choices: Sequence[object]) -> dict[str, Any]:
    """A value for every option of a loss that has choices, in addition to its options in the catalog."""
    names = inspect.signature(row.loss).parameters
    return {**row.entry.options, **{name: rng.choice(values) for name, values in choices.items() if name in names}}


def _boxes(rng: Random) -> Call:
    dims = rng.choice((1, 2, 2, 2, 3, 4))
    form = rng.choice(("xyxy", "xyxy", "xywh", "cxcywh", "ltrb"))
    shape = _shape(rng, _count(rng))
    reach = boxes.RANGES[torch.float32]
    kinds = [rng.choice(list(boxes.FAMILIES)) for _ in range(8)]
    drawn = [boxes.FAMILIES[kind](rng, dims, reach) for kind in kinds for _ in range(8)]
    rows = [torch.tensor([boxes.in_format(row, form) for row in side], dtype=torch.float64) for side in zip(*drawn)]
    picked = torch.randint(0, 64, shape, generator=_generator(rng))
    pred, target = _pair(rng, *(side[picked] for side in rows))
    geometry = detloss.AxisAligned(form, dims)
    row = rng.choice([row for row in BOXES if dims == 2 or not row.planar])
    if row.measure and rng.random() < 0.4:
        options: dict[str, Any] = {"geometry": geometry}
        if pred.dim() > 1 and pred.numel() < 3000 and rng.random() < 0.5:
            options["pairwise"] = True
            target = target[..., : rng.randint(0, 9), :]
        return Call(row, pred, target, options, measure=True)
    return Call(row, pred, target, {"geometry": geometry, **row.options_of(dims)})


def _binary(rng: Random) -> Call:
    classes = rng.choice((1, 2, 3, 7, 15, 16, 17, 20, 80))
    shape = (*_shape(rng, max(1, _count(rng)) // classes), classes)
    row = rng.choice(rows_of(*ONE_LOGIT))
    style = rng.choice(("indices", "hard", "soft"))
    each = _random(rng, (classes,)).to(rng.choice(DTYPES))
    alphas = (0.25, torch.tensor(0.7), each.tolist(), laid_out(rng, each), None)
    options = _options(rng, row, label_smoothing=(0.0, 0.0, 0.125), gamma=logits.GAMMAS, poly=(0.0, 0.0, 1.0))
    options |= {name: value for name, value in row.chosen.items() if name not in options}
    if row.kind is Kind.SIGMOID and "alpha" in options:
        options["alpha"] = rng.choice(alphas)
    if style == "indices":
        target, options["ignore_index"] = _indices(rng, shape, background=True)
        options["ignore_index"] = rng.choice((None, options["ignore_index"]))
    elif style == "hard":
        target = (_random(rng, shape) < 0.3).to(rng.choice((torch.bool, torch.uint8, torch.int64, *DTYPES)))
    else:
        target = _random(rng, shape).to(rng.choice(DTYPES))
    if row.kind is Kind.QUALITY and style != "soft" and rng.random() < 0.7:
        options["quality"] = laid_out(rng, _random(rng, tuple(target.shape)).to(rng.choice(DTYPES)))
    pred = laid_out(rng, _logits(rng, shape, rng.choice(DTYPES)))
    soft = style == "soft" or options.get("label_smoothing", 0.0) > 0 or "quality" in options
    return Call(row, pred, laid_out(rng, target), options, soft=soft)


def _rows(rng: Random) -> Call:
    classes = rng.choice((rng.randint(1, 40), rng.randint(1, 40), 80, 81, 255, 2047, 2049))
    shape = (*_shape(rng, _count(rng) // rng.choice((1, classes))), classes)
    if torch.Size(shape).numel() > 100_000:
        shape = (5, classes)
    row = rng.choice(rows_of(Kind.SOFTMAX))
    each = _random(rng, (classes,)).to(rng.choice(DTYPES))
    class_weights = (None, None, torch.tensor(1.5), each.tolist(), laid_out(rng, each))
    options = _options(rng, row, class_weight=class_weights, label_smoothing=(0.0, 0.0, 0.125), gamma=logits.GAMMAS)
    options["poly"] = rng.choice((0.0, 0.0, -1.0, 2.0))
    options["logit_offset"] = rng.choice((None, None, laid_out(rng, 3.0 * each)))
    options["margin"] = (
        None if row.soft_target else rng.choice((None, None, 0.5, torch.tensor(0.3), laid_out(rng, each)))
    )
    if row.soft_target:
        target = _normal(rng, shape).mul(2).softmax(-1).to(rng.choice(DTYPES))
    else:
        target, options["ignore_index"] = _indices(rng, shape, background=False)
    soft = row.soft_target or options.get("label_smoothing", 0.0) > 0
    pred = laid_out(rng, _logits(rng, shape, rng.choice(DTYPES)))
    return Call(row, pred, laid_out(rng, target), options, soft=soft)


def _bins(rng: Random) -> Call:
    classes = rng.choice((2, 5, 17, 17, 33, rng.randint(2, 70), 2049))
    shape = (*_shape(rng, max(1, _count(rng) // classes)), classes)
    (row,) = rows_of(Kind.DISTRIBUTION)
    bins = (0.01 + _random(rng, (classes,))).cumsum(0) - 2.0
    value = laid_out(rng, (classes * (1.2 * _random(rng, shape[:-1]) - 0.1)).to(rng.choice((*DTYPES, torch.int32))))
    options = {"bins": rng.choice((None, None, bins)), "excess": rng.random() < 0.3}
    return Call(row, laid_out(rng, _logits(rng, shape, rng.choice(DTYPES))), value, options, soft=True)


def _masks(rng: Random) -> Call:
    elements = rng.choice((rng.randint(1, 40), rng.randint(1, 40), 255, 2047, 2049))
    shape = (*_shape(rng, max(1, _count(rng) // elements)), elements)
    row = rng.choice(rows_of(Kind.MASK))
    soft = rng.random() < 0.5
    target = _random(rng, shape) if soft else _random(rng, shape) < 0.3
    target = target.to(rng.choice(DTYPES if soft else (torch.bool, torch.uint8, torch.int64, *DTYPES)))
    pred = laid_out(rng, _logits(rng, shape, rng.choice(DTYPES)))
    return Call(row, pred, laid_out(rng, target), dict(rng.choice(list(row.grid(rng, True)))), soft=soft)


KINDS = {"numbers": _numbers, "boxes": _boxes, "binary": _binary, "rows": _rows, "bins": _bins, "masks": _masks}


def _generator(rng: Random) -> torch.Generator:
    return torch.Generator().manual_seed(rng.getrandbits(40))


def _normal(rng: Random, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=_generator(rng), dtype=torch.float64)


def _random(rng: Random, shape: tuple[int, ...]) -> Tensor:
    return torch.rand(shape, generator=_generator(rng), dtype=torch.float64)


def _count(rng: Random) -> int:
    """Often a few registers full, sometimes a block or a chunk full."""
    return 0 if rng.random() < 0.02 else rng.choice(BORDERS) if rng.random() < 0.1 else rng.randint(1, 70)


def _shape(rng: Random, count: int) -> tuple[int, ...]:
    """About so many entries, in up to three dimensions."""
    if count == 1 and rng.random() < 0.5:
        return ()
    first, second = rng.choice(((count, 1), (rng.randint(1, 5), 1), (rng.randint(1, 5), rng.randint(1, 5))))
    shape = (first, second, count // max(1, first * second))
    return shape[: 1 if second == 1 and first == count else 3]


def _pair(rng: Random, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Two operands, mostly of one dtype, each in some layout; now and then NaN or infinity among the first's numbers."""
    dtype = rng.choice(DTYPES)
    other = dtype if rng.random() < 0.7 else rng.choice(DTYPES)
    if rng.random() < 0.1:
        pred = torch.where(_random(rng, pred.shape) < 0.05, rng.choice((torch.nan, torch.inf, -torch.inf)), pred)
    return laid_out(rng, pred.to(dtype)), laid_out(rng, target.to(other))


def _logits(rng: Random, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # Small enough that no weight overflows: the battery has the large ones.
    extremes = torch.tensor([x for x in logits.extremes(dtype) if not 1e30 < abs(x) < torch.inf], dtype=dtype)
    special = extremes[torch.randint(0, len(extremes), shape, generator=_generator(rng))]
    drawn = (rng.choice((1, 3, 10)) * _normal(rng, shape)).to(dtype)
    drawn = torch.where(_random(rng, shape) < rng.choice((0.0, 0.0, 0.2)), special, drawn)
    return torch.where(_random(rng, shape) < rng.choice((0.0, 0.0, 0.0, 0.03)), torch.nan, drawn)


def _indices(rng: Random, shape: tuple[int, ...], background: bool) -> tuple[Tensor, int]:
    """Classes that exist, that are ignored, and that do not exist; and the ignored index."""
    *rows, classes = shape
    ignored = rng.choice((-100, 0, 1))
    drawn = torch.randint(0, classes + background, rows, generator=_generator(rng))
    drawn = torch.where(_random(rng, tuple(rows)) < 0.1, ignored, drawn)
    if rng.random() < 0.3:
        drawn = torch.where(_random(rng, tuple(rows)) < 0.1, rng.choice((-1, classes + background, classes + 9)), drawn)
    kinds = INTEGERS if len(drawn.flatten()) and drawn.min() >= 0 else INTEGERS[:3]
    return drawn.to(rng.choice(kinds if classes < 200 else INTEGERS[:3])), ignored


def _weight(rng: Random, entries: tuple[int, ...]) -> Tensor | float | None:
    if rng.random() < 0.4:
        return None
    if rng.random() < 0.2:
        return rng.choice((0.0, 0.3, 2, torch.tensor(1.5), torch.tensor(3)))
    shape = tuple(1 if rng.random() < 0.2 else size for size in entries)
    weight = (3 * _random(rng, shape)).floor() * rng.choice((1.0, 0.7, 1.0 / 3))
    return laid_out(rng, weight.to(rng.choice((*DTYPES, *DTYPES, torch.bool, torch.int64))))


def _normalizer(rng: Random) -> Tensor | float | None:
    return rng.choice((None, None, 7, 0.3, 0.0, 1e-3, torch.tensor(3), torch.tensor([2.5]), torch.tensor(0.0)))
