"""Rotated boxes as Gaussians: divergences of a pair, and losses of a divergence.

A box is the Gaussian with its center as mean and the covariance R diag(w^2, h^2) R^T / 4, which ProbIoU divides by 3.

    divergence(m, shift, sides, other_sides, cosine, sine) -> distance and its derivatives: by the shift, by the sides,
                                                              by the other sides, by both angles
    penalty(m, distance, ...)                              -> loss, its slope, the loss of an infinite distance

A divergence receives half sides, the longer sides of both boxes at the same position: `gaussian` exchanges those of the
first box if necessary. `cosine` and `sine` are of the angle from the second box's sides to the first's; the shift is
given in the frame of the second box. Then every distance is a sum of terms >= 0, among them
`twist = sine^2 (a^2 - b^2) (A^2 - B^2)`, where a, b are the half sides of the first box and A, B those of the second.
"""

import functools

ODD = range(21, 1, -2)  # terms of the series of atanh, enough for arguments up to 1/8
NO_SIDE = 2.0**-250  # of scaled lengths, the largest near 2^125: products of four of these are still numbers

# ------------------------------------------------------------------------------------------------- penalties


def saturated(m, size, slope, tau):
    """1 - 1 / (tau + size) of a transformed distance with the given slope."""
    total = tau + size
    near = size < 1.0
    loss = m.where(near, (tau - 1.0 + m.where(near, size, 0.0)) / total, 1.0 - 1.0 / total)
    return loss, slope / (total * total), 1.0


def saturated_linear(m, distance, tau):
    return saturated(m, distance, 1.0, tau)


def saturated_root(m, distance, tau):
    root = m.square_root(distance)
    return saturated(m, root, 0.5 * m.inverse(root), tau)


def saturated_logarithm(m, distance, tau):
    return saturated(m, m.log1p(distance), 1.0 / (1.0 + distance), tau)


def normalized_exponential(m, distance, scale):
    """1 - exp(-sqrt(distance) / scale)."""
    root = m.square_root(distance)
    relative = m.quotient(root, scale)
    return -m.expm1(-relative), 0.5 * m.exp(-relative) * m.inverse(scale) * m.inverse(root), 1.0


def hellinger(m, distance):
    """sqrt(1 - BC), where BC = exp(-distance)."""
    loss = m.square_root(-m.expm1(-distance))
    return loss, 0.5 * m.exp(-distance) * m.inverse(loss), 1.0


def identity(m, distance):
    """The distance; -log 2^-126 where it is infinite, as in `log_iou`."""
    return distance, m.where(distance == distance, 1.0, distance), 87.33654475055310898657


# ----------------------------------------------------------------------------------------------- divergences


def wasserstein(m, shift, sides, other_sides, cosine, sine):
    """Yang et al., Gaussian Wasserstein Distance (2021), eq. 4, squared: the trace of the root is `cross`."""
    (x, y), (a, b), (other_a, other_b) = shift, sides, other_sides
    stretch, other_stretch = (a - b) * (a + b), (other_a - other_b) * (other_a + other_b)
    along, across = a * other_a + b * other_b, a * other_b + b * other_a
    near, far = cosine * along, sine * across
    cross = m.square_root(near * near + far * far)
    both = along + cross
    twist = sine * sine * stretch * other_stretch
    growth = (a - other_a) * (a - other_a) + (b - other_b) * (b - other_b)
    distance = (x * x + y * y) + growth + 2.0 * m.quotient(twist, both)

    def by_own(sides, others, other_stretch):
        """The derivatives by the sides of one box; those of a point are the derivatives of a small square."""
        (a, b), (other_a, other_b) = sides, others
        point, lean = both == 0.0, m.quotient(across, cross)
        small = m.inverse(other_a + other_b)
        turn_a = m.where(point, small, m.quotient(a + b * lean, both))
        turn_b = m.where(point, small, m.quotient(b + a * lean, both))
        pressure = sine * sine * other_stretch
        return 2.0 * (a - other_a) + 2.0 * pressure * turn_a, 2.0 * (b - other_b) - 2.0 * pressure * turn_b

    torque = 2.0 * sine * cosine * stretch * m.quotient(other_stretch, cross)
    return (
        distance,
        (2.0 * x, 2.0 * y),
        by_own(sides, other_sides, other_stretch),
        by_own(other_sides, sides, stretch),
        (torque, -torque),
    )


def relative_wasserstein(m, shift, sides, other_sides, cosine, sine):
    """The squared distance over the geometric mean of both areas."""
    plain, *slopes = wasserstein(m, shift, sides, other_sides, cosine, sine)
    (a, b), (other_a, other_b) = sides, other_sides
    area = 4.0 * (m.square_root(a * b) * m.square_root(other_a * other_b))
    distance = plain / area
    by_shift, by_sides, by_other_sides, by_angles = (tuple(slope / area for slope in pair) for pair in slopes)
    return (
        distance,
        by_shift,
        tuple(slope - 0.5 * distance / side for slope, side in zip(by_sides, sides)),
        tuple(slope - 0.5 * distance / side for slope, side in zip(by_other_sides, other_sides)),
        by_angles,
    )


def excess(m, side, other):
    """q - 1 - log q >= 0 of q = (side / other)^2, by a series where the sides are nearly equal."""
    gap, total = side - other, side + other
    odds = gap * total / (side * side + other * other)  # log q = 2 atanh(odds)
    near = m.absolute(odds) < 0.125
    odds = m.where(near, odds, 0.0)
    square = odds * odds
    series = functools.reduce(lambda rest, odd: rest * square + 1.0 / odd, ODD, 0.0)
    growth = (gap / other) * (total / other)
    moderate = (growth > -0.5) & (growth < 1024.0)
    logarithm = m.where(
        moderate, m.log1p(m.where(moderate, growth, 0.0)), 2.0 * m.log(m.where(moderate, 1.0, side / other))
    )
    return m.where(near, 2.0 * square * (1.0 / (1.0 - odds) - odds * series), growth - logarithm)


def kullback_leibler(m, shift, sides, other_sides, cosine, sine):
    """Yang et al., Kullback-Leibler Divergence (2021), eq. 9: of the first Gaussian from the second."""
    (a, b), (other_a, other_b) = sides, other_sides
    x, y = shift[0] / other_a, shift[1] / other_b
    stretch = (a - b) * (a + b) / (other_a * other_b)
    other_stretch = (other_a - other_b) * (other_a + other_b) / (other_a * other_b)
    pressure, spread = sine * sine * other_stretch, sine * sine * stretch
    distance = 0.5 * (
        (excess(m, a, other_a) + excess(m, b, other_b)) + sine * sine * stretch * other_stretch + (x * x + y * y)
    )
    growth_a, growth_b = (a - other_a) / other_a * (a + other_a), (b - other_b) / other_b * (b + other_b)
    torque = sine * cosine * stretch * other_stretch
    return (
        distance,
        (x / other_a, y / other_b),
        (
            growth_a / a / other_a + pressure * (a / other_a) / other_b,
            growth_b / b / other_b - pressure * (b / other_b) / other_a,
        ),
        (
            (spread * (other_b / other_a) - growth_a / other_a - x * x) / other_a,
            -(spread * (other_a / other_b) + growth_b / other_b + y * y) / other_b,
        ),
        (torque, -torque - x * y * other_stretch),
    )


def reverse_kullback_leibler(m, shift, sides, other_sides, cosine, sine):
    """Of the second Gaussian from the first: the shift is transformed to the frame of the first, its slope back."""
    x, y = shift
    own_shift = cosine * x + sine * y, cosine * y - sine * x
    distance, (along, across), by_other_sides, by_sides, by_angles = kullback_leibler(
        m, own_shift, other_sides, sides, cosine, -sine
    )
    by_shift = cosine * along - sine * across, cosine * across + sine * along
    return distance, by_shift, by_sides, by_other_sides, by_angles[::-1]


def bhattacharyya(m, shift, sides, other_sides, cosine, sine):
    """Llerena et al., Gaussian Bounding Boxes and Probabilistic IoU (2021), eq. 4 to 6.

    `lever` is the shift divided by the sum of both covariances, in the frame of the second box and of the first.
    """
    (x, y), (a, b), (other_a, other_b) = shift, sides, other_sides
    own_x, own_y = cosine * x + sine * y, cosine * y - sine * x
    stretch, other_stretch = (a - b) * (a + b), (other_a - other_b) * (other_a + other_b)
    square_a, square_b = a * a + other_a * other_a, b * b + other_b * other_b
    pressure, spread = sine * sine * other_stretch, sine * sine * stretch
    level = square_a * square_b
    twist = spread * other_stretch
    determinant = level + twist

    push = b * b * own_x, a * a * own_y
    other_push = other_b * other_b * x, other_a * other_a * y
    pull = (own_x * push[0] + own_y * push[1]) + (x * other_push[0] + y * other_push[1])
    own_lever = (
        (push[0] + (cosine * other_push[0] + sine * other_push[1])) / determinant,
        (push[1] + (cosine * other_push[1] - sine * other_push[0])) / determinant,
    )
    lever = (
        (other_push[0] + (cosine * push[0] - sine * push[1])) / determinant,
        (other_push[1] + (cosine * push[1] + sine * push[0])) / determinant,
    )

    gap_a, gap_b = a - other_a, b - other_b
    unlike = m.log1p(0.5 * gap_a / a * (gap_a / other_a)) + m.log1p(0.5 * gap_b / b * (gap_b / other_b))
    distance = 0.75 * (pull / determinant) + 0.5 * (unlike + m.log1p(twist / level))

    def by_own(sides, others, lever, pressure):
        """The derivatives by the sides of one box."""
        (a, b), (other_a, other_b) = sides, others
        growth_a, growth_b = (a - other_a) * (a + other_a) / square_a, (b - other_b) * (b + other_b) / square_b
        turn_a = pressure / determinant * ((other_a * other_a + b * b) / square_a)
        turn_b = pressure / determinant * ((a * a + other_b * other_b) / square_b)
        return (
            0.5 * growth_a / a + a * turn_a - 1.5 * (a * lever[0]) * lever[0],
            0.5 * growth_b / b - b * turn_b - 1.5 * (b * lever[1]) * lever[1],
        )

    torque = sine * cosine * stretch * (other_stretch / determinant)
    return (
        distance,
        (1.5 * lever[0], 1.5 * lever[1]),
        by_own(sides, other_sides, own_lever, pressure),
        by_own(other_sides, sides, lever, spread),
        (
            torque - 1.5 * stretch * own_lever[0] * own_lever[1],
            -torque - 1.5 * other_stretch * lever[0] * lever[1],
        ),
    )


# ------------------------------------------------------------------------------------------------- pairs of boxes


def gaussian(m, divergence, penalty, is_relative, prediction, target, *parameters):
    """Rows cx, cy, w, h, angle -> loss, the derivatives by the prediction's numbers and by the target's.

    A relative distance is independent of scale, and infinite where a box has no area, or a side of less than 2^-375 of
    the pair's largest number. Any other distance is a squared length.
    """
    lengths = (*prediction[:4], *target[:4])
    # The range holds products of eight lengths: second derivatives divide twice by products of four.
    scale = m.scale(functools.reduce(m.maximum, map(m.absolute, lengths)), 4)
    unit = 1.0 if is_relative else m.inverse(scale)
    x, y, *sides = (number * scale for number in prediction[:4])
    target_x, target_y, *target_sides = (number * scale for number in target[:4])
    dx, dy = x - target_x, y - target_y
    turn, turn_low = m.difference(prediction[4], target[4])
    halves = [0.5 * m.relu(side) for side in (*sides, *target_sides)]
    alike = (dx == 0.0) & (dy == 0.0) & (halves[0] == halves[2]) & (halves[1] == halves[3]) & (turn == 0.0)
    without_area = is_relative & (functools.reduce(m.minimum, halves) < NO_SIDE)
    a, b, other_a, other_b = (m.where(without_area, 1.0, half) for half in halves)

    cosine = m.cosine(turn) * m.cosine(turn_low) - m.sine(turn) * m.sine(turn_low)
    sine = m.sine(turn) * m.cosine(turn_low) + m.cosine(turn) * m.sine(turn_low)
    along, across = m.cosine(target[4]), m.sine(target[4])
    crossed = ((a > b) & (other_a < other_b)) | ((a < b) & (other_a > other_b))
    distance, (by_x, by_y), (by_a, by_b), by_target_sides, (by_angle, by_target_angle) = divergence(
        m,
        (along * dx + across * dy, along * dy - across * dx),
        (m.where(crossed, b, a), m.where(crossed, a, b)),
        (other_a, other_b),
        m.where(crossed, -sine, cosine),
        m.where(crossed, cosine, sine),
    )
    loss, slope, farthest = penalty(m, distance * unit * unit, *parameters)
    slope = m.where(without_area, 0.0, slope)

    # 0 for finite rows, NaN for the others: a comparison must not hide a number that is not finite.
    poison = functools.reduce(lambda total, number: total + 0.0 * number, (*prediction, *target), 0.0)
    by_length = scale if is_relative else unit
    by_center = along * by_x - across * by_y, along * by_y + across * by_x
    by_sides = m.where(crossed, by_b, by_a), m.where(crossed, by_a, by_b)
    d_center = [m.weighted(slope, by) * by_length + poison for by in by_center]
    d_sides, d_target_sides = (
        [m.where(side < 0.0, 0.0, m.weighted(slope, 0.5 * by) * by_length) + poison for side, by in zip(own, bys)]
        for own, bys in ((sides, by_sides), (target_sides, by_target_sides))
    )
    d_angle, d_target_angle = (m.weighted(slope, by) * unit * unit + poison for by in (by_angle, by_target_angle))
    return (
        m.where(without_area & ~alike, farthest, loss) + poison,
        (*d_center, *d_sides, d_angle),
        (*(-by for by in d_center), *d_target_sides, d_target_angle),
    )
