"""Cases of the battery: losses, inputs and exact results."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random

import torch
from mpmath import mpf
from torch import Tensor

import detloss
from detloss.catalog import Kind
from tests.battery import boxes, logits
from tests.battery.error_bounds import ErrorBound, error_bound
from tests.oracle import boxes as exact_boxes
from tests.oracle.classification import adjusted_softmax_focal
from tests.oracle.defined_boxes import Defined
from tests.oracle.exact import Exact
from tests.support.loss_table import BOXES, ONE_LOGIT, Options, Row, rows_of

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

Loss = Callable[[Tensor, Tensor], Tensor]
POLY = (-1.0, -0.4, -0.999, 1.0, 5.0)


@dataclass(frozen=True)
class Case:
    """One call of a loss, and the function that computes the exact result of a row."""

    loss: str
    family: str
    dtype: torch.dtype
    ours: Loss
    peer: Loss | None
    pred: Tensor
    target: Tensor
    exact: Callable[..., Exact]
    bound: ErrorBound

    @cached_property
    def exact_results(self) -> list[Exact]:
        """The exact results by row, computed once because 60 digits are slow."""
        return [self.exact(*rows) for rows in zip(self.pred.tolist(), self.target.tolist(), strict=True)]


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


def box_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    for (form, dims), count in LAYOUTS.items():
        geometry = detloss.AxisAligned(format=form, dims=dims)
        for family, make in boxes.FAMILIES.items():
            pairs = [make(rng, dims, boxes.RANGES[dtype]) for _ in range(count)]
            pred, target = (
                torch.tensor([boxes.in_format(row, form) for row in rows], dtype=dtype)
                for rows in zip(*pairs, strict=True)
            )
            for row in BOXES:
                if row.planar and dims != 2:
                    continue
                chosen = slice(None, None, 4 if isinstance(row.exact, Defined) else 1)  # difference quotients are slow
                yield Case(
                    loss=row.name,
                    family=f"{family} {form} {dims}-D",
                    dtype=dtype,
                    ours=partial(row, geometry=geometry, reduction="none", **row.options_of(dims)),
                    peer=row.peer({}) if (form, dims) == ("xyxy", 2) else None,
                    pred=pred[chosen],
                    target=target[chosen],
                    exact=partial(exact_of_boxes, row, dtype, form=form, tiny=family == "tiny"),
                    bound=error_bound("solid" if dims > 2 else row.bound, dtype),
                )


def exact_of_boxes(
    row: Row, dtype: torch.dtype, pred: list[float], target: list[float], form: str, tiny: bool = False
) -> Exact:
    """The exact result of a box loss; without derivatives of MPDIoU for tiny boxes, which underflow.

    The derivatives of NWD and PIoU contain exp(-x) and lose digits below a limit: by the scaled lengths of the kernels
    they are subnormal. In float64, the difference quotients of the oracle lose them first.
    """
    if not isinstance(row.exact, Defined):
        return exact_boxes.exact(row.exact, pred, target, form)
    exact = row.exact.exact(pred, target, form)
    if tiny and row.name == "mpdiou":
        return replace(exact, by_pred=(), by_target=())
    if row.name in ("nwd", "piou"):
        limit = mpf(1e-150 if dtype == torch.float64 else 1e-30)
        by_pred, by_target = (
            tuple(replace(each, condition=max(each.condition, limit)) for each in side)
            for side in (exact.by_pred, exact.by_target)
        )
        return replace(exact, by_pred=by_pred, by_target=by_target)
    return exact


def binary_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    extremes = logits.extremes(dtype)
    hard = [(logit, target) for logit in extremes for target in (0.0, 1.0)]
    soft = [(rng.choice((rng.gauss(0, 4), rng.choice(extremes))), logits.soft_target(rng)) for _ in range(60)]
    families = {"hard": hard, "soft": soft, "NaN": [(float("nan"), 1.0), (0.5, 0.0), (1.0, float("nan"))]}
    for family, entries in families.items():
        logit, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for row in rows_of(*ONE_LOGIT):
            for options in row.grid(rng, True):
                yield _case(row, family, options, logit, target, partial(_exact_binary, row, dtype, options))


def _case(
    row: Row, family: str, options: Options, pred: Tensor, target: Tensor, exact: Callable[..., Exact], **shared: object
) -> Case:
    """A row of the table with some options."""
    given = {**options, **shared, "reduction": "none"}
    peer = row.peer(options)
    return Case(
        loss=row.name,
        family=", ".join([family, *(f"{name} {value}" for name, value in options.items())]),
        dtype=pred.dtype,
        ours=partial(row.loss, **given),
        peer=None if peer is None else partial(peer, reduction="none"),
        pred=pred,
        target=target,
        exact=exact,
        bound=error_bound(row.bound, pred.dtype, sum(options.get(name, 0.0) for name in row.exponents)),
    )


def _exact_binary(row: Row, dtype: torch.dtype, options: Options, logit: float, target: float) -> Exact:
    """Focal losses without derivatives by the target where 1 - p_t is subnormal and loses digits."""
    exact = row.exact(logit, target, **options)
    subnormal = 708 if dtype == torch.float64 else 87
    return replace(exact, by_target=()) if row.bound == "focal" and subnormal < abs(logit) < 1e30 else exact


def softmax_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    for classes in logits.CLASSES:
        for family, make in logits.FAMILIES.items():
            # Sums over many classes are slow in 60 digits: use a random half of the families.
            if classes >= 1000 and rng.random() < 0.5:
                continue
            count = 8 if classes < 10 else 2 if classes < 100 else 1
            labels = [rng.randrange(classes) for _ in range(count)]
            largest = torch.finfo(dtype).max
            pred = torch.tensor([make(rng, classes, label) for label in labels], dtype=torch.float64)
            pred = pred.where(pred.isinf(), pred.clamp(-largest, largest)).to(dtype)
            weight = torch.rand(classes, generator=torch.Generator().manual_seed(rng.getrandbits(32))).to(dtype)
            yield from _softmax_rows(rng, f"{family} C={classes}", pred, labels, weight)


def _softmax_rows(rng: Random, family: str, pred: Tensor, labels: list[int], weight: Tensor) -> Iterator[Case]:
    dtype, classes = pred.dtype, pred.shape[1]
    target = torch.tensor(labels)
    for class_weight in (None, weight):
        weights = None if class_weight is None else class_weight.tolist()
        for row in (row for row in rows_of(Kind.SOFTMAX) if not row.soft_target):
            for options in row.grid(rng, bool(pred.isfinite().all())):
                exact = partial(row.exact, class_weight=weights, **options)
                case = _case(row, family, options, pred, target, exact, class_weight=class_weight)
                weighted = None if case.peer is None else partial(case.peer, weight=class_weight)
                yield replace(case, family=f"{case.family}, weighted {weights is not None}", peer=weighted)
    # Soft targets need one logarithm per class.
    if classes < 100 and pred.isfinite().all():
        probabilities = torch.tensor([[rng.random() ** 3 for _ in range(classes)] for _ in labels], dtype=torch.float64)
        probabilities = (probabilities / probabilities.sum(1, keepdim=True)).to(dtype)
        for row in (row for row in rows_of(Kind.SOFTMAX) if row.soft_target):
            for options in row.grid(rng, True):
                yield _case(row, family, options, pred, probabilities, partial(row.exact, **options))


def regression_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    sizes = logits.rounded([*logits.SIZES, 1e-4, 300.0, 1e10, 1e18, 3e38], dtype)
    families = {
        "ordinary": [(rng.gauss(0, 2), rng.gauss(0, 2)) for _ in range(40)],
        "near": [(x, x * (1 + rng.uniform(-0.01, 0.01))) for x in (rng.gauss(0, 100) for _ in range(40))],
        "extreme": [(rng.choice((-1, 1)) * rng.choice(sizes), rng.choice(sizes)) for _ in range(80)],
        "equal": [(x, x) for x in sizes],
        "NaN": [(float("nan"), 1.0), (1.0, 2.0), (0.0, float("nan"))],
    }
    for family, entries in families.items():
        pred, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for row in rows_of(Kind.REGRESSION):
            for options in row.grid(rng, True):
                yield _case(row, family, options, pred, target, partial(row.exact, **options))


def adjusted_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    """Logits with offsets and margins, of cross-entropy and focal loss with and without Poly-1."""
    rows = {row.name: row for row in rows_of(Kind.SOFTMAX)}
    for classes in (2, 5, 21, 81):
        for family, make in logits.FAMILIES.items():
            labels = [rng.randrange(classes) for _ in range(6)]
            largest = torch.finfo(dtype).max
            pred = torch.tensor([make(rng, classes, label) for label in labels], dtype=torch.float64)
            pred = pred.where(pred.isinf(), pred.clamp(-largest, largest)).to(dtype)
            offset = torch.tensor([rng.choice((0.0, rng.gauss(0, 3), -7.25)) for _ in range(classes)]).tolist()
            margin = torch.tensor([rng.choice((0.0, rng.random())) for _ in range(classes)]).tolist()
            for name, options in (
                ("poly_ce", {"poly": 0.0}),
                ("poly_ce", {"poly": rng.choice(POLY)}),
                ("poly_softmax_focal", {"gamma": rng.choice(logits.GAMMAS), "poly": 0.0}),
                ("poly_softmax_focal", {"gamma": rng.choice(logits.GAMMAS), "poly": rng.choice(POLY)}),
            ):
                used = rng.choice(
                    ({"logit_offset": offset}, {"margin": margin}, {"logit_offset": offset, "margin": margin})
                )
                exact = partial(adjusted_softmax_focal, **{"gamma": 0.0, **options}, **used)
                yield _case(rows[name], f"{family} C={classes}", options, pred, torch.tensor(labels), exact, **used)


def distribution_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    """Values at bins, near them, between them and outside."""
    (row,) = rows_of(Kind.DISTRIBUTION)
    for classes in (2, 17, 33):
        for family, make in logits.FAMILIES.items():
            bins = sorted({rng.gauss(0, 3) for _ in range(classes)})
            for options in ({}, {"bins": torch.tensor(bins, dtype=torch.float64).to(torch.float32)}):
                places = options["bins"].tolist() if options else range(classes)
                values = [
                    rng.choice((rng.choice(places), rng.choice(places) * (1 + 1e-3), rng.uniform(-4, classes), 1e-20))
                    for _ in range(6)
                ]
                target = torch.tensor(values, dtype=torch.float64).to(dtype)
                labels = [rng.randrange(classes) for _ in values]
                pred = torch.tensor([make(rng, classes, label) for label in labels], dtype=torch.float64)
                largest = torch.finfo(dtype).max
                pred = pred.where(pred.isinf(), pred.clamp(-largest, largest)).to(dtype)
                exact = partial(row.exact, bins=list(places))
                yield _case(row, f"{family} n={classes - 1}", {}, pred, target, exact, **options)


def mask_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    extremes = logits.extremes(dtype)
    families = {
        "ordinary": lambda: (rng.gauss(0, 3), rng.choice((0.0, 1.0))),
        "soft": lambda: (rng.gauss(0, 3), logits.soft_target(rng)),
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
            for row in rows_of(Kind.MASK):
                for options in row.grid(rng, True):
                    yield _case(row, f"{family} P={elements}", options, pred, target, partial(row.exact, **options))


GROUPS: dict[str, Callable[[Random, torch.dtype], Iterator[Case]]] = {
    "boxes": box_cases,
    "binary": binary_cases,
    "softmax": softmax_cases,
    "adjusted": adjusted_cases,
    "distribution": distribution_cases,
    "regression": regression_cases,
    "masks": mask_cases,
}
