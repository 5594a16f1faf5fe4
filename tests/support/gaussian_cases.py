"""Gaussian losses of rotated boxes with their definitions, and pairs of boxes of every kind."""

import math
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.oracle import exact_gaussians as oracle

Row = list[float]
SATURATED = {
    "gwd": (detloss.gaussian_wasserstein_loss, oracle.wasserstein),
    "relative gwd": (partial(detloss.gaussian_wasserstein_loss, relative=True), oracle.relative_wasserstein),
    "kld": (detloss.kullback_leibler_loss, oracle.kullback_leibler),
    "reverse kld": (
        partial(detloss.kullback_leibler_loss, direction="target_to_pred"),
        oracle.reverse_kullback_leibler,
    ),
}
LOSSES = {
    f"{name}, {form}": (partial(loss, form=form), oracle.saturated(distance, form, 1.0))
    for name, (loss, distance) in SATURATED.items()
    for form in ("sqrt", "log", "linear")
} | {
    "gwd, tau 2.5": (
        partial(detloss.gaussian_wasserstein_loss, tau=2.5),
        oracle.saturated(oracle.wasserstein, "sqrt", 2.5),
    ),
    "kld, tau 2.5": (
        partial(detloss.kullback_leibler_loss, tau=2.5),
        oracle.saturated(oracle.kullback_leibler, "log", 2.5),
    ),
    "probiou": (detloss.probabilistic_iou_loss, oracle.hellinger),
    "probiou, log": (partial(detloss.probabilistic_iou_loss, form="log"), oracle.bhattacharyya),
}
FUNCTIONS = {
    detloss.gaussian_wasserstein_loss: detloss.GaussianWassersteinLoss,
    detloss.kullback_leibler_loss: detloss.KullbackLeiblerLoss,
    detloss.probabilistic_iou_loss: detloss.ProbabilisticIoULoss,
}
FROM_ZERO = [name for name in LOSSES if "tau" not in name]
SYMMETRIC = [name for name in LOSSES if "kld" not in name]
RELATIVE = [name for name in LOSSES if not name.startswith("gwd")]
SMOOTH = [name for name in FROM_ZERO if "sqrt" not in name and name != "probiou"]

every_loss = pytest.mark.parametrize("name", LOSSES)
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)


def box(rng: Random, size: float = 1.0, thinness: float = 1.0) -> Row:
    sides = [rng.uniform(0.3, 3.0) * size, rng.uniform(0.3, 3.0) * size * thinness]
    rng.shuffle(sides)
    return [rng.uniform(-2.0, 2.0) * size, rng.uniform(-2.0, 2.0) * size, *sides, rng.uniform(-4.0, 4.0)]


def beside(rng: Random, row: Row, step: float) -> Row:
    """A row that differs by about so much of the short side."""
    *lengths, angle = row
    short = min(lengths[2:])
    return [*(x + rng.uniform(-step, step) * short for x in lengths), angle + rng.uniform(-step, step)]


def moved(row: Row, x: float, y: float, grown: float = 1.0, angle: float = 0.0) -> Row:
    return [row[0] + x, row[1] + y, row[2] * grown, row[3] * grown, row[4] + angle]


def same(rng: Random, make: Callable[[Row], Row], **kind: float) -> tuple[Row, Row]:
    row = box(rng, **kind)
    return row, make(row)


SETS: dict[str, Callable[[Random], tuple[Row, Row]]] = {
    "random": lambda rng: (box(rng), box(rng)),
    "near": lambda rng: same(rng, lambda row: beside(rng, row, 1e-2)),
    "nearer": lambda rng: same(rng, lambda row: beside(rng, row, 1e-6)),
    "sides exchanged": lambda rng: same(
        rng, lambda row: [row[0] + 1e-3, row[1], 1.01 * row[3], row[2], row[4] + math.pi / 2]
    ),
    "nested": lambda rng: same(rng, lambda row: moved(row, 0.0, 0.0, 0.2, 0.3)),
    "far": lambda rng: (box(rng), moved(box(rng), 1e4, -1e3)),
    "thin": lambda rng: (box(rng, thinness=1e-4), box(rng, thinness=1e-4)),
    "thin and near": lambda rng: same(rng, lambda row: beside(rng, row, 1e-2), thinness=1e-4),
    "tiny": lambda rng: (box(rng, size=1e-15), box(rng, size=1e-15)),
    "huge": lambda rng: (box(rng, size=1e15), box(rng, size=1e15)),
    "tiny and huge": lambda rng: (box(rng, size=1e-15), box(rng, size=1e15)),
    "far from the origin": lambda rng: (moved(box(rng), 1e6, 1e6), moved(box(rng), 1e6, 1e6)),
    "half as long again": lambda rng: same(rng, lambda row: [*row[:2], row[2] * rng.uniform(0.6, 1.6), *row[3:]]),
}


def rotation(angle: float) -> Tensor:
    """The summand of a row that rotates it."""
    return torch.tensor([0.0, 0.0, 0.0, 0.0, angle], dtype=torch.float64)


def with_gradients(name: str, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Losses, and gradients by all ten numbers of every pair."""
    pred, target = pred.clone().requires_grad_(), target.clone().requires_grad_()
    value = LOSSES[name][0](pred, target, reduction="none")
    return value.detach(), torch.cat(torch.autograd.grad(value.sum(), (pred, target)), -1)


def drawn(seed: int, name: str, count: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    rng = Random(seed)
    pred, target = zip(*(SETS[name](rng) for _ in range(count)))
    return torch.tensor(pred, dtype=dtype), torch.tensor(target, dtype=dtype)
