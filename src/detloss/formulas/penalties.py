"""Penalties: the box losses as functions of the measures of a pair, whatever its geometry.

A penalty returns its loss, the similarity 1 - loss, and the derivatives of the loss by the measures that it reads.
"""

from detloss.formulas.measures import Slopes


def iou(m, pair):
    """1 - IoU."""
    union = pair.symmetric_difference + pair.intersection
    overlap = m.quotient(pair.intersection, union)  # a division each, not a product with an inverse: one rounding less
    loss = m.where(union == 0.0, pair.distinct, m.quotient(pair.symmetric_difference, union))
    similarity = m.where(union == 0.0, 1.0 - pair.distinct, overlap)
    slopes = Slopes(symmetric_difference=m.quotient(overlap, union), intersection=-m.quotient(loss, union))
    return loss, similarity, slopes


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


def generalized_iou(m, pair):
    """Rezatofighi et al., Generalized IoU (2019), algorithm 1."""
    loss, similarity, slopes = iou(m, pair)
    union = pair.symmetric_difference + pair.intersection
    enclosure = union + pair.enclosure_excess
    per_enclosure = m.inverse(enclosure)
    excess = m.where(enclosure == 0.0, pair.distinct, pair.enclosure_excess * per_enclosure)
    d_union = -excess * per_enclosure
    slopes = slopes._replace(
        symmetric_difference=slopes.symmetric_difference + d_union,
        intersection=slopes.intersection + d_union,
        enclosure_excess=(union * per_enclosure) * per_enclosure,
    )
    return loss + excess, similarity - excess, slopes


def distance_iou(m, pair):
    """Zheng et al., Distance-IoU (2020), eq. 7."""
    loss, similarity, slopes = iou(m, pair)
    penalty = m.quotient(pair.distance, pair.diagonal)
    slopes = slopes._replace(distance=m.inverse(pair.diagonal), diagonal=-m.quotient(penalty, pair.diagonal))
    return loss + penalty, similarity - penalty, slopes


def complete_iou(m, pair):
    """Zheng et al., Distance-IoU (2020), eq. 8-11."""
    overlap_loss, _, _ = iou(m, pair)
    loss, similarity, slopes = distance_iou(m, pair)
    aspect = 0.4052847345693511 * pair.aspect_angle * pair.aspect_angle  # 4 / pi^2
    weight = m.constant(m.quotient(aspect, overlap_loss + aspect))  # held constant in derivatives, as in the paper
    penalty = weight * aspect
    slopes = slopes._replace(aspect_angle=0.8105694691387022 * weight * pair.aspect_angle)
    return loss + penalty, similarity - penalty, slopes


PENALTIES = (iou, log_iou, generalized_iou, distance_iou, complete_iou)
