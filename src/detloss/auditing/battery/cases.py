"""Cases of the battery: losses, inputs and exact results."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any

import torch
from mpmath import mpf
from torch import Tensor

from detloss.auditing.battery import box_families, logit_families
from detloss.auditing.battery.error_bounds import ErrorBound, error_bound
from detloss.auditing.oracle import exact_boxes
from detloss.auditing.oracle.defined_boxes import Defined
from detloss.auditing.oracle.exact import Exact
from detloss.auditing.oracle.exact_classes import adjusted_softmax_focal
from detloss.auditing.specifications import SPECIFICATIONS, Options, Specification
from detloss.catalog import Kind
from detloss.geometry import AxisAligned

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
POLY = (-1.0, -0.4, -0.999, 1.0, 5.0)
ONE_LOGIT = (Kind.SIGMOID, Kind.QUALITY, Kind.HEATMAP)
"""Kinds of losses with one value per logit."""

Specifications = Sequence[Specification]
Layouts = Mapping[tuple[Any, int], int]


@dataclass(frozen=True)
class Case:
    """Operands of a loss with some options, and the function that computes the exact result of a row."""

    specification: Specification
    family: str
    options: Options
    pred: Tensor
    target: Tensor
    exact: Callable[..., Exact]
    bound: ErrorBound

    @property
    def loss(self) -> str:
        return self.specification.name

    @property
    def dtype(self) -> torch.dtype:
        return self.pred.dtype

    @property
    def ours(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss of detloss."""
        return partial(self.specification.loss, **self.options, reduction="none")

    @cached_property
    def exact_results(self) -> list[Exact]:
        """The exact results by row, computed once because 60 digits are slow."""
        return [self.exact(*rows) for rows in zip(self.pred.tolist(), self.target.tolist(), strict=True)]


def of_kinds(*kinds: Kind) -> Specifications:
    """The specifications of these kinds."""
    return [each for each in SPECIFICATIONS if each.kind in kinds]


# Formats and dimensions, with the number of rows per family.
LAYOUTS = {
    ("xyxy", 2): 20,
    ("xywh", 2): 8,
    ("cxcywh", 2): 8,
    ("ltrb", 2): 4,
    ("xyxy", 1): 4,
    ("xyxy", 3): 6,
    ("cxcywh", 3): 3,
    ("xyxy", 4): 3,
}


def box_cases(
    rng: Random, dtype: torch.dtype, losses: Specifications = of_kinds(Kind.BOX), layouts: Layouts = LAYOUTS
) -> Iterator[Case]:
    for (form, dims), count in layouts.items():
        geometry = AxisAligned(format=form, dims=dims)
        for family, make in box_families.FAMILIES.items():
            pairs = [make(rng, dims, box_families.RANGES[dtype]) for _ in range(count)]
            pred, target = (
                torch.tensor([box_families.in_format(row, form) for row in rows], dtype=dtype)
                for rows in zip(*pairs, strict=True)
            )
            for loss in losses:
                if loss.planar and dims != 2:
                    continue
                chosen = slice(None, None, 4 if isinstance(loss.exact, Defined) else 1)  # difference quotients are slow
                options = loss.options_of(dims)
                yield Case(
                    loss,
                    f"{family} {form} {dims}-D",
                    {"geometry": geometry, **options},
                    pred[chosen],
                    target[chosen],
                    partial(exact_of_boxes, loss, dtype, options, form=form, tiny=family == "tiny"),
                    error_bound("solid" if dims > 2 else loss.bound, dtype),
                )


def exact_of_boxes(
    loss: Specification,
    dtype: torch.dtype,
    options: Options,
    pred: list[float],
    target: list[float],
    form: str,
    tiny: bool = False,
) -> Exact:
    """The exact result of a box loss; without derivatives of MPDIoU for tiny boxes, which underflow.

    The derivatives of NWD and PIoU contain exp(-x) and lose digits below a limit: by the scaled lengths of the kernels
    they are subnormal. In float64, the difference quotients of the oracle lose them first.
    """
    if not isinstance(loss.exact, Defined):
        return exact_boxes.exact(loss.exact, pred, target, form)
    exact = loss.exact.exact(pred, target, form, options)
    if tiny and loss.name == "mpdiou":
        return replace(exact, by_pred=(), by_target=())
    if loss.name in ("nwd", "piou"):
        limit = mpf(1e-150 if dtype == torch.float64 else 1e-30)
        by_pred, by_target = (
            tuple(replace(each, condition=max(each.condition, limit)) for each in side)
            for side in (exact.by_pred, exact.by_target)
        )
        return replace(exact, by_pred=by_pred, by_target=by_target)
    return exact


def binary_cases(rng: Random, dtype: torch.dtype, losses: Specifications = of_kinds(*ONE_LOGIT)) -> Iterator[Case]:
    extremes = logit_families.extremes(dtype)
    hard = [(logit, target) for logit in extremes for target in (0.0, 1.0)]
    soft = [(rng.choice((rng.gauss(0, 4), rng.choice(extremes))), logit_families.soft_target(rng)) for _ in range(60)]
    families = {"hard": hard, "soft": soft, "NaN": [(float("nan"), 1.0), (0.5, 0.0), (1.0, float("nan"))]}
    for family, entries in families.items():
        logit, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for loss in losses:
            for options in loss.grid(rng, True):
                yield _case(loss, family, options, logit, target, partial(_exact_binary, loss, dtype, options))


def _case(
    loss: Specification,
    family: str,
    options: Options,
    pred: Tensor,
    target: Tensor,
    exact: Callable[..., Exact],
    **shared: object,
) -> Case:
    """A loss with some options."""
    named = ", ".join([family, *(f"{name} {value}" for name, value in options.items())])
    bound = error_bound(loss.bound, pred.dtype, sum(options.get(name, 0.0) for name in loss.exponents))
    return Case(loss, named, {**options, **shared}, pred, target, exact, bound)


def _exact_binary(loss: Specification, dtype: torch.dtype, options: Options, logit: float, target: float) -> Exact:
    """Focal losses without derivatives by the target where 1 - p_t is subnormal and loses digits."""
    exact: Exact = loss.exact(logit, target, **options)
    subnormal = 708 if dtype == torch.float64 else 87
    return (
        replace(exact, by_target=()) if loss.bound in ("focal", "margin") and subnormal < abs(logit) < 1e30 else exact
    )


def softmax_cases(
    rng: Random,
    dtype: torch.dtype,
    losses: Specifications = of_kinds(Kind.SOFTMAX),
    classes: Sequence[int] = logit_families.CLASSES,
) -> Iterator[Case]:
    for count in classes:
        for family, make in logit_families.FAMILIES.items():
            # Sums over many classes are slow in 60 digits: use a random half of the families.
            if count >= 1000 and rng.random() < 0.5:
                continue
            labels = [rng.randrange(count) for _ in range(8 if count < 10 else 2 if count < 100 else 1)]
            pred = _in_range([make(rng, count, label) for label in labels], dtype)
            weight = torch.rand(count, generator=torch.Generator().manual_seed(rng.getrandbits(32))).to(dtype)
            yield from _softmax_rows(rng, losses, f"{family} C={count}", pred, labels, weight)


def _in_range(rows: list[list[float]], dtype: torch.dtype) -> Tensor:
    """The rows in a dtype, with finite numbers clamped to its range."""
    largest = torch.finfo(dtype).max
    pred = torch.tensor(rows, dtype=torch.float64)
    return pred.where(pred.isinf(), pred.clamp(-largest, largest)).to(dtype)


def _softmax_rows(
    rng: Random, losses: Specifications, family: str, pred: Tensor, labels: list[int], weight: Tensor
) -> Iterator[Case]:
    dtype, classes = pred.dtype, pred.shape[1]
    target = torch.tensor(labels)
    for class_weight in (None, weight):
        weights = None if class_weight is None else class_weight.tolist()
        for loss in (loss for loss in losses if loss.index_target):
            for options in loss.grid(rng, bool(pred.isfinite().all())):
                exact = partial(loss.exact, class_weight=weights, **options)
                case = _case(loss, family, options, pred, target, exact, class_weight=class_weight)
                yield replace(case, family=f"{case.family}, weighted {weights is not None}")
    # Soft targets need one logarithm per class.
    if classes < 100 and pred.isfinite().all():
        probabilities = torch.tensor([[rng.random() ** 3 for _ in range(classes)] for _ in labels], dtype=torch.float64)
        probabilities = (probabilities / probabilities.sum(1, keepdim=True)).to(dtype)
        for loss in (loss for loss in losses if not loss.index_target):
            for options in loss.grid(rng, True):
                yield _case(loss, family, options, pred, probabilities, partial(loss.exact, **options))


def regression_cases(
    rng: Random, dtype: torch.dtype, losses: Specifications = of_kinds(Kind.REGRESSION)
) -> Iterator[Case]:
    sizes = logit_families.rounded([*logit_families.SIZES, 1e-4, 300.0, 1e10, 1e18, 3e38], dtype)
    families = {
        "ordinary": [(rng.gauss(0, 2), rng.gauss(0, 2)) for _ in range(40)],
        "near": [(x, x * (1 + rng.uniform(-0.01, 0.01))) for x in (rng.gauss(0, 100) for _ in range(40))],
        "extreme": [(rng.choice((-1, 1)) * rng.choice(sizes), rng.choice(sizes)) for _ in range(80)],
        "equal": [(x, x) for x in sizes],
        "NaN": [(float("nan"), 1.0), (1.0, 2.0), (0.0, float("nan"))],
    }
    for family, entries in families.items():
        pred, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for loss in losses:
            for options in loss.grid(rng, True):
                yield _case(loss, family, options, pred, target, partial(loss.exact, **options))


def adjusted_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    """Logits with offsets and margins, of cross-entropy and focal loss with and without Poly-1."""
    losses = {loss.name: loss for loss in of_kinds(Kind.SOFTMAX)}
    for classes in (2, 5, 21, 81):
        for family, make in logit_families.FAMILIES.items():
            labels = [rng.randrange(classes) for _ in range(6)]
            pred = _in_range([make(rng, classes, label) for label in labels], dtype)
            offset = torch.tensor([rng.choice((0.0, rng.gauss(0, 3), -7.25)) for _ in range(classes)]).tolist()
            margin = torch.tensor([rng.choice((0.0, rng.random())) for _ in range(classes)]).tolist()
            for name, options in (
                ("poly_ce", {"poly": 0.0}),
                ("poly_ce", {"poly": rng.choice(POLY)}),
                ("poly_softmax_focal", {"gamma": rng.choice(logit_families.GAMMAS), "poly": 0.0}),
                ("poly_softmax_focal", {"gamma": rng.choice(logit_families.GAMMAS), "poly": rng.choice(POLY)}),
            ):
                adjustments: list[Options] = [{"logit_offset": offset}, {"margin": margin}]
                used = rng.choice([*adjustments, {"logit_offset": offset, "margin": margin}])
                focused: Options = {"gamma": 0.0, **options}
                exact = partial(adjusted_softmax_focal, **focused, **used)
                yield _case(losses[name], f"{family} C={classes}", options, pred, torch.tensor(labels), exact, **used)


def distribution_cases(
    rng: Random, dtype: torch.dtype, losses: Specifications = of_kinds(Kind.DISTRIBUTION)
) -> Iterator[Case]:
    """Values at bins, near them, between them and outside."""
    (loss,) = losses
    for classes in (2, 17, 33):
        for family, make in logit_families.FAMILIES.items():
            bins = sorted({rng.gauss(0, 3) for _ in range(classes)})
            for options in ({}, {"bins": torch.tensor(bins, dtype=torch.float64).to(torch.float32)}):
                places = options["bins"].tolist() if options else range(classes)
                values = [
                    rng.choice((rng.choice(places), rng.choice(places) * (1 + 1e-3), rng.uniform(-4, classes), 1e-20))
                    for _ in range(6)
                ]
                target = torch.tensor(values, dtype=torch.float64).to(dtype)
                labels = [rng.randrange(classes) for _ in values]
                pred = _in_range([make(rng, classes, label) for label in labels], dtype)
                exact = partial(loss.exact, bins=list(places))
                yield _case(loss, f"{family} n={classes - 1}", {}, pred, target, exact, **options)


def mask_cases(rng: Random, dtype: torch.dtype, losses: Specifications = of_kinds(Kind.MASK)) -> Iterator[Case]:
    extremes = logit_families.extremes(dtype)
    families: dict[str, Callable[[], tuple[float, float]]] = {
        "ordinary": lambda: (rng.gauss(0, 3), rng.choice((0.0, 1.0))),
        "soft": lambda: (rng.gauss(0, 3), logit_families.soft_target(rng)),
        "accurate": lambda: rng.choice(((rng.gauss(9, 4), 1.0), (rng.gauss(-9, 4), 0.0))),
        "wrong": lambda: rng.choice(((rng.gauss(-30, 9), 1.0), (rng.gauss(30, 9), 0.0))),
        "empty": lambda: (rng.gauss(-9, 4), 0.0),
        "full": lambda: (rng.gauss(9, 4), 1.0),
        "extreme": lambda: (rng.choice(extremes), rng.choice((0.0, 1.0))),
        "NaN": lambda: rng.choice(((rng.gauss(0, 3), 1.0), (rng.gauss(0, 3), 0.0), (math.nan, 1.0))),
    }
    for family, draw in families.items():
        for elements in (1, 2, 7, 40):
            rows = [[draw() for _ in range(elements)] for _ in range(4)]
            pred, target = torch.tensor(rows, dtype=dtype).unbind(-1)
            for loss in losses:
                for options in loss.grid(rng, True):
                    yield _case(loss, f"{family} P={elements}", options, pred, target, partial(loss.exact, **options))


GROUPS: dict[str, Callable[[Random, torch.dtype], Iterator[Case]]] = {
    "boxes": box_cases,
    "binary": binary_cases,
    "softmax": softmax_cases,
    "adjusted": adjusted_cases,
    "distribution": distribution_cases,
    "regression": regression_cases,
    "masks": mask_cases,
}
