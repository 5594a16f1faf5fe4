// Convex polytopes in registers, one pair per lane: the triangles of the hull of points, volume and centroid.
#pragma once
#include <cstring>

#include "convex_measures.h"
#include "primitives.h"

namespace detloss::ISA {

constexpr int most_corners = 16;             // of a polytope; the eager backend serves larger ones
constexpr double perturbation = 1e-12;       // of the extent, for the selection of triangles: no four points are coplanar
constexpr double flatness = 4e-15;           // of surface times extent: a smaller volume counts as 0

template <class L>
struct Point {
    L x, y, z;
    friend INLINE Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
    friend INLINE Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
    friend INLINE Point operator*(L factor, Point a) { return {factor * a.x, factor * a.y, factor * a.z}; }
};
template <class L>
INLINE L dot(Point<L> a, Point<L> b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class L>
INLINE Point<L> cross(Point<L> a, Point<L> b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <class L>
INLINE Point<L> where(typename L::Mask mask, Point<L> yes, Point<L> no) {
    return {where(mask, yes.x, no.x), where(mask, yes.y, no.y), where(mask, yes.z, no.z)};
}
template <class L>
INLINE Point<L> minimum(Point<L> a, Point<L> b) {
    return {minimum(a.x, b.x), minimum(a.y, b.y), minimum(a.z, b.z)};
}
template <class L>
INLINE Point<L> maximum(Point<L> a, Point<L> b) {
    return {maximum(a.x, b.x), maximum(a.y, b.y), maximum(a.z, b.z)};
}
template <class L>
INLINE L largest(Point<L> a) {
    return maximum(maximum(a.x, a.y), a.z);
}
// 1 in the coordinates that are equal, else 0.
template <class L>
INLINE Point<L> equality(Point<L> a, Point<L> b) {
    return {where(a.x == b.x, 1.0, 0.0), where(a.y == b.y, 1.0, 0.0), where(a.z == b.z, 1.0, 0.0)};
}

// The outward normal of a triangle, twice the area long: the product of the two shorter edges, which cancel least.
template <class L>
INLINE Point<L> normal_of(const Point<L> (&corners)[3]) {
    const Point<L> edges[3] = {corners[1] - corners[0], corners[2] - corners[1], corners[0] - corners[2]};
    const L squares[3] = {dot(edges[0], edges[0]), dot(edges[1], edges[1]), dot(edges[2], edges[2])};
    const auto first = (squares[0] >= squares[1]) & (squares[0] >= squares[2]), second = squares[1] >= squares[2];
    const Point<L> one = where<L>(first, edges[1], where<L>(second, edges[2], edges[0]));
    const Point<L> other = where<L>(first, edges[2], where<L>(second, edges[0], edges[1]));
    return cross(one, other);
}

// Fixed irregular numbers between -1 and 1, for each vertex of a polytope.
inline const double* perturbation_of(int k) {
    static const auto all = [] {
        std::array<std::array<double, 3>, most_corners> numbers;
        for (int k = 0; k < most_corners; ++k)
            for (int axis = 0; axis < 3; ++axis) numbers[k][axis] = std::sin((k + 1) * (k + 1) * (1.7 + axis));
        return numbers;
    }();
    return all[k].data();
}

// The triangles of the hull of points, counterclockwise from outside, as indices of points; lanes with fewer of them have the
// triangle 0, 0, 0. They are the triples that have all other points on one side.
template <class L, int most_points>
struct Hull3 {
    static constexpr int most = 2 * most_points - 4;
    int count = 0;
    uint8_t corners[most][3][L::count];

    // The points belong to two sets, of which the first has `first_count`.
    void find(const Point<L>* points, int number, int first_count) {
        using Mask = typename L::Mask;
        Point<L> low = points[0], high = low, moved[most_points], steps[most_points];
        for (int k = 1; k < number; ++k) low = minimum(low, points[k]), high = maximum(high, points[k]);
        const L extent = perturbation * largest(high - low);
        const Point<L> middle = L(0.5) * (low + high);
        for (int k = 0; k < number; ++k) {
            const double* move = perturbation_of(k < first_count ? k : k - first_count);
            moved[k] = (points[k] - middle) + extent * Point<L>{move[0], move[1], move[2]};
        }
        constexpr int most_triples = most_points * (most_points - 1) * (most_points - 2) / 6;
        Mask above[most_triples], below[most_triples];
        const int triples = number * (number - 1) * (number - 2) / 6;
        for (int k = 0; k < triples; ++k) above[k] = below[k] = L(0.0) == L(0.0);
        const auto put = [&](int triple, Mask is_above, Mask is_below) INLINED {
            above[triple] = above[triple] & is_above, below[triple] = below[triple] & is_below;
        };
        for (int a = 0; a < number; ++a) {
            for (int k = a + 1; k < number; ++k) steps[k] = moved[k] - moved[a];
            for (int d = a + 3; d < number; ++d)
                for (int c = a + 2; c < d; ++c) {
                    const Point<L> normal = cross(steps[c], steps[d]);
                    for (int b = a + 1; b < c; ++b) {
                        // 0 counts as positive for all four triples: their choice is consistent.
                        const L orientation = dot(steps[b], normal);
                        const Mask positive = orientation >= 0.0, negative = orientation < 0.0;
                        put(rank(a, b, c), positive, negative), put(rank(a, b, d), negative, positive);
                        put(rank(a, c, d), positive, negative), put(rank(b, c, d), negative, positive);
                    }
                }
        }
        int counts[L::count] = {};
        std::memset(corners, 0, sizeof corners);
        for (int c = 2; c < number; ++c)
            for (int b = 1; b < c; ++b)
                for (int a = 0; a < b; ++a) {
                    const int triple = rank(a, b, c);
                    if (!(above[triple] | below[triple]).any()) continue;
                    const L side = where(above[triple], 1.0, where(below[triple], -1.0, 0.0));
                    for (int lane = 0; lane < L::count; ++lane) {
                        if (side[lane] == 0.0 || counts[lane] == most) continue;
                        const int next = counts[lane]++;
                        const bool flipped = side[lane] > 0.0;
                        corners[next][0][lane] = flipped ? c : a, corners[next][1][lane] = b, corners[next][2][lane] = flipped ? a : c;
                    }
                }
        count = *std::max_element(counts, counts + L::count);
    }
    static int rank(int a, int b, int c) { return a + b * (b - 1) / 2 + c * (c - 1) * (c - 2) / 6; }

    INLINE void gather(const Point<L>* points, int triangle, Point<L> (&at)[3]) const {
        for (int k = 0; k < 3; ++k)
            for (int lane = 0; lane < L::count; ++lane) {
                const Point<L>& from = points[corners[triangle][k][lane]];
                at[k].x.set(lane, from.x[lane]), at[k].y.set(lane, from.y[lane]), at[k].z.set(lane, from.z[lane]);
            }
    }
    INLINE void add(Point<L>* slopes, int triangle, int k, Point<L> slope) const {
        for (int lane = 0; lane < L::count; ++lane) {
            Point<L>& to = slopes[corners[triangle][k][lane]];
            to.x.set(lane, to.x[lane] + slope.x[lane]), to.y.set(lane, to.y[lane] + slope.y[lane]);
            to.z.set(lane, to.z[lane] + slope.z[lane]);
        }
    }
};

// The volume of the tetrahedron from the origin to a triangle, and its derivatives by the corners.
template <class L>
struct Tetrahedron {
    L volume;
    Point<L> by_corners[3];
    INLINE explicit Tetrahedron(const Point<L> (&corners)[3]) {
        for (int k = 0; k < 3; ++k) by_corners[k] = L(1.0 / 6.0) * cross(corners[(k + 1) % 3], corners[(k + 2) % 3]);
        volume = dot(corners[0], by_corners[0]);
    }
};

template <class L>
struct Polytope {
    int count;
    Point<L> vertices[most_corners], slopes[most_corners];  // relative to the anchor
    Point<L> anchor, center, low, high;                     // centroid and bounds, relative to the anchor
    L size;
    Hull3<L, most_corners> hull;
    Point<L> normals[2 * most_corners - 4];

    INLINE void load(const L* row, int width, L scale) {
        count = width / 3;
        for (int k = 0; k < count; ++k) {
            vertices[k] = {scale * row[3 * k], scale * row[3 * k + 1], scale * row[3 * k + 2]};
            slopes[k] = {0.0, 0.0, 0.0};
            anchor = k ? minimum(anchor, vertices[k]) : vertices[k];  // does not depend on the order
        }
        for (int k = 0; k < count; ++k) vertices[k] = vertices[k] - anchor;
        low = high = vertices[0];
        for (int k = 1; k < count; ++k) low = minimum(low, vertices[k]), high = maximum(high, vertices[k]);
        hull.find(vertices, count, count);
        L volume = 0.0;
        Point<L> moment = {0.0, 0.0, 0.0}, of_faces = moment;
        surface = 0.0;
        for (int k = 0; k < hull.count; ++k) {
            Point<L> corners[3];
            hull.gather(vertices, k, corners);
            normals[k] = normal_of(corners);
            const Point<L> sum = corners[0] + corners[1] + corners[2];
            const L area = square_root(dot(normals[k], normals[k])), part = Tetrahedron<L>(corners).volume;
            volume = volume + part, surface = surface + area;
            moment = moment + part * sum, of_faces = of_faces + area * sum;
        }
        const L extent = largest(high - low);
        is_flat = volume <= flatness * surface * extent, has_area = surface > flatness * extent * extent;
        size = where(is_flat, 0.0, volume), per_size = inverse(size), per_surface = inverse(surface);
        // Without volume: the centroid of the faces, with constant areas; the middle of a segment.
        of_volume = (0.25 * per_size) * moment;
        center = where<L>(is_flat, where<L>(has_area, ((1.0 / 3.0) * per_surface) * of_faces, L(0.5) * (low + high)), of_volume);
    }

    INLINE void backward(L d_size, Point<L> d_center, L* row) {
        const Point<L> toward = per_size * d_center;
        const L by_volume = where(is_flat, 0.0, d_size);
        Point<L> highest = {0.0, 0.0, 0.0}, lowest = highest;
        for (int k = 0; k < hull.count; ++k) {
            Point<L> corners[3];
            hull.gather(vertices, k, corners);
            const Tetrahedron<L> part(corners);
            const Point<L> middle = L(1.0 / 3.0) * (corners[0] + corners[1] + corners[2]);
            const L d_volume = by_volume + dot(L(0.75) * middle - of_volume, toward);
            const L area = where(has_area, square_root(dot(normals[k], normals[k])) * per_surface, 0.0);
            const Point<L> by_middle = L(1.0 / 3.0) * where<L>(is_flat, area * d_center, (0.75 * part.volume) * toward);
            for (int corner = 0; corner < 3; ++corner) hull.add(slopes, k, corner, d_volume * part.by_corners[corner] + by_middle);
        }
        const Point<L> none = {0.0, 0.0, 0.0};
        for (int k = 0; k < count; ++k) highest = highest + equality(vertices[k], high), lowest = lowest + equality(vertices[k], low);
        for (int k = 0; k < count; ++k) {
            const Point<L> at_high = equality(vertices[k], high), at_low = equality(vertices[k], low);
            const Point<L> ends = {at_high.x / highest.x + at_low.x / lowest.x, at_high.y / highest.y + at_low.y / lowest.y,
                                   at_high.z / highest.z + at_low.z / lowest.z};
            const Point<L> half = L(0.5) * d_center, by_ends = {ends.x * half.x, ends.y * half.y, ends.z * half.z};
            const Point<L> slope = slopes[k] + where<L>(is_flat, where<L>(has_area, none, by_ends), none);
            row[3 * k] = slope.x, row[3 * k + 1] = slope.y, row[3 * k + 2] = slope.z;
        }
    }

  private:
    L surface, per_size, per_surface;
    Point<L> of_volume;
    typename L::Mask is_flat, has_area;
};

}  // namespace detloss::ISA
