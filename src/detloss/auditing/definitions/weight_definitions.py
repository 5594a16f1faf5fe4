"""Weights of losses; all are held constant in derivatives."""

from __future__ import annotations

from typing import Any

from mpmath import exp, inf, isfinite, mpf, sqrt

from detloss.auditing.definitions.exact_arithmetic import Row, definition
from detloss.auditing.definitions.overlap_definitions import Pair, edge_offset


@definition
def iou_focus(iou: Any, gamma: float = 0.5) -> mpf:
    """Zhang et al., Focal and Efficient IOU Loss (2021): IoU^gamma."""
    return iou ** mpf(gamma)


@definition
def wise_focus(loss: Any, mean: Any, version: int = 3, alpha: float = 1.9, delta: float = 3.0) -> mpf:
    """Tong et al., Wise-IoU (2023): the factors of versions 2 and 3, given the running mean. 0 / 0 is 0."""
    alpha, delta = mpf(alpha), mpf(delta)
    outlier_degree = loss / mean if mean else mpf(0)
    if version == 2:
        return sqrt(outlier_degree)
    return outlier_degree / (delta * alpha ** (outlier_degree - delta))


@definition
def running_mean(mean: Any, losses: Row, momentum: float = 0.99) -> mpf:
    """The mean after a batch, of which momentum is the fraction kept; it starts at 1 and is updated before use."""
    if not losses or not all(isfinite(loss) for loss in losses):
        return mean
    momentum = mpf(momentum)
    return momentum * mean + (1 - momentum) * sum(losses) / len(losses)


@definition
def powerful_focus(pred: Row, target: Row, lambda_: float = 1.3) -> mpf:
    """Liu et al., Powerful-IoU (2024), version 2: 3 x exp(-x^2) with x = lambda exp(-P)."""
    offset = edge_offset(Pair(pred, target))
    x = mpf(0) if offset == inf else mpf(lambda_) * exp(-offset)
    return 3 * x * exp(-(x**2))


@definition
def slide_weight(iou: Any, mean_iou: Any) -> mpf:
    """Yu et al., YOLO-FaceV2 (2022): the weight by the IoU and the mean IoU, which is at least 0.2."""
    mean = max(mean_iou, mpf(1) / 5)
    if iou <= mean - mpf(1) / 10:
        return mpf(1)
    return exp(1 - mean) if iou < mean else exp(1 - iou)
