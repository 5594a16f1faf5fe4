// Measures of pairs of convex polytopes, and derivatives by their rows; the intersection is an integral over both surfaces.
#pragma once
#include "polytopes.h"

namespace detloss::ISA {

// The distance below which faces coincide: of the larger extent, and of the coordinates, for their rounding.
constexpr double coincident_faces = 1e-14, rounding_of_faces = 2e-15;
constexpr double dilation_of_polytopes = 4e-11;  // selects one polytope where both have the same vertex
constexpr double hysteresis = 0.125;  // of the slack: the distance behind a plane of its cut, so that a copy of the plane cuts nothing

// A part of a triangle: a polygon in the barycentric coordinates of the second and third corner, as a set of edges in any order.
// A half-space shortens the edges and adds the one that closes them.
template <class L>
struct TrianglePart {
    static constexpr int most = 3 + 2 * most_corners - 4;
    int count = 3;
    L x[most][2], y[most][2];

    INLINE TrianglePart() {
        constexpr double ends[3][2][2] = {{{0.0, 0.0}, {1.0, 0.0}}, {{1.0, 0.0}, {0.0, 1.0}}, {{0.0, 1.0}, {0.0, 0.0}}};
        for (int k = 0; k < 3; ++k)
            for (int end = 0; end < 2; ++end) x[k][end] = ends[k][end][0], y[k][end] = ends[k][end][1];
    }
    // The distances of the triangle's corners outside of a plane.
    INLINE void cut(const L (&heights)[3], L shift, L margin) {
        const L at = heights[0] - shift, to_second = heights[1] - heights[0], to_third = heights[2] - heights[0];
        L closing_x[2] = {0.0, 0.0}, closing_y[2] = {0.0, 0.0}, crossed = 0.0;
        for (int k = 0; k < count; ++k) {
            const L start = at + x[k][0] * to_second + y[k][0] * to_third, end = at + x[k][1] * to_second + y[k][1] * to_third;
            const auto starts_out = start > 0.0, ends_out = end > 0.0;
            const auto enters = starts_out & (end <= 0.0), leaves = ends_out & (start <= 0.0), crosses = enters | leaves;
            const L along = maximum(L(0.0), minimum(L(1.0), (start + margin) / where(crosses, start - end, 1.0)));
            const L crossing_x = where(crosses, x[k][0] + along * (x[k][1] - x[k][0]), 0.0);
            const L crossing_y = where(crosses, y[k][0] + along * (y[k][1] - y[k][0]), 0.0);
            x[k][0] = where(starts_out, crossing_x, x[k][0]), x[k][1] = where(ends_out, crossing_x, x[k][1]);
            y[k][0] = where(starts_out, crossing_y, y[k][0]), y[k][1] = where(ends_out, crossing_y, y[k][1]);
            closing_x[0] = closing_x[0] + where(leaves, crossing_x, 0.0), closing_x[1] = closing_x[1] + where(enters, crossing_x, 0.0);
            closing_y[0] = closing_y[0] + where(leaves, crossing_y, 0.0), closing_y[1] = closing_y[1] + where(enters, crossing_y, 0.0);
            crossed = where(crosses, 1.0, crossed);
        }
        if (!(crossed > 0.0).any()) return;
        for (int end = 0; end < 2; ++end) x[count][end] = closing_x[end], y[count][end] = closing_y[end];
        ++count;
    }
    // Adds the integrals of the three barycentric coordinates, in units of the triangle's area, times `factor`.
    INLINE void integrate(double factor, L (&shares)[3]) const {
        L part = 0.0, second = 0.0, third = 0.0;
        for (int k = 0; k < count; ++k) {
            const L span = x[k][0] * y[k][1] - x[k][1] * y[k][0];
            part = part + span, second = second + span * (x[k][0] + x[k][1]), third = third + span * (y[k][0] + y[k][1]);
        }
        second = second / 3.0, third = third / 3.0;
        shares[0] = shares[0] + factor * (part - second - third);
        shares[1] = shares[1] + factor * second, shares[2] = shares[2] + factor * third;
    }
};

template <class L>
struct PolytopePair {
    const MeasuresRead reads;
    const bool hull;
    Polytope<L> shapes[2];
    Point<L> points[2 * most_corners], hull_slopes[2 * most_corners];  // relative to the middle of the overlap of the bounding boxes
    int starts[3];                                                     // of the points of each, and their number
    Point<L> shifts[2], apart_centers;
    L slack, shares[2][2 * most_corners - 4][3];
    typename L::Mask apart;

    INLINE PolytopePair(const ConvexTask& task, MeasuresRead reads, const L (&rows)[2][most_numbers], L scale) : reads(reads), hull(task.hull) {
        shapes[0].load(rows[0], int(task.task.width), scale), shapes[1].load(rows[1], int(task.second_width), scale);
        const auto &a = shapes[0], &b = shapes[1];
        const Point<L> low = maximum(a.anchor + a.low, b.anchor + b.low), high = minimum(a.anchor + a.high, b.anchor + b.high);
        const Point<L> middle = L(0.5) * low + L(0.5) * high;
        starts[0] = 0, starts[1] = a.count, starts[2] = a.count + b.count;
        L place = 0.0;
        for (int which = 0; which < 2; ++which) {
            const Polytope<L>& each = shapes[which];
            shifts[which] = each.anchor - middle;
            for (int k = 0; k < each.count; ++k) points[starts[which] + k] = shifts[which] + each.vertices[k];
            place = maximum(place, maximum(absolute(each.anchor.x), maximum(absolute(each.anchor.y), absolute(each.anchor.z))));
        }
        slack = coincident_faces * maximum(largest(a.high - a.low), largest(b.high - b.low)) + rounding_of_faces * place;
    }

    INLINE ConvexMeasures<L> measures() {
        const auto &a = shapes[0], &b = shapes[1];
        ConvexMeasures<L> found = {a.size, b.size, intersection(), 0.0, 0.0, 0.0, 0.0, identical()};
        if (reads.enclosure) found.enclosure = hull ? hull_volume() : box();
        if (reads.diagonal) found.diagonal = diameter();
        apart_centers = (shifts[0] - shifts[1]) + (a.center - b.center);
        if (reads.distance) found.distance = dot(apart_centers, apart_centers);
        return found;
    }

    // Replaces the rows by the derivatives by them.
    INLINE void backward(const ConvexMeasures<L>& measures, const ConvexSlopes<L>& slopes, L (&rows)[2][most_numbers]) {
        add_intersection(slopes.intersection);
        if (reads.enclosure && hull)
            for (int k = 0; k < starts[2]; ++k) slope_of(k) = slope_of(k) + slopes.enclosure * hull_slopes[k];
        else if (reads.enclosure) add_box(slopes.enclosure);
        if (reads.diagonal) add_diameter(measures.diagonal, slopes.diagonal);
        for (int which = 0; which < 2; ++which)
            shapes[which].backward(slopes.size, (L(which ? -2.0 : 2.0) * slopes.distance) * apart_centers, rows[which]);
    }

  private:
    INLINE Point<L>& slope_of(int k) { return k < starts[1] ? shapes[0].slopes[k] : shapes[1].slopes[k - starts[1]]; }

    typename L::Mask identical() const {
        L all = 1.0;
        for (int which = 0; which < 2; ++which)
            for (int k = starts[which]; k < starts[which + 1]; ++k) {
                L found = 0.0;
                for (int other = starts[1 - which]; other < starts[2 - which]; ++other) {
                    const Point<L> same = equality(points[k], points[other]);
                    found = maximum(found, same.x * same.y * same.z);
                }
                all = minimum(all, found);
            }
        return all > 0.0;
    }

    // Gauss's theorem: a third of the areas of all visible parts of faces times their signed distances. The visible part is that
    // inside the other polytope, the mean of two views, with its planes moved outward and inward by the slack.
    L intersection() {
        L volume = 0.0;
        for (int which = 0; which < 2; ++which) {
            const Polytope<L>&polytope = shapes[which], &other = shapes[1 - which];
            L reaches[2 * most_corners - 4], lengths[2 * most_corners - 4];
            for (int plane = 0; plane < other.hull.count; ++plane) {
                const Point<L> normal = other.normals[plane];
                lengths[plane] = slack * square_root(dot(normal, normal));
                reaches[plane] = dot(normal, points[starts[1 - which]]);  // a support plane, despite the rounding of the normal
                for (int k = starts[1 - which] + 1; k < starts[2 - which]; ++k) reaches[plane] = maximum(reaches[plane], dot(normal, points[k]));
            }
            for (int face = 0; face < polytope.hull.count; ++face) {
                Point<L> corners[3];
                polytope.hull.gather(points + starts[which], face, corners);
                L(&share)[3] = shares[which][face];
                for (L& each : share) each = 0.0;
                for (const double view : {1.0, -1.0}) {
                    TrianglePart<L> part;
                    bool is_hidden = false;
                    for (int plane = 0; plane < other.hull.count && !is_hidden; ++plane) {
                        L heights[3];
                        for (int k = 0; k < 3; ++k) heights[k] = dot(other.normals[plane], corners[k]) - reaches[plane];
                        const L shift = view * lengths[plane];
                        is_hidden = !(minimum(minimum(heights[0], heights[1]), heights[2]) <= shift).any();
                        const bool is_cut = (maximum(maximum(heights[0], heights[1]), heights[2]) > shift).any();
                        if (is_cut && !is_hidden) part.cut(heights, shift, hysteresis * lengths[plane]);
                    }
                    if (!is_hidden) part.integrate(0.5, share);
                }
                volume = volume + (1.0 / 6.0) * (share[0] + share[1] + share[2]) * dot(corners[0], polytope.normals[face]);
            }
        }
        const L smaller = minimum(shapes[0].size, shapes[1].size);
        const L extent = minimum(largest(shapes[0].high - shapes[0].low), largest(shapes[1].high - shapes[1].low));
        // Polytopes that only touch have no intersection, like axis-aligned boxes.
        apart = (volume <= 4.0 * slack * extent * extent) | (smaller == 0.0);
        return where(apart, 0.0, minimum(volume, smaller));
    }
    void add_intersection(L slope) {
        const L factor = where(apart, 0.0, 0.5 * slope);
        for (Polytope<L>& each : shapes)
            for (int face = 0; face < each.hull.count; ++face)
                for (int k = 0; k < 3; ++k)
                    each.hull.add(each.slopes, face, k, (factor * shares[&each - shapes][face][k]) * each.normals[face]);
    }

    // The volume of the hull of both, and its derivatives; coincident vertices share them equally.
    L hull_volume() {
        L volume = 0.0;
        for (Point<L>& each : hull_slopes) each = {0.0, 0.0, 0.0};
        for (int dilated = 0; dilated < 2; ++dilated) {
            Point<L> seen[2 * most_corners], middle = {0.0, 0.0, 0.0};
            for (int k = starts[dilated]; k < starts[dilated + 1]; ++k) middle = middle + L(1.0 / shapes[dilated].count) * points[k];
            for (int k = 0; k < starts[2]; ++k) {
                const bool moves = k >= starts[dilated] && k < starts[dilated + 1];
                seen[k] = moves ? points[k] + L(dilation_of_polytopes) * (points[k] - middle) : points[k];
            }
            Hull3<L, 2 * most_corners> around;
            around.find(seen, starts[2], starts[1]);
            L enclosed = 0.0;
            for (int face = 0; face < around.count; ++face) {
                Point<L> corners[3];
                around.gather(points, face, corners);
                const Tetrahedron<L> part(corners);
                enclosed = enclosed + part.volume;
                for (int k = 0; k < 3; ++k) around.add(hull_slopes, face, k, L(0.5) * part.by_corners[k]);
            }
            volume = volume + 0.5 * relu(enclosed);
        }
        return volume;
    }

    INLINE std::array<Point<L>, 2> bounds() const {
        Point<L> low = points[0], high = low;
        for (int k = 1; k < starts[2]; ++k) low = minimum(low, points[k]), high = maximum(high, points[k]);
        return {low, high};
    }
    INLINE L box() const {
        const auto [low, high] = bounds();
        const Point<L> sides = high - low;
        return sides.x * sides.y * sides.z;
    }
    // Vertices on one side of the box share its derivative.
    void add_box(L slope) {
        const auto [low, high] = bounds();
        const Point<L> sides = high - low, by_sides = slope * Point<L>{sides.y * sides.z, sides.x * sides.z, sides.x * sides.y};
        Point<L> lowest = {0.0, 0.0, 0.0}, highest = lowest;
        for (int k = 0; k < starts[2]; ++k) lowest = lowest + equality(points[k], low), highest = highest + equality(points[k], high);
        for (int k = 0; k < starts[2]; ++k) {
            const Point<L> at_low = equality(points[k], low), at_high = equality(points[k], high);
            slope_of(k) = slope_of(k) + Point<L>{(at_high.x / highest.x - at_low.x / lowest.x) * by_sides.x,
                                                 (at_high.y / highest.y - at_low.y / lowest.y) * by_sides.y,
                                                 (at_high.z / highest.z - at_low.z / lowest.z) * by_sides.z};
        }
    }

    // The largest squared distance of two vertices; pairs at that distance share its derivative.
    INLINE L square(int k, int other) const { return dot(points[k] - points[other], points[k] - points[other]); }
    L diameter() const {
        L longest = 0.0;
        for (int k = 0; k < starts[2]; ++k)
            for (int other = 0; other < k; ++other) longest = maximum(longest, square(k, other));
        return longest;
    }
    void add_diameter(L longest, L slope) {
        L ways = 0.0;
        for (int k = 0; k < starts[2]; ++k)
            for (int other = 0; other < k; ++other) ways = ways + where(square(k, other) == longest, 1.0, 0.0);
        const L share = quotient(2.0 * slope, ways);
        for (int k = 0; k < starts[2]; ++k)
            for (int other = 0; other < k; ++other) {
                const Point<L> pull = where(square(k, other) == longest, share, 0.0) * (points[k] - points[other]);
                slope_of(k) = slope_of(k) + pull, slope_of(other) = slope_of(other) - pull;
            }
    }
};

}  // namespace detloss::ISA
