// Upright prisms over pairs of polygons: their heights, and the convex hull of both.
#pragma once
#include "polygon_overlap.h"

namespace detloss::ISA {

// The bottoms and tops of a pair of prisms, relative to the middle of the first. Polygons have height 1 and no levels.
template <class L>
struct Levels {
    L ends[4], slopes[4] = {};  // bottom and top of the first, of the second; derivatives by them
    L heights[2] = {1.0, 1.0}, overlap = 1.0, span = 1.0, rise = 0.0;
    L bottom, top;      // of the overlap
    L lowest, highest;  // of both
    typename L::Mask height_counts[2];

    // `rows` are the vertical coordinate of the center and the height of each.
    INLINE void measure(const L* const (&rows)[2], L scale) {
        const L origin = scale * rows[0][0];
        for (int which = 0; which < 2; ++which) {
            const L middle = scale * rows[which][0] - origin, height = scale * rows[which][1];
            heights[which] = relu(height), height_counts[which] = height >= 0.0;
            rise = which ? rise - middle : middle;
            ends[2 * which] = middle - 0.5 * heights[which], ends[2 * which + 1] = middle + 0.5 * heights[which];
        }
        bottom = maximum(ends[0], ends[2]), top = minimum(ends[1], ends[3]);
        lowest = minimum(ends[0], ends[2]), highest = maximum(ends[1], ends[3]);
        overlap = relu(top - bottom), span = highest - lowest;
    }
    INLINE typename L::Mask identical() const { return (ends[0] == ends[2]) & (ends[1] == ends[3]); }

    // Adds the derivative by a level to the ends on that level, in equal shares.
    INLINE void add(L level, L slope, int first, int step) {
        L ties = 0.0;
        for (int k = first; k < 4; k += step) ties = ties + where(ends[k] == level, 1.0, 0.0);
        const L share = slope / ties;
        for (int k = first; k < 4; k += step) slopes[k] = slopes[k] + where(ends[k] == level, share, 0.0);
    }
    INLINE void add_overlap(L slope) {
        const L factor = where(overlap > 0.0, slope, 0.0);
        add(bottom, -factor, 0, 2), add(top, factor, 1, 2);
    }
    INLINE void add_span(L slope) { add(lowest, -slope, 0, 1), add(highest, slope, 0, 1); }

    // The largest squared vertical distance of two vertices: of the first, of one of each, of the second.
    INLINE L furthest(int group) const {
        L square = 0.0;
        for (int k = 0; k < 4; ++k) square = maximum(square, rise_of(group, k) * rise_of(group, k));
        return square;
    }
    INLINE void add_furthest(int group, L slope) {
        const L square = furthest(group);
        L ties = 0.0;
        for (int k = 0; k < 4; ++k) ties = ties + where(rise_of(group, k) * rise_of(group, k) == square, 1.0, 0.0);
        for (int k = 0; k < 4; ++k) {
            const L pull = where(rise_of(group, k) * rise_of(group, k) == square, 2.0 * slope / ties, 0.0) * rise_of(group, k);
            L &one = slopes[start_of(group, k)], &other = slopes[end_of(group, k)];
            one = one + pull, other = other - pull;
        }
    }

    // The derivatives by the center's vertical coordinate and by the height.
    INLINE void unload(int which, L d_height, L d_rise, L* row) const {
        const L low = slopes[2 * which], high = slopes[2 * which + 1];
        row[0] = low + high + d_rise * rise;
        row[1] = where(height_counts[which], d_height + 0.5 * (high - low), 0.0);
    }

  private:
    static int start_of(int group, int k) { return (group == 2 ? 2 : 0) + k / 2; }
    static int end_of(int group, int k) { return (group == 0 ? 0 : 2) + k % 2; }
    INLINE L rise_of(int group, int k) const { return ends[start_of(group, k)] - ends[end_of(group, k)]; }
};

// The mixed area of a polygon and the hull of points: half the sum over all edges of the length times the support of the points
// along the outer normal. Numbers of edges and points are those of the pair's vertices.
template <class L, int corners>
struct MixedArea {
    PolygonPair<L, corners>& pair;
    int polygon, first_point;
    L area = 0.0;

    INLINE MixedArea(PolygonPair<L, corners>& pair, int polygon, int first_point) : pair(pair), polygon(polygon), first_point(first_point) {
        for (int k = 0; k < of().count; ++k) area = area + 0.5 * support(normal(k));
    }
    INLINE const Polygon<L, corners>& of() const { return polygon ? pair.b : pair.a; }
    INLINE Vector<L> normal(int k) const { return rotated_clockwise(of().edge(k)); }
    INLINE L support(Vector<L> normal) const {
        L reach = dot(normal, pair.point(first_point));
        for (int k = first_point + 1; k < pair.points(); ++k) reach = maximum(reach, dot(normal, pair.point(k)));
        return reach;
    }
    // Points at the same distance share the derivative.
    INLINE void backward(L slope) {
        const int start = polygon ? pair.a.count : 0;
        for (int k = 0; k < of().count; ++k) {
            const Vector<L> outward = normal(k);
            const L reach = support(outward);
            L ties = 0.0;
            Vector<L> total = {0.0, 0.0};
            for (int point = first_point; point < pair.points(); ++point) {
                const L is_furthest = where(dot(outward, pair.point(point)) == reach, 1.0, 0.0);
                ties = ties + is_furthest, total = total + is_furthest * pair.point(point);
            }
            const L share = 0.5 * slope / ties;
            const Vector<L> by_edge = share * rotated_clockwise(total), by_point = share * outward;
            for (int point = first_point; point < pair.points(); ++point) {
                const L is_furthest = where(dot(outward, pair.point(point)) == reach, 1.0, 0.0);
                pair.slope_of(point) = pair.slope_of(point) + is_furthest * by_point;
            }
            pair.slope_of(start + k) = pair.slope_of(start + k) + by_edge;
            Vector<L>& next = pair.slope_of(start + of().following(k));
            next = next - by_edge;
        }
    }
};

// The volume of the hull of two prisms. A slice is a weighted Minkowski sum of the footprints P and Q and their hull C; its
// area is a quadratic form in the weights, with mixed areas as coefficients; the weights are linear between the four levels at
// which a prism starts or ends.
template <class L, int corners>
struct PrismHull {
    MixedArea<L, corners> crossed, wide, other_wide;
    L form[3][3];  // of P, Q and C
    L volume = 0.0, by_form[3][3] = {}, by_ends[4] = {};

    INLINE PrismHull(PolygonPair<L, corners>& pair, L outline, const Levels<L>& levels)
        : crossed(pair, 0, pair.a.count), wide(pair, 0, 0), other_wide(pair, 1, 0),
          form{{pair.a.size, crossed.area, wide.area}, {crossed.area, pair.b.size, other_wide.area}, {wide.area, other_wide.area, outline}} {
        // If both start or end on one level, the derivatives are the mean of both orders.
        const L* ends = levels.ends;
        add_slices(ends, ends[0] <= ends[2], ends[3] <= ends[1]), add_slices(ends, ends[0] < ends[2], ends[3] < ends[1]);
    }

    // Adds half of the volume and of its derivatives.
    INLINE void add_slices(const L* ends, typename L::Mask is_lowest, typename L::Mask is_highest) {
        const L starts = where(is_lowest, ends[2], ends[0]), stops = where(is_highest, ends[3], ends[1]);
        const auto gap = stops < starts;
        const L t[4] = {where(is_lowest, ends[0], ends[2]), where(gap, stops, starts), where(gap, starts, stops),
                        where(is_highest, ends[1], ends[3])};
        // In a gap, the slice interpolates from one prism to the other; where their heights overlap, it is C.
        const L across[2] = {inverse(t[2] - t[0]), inverse(t[3] - t[1])};
        const L reached[2] = {where(gap, (t[1] - t[0]) * across[0], 1.0), where(gap, (t[3] - t[2]) * across[1], 1.0)};
        L weights[4][3], images[4][3], d_t[4] = {0.0, 0.0, 0.0, 0.0};
        for (int k = 0; k < 4; ++k) {
            const L of_first = where(k < 2 ? is_lowest : is_highest, 1.0, 0.0), of_both = k == 1 ? reached[0] : k == 2 ? reached[1] : L(0.0);
            weights[k][0] = (1.0 - of_both) * of_first, weights[k][1] = (1.0 - of_both) * (1.0 - of_first), weights[k][2] = of_both;
            for (int i = 0; i < 3; ++i)
                images[k][i] = form[i][0] * weights[k][0] + form[i][1] * weights[k][1] + form[i][2] * weights[k][2];
        }
        const auto product = [&](int k, int other) INLINED {
            return weights[k][0] * images[other][0] + weights[k][1] * images[other][1] + weights[k][2] * images[other][2];
        };
        const L heights[3] = {t[1] - t[0], t[2] - t[1], t[3] - t[2]};
        for (int k = 0; k < 3; ++k) {
            const L mean = (1.0 / 3.0) * (product(k, k) + product(k + 1, k + 1) + product(k, k + 1)), share = (0.5 / 3.0) * heights[k];
            volume = volume + 0.5 * heights[k] * mean;
            d_t[k] = d_t[k] - mean, d_t[k + 1] = d_t[k + 1] + mean;
            for (int i = 0; i < 3; ++i)
                for (int j = i; j < 3; ++j)
                    by_form[i][j] = by_form[i][j] + share * (weights[k][i] * (weights[k][j] + 0.5 * weights[k + 1][j]) +
                                                             weights[k + 1][i] * (weights[k + 1][j] + 0.5 * weights[k][j]));
        }
        const auto by_reached = [&](int k) INLINED {
            L slope = 0.0;
            for (int i = 0; i < 3; ++i) {
                const L of_end = weights[k == 1 ? 0 : 3][i], toward = (i == 2 ? 1.0 : 0.0) - of_end;
                slope = slope + toward * ((heights[k - 1] + heights[k]) * images[k][i] +
                                          0.5 * (heights[k - 1] * images[k - 1][i] + heights[k] * images[k + 1][i]));
            }
            return where(gap, (2.0 / 3.0) * slope * across[k - 1], 0.0);
        };
        const L low = by_reached(1), high = by_reached(2);
        d_t[0] = d_t[0] + low * (reached[0] - 1.0), d_t[1] = d_t[1] + low + high * reached[1];
        d_t[2] = d_t[2] - low * reached[0] - high, d_t[3] = d_t[3] + high * (1.0 - reached[1]);
        const L d_starts = where(gap, d_t[2], d_t[1]), d_stops = where(gap, d_t[1], d_t[2]);
        by_ends[0] = by_ends[0] + 0.5 * where(is_lowest, d_t[0], d_starts), by_ends[2] = by_ends[2] + 0.5 * where(is_lowest, d_starts, d_t[0]);
        by_ends[1] = by_ends[1] + 0.5 * where(is_highest, d_t[3], d_stops), by_ends[3] = by_ends[3] + 0.5 * where(is_highest, d_stops, d_t[3]);
    }

    // Adds the derivatives by levels and mixed areas; those by the areas of P, Q and C are `by_form`.
    INLINE void backward(L slope, Levels<L>& levels) {
        for (int k = 0; k < 4; ++k) levels.slopes[k] = levels.slopes[k] + slope * by_ends[k];
        crossed.backward(2.0 * slope * by_form[0][1]), wide.backward(2.0 * slope * by_form[0][2]);
        other_wide.backward(2.0 * slope * by_form[1][2]);
    }
};

}  // namespace detloss::ISA
