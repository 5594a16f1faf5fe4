// The loop over pairs of convex shapes, one pair per lane, in double precision.
#pragma once
#include "penalty_call.h"
#include "polytope_pairs.h"
#include "prism_pairs.h"

namespace detloss::ISA {

// The parts of the loop that depend on the penalty.
struct ConvexPenalty {
    PenaltyCall<Lanes<double>> of;
    MeasuresRead reads;
};

// No penalty, if it reads measures of axis-aligned boxes.
template <class Penalty>
constexpr ConvexPenalty convex_penalty_of() {
    if constexpr (Penalty::uses_axes || Penalty::uses_plane || Penalty::uses_inner_difference) return {};
    else
        return {penalize<typename Penalty::Function, Lanes<double>>,
                {Penalty::uses_enclosure_excess, Penalty::uses_distance, Penalty::uses_diagonal, Penalty::uses_aspect_angle}};
}
template <class Penalty>
constexpr ConvexPenalty convex_penalty = convex_penalty_of<Penalty>();

// The place of a number of a row in registers: of a cuboid, the rectangle comes first, then the vertical coordinate and height.
constexpr int64_t angle_place = 4, cuboid_places[7] = {0, 1, 5, 2, 3, 6, angle_place};
INLINE int64_t place_of(int64_t k, int64_t shape) { return shape == cuboid ? cuboid_places[k] : k; }
INLINE bool is_length(int64_t place, int64_t shape) { return shape == polygon || shape == polytope || place != angle_place; }

struct ConvexBlock {
    const double *first, *second, *weight;
    double *value, *d_first, *d_second;
    double factor;  // of the derivatives: 1 / divisor
    const Lanes<double>* parameters;
};

template <class Pair>
void convex_pairs(const ConvexTask& task, const ConvexPenalty& penalty, const ConvexBlock& block, int64_t at) {
    using L = Lanes<double>;
    const int64_t widths[2] = {task.task.width, task.second_width}, shapes[2] = {task.shape, task.second_shape};
    const double* operands[2] = {block.first, block.second};
    L rows[2][most_numbers];
    L total = 0.0, largest = 0.0;
    for (int which = 0; which < 2; ++which) {
        for (int64_t k = 0; k < widths[which]; ++k) {
            const int64_t place = place_of(k, shapes[which]);
            L& number = rows[which][place];
            for (int lane = 0; lane < L::count; ++lane) number.set(lane, operands[which][(at + lane) * widths[which] + k]);
            total = total + number;
            if (is_length(place, shapes[which])) largest = maximum(largest, absolute(number));
        }
    }
    const L unit = scale(largest, shapes[0] == cuboid || shapes[0] == polytope ? 3 : 2);
    Pair shapes_of_pair(task, penalty.reads, rows, unit);
    const ConvexMeasures<L> measures = shapes_of_pair.measures();
    const L intersection = measures.intersection;
    const L difference = (measures.size - intersection) + (measures.other_size - intersection);
    const PairMeasures<L> pair = {
        .symmetric_difference = difference,
        .intersection = intersection,
        .distinct = where(measures.identical, 0.0, 1.0),
        .enclosure_excess = relu(measures.enclosure - difference - intersection),
        .distance = measures.distance,
        .diagonal = measures.diagonal,
        .aspect_angle = measures.aspect_angle,
        .inner_difference = difference,
        .inner_intersection = intersection,
    };
    PenaltyOutcome<L> outcome;
    penalty.of(pair, block.parameters, outcome);
    auto& [loss, similarity, slopes] = outcome;
    slopes.symmetric_difference = slopes.symmetric_difference + slopes.inner_difference;
    slopes.intersection = slopes.intersection + slopes.inner_intersection;

    // Comparisons hide numbers that are not finite: this is 0 for finite rows and NaN for the others.
    const L non_finite = 0.0 * total;
    const bool measure = task.task.measure;
    // The loss of identical shapes is exactly 0, except with an enclosing box, which may be larger than rotated ones.
    const auto is_exact = measures.identical & (L(penalty.reads.enclosure && !task.hull ? 1.0 : 0.0) == measures.aspect_angle);
    const L best = measure ? where(is_exact, 1.0, similarity) : where(is_exact, 0.0, loss);
    const L weight = block.weight ? L::load(block.weight + at) : L(1.0);
    weighted(weight, best + non_finite).store(block.value + at);
    if (!task.task.d_pred) return;
    const L d_size = slopes.symmetric_difference - slopes.enclosure_excess;
    const L d_intersection = slopes.intersection - 2.0 * slopes.symmetric_difference + slopes.enclosure_excess;
    shapes_of_pair.backward(measures, {d_size, d_intersection, slopes.enclosure_excess, slopes.distance, slopes.diagonal, slopes.aspect_angle}, rows);
    const L factor = (measure ? -block.factor : block.factor) * weight;
    double* derivatives[2] = {block.d_first, block.d_second};
    for (int which = 0; which < 2; ++which) {
        if (!derivatives[which]) continue;
        for (int64_t k = 0; k < widths[which]; ++k) {
            const int64_t place = place_of(k, shapes[which]);
            const L number = rows[which][place], scaled = is_length(place, shapes[which]) ? number * unit : number;
            const L slope = weighted(factor, where(is_exact, 0.0, scaled) + non_finite);
            for (int lane = 0; lane < L::count; ++lane) derivatives[which][(at + lane) * widths[which] + k] = slope[lane];
        }
    }
}

template <class To>
void convex(const ConvexTask& all, const ConvexPenalty& penalty, ParallelFor parallel_for) {
    const Task& task = all.task;
    constexpr int64_t least = Lanes<double>::count;
    const int64_t width = task.width, second_width = all.second_width;
    const int64_t pairs_in_block = std::max<int64_t>(least, block_numbers / std::max(width, second_width));
    using L = Lanes<double>;
    const bool are_quadrilaterals = (all.shape != polygon || width == 8) && (all.second_shape != polygon || second_width == 8);
    const auto pairs_of_shapes = all.shape == polytope ? convex_pairs<PolytopePair<L>>
                                 : are_quadrilaterals  ? convex_pairs<PrismPair<L, 4>>
                                                       : convex_pairs<PrismPair<L, 0>>;
    const double divisor = divisor_of(task, task.entries);
    Lanes<double> parameters[most_parameters];
    for (int k = 0; k < most_parameters; ++k) parameters[k] = task.constants[k];
    const auto work = [&](int64_t begin, int64_t pairs) {
        alignas(64) double buffers[4][block_numbers], row_buffers[2][block_numbers / 4];
        const double* first = staged(task.pred, begin * width, pairs * width, buffers[0], least * width);
        const double* second = staged(task.target, begin * second_width, pairs * second_width, buffers[1], least * second_width);
        const double* weight = staged(task.weight, begin, pairs, row_buffers[0]);
        const Output<double, To> value(task.reduction ? nullptr : task.value, begin, pairs, 1, row_buffers[1], least);
        const Output<double, To> d_first(task.d_pred, begin, pairs, width, buffers[2], least);
        const Output<double, To> d_second(task.d_target, begin, pairs, second_width, buffers[3], least);
        const ConvexBlock block{first, second, weight, value.at, d_first.at, task.d_target ? d_second.at : nullptr, reciprocal<double>(divisor), parameters};
        for (int64_t next = 0; next < pairs; next += least) {
            const int64_t at = std::max<int64_t>(0, std::min(next, pairs - least));  // the last overlaps
            pairs_of_shapes(all, penalty, block, at);
        }
        value.finish(pairs, 1), d_first.finish(pairs, width), d_second.finish(pairs, second_width);
        return task.reduction ? total_of(value.at, pairs) : 0.0;
    };
    store_total<To>(task, over_blocks(task.entries, pairs_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
