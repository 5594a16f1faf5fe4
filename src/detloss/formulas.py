"""The mathematics: every loss once, as scalar arithmetic that returns its value and its derivatives.

A formula is straight-line code: assignments, arithmetic, comparisons, the words of a vocabulary `m`, one return.
The words are torch's in `kernels/words.py`; another language needs the same words and nothing else. Formulas know
nothing of tensors, weights, reductions or devices: `kernels/` brings entries to them, `engine` adds the rest.

    regression      formula(m, pred, target, ...)            -> loss, d_pred, d_target
    binary          formula(m, logit, positive, negative, keep, ...) -> loss, d_logit, d_target
    softmax         formula(m, nll, likelihood, missing, ...)  -> loss, d_nll
    boxes           formula(m, mismatch, shared, ...)          -> loss, measure, the loss's derivative by each measure

There is no epsilon here: what could cancel is never subtracted, and what could divide by zero is a word
(`inverse`, `quotient`) whose answer at zero is zero.
"""

import functools

# ------------------------------------------------------------------------------------------------- regression


def l1(m, pred, target):
    error = pred - target
    slope = m.sign(error)
    return m.absolute(error), slope, -slope


def l2(m, pred, target):
    error = pred - target
    return error * error, 2.0 * error, -2.0 * error


def smooth_l1(m, pred, target, beta):
    """Girshick, Fast R-CNN (2015), eq. 3, with the corner at beta."""
    error = pred - target
    size = m.absolute(error)
    near = size < beta
    bend = m.quotient(m.where(near, error, 0.0), beta)
    slope = m.where(near, bend, m.sign(error))
    return m.where(near, 0.5 * (bend * error), size - 0.5 * beta), slope, -slope


# ------------------------------------------------------------------- binary: how much of a target is 1, and is 0
# `keep` is how much of a target's change arrives in them: 1 - label smoothing.


def odds(m, logit):
    """Both probabilities before they are divided by their total, 1 + tail: nothing is subtracted from 1."""
    tail = m.exp(m.where(logit >= 0.0, -logit, logit))  # smooth at 0 to be derived again, where |x| and relu are not
    return m.where(logit >= 0.0, 1.0, tail), m.where(logit >= 0.0, tail, 1.0), tail


def binary_cross_entropy(m, logit, positive, negative, keep):
    one, zero, tail = odds(m, logit)
    below, above = m.where(logit >= 0.0, 0.0, -logit), m.where(logit >= 0.0, logit, 0.0)
    loss = m.log1p_of_fraction(tail) + m.weighted(positive, below) + m.weighted(negative, above)
    return loss, (negative * one - positive * zero) / (1.0 + tail), -keep * logit


def balanced_cross_entropy(m, logit, positive, negative, keep, positive_weight, negative_weight):
    surprise, d_logit, d_target = binary_cross_entropy(m, logit, positive, negative, keep)
    balance = positive_weight * positive + negative_weight * negative
    tilt = m.weighted(keep * (positive_weight - negative_weight), surprise)
    return m.weighted(balance, surprise), m.weighted(balance, d_logit), m.weighted(balance, d_target) + tilt


def sigmoid_focal(m, logit, positive, negative, keep, positive_weight, negative_weight, gamma):
    """Lin et al., Focal Loss (2017), eq. 5; `missing` is 1 - p_t of the paper."""
    one, zero, tail = odds(m, logit)
    surprise, d_logit, d_target = binary_cross_entropy(m, logit, positive, negative, keep)
    mixed, total = positive * zero + negative * one, 1.0 + tail
    missing = mixed / total
    balance = positive_weight * positive + negative_weight * negative
    strength = m.weighted(balance, m.power(missing, gamma))
    pull = m.weighted(m.quotient(tail, mixed * total), surprise)
    # The target's terms may cancel near the largest float: a 64th of each is added up.
    part = 0.015625 * surprise
    turn = gamma * (zero - one) * keep * m.quotient(part, mixed)
    tilt = m.weighted(keep * (positive_weight - negative_weight) * m.power(missing, gamma), part)
    shift = m.weighted(strength, 0.015625 * d_target) + m.weighted(strength, turn)
    return (
        m.weighted(strength, surprise),
        m.weighted(strength, d_logit + gamma * (negative - positive) * pull),
        64.0 * (shift + tilt),
    )


# ------------------------------------------------ softmax: functions of nll = -log p_t, with missing = 1 - p_t


def cross_entropy(m, nll, likelihood, missing):
    return nll, 1.0


def softmax_focal(m, nll, likelihood, missing, gamma):
    """Lin et al., Focal Loss (2017), eq. 4, over a softmax."""
    strength = m.power(missing, gamma)
    pull = m.weighted(gamma * likelihood, m.quotient(nll, missing))
    return m.weighted(strength, nll), strength * (pull + 1.0)


# ---------------------------------------------------------------------------------- boxes: penalties on measures


def iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike):
    """1 - IoU. `mismatch` = union - intersection; `unlike` = what 0/0 stands for: 0 for identical boxes, else 1."""
    union = mismatch + shared
    overlap = m.quotient(shared, union)  # divided each time, not multiplied by an inverse: one rounding less
    loss = m.where(union == 0.0, unlike, m.quotient(mismatch, union))
    measure = m.where(union == 0.0, 1.0 - unlike, overlap)
    return loss, measure, m.quotient(overlap, union), -m.quotient(loss, union), 0.0, 0.0, 0.0, 0.0


def log_iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike):
    """-log IoU: Yu et al., UnitBox (2016), algorithm 1. Capped at -log 2^-126 where nothing is shared."""
    _, measure, _, _, _, _, _, _ = iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike)
    per_union = m.inverse(mismatch + shared)
    ratio = m.quotient(mismatch, shared)
    beyond = ratio - ratio != 0.0  # too large for a float, though its logarithm is not
    far = m.log(m.where(beyond, mismatch, 1.0)) - m.log(m.where(beyond, shared, 1.0))
    near = m.log1p(m.where(beyond, 0.0, ratio))
    loss = m.where(shared > 0.0, m.where(beyond, far, near), 87.33654475055310898657 * unlike)
    d_mismatch = m.where(shared > 0.0, per_union, 0.0)
    d_shared = -(mismatch * per_union) * m.inverse(shared)
    return loss, measure, d_mismatch, d_shared, 0.0, 0.0, 0.0, 0.0


def generalized_iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike):
    """Rezatofighi et al., Generalized IoU (2019), algorithm 1. `empty` = enclosure - union."""
    loss, measure, d_mismatch, d_shared, _, _, _, _ = iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike)
    union = mismatch + shared
    per_hull = m.inverse(union + empty)
    slack = m.where(union + empty == 0.0, unlike, empty * per_hull)
    d_union = -slack * per_hull
    return (
        loss + slack,
        measure - slack,
        d_mismatch + d_union,
        d_shared + d_union,
        (union * per_hull) * per_hull,
        0.0,
        0.0,
        0.0,
    )


def distance_iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike):
    """Zheng et al., Distance-IoU (2020), eq. 7. `distance` and `diagonal` are squared lengths."""
    loss, measure, d_mismatch, d_shared, _, _, _, _ = iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike)
    pull = m.quotient(distance, diagonal)
    d_diagonal = -m.quotient(pull, diagonal)
    return loss + pull, measure - pull, d_mismatch, d_shared, 0.0, m.inverse(diagonal), d_diagonal, 0.0


def complete_iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike):
    """Zheng et al., Distance-IoU (2020), eq. 8-11. `turn` = the difference of the two diagonals' angles."""
    overlap, _, _, _, _, _, _, _ = iou(m, mismatch, shared, empty, distance, diagonal, turn, unlike)
    loss, measure, d_mismatch, d_shared, _, d_distance, d_diagonal, _ = distance_iou(
        m, mismatch, shared, empty, distance, diagonal, turn, unlike
    )
    aspect = 0.4052847345693511 * turn * turn  # 4 / pi^2
    weight = m.constant(m.quotient(aspect, overlap + aspect))  # held constant in derivatives, as in the paper
    bend = weight * aspect
    return (
        loss + bend,
        measure - bend,
        d_mismatch,
        d_shared,
        0.0,
        d_distance,
        d_diagonal,
        0.8105694691387022 * weight * turn,
    )


# --------------------------------------------- boxes: how a format's two numbers an axis become edge differences
# Each gives, for one axis (primes: the target): start - start', end - end', side, side', end - start', end' - start,
# side - side'.


def corners(m, start, end, target_start, target_end):
    return (
        start - target_start,
        end - target_end,
        end - start,
        target_end - target_start,
        end - target_start,
        target_end - start,
        (end - target_end) - (start - target_start),
    )


def corner_and_size(m, start, side, target_start, target_side):
    shift, shift_low = m.difference(start, target_start)
    growth, growth_low = m.difference(side, target_side)
    end, end_low = m.difference(shift, -growth)
    reach, reach_low = m.difference(shift, -side)
    target_reach, target_reach_low = m.difference(target_side, shift)
    return (
        shift,
        end + (end_low + (shift_low + growth_low)),
        side,
        target_side,
        reach + (reach_low + shift_low),
        target_reach + (target_reach_low - shift_low),
        growth,
    )


def center_and_size(m, center, side, target_center, target_side):
    shift, shift_low = m.difference(center, target_center)
    growth, growth_low = m.difference(0.5 * side, 0.5 * target_side)
    span, span_low = m.difference(0.5 * side, -0.5 * target_side)
    start, start_low = m.difference(shift, growth)
    end, end_low = m.difference(shift, -growth)
    reach, reach_low = m.difference(shift, -span)
    target_reach, target_reach_low = m.difference(span, shift)
    return (
        start + (start_low + (shift_low - growth_low)),
        end + (end_low + (shift_low + growth_low)),
        side,
        target_side,
        reach + (reach_low + (shift_low + span_low)),
        target_reach + (target_reach_low + (span_low - shift_low)),
        side - target_side,
    )


def distances_from_a_point(m, before, after, target_before, target_after):
    return (
        target_before - before,
        after - target_after,
        before + after,
        target_before + target_after,
        after + target_before,
        before + target_after,
        (after - target_after) - (target_before - before),
    )


# Each gives the derivatives by the format's two numbers. `at_start` and `at_end` are what the edges do, `pull` what
# both do together, `stretch` what they do apart: kept apart, they cancel only where the truth does.


def by_corners(m, at_start, at_end, pull, stretch):
    return at_start + pull - stretch, at_end + pull + stretch


def by_corner_and_size(m, at_start, at_end, pull, stretch):
    return (at_start + at_end) + 2.0 * pull, at_end + pull + stretch


def by_center_and_size(m, at_start, at_end, pull, stretch):
    return (at_start + at_end) + 2.0 * pull, 0.5 * (at_end - at_start) + stretch


def by_distances_from_a_point(m, at_start, at_end, pull, stretch):
    return stretch - pull - at_start, at_end + pull + stretch


# ---------------------------------------------------------------------- boxes: axis-aligned geometry, any dimension
# Cells are nine measures >= 0 of a pair, on one axis or on several joined:
#   prediction, target, enclosure | only the prediction, only the target, shared, empty (neither) |
#   the enclosure outside the prediction, the enclosure outside the target


def axis_cells(m, start, end, side, target_side, reach, target_reach):
    """One axis as lengths. Near edges subtract exactly, so nothing cancels where the boxes are close."""
    prediction, target = m.relu(side), m.relu(target_side)
    overlap = m.minimum(m.minimum(side, target_side), m.minimum(reach, target_reach))
    only_prediction = m.minimum(m.relu(-start) + m.relu(end), prediction)
    only_target = m.minimum(m.relu(start) + m.relu(-end), target)
    gap = m.relu(-overlap)
    enclosure = m.maximum(
        m.maximum(m.absolute(side), m.absolute(target_side)),
        m.maximum(
            m.maximum(m.absolute(reach), m.absolute(target_reach)), m.maximum(m.absolute(start), m.absolute(end))
        ),
    )
    touches = (overlap > 0.0) | ((overlap == 0.0) & (side == 0.0))  # moving an edge moves the overlap
    cells = (
        prediction,
        target,
        enclosure,
        only_prediction,
        only_target,
        m.relu(overlap),
        gap,
        only_target + gap,
        only_prediction + gap,
    )
    return cells, touches


NO_AXES = (1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def join(m, cells, axis):
    """The cells of a product: sums of products of lengths >= 0, so every measure keeps its relative accuracy."""
    prediction, target, enclosure, only_prediction, only_target, shared, empty, beside_prediction, beside_target = cells
    side, target_side, span, mine, theirs, both, gap, beside_side, beside_target_side = axis
    return (
        prediction * side,
        target * target_side,
        enclosure * span,
        prediction * mine + only_prediction * both,
        target * theirs + only_target * both,
        shared * both,
        (beside_prediction * mine + beside_target * theirs) + (empty * both + enclosure * gap),
        enclosure * beside_side + beside_prediction * side,
        enclosure * beside_target_side + beside_target * target_side,
    )


def joined(m, axes):
    return functools.reduce(functools.partial(join, m), axes) if axes else NO_AXES


def edge_slopes(m, start, end, inside, outside):
    """What moving either edge does: `inside` while it lies in the target's span, half of both in a tie."""
    tie = 0.5 * (inside + outside)
    at_start = m.where(start > 0.0, inside, m.where(start == 0.0, tie, outside))
    at_end = m.where(end < 0.0, inside, m.where(end == 0.0, tie, outside))
    return -at_start, at_end


def difference_of_angles(m, axes, differences, valid):
    """atan(w'/h') - atan(w/h) from differences of sides and the smaller box; its derivatives by w and by h."""
    (*_, wider), (*_, higher) = differences
    (width, target_width, *_), (height, target_height, *_) = axes
    smaller = width + height < target_width + target_height
    across = m.where(smaller, width, target_width) * higher
    down = m.where(smaller, height, target_height) * wider
    along = width * target_width + height * target_height
    defined = valid & (width + height > 0.0) & (target_width + target_height > 0.0)
    turn = m.where(defined, m.angle(across - down, m.where(defined, along, 1.0)), 0.0)
    per_square = m.inverse(width * width + height * height)
    return turn, (-height * per_square, width * per_square)


def axis_aligned(m, penalty, differences_of, derivatives_by, with_angle, prediction, target):
    """Rows as (first, second) numbers an axis -> loss, measure, derivatives by the prediction's numbers."""
    numbers = [number for axis in (*prediction, *target) for number in axis]
    scale = m.scale(functools.reduce(m.maximum, map(m.absolute, numbers)), len(prediction))
    # A non-finite coordinate must not hide behind a minimum: this is 0 for finite rows, NaN for the others.
    # It comes before the differences so that kernels need not keep the coordinates in registers.
    poison = 0.0 * functools.reduce(lambda total, number: total + number, [number * scale for number in numbers])
    differences = [
        differences_of(m, *(number * scale for number in (*axis, *target_axis)))
        for axis, target_axis in zip(prediction, target)
    ]
    described = [axis_cells(m, *axis[:6]) for axis in differences]
    axes, touches = [cells for cells, _ in described], [touch for _, touch in described]

    valid = functools.reduce(lambda a, b: a & b, [(axis[2] >= 0.0) & (axis[3] >= 0.0) for axis in differences])
    alike = functools.reduce(lambda a, b: a & b, [(axis[0] == 0.0) & (axis[1] == 0.0) for axis in differences])
    _, _, enclosure, only_prediction, only_target, shared, empty, _, _ = joined(m, axes)
    mismatch = only_prediction + only_target
    empty = m.where(valid, empty, enclosure - mismatch)  # an inverted box is the empty set
    shifts = [0.5 * (axis[0] + axis[1]) for axis in differences]
    distance = functools.reduce(lambda total, shift: total + shift * shift, shifts, 0.0)
    diagonal = functools.reduce(lambda total, cells: total + cells[2] * cells[2], axes, 0.0)
    turn, turn_by_side = difference_of_angles(m, axes, differences, valid) if with_angle else (0.0, [0.0] * len(axes))
    unlike = m.where(valid & alike, 0.0 * scale, 1.0)  # of the pair's own precision

    loss, measure, d_mismatch, d_shared, d_empty, d_distance, d_diagonal, d_turn = penalty(
        m, mismatch, shared, empty, distance, diagonal, turn, unlike
    )

    derivatives = []
    for k, (start, end, *_) in enumerate(differences):
        # The cross-section that an edge of this axis sweeps, in the cells of all other axes.
        section, _, _, section_only, _, section_shared, _, beside, _ = joined(m, axes[:k] + axes[k + 1 :])
        swept_shared = m.where(touches[k], section_shared, 0.0)
        swept_alone = m.where(touches[k], section_only, section)
        inside = d_mismatch * (swept_alone - swept_shared) + d_shared * swept_shared - d_empty * swept_alone
        outside = d_mismatch * section + d_empty * beside + 2.0 * d_diagonal * axes[k][2]
        at_start, at_end = (m.where(valid, slope, 0.0) for slope in edge_slopes(m, start, end, inside, outside))
        pull, stretch = d_distance * shifts[k], d_turn * turn_by_side[k]
        first, second = derivatives_by(m, at_start, at_end, pull, stretch)
        derivatives.append((first * scale + poison, second * scale + poison))
    return loss + poison, measure + poison, derivatives
