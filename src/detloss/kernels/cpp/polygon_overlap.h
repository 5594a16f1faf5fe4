// The intersection of two convex polygons, as an integral along both boundaries, and their enclosing regions.
#pragma once
#include "polygons.h"

namespace detloss::ISA {

// The distance below which edges coincide: of the smaller thickness; of the extent along an axis and of the coordinates, for
// their rounding.
constexpr double coincident = 1e-12, rounding = 1e-15;
constexpr double dilation = 1e-12;  // selects one polygon where both have the same vertex

// Start and end of the visible part of an edge in two views: with lines moved outward and inward by the slack.
template <class L>
struct Piece {
    L first[2], last[2];
    INLINE void reset() {
        for (int view = 0; view < 2; ++view) first[view] = 0.0, last[view] = 1.0;
    }
    // Clips it by a line; `start` and `end` are the distances of the edge's ends inside of the line.
    INLINE void cut(L start, L end, L along, L shift, typename L::Mask is_line) {
        const L step = quotient(shift, start - end);
        for (int view = 0; view < 2; ++view) {
            const L moved = view ? -shift : shift;
            const auto inside = start + moved >= 0.0, stays = end + moved >= 0.0;
            const L crossing = maximum(L(0.0), minimum(L(1.0), along + (view ? -step : step)));
            const L enters = where(inside, 0.0, where(stays, crossing, 1.0));
            const L leaves = where(stays, 1.0, where(inside, crossing, 0.0));
            first[view] = where(is_line, maximum(first[view], enters), first[view]);
            last[view] = where(is_line, minimum(last[view], leaves), last[view]);
        }
    }
    // The means of its length and its first moment over the views; 0 in a polygon without area.
    INLINE std::array<L, 2> measured(typename L::Mask has_area) const {
        L length = 0.0, moment = 0.0;
        for (int view = 0; view < 2; ++view) {
            const L end = maximum(first[view], last[view]);
            length = length + 0.5 * (end - first[view]);
            moment = moment + 0.25 * (end * end - first[view] * first[view]);
        }
        return {where(has_area, length, 0.0), where(has_area, moment, 0.0)};
    }
};

// Two polygons with vertices relative to the middle of the overlap of their bounding boxes, and the anchors' offsets from it.
template <class L, int corners>
struct PolygonPair {
    static constexpr int most = Polygon<L, corners>::most;
    Polygon<L, corners>&a, &b;
    Vector<L> shift, other_shift;
    L slack;
    L far;         // 1 if the bounding boxes are disjoint
    bool all_far;  // in every lane

    INLINE PolygonPair(Polygon<L, corners>& a, Polygon<L, corners>& b, L place) : a(a), b(b) {
        Vector<L> low[2], high[2];
        Polygon<L, corners>* both[2] = {&a, &b};
        for (int which = 0; which < 2; ++which) {
            const Polygon<L, corners>& polygon = *both[which];
            low[which] = high[which] = polygon.anchor + polygon.vertices[0];
            for (int k = 1; k < polygon.count; ++k) {
                const Vector<L> vertex = polygon.anchor + polygon.vertices[k];
                low[which] = {minimum(low[which].x, vertex.x), minimum(low[which].y, vertex.y)};
                high[which] = {maximum(high[which].x, vertex.x), maximum(high[which].y, vertex.y)};
            }
        }
        const Vector<L> begin = {maximum(low[0].x, low[1].x), maximum(low[0].y, low[1].y)};
        const Vector<L> end = {minimum(high[0].x, high[1].x), minimum(high[0].y, high[1].y)};
        far = where((begin.x > end.x) | (begin.y > end.y), 1.0, 0.0);
        all_far = !(far == 0.0).any();
        const Vector<L> middle = L(0.5) * begin + L(0.5) * end;
        shift = a.anchor - middle, other_shift = b.anchor - middle;
        const Vector<L> sides = high[0] - low[0], other_sides = high[1] - low[1];
        const L thickness = minimum(quotient(a.size, maximum(sides.x, sides.y)), quotient(b.size, maximum(other_sides.x, other_sides.y)));
        const L breadth = minimum(minimum(sides.x, sides.y), minimum(other_sides.x, other_sides.y));
        slack = coincident * thickness + rounding * (breadth + place);
        for (int k = 0; k < a.count; ++k) a.vertices[k] = a.vertices[k] + shift;
        for (int k = 0; k < b.count; ++k) b.vertices[k] = b.vertices[k] + other_shift;
    }

    // Restores vertices relative to the anchors.
    INLINE void restore_anchors() {
        for (int k = 0; k < a.count; ++k) a.vertices[k] = a.vertices[k] - shift;
        for (int k = 0; k < b.count; ++k) b.vertices[k] = b.vertices[k] - other_shift;
    }

    INLINE typename L::Mask identical() const {
        L all = 1.0;
        for (const auto& [one, other] : {std::pair{&a, &b}, std::pair{&b, &a}})
            for (int i = 0; i < one->count; ++i) {
                L found = 0.0;
                for (int j = 0; j < other->count; ++j) {
                    const Vector<L> here = one->vertices[i], there = other->vertices[j];
                    found = where((here.x == there.x) & (here.y == there.y), 1.0, found);
                }
                all = minimum(all, found);
            }
        return all > 0.0;
    }

    // The area of the intersection; its derivatives are kept for `add_intersection`.
    L lengths[2][most], moments[2][most];
    typename L::Mask apart;

    INLINE L intersection() {
        if (all_far) return 0.0;
        Piece<L> pieces[most];
        L starts[most], edge_lengths[most];  // of the first polygon
        L perimeter = 0.0, other_perimeter = 0.0;
        for (int i = 0; i < a.count; ++i) {
            pieces[i].reset();
            edge_lengths[i] = square_root(dot(a.edge(i), a.edge(i)));
            perimeter = perimeter + edge_lengths[i];
            starts[i] = cross(a.edge(i), b.vertices[0] - a.vertices[i]);  // of the other's edges, at these lines
        }
        L area = 0.0;
        for (int j = 0; j < b.count; ++j) {
            const Vector<L> other = b.vertices[j], other_edge = b.edge(j), next = b.vertices[b.following(j)];
            const L square = dot(other_edge, other_edge), length = square_root(square), per_square = inverse(square);
            other_perimeter = other_perimeter + length;
            Piece<L> piece;
            piece.reset();
            L start = cross(other_edge, a.vertices[0] - other);
            const L first_start = start;
            for (int i = 0; i < a.count; ++i) {
                const Vector<L> between = a.vertices[i] - other, edge = a.edge(i);
                const L end = i + 1 < a.count ? cross(other_edge, a.vertices[i + 1] - other) : first_start;
                const L along = quotient(start, start - end);
                // The crossing of near-parallel edges is ill-conditioned: both use the same point.
                const L other_along = dot(between + along * edge, other_edge) * per_square;
                const L other_start = starts[i], other_end = cross(edge, next - a.vertices[i]);
                pieces[i].cut(start, end, along, slack * length, length > 0.0);
                piece.cut(other_start, other_end, other_along, slack * edge_lengths[i], edge_lengths[i] > 0.0);
                start = end, starts[i] = other_end;
            }
            std::tie(lengths[1][j], moments[1][j]) = std::tuple_cat(piece.measured(a.size > 0.0));
            area = area + 0.5 * (lengths[1][j] * cross(other, next));
        }
        for (int i = 0; i < a.count; ++i) {
            std::tie(lengths[0][i], moments[0][i]) = std::tuple_cat(pieces[i].measured(b.size > 0.0));
            area = area + 0.5 * (lengths[0][i] * cross(a.vertices[i], a.vertices[a.following(i)]));
        }
        area = relu(area);
        const L smaller = minimum(a.size, b.size);
        apart = (area <= slack * minimum(perimeter, other_perimeter)) & (area < 0.5 * smaller);
        apart = apart | (far > 0.0);  // independent of the other lanes
        return where(apart, 0.0, minimum(area, smaller));
    }

    INLINE void add_intersection(L slope) {
        if (all_far) return;
        const L factor = where(apart, 0.0, slope);
        Polygon<L, corners>* both[2] = {&a, &b};
        for (int which = 0; which < 2; ++which)
            for (int k = 0; k < both[which]->count; ++k) {
                const Vector<L> normal = factor * rotated_clockwise(both[which]->edge(k));
                const L length = lengths[which][k], moment = moments[which][k];
                Vector<L>& next = both[which]->slopes[both[which]->following(k)];
                both[which]->slopes[k] = both[which]->slopes[k] + (length - moment) * normal;
                next = next + moment * normal;
            }
    }

    // Vertex k of both.
    INLINE Vector<L> point(int k) const { return k < a.count ? a.vertices[k] : b.vertices[k - a.count]; }
    INLINE Vector<L>& slope_of(int k) { return k < a.count ? a.slopes[k] : b.slopes[k - a.count]; }
    INLINE int points() const { return a.count + b.count; }

    INLINE std::array<Vector<L>, 2> bounds() const {
        Vector<L> low = point(0), high = low;
        for (int k = 1; k < points(); ++k) {
            low = {minimum(low.x, point(k).x), minimum(low.y, point(k).y)};
            high = {maximum(high.x, point(k).x), maximum(high.y, point(k).y)};
        }
        return {low, high};
    }
    INLINE L box() const {
        const auto [low, high] = bounds();
        return (high.x - low.x) * (high.y - low.y);
    }
    // Vertices on one side of the box share its derivative.
    INLINE void add_box(L slope) {
        const auto [low, high] = bounds();
        Vector<L> lowest = {0.0, 0.0}, highest = {0.0, 0.0};
        const auto on = [](Vector<L> at, Vector<L> side) { return Vector<L>{where(at.x == side.x, L(1.0), L(0.0)), where(at.y == side.y, L(1.0), L(0.0))}; };
        for (int k = 0; k < points(); ++k) lowest = lowest + on(point(k), low), highest = highest + on(point(k), high);
        const Vector<L> sides = {slope * (high.y - low.y), slope * (high.x - low.x)};
        for (int k = 0; k < points(); ++k) {
            const Vector<L> at_low = on(point(k), low), at_high = on(point(k), high);
            const Vector<L> share = {at_high.x / highest.x - at_low.x / lowest.x, at_high.y / highest.y - at_low.y / lowest.y};
            slope_of(k) = slope_of(k) + Vector<L>{share.x * sides.x, share.y * sides.y};
        }
    }

    // The largest squared distance of two vertices of prisms, whose squared vertical distances are given: of two vertices of the
    // first, of one of each, of two of the second.
    using Rises = std::array<L, 3>;
    int group(int k, int other) const { return (k >= a.count) + (other >= a.count); }
    INLINE L diameter(const Rises& rises) const {
        L longest = 0.0;
        for (int k = 0; k < points(); ++k)
            for (int other = 0; other < k; ++other) longest = maximum(longest, distance(k, other, rises));
        return longest;
    }
    // Returns the derivatives by the vertical distances.
    INLINE Rises add_diameter(L longest, L slope, const Rises& rises) {
        L ways = 0.0;
        for (int k = 0; k < points(); ++k)
            for (int other = 0; other < k; ++other) ways = ways + where(distance(k, other, rises) == longest, 1.0, 0.0);
        const L share = quotient(slope, ways);
        Rises by_rises = {0.0, 0.0, 0.0};
        for (int k = 0; k < points(); ++k)
            for (int other = 0; other < k; ++other) {
                const L factor = where(distance(k, other, rises) == longest, share, 0.0);
                const Vector<L> pull = (2.0 * factor) * (point(k) - point(other));
                slope_of(k) = slope_of(k) + pull, slope_of(other) = slope_of(other) - pull;
                by_rises[group(k, other)] = by_rises[group(k, other)] + factor;
            }
        return by_rises;
    }
    INLINE L distance(int k, int other, const Rises& rises) const {
        const Vector<L> step = point(k) - point(other);
        return dot(step, step) + rises[group(k, other)];
    }

    // An edge of the hull, in the lanes that have it, between two vertices of both.
    struct HullEdge {
        typename L::Mask exists;
        Vector<L> start, end;
        L start_place, end_place;
    };
    struct Hull {
        L area;
        int counts[2];
        HullEdge edges[2][2 * most];  // of the lower and of the upper chain
    };

    // From the first point in lexicographic order, each step of the lower chain goes to the point at the least slope, each
    // step of the upper chain to that at the greatest, until the last point: both always end. `stretched` is the polygon
    // that is slightly enlarged.
    INLINE void find_hull(int stretched, Hull& hull) const {
        Vector<L> seen[2 * most];
        for (int which = 0; which < 2; ++which) {
            const Polygon<L, corners>& polygon = which ? b : a;
            Vector<L> middle = {0.0, 0.0};
            for (int k = 0; k < polygon.count; ++k) middle = middle + (1.0 / polygon.count) * polygon.vertices[k];
            for (int k = 0; k < polygon.count; ++k) {
                const Vector<L> vertex = polygon.vertices[k];
                seen[which * a.count + k] = which == stretched ? vertex + L(dilation) * (vertex - middle) : vertex;
            }
        }
        const int count = points();
        Vector<L> leftmost = seen[0], leftmost_point = point(0);
        L leftmost_place = 0.0;
        for (int k = 1; k < count; ++k) {
            const auto earlier = (seen[k].x < leftmost.x) | ((seen[k].x == leftmost.x) & (seen[k].y < leftmost.y));
            leftmost = where<L>(earlier, seen[k], leftmost), leftmost_point = where<L>(earlier, point(k), leftmost_point);
            leftmost_place = where(earlier, double(k), leftmost_place);
        }
        // A step waits for the one before; those of both chains do not wait for each other.
        Vector<L> here[2] = {leftmost, leftmost}, corner[2] = {leftmost_point, leftmost_point};
        L place[2] = {leftmost_place, leftmost_place};
        bool ended[2] = {false, false};
        hull.counts[0] = hull.counts[1] = 0;
        for (int step = 1; step < count && !(ended[0] && ended[1]); ++step)
            for (int side = 0; side < 2; ++side) {
                if (ended[side]) continue;
                Vector<L> next = here[side], next_corner = corner[side], best = {0.0, 0.0};
                L next_place = -1.0;
                for (int k = 0; k < count; ++k) {
                    const Vector<L> way = seen[k] - here[side];
                    const auto later = (way.x > 0.0) | ((way.x == 0.0) & (way.y > 0.0));
                    const L beyond = sign_of(side) * cross(way, best);
                    const auto better = later & ((next_place < 0.0) | (beyond > 0.0));
                    best = where<L>(better, way, best), next = where<L>(better, seen[k], next), next_corner = where<L>(better, point(k), next_corner);
                    next_place = where(better, double(k), next_place);
                }
                const auto moved = next_place >= 0.0;
                ended[side] = !moved.any();
                if (ended[side]) continue;
                hull.edges[side][hull.counts[side]++] = {moved, corner[side], next_corner, place[side], next_place};
                here[side] = next, corner[side] = next_corner, place[side] = where(moved, next_place, place[side]);
            }
        hull.area = 0.0;
        for (int side = 0; side < 2; ++side)
            for (int k = 0; k < hull.counts[side]; ++k) {
                const HullEdge& edge = hull.edges[side][k];
                hull.area = hull.area + 0.5 * sign_of(side) * where(edge.exists, cross(edge.start, edge.end), 0.0);
            }
    }
    static constexpr double sign_of(int side) { return side ? -1.0 : 1.0; }
    // Adds half of the derivatives of the area, times `slope`.
    INLINE void add_hull(const Hull& hull, L slope) {
        for (int side = 0; side < 2; ++side)
            for (int which = 0; which < hull.counts[side]; ++which) {
                const HullEdge& edge = hull.edges[side][which];
                const L factor = where(edge.exists, 0.25 * sign_of(side) * slope, 0.0);
                const Vector<L> at_start = factor * rotated_clockwise(edge.end), at_end = factor * rotated_clockwise(edge.start);
                for (int k = 0; k < points(); ++k) {
                    const Vector<L> none = {0.0, 0.0};
                    slope_of(k) = slope_of(k) + where<L>(edge.start_place == double(k), at_start, none) -
                                  where<L>(edge.end_place == double(k), at_end, none);
                }
            }
    }
};

}  // namespace detloss::ISA
