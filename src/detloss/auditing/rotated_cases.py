"""Rotated boxes: pairs of every kind, with exact results by clipping or from the definitions of their Gaussians."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from random import Random
from typing import Any

import torch
from mpmath import mpf

from detloss.auditing.battery import box_families
from detloss.auditing.battery.cases import Case
from detloss.auditing.battery.error_bounds import ErrorBound
from detloss.auditing.oracle import exact_gaussians, exact_polygons
from detloss.auditing.oracle.exact import Derivative, Exact
from detloss.auditing.specifications import Options, Specification

ROTATED = "rotated"
STEP = Fraction(1, 2**70)
ROWS = 3  # per family: clipping is slow
FAMILIES = (
    box_families.ordinary,
    box_families.nearly_identical,
    box_families.identical,
    box_families.nested,
    box_families.disjoint,
    box_families.far,
)
GAUSSIAN = ("gwd", "kld", "probiou")
BOUND = ErrorBound(8, 64)


def of_polygons(name: str, pred: list[float], target: list[float]) -> Exact:
    """A loss of two rectangles by clipping; the derivatives are difference quotients, one-sided at a kink."""
    shapes = exact_polygons.rectangle, exact_polygons.rectangle
    rows = [Fraction(x) for x in pred], [Fraction(x) for x in target]
    value = exact_polygons.losses(shapes[0](rows[0]), shapes[1](rows[1]))[name]
    found = exact_polygons.gradients(shapes, rows, range(5), STEP)[name]
    largest = max(max(abs(each.before), abs(each.after)) for each in found)
    size = max(1, *(abs(x) for x in (*pred, *target)))
    return Exact(
        value,
        tuple(
            Derivative(min(each.before, each.after), max(each.before, each.after), largest * (size if k == 4 else 1))
            for k, each in enumerate(found)
        ),
        condition=abs(value),
    )


def of_areas(exact: Callable[..., Exact], pred: list[float], target: list[float]) -> Exact:
    """A result whose rounding errors are those of the areas: clipping in the dtype of the boxes has no smaller ones."""
    found = exact(pred, target)
    return replace(found, condition=max(found.condition, mpf(1)))


def of_gaussians(distance: exact_gaussians.Distance, pred: list[float], target: list[float]) -> Exact:
    """A loss of two Gaussians."""
    value, slopes = exact_gaussians.loss_and_gradient(distance, pred, target)
    largest = max(abs(slope) for slope in slopes[:5])
    size = max(1, *(abs(x) for x in (*pred, *target)))
    by_pred = tuple(Derivative(slope, slope, largest * size) for slope in slopes[:5])
    return Exact(value, by_pred, condition=abs(value))


def distance_of(name: str, options: Options) -> exact_gaussians.Distance:
    """The definition of GWD, KLD or ProbIoU with its options."""
    if name == "probiou":
        return exact_gaussians.hellinger if options["form"] == "linear" else exact_gaussians.bhattacharyya
    if name == "kld":
        is_forward = options["direction"] == "pred_to_target"
        plain = exact_gaussians.kullback_leibler if is_forward else exact_gaussians.reverse_kullback_leibler
    else:
        plain = exact_gaussians.relative_wasserstein if options["relative"] else exact_gaussians.wasserstein
    return exact_gaussians.saturated(plain, options["form"], options["tau"])


def exact_of(name: str, options: Mapping[str, Any]) -> Callable[[list[float], list[float]], Exact]:
    """The exact result of a loss of rotated boxes.

    Raises:
        ValueError: The loss has no definition for rotated boxes.
    """
    if name in GAUSSIAN:
        return partial(of_gaussians, distance_of(name, options))
    if name in ("iou", "log_iou", "giou", "diou", "ciou"):
        return partial(of_polygons, name)
    raise ValueError(f"format: expected a loss with an exact definition for rotated boxes, got {name}")


def row_of(corners: list[float], angle: float) -> list[float]:
    """A box, rotated about its center."""
    return [*box_families.in_format(corners, "cxcywh"), angle]


def rotated_pairs(rng: Random, make: Any, dtype: torch.dtype) -> tuple[list[float], list[float]]:
    """A pair of a family with angles: the same, or different."""
    pred, target = make(rng, 2, box_families.RANGES[dtype])
    angle = rng.uniform(-math.pi / 2, math.pi / 2)
    other = angle if make in (box_families.identical, box_families.nearly_identical) else angle + rng.uniform(-1, 1)
    return row_of(pred, angle), row_of(target, other)


def rotated_cases(specification: Specification, rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    """Pairs of all families; the arithmetic of dtypes narrower than float64 may be float64."""
    exact = specification.exact
    if dtype == torch.float64 and specification.name not in GAUSSIAN:
        exact = partial(of_areas, exact)
    for make in FAMILIES:
        pairs = [rotated_pairs(rng, make, dtype) for _ in range(ROWS)]
        pred, target = (torch.tensor(rows, dtype=dtype) for rows in zip(*pairs))
        kept = (pred[:, 2:4] > 0).all(1) & (target[:, 2:4] > 0).all(1)
        yield Case(specification, make.__name__, {}, pred[kept], target[kept], exact, BOUND)
