"""Terms: the summands of the box losses beside the overlap, as functions of the measures of a pair.

A term returns its value and the derivatives of it by measures. It is 0 for identical boxes.
"""

from detloss.formulas.measures import AxisSlopes, Slopes

# ------------------------------------------------------------------------------------------------- of every geometry


def overlap(m, difference, intersection, distinct):
    """1 - IoU and IoU of a symmetric difference and an intersection, and the derivatives of 1 - IoU by these."""
    union = difference + intersection
    similarity = m.quotient(intersection, union)  # a division each, not a product with an inverse: one rounding less
    loss = m.where(union == 0.0, distinct, m.quotient(difference, union))
    similarity_or_limit = m.where(union == 0.0, 1.0 - distinct, similarity)
    return loss, similarity_or_limit, m.quotient(similarity, union), -m.quotient(loss, union)


def empty_fraction(m, pair):
    """The fraction of the enclosing region that is outside the union: Rezatofighi et al. (2019), algorithm 1."""
    union = pair.symmetric_difference + pair.intersection
    enclosure = union + pair.enclosure_excess
    per_enclosure = m.inverse(enclosure)
    excess = m.where(enclosure == 0.0, pair.distinct, pair.enclosure_excess * per_enclosure)
    d_union = -excess * per_enclosure
    d_excess = (union * per_enclosure) * per_enclosure
    return excess, Slopes(symmetric_difference=d_union, intersection=d_union, enclosure_excess=d_excess)


def center_distance(m, pair):
    """The squared distance of the centers over the squared diagonal: Zheng et al. (2020), eq. 6."""
    ratio = m.quotient(pair.distance, pair.diagonal)
    return ratio, Slopes(distance=m.inverse(pair.diagonal), diagonal=-m.quotient(ratio, pair.diagonal))


def aspect_ratio(m, pair):
    """The weighted difference of the aspect ratios: Zheng et al. (2020), eq. 9 to 11."""
    overlap_loss, *_ = overlap(m, pair.symmetric_difference, pair.intersection, pair.distinct)
    aspect = 0.4052847345693511 * pair.aspect_angle * pair.aspect_angle  # 4 / pi^2
    weight = m.constant(m.quotient(aspect, overlap_loss + aspect))  # held constant in derivatives, as in the paper
    return weight * aspect, Slopes(aspect_angle=0.8105694691387022 * weight * pair.aspect_angle)


# ---------------------------------------------------------------------------------------- of axis-aligned boxes alone


def side_differences(m, pair):
    """The squared differences of the sides over the squared sides of the enclosing box: Zhang et al., EIoU (2021)."""
    total, slopes = 0.0, []
    for axis in pair.axes:
        ratio = m.quotient(axis.growth, axis.span)
        by_growth = 2.0 * m.quotient(ratio, axis.span)
        total = total + ratio * ratio
        slopes.append(AxisSlopes(side=by_growth, span=-ratio * by_growth))
    return total, Slopes(axes=tuple(slopes))


def angle_distance(m, pair):
    """Half the distance cost of SIoU, with its angle cost 2 |dx dy| / (dx^2 + dy^2): Gevorgyan (2022)."""
    gaps = [m.absolute(axis.shift) for axis in pair.plane]
    longest = m.maximum(*gaps)
    x, y = (m.quotient(gap, longest) for gap in gaps)  # one of them is 1
    square = x * x + y * y
    focus = 2.0 - m.quotient(2.0 * x * y, square)
    ratios = [m.quotient(gap, axis.span) for gap, axis in zip(gaps, pair.plane)]
    decays = [m.exp(-focus * ratio * ratio) for ratio in ratios]
    total = 0.0
    for ratio in ratios:
        total = total - 0.5 * m.expm1(-focus * ratio * ratio)
    # The derivative of the angle cost by a gap is `turn` over the longest gap.
    difference = m.quotient(gaps[1] - gaps[0], longest) * (x + y)
    turns = 2.0 * m.quotient(y * difference, square * square), -2.0 * m.quotient(x * difference, square * square)
    pressures = [m.quotient(decay * ratio, axis.span) for decay, ratio, axis in zip(decays, ratios, pair.plane)]
    by_angle = pressures[0] * x + pressures[1] * y
    slopes = [
        AxisSlopes(
            shift=m.sign(axis.shift) * (focus * pressure - 0.5 * by_angle * turn), span=-focus * ratio * pressure
        )
        for axis, ratio, pressure, turn in zip(pair.plane, ratios, pressures, turns)
    ]
    return total, Slopes(axes=tuple(slopes))


def side_costs(m, pair, theta, weights=(1.0, 1.0)):
    """Half the shape cost of SIoU: differences of the sides relative to the larger one: Gevorgyan (2022).

    The weights of width and height are constants.
    """
    total, slopes = 0.0, []
    for axis, weight in zip(pair.plane, weights):
        larger = m.maximum(axis.side, axis.target_side)
        is_longer, exists = axis.growth > 0.0, larger > 0.0
        relative = m.where(exists, weight * m.quotient(m.absolute(axis.growth), larger), 0.0)
        cost = -m.expm1(-relative)
        power = m.power(cost * cost, 0.5 * theta)  # for theta = 4 a square, which is fast
        by_side = m.where(is_longer, m.quotient(axis.target_side, larger), m.sign(axis.growth))
        by_side = m.where(exists, weight * m.quotient(by_side, larger), 0.0)
        total = total + 0.5 * power
        slopes.append(AxisSlopes(side=0.5 * theta * m.quotient(power, cost) * m.exp(-relative) * by_side))
    return total, Slopes(axes=tuple(slopes))


def weighted_center_distance(m, pair, weights):
    """The center distance with a constant weight per axis: Zhang, Zhang, Shape-IoU (2023)."""
    total, slopes = 0.0, []
    per_diagonal = m.inverse(pair.diagonal)
    for axis, weight in zip(pair.plane, weights):
        pull = weight * axis.shift
        total = total + pull * axis.shift
        slopes.append(AxisSlopes(shift=2.0 * pull * per_diagonal))
    ratio = m.quotient(total, pair.diagonal)
    return ratio, Slopes(diagonal=-m.quotient(ratio, pair.diagonal), axes=tuple(slopes))


def corner_distance(m, pair, length):
    """The squared distances of the first and of the last corners over a squared length: Ma, Xu (2023)."""
    unit = length * pair.unit
    total, slopes = 0.0, []
    for axis in pair.axes:
        start, end = m.quotient(axis.start, unit), m.quotient(axis.end, unit)
        total = total + (start * start + end * end)
        by_shift = 4.0 * m.quotient(m.quotient(axis.shift, unit), unit)
        slopes.append(AxisSlopes(shift=by_shift, side=m.quotient(m.quotient(axis.growth, unit), unit)))
    return total, Slopes(axes=tuple(slopes))


def edge_offset(m, pair):
    """1 - exp(-P^2) with P the mean distance of the edges in units of the target's sides: Liu et al. (2024)."""
    per_edge, farthest = 0.5 / len(pair.axes), 64.0  # exp(-P^2) is 0 there
    total, parts = 0.0, []
    for axis in pair.axes:
        offset = m.absolute(axis.start) + m.absolute(axis.end)
        side = m.where(pair.exchanged == 1.0, axis.side, axis.target_side)
        share = m.where(side == 0.0, m.where(offset == 0.0, offset, farthest), per_edge * m.quotient(offset, side))
        share = m.where(m.absolute(share) > farthest, farthest, share)
        parts.append((axis, side, share))
        total = total + share
    exponent, slopes = -total * total, []
    value, slope = -m.expm1(exponent), 2.0 * total * m.exp(exponent)
    for axis, side, share in parts:
        start, end = m.sign(axis.start), m.sign(axis.end)
        per_side = m.quotient(slope, side)
        by_edge, by_target = per_edge * per_side, m.where(pair.exchanged == 1.0, share * per_side, 0.0 * share)
        slopes.append(AxisSlopes(shift=(start + end) * by_edge, side=0.5 * (end - start) * by_edge - by_target))
    return value, Slopes(axes=tuple(slopes))
