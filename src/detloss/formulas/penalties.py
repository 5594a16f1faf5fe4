"""Penalties: the box losses as functions of the measures of a pair, whatever its geometry.

A penalty returns its loss, a similarity that is 1 for identical boxes, and the derivatives of the loss by measures.
Most losses are the total of an overlap loss and terms. `total` computes it: `plain`, or that of `modifiers`.
"""

import functools

from detloss.formulas.measures import AxisSlopes, Slopes
from detloss.formulas.terms import (
    angle_distance,
    aspect_ratio,
    center_distance,
    corner_distance,
    edge_offset,
    empty_fraction,
    overlap,
    side_costs,
    side_differences,
    weighted_center_distance,
)


def plain(m, pair, *terms):
    """1 - IoU and the sum of the terms."""
    loss, similarity, d_difference, d_intersection = overlap(
        m, pair.symmetric_difference, pair.intersection, pair.distinct
    )
    slopes = Slopes(symmetric_difference=d_difference, intersection=d_intersection)
    for value, slopes_of_term in terms:
        loss, similarity, slopes = loss + value, similarity - value, slopes.plus(slopes_of_term)
    return loss, similarity, slopes


def iou(m, pair, *, total=plain):
    """1 - IoU."""
    return total(m, pair)


def log_iou(m, pair):
    """-log IoU: Yu et al., UnitBox (2016), algorithm 1. Capped at -log 2^-126 where the intersection is empty."""
    _, similarity, _ = iou(m, pair)
    difference, intersection = pair.symmetric_difference, pair.intersection
    per_union = m.inverse(difference + intersection)
    ratio = m.quotient(difference, intersection)
    overflows = ratio - ratio != 0.0  # although its logarithm is finite
    far = m.log(m.where(overflows, difference, 1.0)) - m.log(m.where(overflows, intersection, 1.0))
    near = m.log1p(m.where(overflows, 0.0, ratio))
    overlaps = intersection > 0.0
    loss = m.where(overlaps, m.where(overflows, far, near), 87.33654475055310898657 * pair.distinct)
    d_difference = m.where(overlaps, per_union, 0.0)
    d_intersection = -(difference * per_union) * m.inverse(intersection)
    return loss, similarity, Slopes(symmetric_difference=d_difference, intersection=d_intersection)


def generalized_iou(m, pair, *, total=plain):
    """Rezatofighi et al., Generalized IoU (2019), algorithm 1."""
    return total(m, pair, empty_fraction(m, pair))


def distance_iou(m, pair, *, total=plain):
    """Zheng et al., Distance-IoU (2020), eq. 7."""
    return total(m, pair, center_distance(m, pair))


def complete_iou(m, pair, *, total=plain):
    """Zheng et al., Distance-IoU (2020), eq. 8-11."""
    return total(m, pair, center_distance(m, pair), aspect_ratio(m, pair))


def efficient_iou(m, pair, *, total=plain):
    """Zhang et al., Focal and Efficient IOU Loss (2021)."""
    return total(m, pair, center_distance(m, pair), side_differences(m, pair))


def scylla_iou(m, pair, theta=4.0, *, total=plain):
    """Gevorgyan, SIoU Loss (2022): half the sum of distance cost and shape cost is one term."""
    distance, slopes = angle_distance(m, pair)
    shape, slopes_of_shape = side_costs(m, pair, theta)
    return total(m, pair, (distance + shape, slopes.plus(slopes_of_shape)))


def minimum_points_distance_iou(m, pair, length=1.0, *, total=plain):
    """Ma, Xu, MPDIoU (2023); the length is the diagonal of the image."""
    return total(m, pair, corner_distance(m, pair, length))


def wise_iou(m, pair, *, total=plain):
    """Tong et al., Wise-IoU (2023), version 1: the diagonal is held constant, the distance is not."""
    overlap_loss, _, slopes = total(m, pair)
    diagonal = m.constant(pair.diagonal)
    attention = m.exp(m.quotient(pair.distance, diagonal))
    loss = overlap_loss * attention
    return loss, 1.0 - loss, slopes.times(attention)._replace(distance=loss * m.inverse(diagonal))


def shape_iou(m, pair, scale=0.0, theta=4.0, *, total=plain):
    """Zhang, Zhang, Shape-IoU (2023); the weights follow from the sides of the target and are held constant."""
    width, height = (m.relu(m.where(pair.exchanged == 1.0, axis.side, axis.target_side)) for axis in pair.plane)
    longer = m.maximum(width, height)
    powers = [m.power(m.where(longer > 0.0, m.quotient(side, longer), 1.0), scale) for side in (width, height)]
    of_width, of_height = (m.constant(2.0 * each / (powers[0] + powers[1])) for each in powers)
    distance = weighted_center_distance(m, pair, (of_height, of_width))
    return total(m, pair, distance, side_costs(m, pair, theta, (of_height, of_width)))


def powerful_iou(m, pair, *, total=plain):
    """Liu et al., Powerful-IoU (2024), version 1."""
    return total(m, pair, edge_offset(m, pair))


def normalized_wasserstein(m, pair, scale=1.0):
    """Wang et al., Normalized Gaussian Wasserstein Distance (2021)."""
    halves = [(axis.shift, 0.5 * axis.growth) for axis in pair.axes]
    longest = functools.reduce(m.maximum, [m.absolute(each) for half in halves for each in half])
    square = 0.0
    for half in halves:
        shift, growth = (m.quotient(each, longest) for each in half)
        square = square + (shift * shift + growth * growth)
    root = m.square_root(square)  # of the squared distance, in units of the longest difference
    relative = m.quotient(longest * root, scale * pair.unit)
    similarity = m.exp(-relative)
    slope = m.quotient(similarity, scale * pair.unit)
    slopes = []
    for half in halves:
        shift, growth = (m.quotient(m.quotient(each, longest), root) for each in half)
        slopes.append(AxisSlopes(shift=slope * shift, side=0.5 * slope * growth))
    return -m.expm1(-relative), similarity, Slopes(axes=tuple(slopes))
