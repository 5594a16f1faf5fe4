// Measures of pairs of polygons and of upright cuboids, and derivatives by their rows. A polygon is a prism of height 1.
#pragma once
#include <optional>

#include "convex_measures.h"
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

// A row holds the numbers of a polygon, or of a cuboid: the rectangle, then the vertical coordinate of the center and the height.
template <class L, int corners>
struct PrismPair {
    const MeasuresRead reads;
    const bool hull, upright, are_rectangles[2];
    Polygon<L, corners> polygons[2];
    std::optional<Frame<L>> frame;  // unless it is the original one
    std::optional<Centroid<L>> centroids[2];
    std::optional<PolygonPair<L, corners>> pair;
    typename PolygonPair<L, corners>::Hull outline;
    typename PolygonPair<L, corners>::Rises rises = {0.0, 0.0, 0.0};
    Levels<L> levels;
    std::optional<PrismHull<L, corners>> prism_hull;
    AspectAngle<L> aspect;
    Vector<L> apart;
    L area, box = 0.0;

    INLINE PrismPair(const ConvexTask& task, MeasuresRead reads, const L (&rows)[2][most_numbers], L scale)
        : reads(reads), hull(task.hull), upright(task.shape == cuboid), are_rectangles{task.shape != polygon, task.second_shape != polygon} {
        const int widths[2] = {int(task.task.width), int(task.second_width)};
        L place = 0.0;
        for (int which = 0; which < 2; ++which) {
            Polygon<L, corners>& each = polygons[which];
            if (are_rectangles[which]) load_rectangle(each, rows[which], scale);
            else load_polygon(each, rows[which], widths[which], scale);
            for (int k = 0; k < each.count; ++k) each.slopes[k] = {0.0, 0.0};
            place = maximum(place, maximum(absolute(each.anchor.x), absolute(each.anchor.y)));
        }
        if (upright) levels.measure({rows[0] + 5, rows[1] + 5}, scale);
        if (!upright && (hull || !reads.enclosure))  // an enclosing box is axis-aligned in the original frame
            if (are_rectangles[0] || are_rectangles[1]) frame.emplace(polygons[0], polygons[1]);
        if (frame && frame->is_identity) frame.reset();
        for (int which = 0; which < 2; ++which) {
            if (frame) frame->transform(polygons[which], are_rectangles[which]);
            if (reads.distance && !are_rectangles[which]) centroids[which].emplace(polygons[which]);
        }
        pair.emplace(polygons[0], polygons[1], place);
    }

    INLINE ConvexMeasures<L> measures() {
        const Polygon<L, corners>&a = polygons[0], &b = polygons[1];
        auto identical = pair->identical();
        if (upright) identical = identical & levels.identical();
        area = pair->intersection();
        apart = (pair->shift + a.center) - (pair->other_shift + b.center);
        L enclosure = 0.0, distance = 0.0, diagonal = 0.0;
        if (reads.enclosure) {
            if (hull) pair->find_hull(0, outline);
            else box = pair->box();
            if (hull && upright) prism_hull.emplace(*pair, outline.area, levels);
            enclosure = prism_hull ? prism_hull->volume : hull ? outline.area : box * levels.span;
        }
        if (reads.diagonal) {
            if (upright) rises = {levels.furthest(0), levels.furthest(1), levels.furthest(2)};
            diagonal = pair->diameter(rises);
        }
        if (reads.distance) distance = dot(apart, apart) + levels.rise * levels.rise;
        if (reads.aspect_angle) aspect.measure(a, b);
        return {a.size * levels.heights[0], b.size * levels.heights[1], area * levels.overlap, enclosure, distance, diagonal, aspect.angle, identical};
    }

    // Replaces the rows by the derivatives by them.
    INLINE void backward(const ConvexMeasures<L>& measures, const ConvexSlopes<L>& slopes, L (&rows)[2][most_numbers]) {
        L d_outline = slopes.enclosure, d_areas[2] = {slopes.size * levels.heights[0], slopes.size * levels.heights[1]};
        pair->add_intersection(slopes.intersection * levels.overlap);
        if (upright) levels.add_overlap(slopes.intersection * area);
        if (prism_hull) {
            prism_hull->backward(slopes.enclosure, levels);
            for (int k = 0; k < 2; ++k) d_areas[k] = d_areas[k] + slopes.enclosure * prism_hull->by_form[k][k];
            d_outline = d_outline * prism_hull->by_form[2][2];
        }
        if (reads.enclosure && hull) {
            pair->add_hull(outline, d_outline);
            pair->find_hull(1, outline), pair->add_hull(outline, d_outline);
        } else if (reads.enclosure) {
            pair->add_box(slopes.enclosure * levels.span);
            if (upright) levels.add_span(slopes.enclosure * box);
        }
        if (reads.diagonal) {
            const auto by_rises = pair->add_diameter(measures.diagonal, slopes.diagonal, rises);
            if (upright) for (int group = 0; group < 3; ++group) levels.add_furthest(group, by_rises[group]);
        }
        pair->restore_anchors();
        const Vector<L> d_center = (2.0 * slopes.distance) * apart;
        for (int which = 0; which < 2; ++which) {
            Polygon<L, corners>& each = polygons[which];
            const Vector<L> by_center = L(which ? -1.0 : 1.0) * d_center;
            L* row = rows[which];
            if (are_rectangles[which]) {
                const auto& by_sides = aspect.by_sides[which];
                unload_rectangle(each, d_areas[which], by_center, slopes.aspect_angle * by_sides[0], slopes.aspect_angle * by_sides[1], row);
                if (upright) levels.unload(which, slopes.size * each.size, L(which ? -2.0 : 2.0) * slopes.distance, row + 5);
            } else {
                if (centroids[which]) centroids[which]->backward(each, by_center);
                unload_polygon(each, d_areas[which], row);
            }
            if (frame)
                for (int k = 0; k < (are_rectangles[which] ? 1 : each.count); ++k) frame->backward(row + 2 * k);
        }
    }
};

}  // namespace detloss::ISA
