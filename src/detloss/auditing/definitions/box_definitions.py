"""Losses of axis-aligned boxes.

A box is a list of its minima, then its maxima. Every loss has the modifiers ``power`` (Alpha-IoU), ``interval``
(Focaler-IoU) and ``inner`` (Inner-IoU) unless its definition does not contain the IoU. Identical boxes have loss 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import atan2, exp, log, mpf, pi, sqrt

from detloss.auditing.definitions.exact_arithmetic import Row, definition, held, named, quotient
from detloss.auditing.definitions.overlap_definitions import (
    Pair,
    corners,
    edge_offset,
    hull,
    overlap_loss,
    pull,
    raised,
    scaled,
    shape_cost,
    strain,
)

Penalties = Callable[..., list[mpf]]


def _loss(penalties: Penalties) -> Callable[..., mpf]:
    """The loss f(IoU) + the sum of penalties, each to the power."""

    def loss(
        pred: Row,
        target: Row,
        power: float = 1.0,
        interval: tuple[float, float] = (0.0, 1.0),
        inner: float = 1.0,
        **options: Any,
    ) -> mpf:
        pair = Pair(pred, target)
        if pair.identical:
            return mpf(0)
        terms = [raised(penalty, power) for penalty in penalties(pair, **options)]
        return overlap_loss(pair, power, interval, inner) + sum(terms)

    loss.__name__, loss.__doc__ = penalties.__name__, penalties.__doc__
    return definition(loss)


@definition
def similarity(pred: Row, target: Row, inner: float = 1.0) -> mpf:
    """IoU of the boxes scaled about their centers."""
    return Pair(scaled(pred, mpf(inner)), scaled(target, mpf(inner))).iou


@definition
def log_iou(pred: Row, target: Row) -> mpf:
    """-log IoU: Yu et al., UnitBox (2016). It has no modifiers; infinite where the intersection is empty."""
    return -log(Pair(pred, target).iou)


@_loss
def iou(pair: Pair) -> list[mpf]:
    """1 - IoU."""
    return []


@_loss
def giou(pair: Pair) -> list[mpf]:
    """Rezatofighi et al., Generalized IoU (2019)."""
    return [hull(pair)]


@_loss
def diou(pair: Pair) -> list[mpf]:
    """Zheng et al., Distance-IoU (2020)."""
    return [pull(pair)]


@_loss
def ciou(pair: Pair, threshold: float = 0.0) -> list[mpf]:
    """Zheng et al., Distance-IoU (2020), eq. 8 to 11; alpha is held and has the IoU without modifiers.

    Zheng et al., Enhancing Geometric Factors (2020): alpha is 0 below an IoU of 0.5, the threshold.
    """
    return [pull(pair), _aspect(pair, threshold)]


def _aspect(pair: Pair, threshold: float) -> mpf:
    (width, height), (target_width, target_height) = pair.sides, pair.target_sides
    if held(pair.inverted or not (width or height) or not (target_width or target_height)):
        return mpf(0)
    v = 4 / pi**2 * (atan2(target_width, target_height) - atan2(width, height)) ** 2
    alpha = named(quotient(v, (1 - pair.iou) + v) if held(pair.iou >= threshold) else mpf(0), "alpha")
    return alpha * v


@_loss
def eiou(pair: Pair) -> list[mpf]:
    """Zhang et al., Focal and Efficient IOU Loss (2021): distance loss and aspect loss. The second is one penalty."""
    return [pull(pair), strain(pair)]


@_loss
def siou(pair: Pair, theta: float = 4.0) -> list[mpf]:
    """Gevorgyan, SIoU Loss (2022): half the sum of distance cost and shape cost, as one penalty."""
    dx, dy = (abs(shift) for shift in pair.shifts)
    rho = sqrt(pair.distance)
    sine, cosine = quotient(dy, rho), quotient(dx, rho)
    angle = 2 * sine * cosine  # = 1 - 2 sin^2(arcsin(sine) - pi / 4); 0 at common centers
    gamma = 2 - angle
    distance_cost = sum(1 - exp(-gamma * quotient(shift, span) ** 2) for shift, span in zip(pair.shifts, pair.spans))
    return [(distance_cost + shape_cost(pair, theta, (1, 1))) / 2]


@_loss
def mpdiou(pair: Pair, image_size: Row) -> list[mpf]:
    """Ma and Xu, MPDIoU (2023): squared distances of the corners over the squared diagonal of the image."""
    return [quotient(corners(pair), sum(mpf(length) ** 2 for length in image_size))]


@_loss
def shape_iou(pair: Pair, scale: float = 0.0, theta: float = 4.0) -> list[mpf]:
    """Zhang and Zhang, Shape-IoU (2023). The weights of width and height follow from the target and are held."""
    width, height = (max(side, mpf(0)) ** mpf(scale) for side in pair.target_sides)
    if width == height:  # points among them
        width = height = mpf(1)
    ww, hh = (named(2 * part / (width + height), "weights of the axes") for part in (width, height))
    dx, dy = pair.shifts
    return [
        quotient(hh * dx**2 + ww * dy**2, pair.diagonal),
        shape_cost(pair, theta, (hh, ww)) / 2,
    ]


@_loss
def piou(pair: Pair) -> list[mpf]:
    """Liu et al., Powerful-IoU (2024)."""
    return [1 - exp(-(edge_offset(pair) ** 2))]


@definition
def wiou(
    pred: Row, target: Row, power: float = 1.0, interval: tuple[float, float] = (0.0, 1.0), inner: float = 1.0
) -> mpf:
    """Tong et al., Wise-IoU (2023), version 1. The squared diagonal of the enclosing box is held."""
    pair = Pair(pred, target)
    if pair.identical:
        return mpf(0)
    attention = named(exp(quotient(pair.distance, named(pair.diagonal, "c^2"))), "distance factor", constant=False)
    return attention * overlap_loss(pair, power, interval, inner)


@definition
def nwd(pred: Row, target: Row, scale: float) -> mpf:
    """Wang et al., Normalized Gaussian Wasserstein Distance (2021); without IoU, so without modifiers."""
    pair = Pair(pred, target)
    squared = pair.distance + sum((side / 2 - other / 2) ** 2 for side, other in zip(pair.sides, pair.target_sides))
    return 1 - exp(-quotient(sqrt(squared), mpf(scale)))
