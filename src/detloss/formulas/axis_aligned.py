"""Axis-aligned boxes in any format and number of dimensions: the measures of a pair, and derivatives by its rows."""

import functools
import operator
from typing import Any, NamedTuple

from detloss.formulas.measures import (
    EVERY_GEOMETRY,
    INNER,
    AxisMeasures,
    AxisSlopes,
    PairMeasures,
    Slopes,
    is_absent,
    plus,
    times,
)
from detloss.formulas.modifiers import INNER_RATIO

# ----------------------------------------------------------------- formats: two numbers per axis as edge differences


class AxisDifferences(NamedTuple):
    """Two intervals of one axis, the prediction's and the target's, by differences: near edges subtract exactly.

    Attributes:
        start: The prediction's start less the target's.
        end: The prediction's end less the target's.
        side: The prediction's side.
        target_side: The target's side.
        reach: The prediction's end less the target's start.
        target_reach: The target's end less the prediction's start.
        growth: The prediction's side less the target's.
    """

    start: Any
    end: Any
    side: Any
    target_side: Any
    reach: Any
    target_reach: Any
    growth: Any


def corners(m, start, end, target_start, target_end):
    return AxisDifferences(
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
    return AxisDifferences(
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
    return AxisDifferences(
        start + (start_low + (shift_low - growth_low)),
        end + (end_low + (shift_low + growth_low)),
        side,
        target_side,
        reach + (reach_low + (shift_low + span_low)),
        target_reach + (target_reach_low + (span_low - shift_low)),
        side - target_side,
    )


def distances_from_a_point(m, before, after, target_before, target_after):
    return AxisDifferences(
        target_before - before,
        after - target_after,
        before + after,
        target_before + target_after,
        after + target_before,
        before + target_after,
        (after - target_after) - (target_before - before),
    )


# The derivatives by the two numbers of a format: `d_start` and `d_end` are by the edges, `d_shift` is half of that by
# the center, `d_side` is by the side. They are added up last, so that they cancel only where the exact ones do.


def by_corners(m, d_start, d_end, d_shift, d_side):
    return d_start + d_shift - d_side, d_end + d_shift + d_side


def by_corner_and_size(m, d_start, d_end, d_shift, d_side):
    return (d_start + d_end) + 2.0 * d_shift, d_end + d_shift + d_side


def by_center_and_size(m, d_start, d_end, d_shift, d_side):
    return (d_start + d_end) + 2.0 * d_shift, 0.5 * (d_end - d_start) + d_side


def by_distances_from_a_point(m, d_start, d_end, d_shift, d_side):
    return d_side - d_shift - d_start, d_end + d_shift + d_side


# --------------------------------------------------------------------------------------------------- sizes of regions


class Cells(NamedTuple):
    """Sizes >= 0 of the regions that a pair makes: lengths on one axis, areas or volumes on several.

    Attributes:
        prediction: The prediction.
        target: The target.
        enclosure: The enclosing box.
        only_prediction: The prediction outside the target.
        only_target: The target outside the prediction.
        intersection: Both.
        neither: The enclosing box outside both.
        beside_prediction: The enclosing box outside the prediction.
        beside_target: The enclosing box outside the target.
    """

    prediction: Any = 1.0
    target: Any = 1.0
    enclosure: Any = 1.0
    only_prediction: Any = 0.0
    only_target: Any = 0.0
    intersection: Any = 1.0
    neither: Any = 0.0
    beside_prediction: Any = 0.0
    beside_target: Any = 0.0


def axis_cells(m, axis):
    """The cells of one axis, and whether a moving edge moves the overlap."""
    start, end, side, target_side, reach, target_reach, _ = axis
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
    overlaps = (overlap > 0.0) | ((overlap == 0.0) & (side == 0.0))
    cells = Cells(
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
    return cells, overlaps


def product_with_axis(cells, axis):
    """The cells of a product: sums of products of lengths >= 0, so every size keeps its relative accuracy."""
    return Cells(
        cells.prediction * axis.prediction,
        cells.target * axis.target,
        cells.enclosure * axis.enclosure,
        cells.prediction * axis.only_prediction + cells.only_prediction * axis.intersection,
        cells.target * axis.only_target + cells.only_target * axis.intersection,
        cells.intersection * axis.intersection,
        (cells.beside_prediction * axis.only_prediction + cells.beside_target * axis.only_target)
        + (cells.neither * axis.intersection + cells.enclosure * axis.neither),
        cells.enclosure * axis.beside_prediction + cells.beside_prediction * axis.prediction,
        cells.enclosure * axis.beside_target + cells.beside_target * axis.target,
    )


def product_of_axes(axes):
    return functools.reduce(product_with_axis, axes) if axes else Cells()


def derivatives_by_edges(m, axis, inside, outside):
    """The derivatives by start and end: `inside` for an edge within the target, else `outside`, their mean at a tie."""
    tie = 0.5 * (inside + outside)
    by_start = m.where(axis.start > 0.0, inside, m.where(axis.start == 0.0, tie, outside))
    by_end = m.where(axis.end < 0.0, inside, m.where(axis.end == 0.0, tie, outside))
    return -by_start, by_end


# ------------------------------------------------------------------------------------------------- pairs of boxes

ANGLE, AXES = frozenset({"aspect_angle"}), frozenset({"unit", "exchanged", "axes", "plane"})
OPTIONAL = ANGLE | AXES | INNER  # measures that cost every penalty something

# The optional measures of the generated code, by number of axes and end of its name; with `exchanged` it passes
# parameters to the penalty. The measures of single axes have generated code in two dimensions only.
_WITHOUT_AXES = {"": frozenset[str](), "_with_inner_boxes": INNER | {"unit", "exchanged"}}
_ALL = {"": frozenset[str](), "_with_angle": ANGLE, "_with_axes": AXES, "_with_inner_boxes": ANGLE | AXES | INNER}
GENERATED = {1: _WITHOUT_AXES, 2: _ALL, 3: _WITHOUT_AXES}


def measures_of_boxes(dims: int) -> frozenset[str]:
    """The names of the measures that boxes of so many axes provide."""
    return EVERY_GEOMETRY | OPTIONAL if dims == 2 else EVERY_GEOMETRY | OPTIONAL - ANGLE - {"plane"}


def generated_for(dims: int, measures: frozenset[str], has_parameters: bool) -> str | None:
    """The name of the generated code for boxes of so many axes and a penalty that reads these measures, if there is."""
    least = (measures & OPTIONAL) | ({"exchanged"} if has_parameters else set())
    ends = [end for end, optional in GENERATED.get(dims, {}).items() if least <= optional]
    return f"axis_aligned_{dims}{ends[0]}" if ends else None


def aspect_angle_of_axes(m, axes, differences, valid):
    """atan(w'/h') - atan(w/h) from differences of sides and the smaller box; its derivatives by w and by h."""
    wider, higher = (axis.growth for axis in differences)
    (width, target_width, *_), (height, target_height, *_) = axes
    smaller = width + height < target_width + target_height
    across = m.where(smaller, width, target_width) * higher
    down = m.where(smaller, height, target_height) * wider
    along = width * target_width + height * target_height
    defined = valid & (width + height > 0.0) & (target_width + target_height > 0.0)
    angle = m.where(defined, m.angle(across - down, m.where(defined, along, 1.0)), 0.0)
    per_square = m.inverse(width * width + height * height)
    return angle, (-height * per_square, width * per_square)


def scaled_about_centers(differences, ratio):
    """The differences of two intervals scaled by a ratio; `backward_of_scaling` is its backward function."""
    start, end, side, target_side, reach, target_reach, growth = differences
    near, far = 0.5 * (1.0 + ratio), 0.5 * (1.0 - ratio)
    change = far * (side + target_side)  # of both reaches; the distance of the centers stays
    return AxisDifferences(
        near * start + far * end,
        far * start + near * end,
        ratio * side,
        ratio * target_side,
        reach - change,
        target_reach - change,
        ratio * growth,
    )


def backward_of_scaling(d_start, d_end, ratio):
    """The derivatives by the edges of an interval from those by its scaled edges."""
    near, far = 0.5 * (1.0 + ratio), 0.5 * (1.0 - ratio)
    return near * d_start + far * d_end, far * d_start + near * d_end


def by_edges_of_axis(m, k, cells, slopes, by_span):
    """The derivatives by start and end of axis k from those by sizes and, `by_span`, by the enclosing side."""
    differences, axes, overlaps = cells
    # The cross-section that an edge of this axis sweeps: the cells of all other axes.
    section = product_of_axes(axes[:k] + axes[k + 1 :])
    swept_both = m.where(overlaps[k], section.intersection, 0.0)
    swept_alone = m.where(overlaps[k], section.only_prediction, section.prediction)
    inside = slopes.symmetric_difference * (swept_alone - swept_both) + slopes.intersection * swept_both
    outside = slopes.symmetric_difference * section.prediction
    if not is_absent(slopes.enclosure_excess):
        inside = inside - slopes.enclosure_excess * swept_alone
        outside = outside + slopes.enclosure_excess * section.beside_prediction
    return derivatives_by_edges(m, differences[k], inside, plus(outside, by_span))


def axis_aligned(m, penalty, differences_of, derivatives_by, measures, prediction, target, exchanged=0.0, *parameters):
    """Rows as two numbers per axis -> loss, similarity, derivatives by the prediction's two numbers per axis.

    `measures` names the measures that the penalty reads; others are not computed. The prediction is the operand of the
    derivatives: if that is the target, `exchanged` is 1. The parameters are those of the penalty.
    """
    numbers = [number for axis in (*prediction, *target) for number in axis]
    scale = m.scale(functools.reduce(m.maximum, map(m.absolute, numbers)), len(prediction))
    # 0 for finite rows, NaN for the others: a minimum must not hide a coordinate that is not finite.
    # It precedes the differences so that kernels need not keep the coordinates in registers.
    poison = 0.0 * functools.reduce(operator.add, [number * scale for number in numbers])
    differences = [
        differences_of(m, *(number * scale for number in (*axis, *target_axis)))
        for axis, target_axis in zip(prediction, target)
    ]
    axes, overlaps = zip(*(axis_cells(m, axis) for axis in differences))

    valid = functools.reduce(operator.and_, [(axis.side >= 0.0) & (axis.target_side >= 0.0) for axis in differences])
    identical = functools.reduce(operator.and_, [(axis.start == 0.0) & (axis.end == 0.0) for axis in differences])
    sizes = product_of_axes(axes)
    difference = sizes.only_prediction + sizes.only_target
    shifts = [0.5 * (axis.start + axis.end) for axis in differences]
    optional: dict[str, Any] = {}
    if "enclosure_excess" in measures:  # an inverted box is the empty set
        optional["enclosure_excess"] = m.where(valid, sizes.neither, sizes.enclosure - difference)
    if "distance" in measures:
        optional["distance"] = sum((shift * shift for shift in shifts), 0.0)
    if "diagonal" in measures:
        optional["diagonal"] = sum((axis.enclosure * axis.enclosure for axis in axes), 0.0)
    angle_by_side = [0.0] * len(axes)
    if "aspect_angle" in measures:
        optional["aspect_angle"], angle_by_side = aspect_angle_of_axes(m, axes, differences, valid)
    if measures >= INNER:
        ratio = parameters[INNER_RATIO]
        scaled = [scaled_about_centers(axis, ratio) for axis in differences]
        scaled_axes, scaled_overlaps = zip(*(axis_cells(m, axis) for axis in scaled))
        scaled_sizes = product_of_axes(scaled_axes)
        optional["inner_difference"] = scaled_sizes.only_prediction + scaled_sizes.only_target
        optional["inner_intersection"] = scaled_sizes.intersection
    if "axes" in measures or "plane" in measures:
        optional["axes"] = tuple(
            AxisMeasures(axis.start, axis.end, axis.side, axis.target_side, shift, axis.growth, cells.enclosure)
            for axis, shift, cells in zip(differences, shifts, axes)
        )
    if "unit" in measures:
        optional["unit"] = scale
    if "exchanged" in measures:
        optional["exchanged"] = exchanged
    distinct = m.where(valid & identical, 0.0 * scale, 1.0)  # of the pair's own precision
    loss, similarity, slopes = penalty(
        m, PairMeasures(difference, sizes.intersection, distinct, **optional), *parameters
    )

    derivatives = []
    for k, _axis in enumerate(differences):
        by_axis = slopes.axes[k] if slopes.axes else AxisSlopes()
        by_span = plus(2.0 * slopes.diagonal * axes[k].enclosure, by_axis.span)
        edges = by_edges_of_axis(m, k, (differences, axes, overlaps), slopes, by_span)
        if measures >= INNER:
            by_sizes = Slopes(slopes.inner_difference, slopes.inner_intersection)
            by_start, by_end = by_edges_of_axis(m, k, (scaled, scaled_axes, scaled_overlaps), by_sizes, 0.0)
            edges = tuple(map(operator.add, edges, backward_of_scaling(by_start, by_end, ratio)))
        d_start, d_end = (m.where(valid, slope, 0.0) for slope in edges)
        d_shift = plus(slopes.distance * shifts[k], times(by_axis.shift, 0.5))
        d_side = plus(slopes.aspect_angle * angle_by_side[k], by_axis.side)
        first, second = derivatives_by(m, d_start, d_end, d_shift, d_side)
        derivatives.append((first * scale + poison, second * scale + poison))
    return loss + poison, similarity + poison, derivatives
