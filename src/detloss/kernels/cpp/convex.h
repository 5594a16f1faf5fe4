// The loop over pairs of convex polygons and of cuboids, one pair per lane, in double precision.
#pragma once
#include <optional>

#include "penalty_call.h"
#include "prisms.h"

namespace detloss::ISA {

// atan(w'/h') - atan(w/h) of two rectangles, and its derivatives by the sides of both.
template <class L>
struct AspectAngle {
    L angle = 0.0, by_sides[2][2] = {{0.0, 0.0}, {0.0, 0.0}};
    template <int corners>
    INLINE void measure(const Polygon<L, corners>& a, const Polygon<L, corners>& b) {
        const auto defined = (a.width + a.height > 0.0) & (b.width + b.height > 0.0);
        const L across = where(defined, a.height * b.width - a.width * b.height, 0.0);
        angle = ISA::angle(across, where(defined, a.width * b.width + a.height * b.height, 1.0));
        const L here = where(defined, inverse(a.width * a.width + a.height * a.height), 0.0);
        const L there = where(defined, inverse(b.width * b.width + b.height * b.height), 0.0);
        by_sides[0][0] = -here * a.height, by_sides[0][1] = here * a.width;
        by_sides[1][0] = there * b.height, by_sides[1][1] = -there * b.width;
    }
};

// The parts of the loop that depend on the penalty.
struct ConvexPenalty {
    PenaltyCall<Lanes<double>> of;
    bool uses_enclosure, uses_distance, uses_diagonal, uses_aspect_angle;
};

// No penalty, if it reads measures of axis-aligned boxes.
template <class Penalty>
constexpr ConvexPenalty convex_penalty_of() {
    if constexpr (Penalty::uses_axes || Penalty::uses_plane || Penalty::uses_inner_difference) return {};
    else
        return {penalize<typename Penalty::Function, Lanes<double>>, Penalty::uses_enclosure_excess, Penalty::uses_distance,
                Penalty::uses_diagonal, Penalty::uses_aspect_angle};
}
template <class Penalty>
constexpr ConvexPenalty convex_penalty = convex_penalty_of<Penalty>();

// The place of a number of a row in registers: of a cuboid, the rectangle comes first, then the vertical coordinate and height.
constexpr int64_t angle_place = 4, cuboid_places[7] = {0, 1, 5, 2, 3, 6, angle_place};
INLINE int64_t place_of(int64_t k, int64_t shape) { return shape == cuboid ? cuboid_places[k] : k; }
INLINE bool is_length(int64_t place, int64_t shape) { return shape == polygon || place != angle_place; }

template <class L, int corners>
INLINE void load_shape(Polygon<L, corners>& shape, const L* row, bool is_rectangle, int64_t width, L scale) {
    if (is_rectangle) load_rectangle(shape, row, scale);
    else load_polygon(shape, row, int(width), scale);
    for (int k = 0; k < shape.count; ++k) shape.slopes[k] = {0.0, 0.0};
}

struct ConvexBlock {
    const double *first, *second, *weight;
    double *value, *d_first, *d_second;
    double factor;  // of the derivatives: 1 / divisor
    const Lanes<double>* parameters;
};

template <int corners>
void convex_pairs(const ConvexTask& task, const ConvexPenalty& penalty, const ConvexBlock& block, int64_t at) {
    using L = Lanes<double>;
    const auto [of, uses_enclosure, uses_distance, uses_diagonal, uses_aspect_angle] = penalty;
    const bool hull = task.hull;

    const int64_t widths[2] = {task.task.width, task.second_width}, shapes[2] = {task.shape, task.second_shape};
    const bool are_rectangles[2] = {shapes[0] != polygon, shapes[1] != polygon}, upright = shapes[0] == cuboid;
    const double* operands[2] = {block.first, block.second};
    L rows[2][2 * most_vertices];
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
    const L size = scale(largest, upright ? 3 : 2);
    Polygon<L, corners> a, b;
    load_shape(a, rows[0], are_rectangles[0], widths[0], size);
    load_shape(b, rows[1], are_rectangles[1], widths[1], size);
    Levels<L> levels;
    if (upright) levels.measure({rows[0] + 5, rows[1] + 5}, size);
    const L across = maximum(absolute(a.anchor.x), absolute(b.anchor.x));
    const L place = maximum(across, maximum(absolute(a.anchor.y), absolute(b.anchor.y)));
    std::optional<Frame<L>> frame;
    if (!upright && (hull || !uses_enclosure))  // an enclosing box is axis-aligned in the original frame
        if (are_rectangles[0] || are_rectangles[1]) frame.emplace(a, b);
    if (frame && !frame->is_identity) frame->transform(a, are_rectangles[0]), frame->transform(b, are_rectangles[1]);
    std::optional<Centroid<L>> centroids[2];
    if (uses_distance) {
        if (shapes[0] == polygon) centroids[0].emplace(a);
        if (shapes[1] == polygon) centroids[1].emplace(b);
    }

    PolygonPair<L, corners> polygons(a, b, place);
    auto identical = polygons.identical();
    if (upright) identical = identical & levels.identical();
    const L area = polygons.intersection(), intersection = area * levels.overlap;
    const L difference = (a.size * levels.heights[0] - intersection) + (b.size * levels.heights[1] - intersection);
    const Vector<L> apart = (polygons.shift + a.center) - (polygons.other_shift + b.center);
    L excess = 0.0, distance = 0.0, diagonal = 0.0, box = 0.0;
    typename PolygonPair<L, corners>::Hull outline;
    typename PolygonPair<L, corners>::Rises rises = {0.0, 0.0, 0.0};
    std::optional<PrismHull<L, corners>> prism_hull;
    if (uses_enclosure) {
        if (hull) polygons.find_hull(0, outline);
        else box = polygons.box();
        if (hull && upright) prism_hull.emplace(polygons, outline.area, levels);
        const L enclosure = prism_hull ? prism_hull->volume : hull ? outline.area : box * levels.span;
        excess = relu(enclosure - difference - intersection);
    }
    if (uses_diagonal) {
        if (upright) rises = {levels.furthest(0), levels.furthest(1), levels.furthest(2)};
        diagonal = polygons.diameter(rises);
    }
    if (uses_distance) distance = dot(apart, apart) + levels.rise * levels.rise;
    AspectAngle<L> aspect;
    if (uses_aspect_angle) aspect.measure(a, b);
    const PairMeasures<L> pair = {
        .symmetric_difference = difference,
        .intersection = intersection,
        .distinct = where(identical, 0.0, 1.0),
        .enclosure_excess = excess,
        .distance = distance,
        .diagonal = diagonal,
        .aspect_angle = aspect.angle,
        .inner_difference = difference,
        .inner_intersection = intersection,
    };
    PenaltyOutcome<L> outcome;
    of(pair, block.parameters, outcome);
    auto& [loss, similarity, slopes] = outcome;
    slopes.symmetric_difference = slopes.symmetric_difference + slopes.inner_difference;
    slopes.intersection = slopes.intersection + slopes.inner_intersection;

    // Comparisons hide numbers that are not finite: this is 0 for finite rows and NaN for the others.
    const L non_finite = 0.0 * total;
    const bool measure = task.task.measure;
    // The loss of identical shapes is exactly 0, except with an enclosing box, which may be larger than rotated ones.
    const auto is_exact = identical & (L(uses_enclosure && !hull ? 1.0 : 0.0) == aspect.angle);
    const L best = measure ? where(is_exact, 1.0, similarity) : where(is_exact, 0.0, loss);
    const L weight = block.weight ? L::load(block.weight + at) : L(1.0);
    weighted(weight, best + non_finite).store(block.value + at);
    if (task.task.d_pred) {
        const L d_size = slopes.symmetric_difference - slopes.enclosure_excess, d_angle = slopes.aspect_angle;
        const L d_intersection = slopes.intersection - 2.0 * slopes.symmetric_difference + slopes.enclosure_excess;
        L d_outline = slopes.enclosure_excess, d_areas[2] = {d_size * levels.heights[0], d_size * levels.heights[1]};
        polygons.add_intersection(d_intersection * levels.overlap);
        if (upright) levels.add_overlap(d_intersection * area);
        if (prism_hull) {
            prism_hull->backward(slopes.enclosure_excess, levels);
            d_areas[0] = d_areas[0] + d_outline * prism_hull->by_form[0][0];
            d_areas[1] = d_areas[1] + d_outline * prism_hull->by_form[1][1];
            d_outline = d_outline * prism_hull->by_form[2][2];
        }
        if (uses_enclosure && hull) {
            polygons.add_hull(outline, d_outline);
            polygons.find_hull(1, outline), polygons.add_hull(outline, d_outline);
        } else if (uses_enclosure) {
            polygons.add_box(slopes.enclosure_excess * levels.span);
            if (upright) levels.add_span(slopes.enclosure_excess * box);
        }
        if (uses_diagonal) {
            const auto by_rises = polygons.add_diameter(diagonal, slopes.diagonal, rises);
            if (upright) for (int group = 0; group < 3; ++group) levels.add_furthest(group, by_rises[group]);
        }
        polygons.restore_anchors();
        const L factor = (measure ? -block.factor : block.factor) * weight;
        const Vector<L> d_center = (2.0 * slopes.distance) * apart;
        const L by_sides[2][2] = {{d_angle * aspect.by_sides[0][0], d_angle * aspect.by_sides[0][1]},
                                  {d_angle * aspect.by_sides[1][0], d_angle * aspect.by_sides[1][1]}};
        Polygon<L, corners>* both[2] = {&a, &b};
        double* derivatives[2] = {block.d_first, block.d_second};
        for (int which = 0; which < 2; ++which) {
            if (!derivatives[which]) continue;
            const Vector<L> by_center = L(which ? -1.0 : 1.0) * d_center;
            L* row = rows[which];
            if (are_rectangles[which]) {
                unload_rectangle(*both[which], d_areas[which], by_center, by_sides[which][0], by_sides[which][1], row);
                if (upright) levels.unload(which, d_size * both[which]->size, L(which ? -2.0 : 2.0) * slopes.distance, row + 5);
            } else {
                if (centroids[which]) centroids[which]->backward(*both[which], by_center);
                unload_polygon(*both[which], d_areas[which], row);
            }
            if (frame && !frame->is_identity)
                for (int k = 0; k < (are_rectangles[which] ? 1 : both[which]->count); ++k) frame->backward(row + 2 * k);
            for (int64_t k = 0; k < widths[which]; ++k) {
                const int64_t place = place_of(k, shapes[which]);
                const L scaled = is_length(place, shapes[which]) ? row[place] * size : row[place];
                const L slope = weighted(factor, where(is_exact, 0.0, scaled) + non_finite);
                for (int lane = 0; lane < L::count; ++lane) derivatives[which][(at + lane) * widths[which] + k] = slope[lane];
            }
        }
    }
}

template <class To>
void convex(const ConvexTask& all, const ConvexPenalty& penalty, ParallelFor parallel_for) {
    const Task& task = all.task;
    constexpr int64_t least = Lanes<double>::count;
    const int64_t width = task.width, second_width = all.second_width;
    const int64_t pairs_in_block = std::max<int64_t>(least, block_numbers / std::max(width, second_width));
    const bool are_quadrilaterals = (all.shape != polygon || width == 8) && (all.second_shape != polygon || second_width == 8);
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
            (are_quadrilaterals ? convex_pairs<4> : convex_pairs<0>)(all, penalty, block, at);
        }
        value.finish(pairs, 1), d_first.finish(pairs, width), d_second.finish(pairs, second_width);
        return task.reduction ? total_of(value.at, pairs) : 0.0;
    };
    store_total<To>(task, over_blocks(task.entries, pairs_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
