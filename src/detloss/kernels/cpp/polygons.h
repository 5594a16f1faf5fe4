// Convex polygons in registers, one pair per lane: vertices from rows, and derivatives by rows from those by vertices.
#pragma once
#include "convex_measures.h"
#include "primitives.h"

namespace detloss::ISA {

constexpr double long_pair = 1e3;  // the ratio of length to breadth from which a pair has a frame along its length

template <class L>
struct Vector {
    L x, y;
    friend INLINE Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y}; }
    friend INLINE Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y}; }
    friend INLINE Vector operator*(L factor, Vector a) { return {factor * a.x, factor * a.y}; }
};
template <class L>
INLINE L cross(Vector<L> a, Vector<L> b) {
    return a.x * b.y - a.y * b.x;
}
template <class L>
INLINE L dot(Vector<L> a, Vector<L> b) {
    return a.x * b.x + a.y * b.y;
}
// Rotated by -90 degrees: the outer normal of an edge of a counterclockwise polygon.
template <class L>
INLINE Vector<L> rotated_clockwise(Vector<L> a) {
    return {a.y, -a.x};
}
template <class L>
INLINE Vector<L> where(typename L::Mask mask, Vector<L> yes, Vector<L> no) {
    return {where(mask, yes.x, no.x), where(mask, yes.y, no.y)};
}

// The number of corners: a constant, so that compilers unroll loops over them, or 0 for one that is known at run time.
template <int corners>
struct Corners {
    static constexpr int count = corners, most = corners;
    void set_count(int) {}
};
template <>
struct Corners<0> {
    static constexpr int most = most_vertices;
    int count;
    void set_count(int number) { count = number; }
};

template <class L, int corners>
struct Polygon : Corners<corners> {
    using Corners<corners>::count, Corners<corners>::most;
    Vector<L> vertices[most], slopes[most];  // counterclockwise, relative to the anchor; derivatives by them
    Vector<L> anchor, center;                // the centroid, relative to the anchor
    L size, width, height;
    Vector<L> along;  // the direction of a rectangle's width
    typename L::Mask is_clockwise, width_counts, height_counts;

    int following(int k) const { return k + 1 < count ? k + 1 : 0; }
    int before(int k) const { return k ? k - 1 : count - 1; }
    INLINE Vector<L> edge(int k) const { return vertices[following(k)] - vertices[k]; }
    // The derivative of the area.
    INLINE Vector<L> by_area(int k) const {
        return L(0.5) * rotated_clockwise(vertices[following(k)] - vertices[before(k)]);
    }
};

constexpr double corner_signs[4][2] = {{-0.5, -0.5}, {0.5, -0.5}, {0.5, 0.5}, {-0.5, 0.5}};

template <class L, int corners>
INLINE void place_corners(Polygon<L, corners>& polygon) {
    const Vector<L> across = {-polygon.along.y, polygon.along.x};
    for (int k = 0; k < 4; ++k)
        polygon.vertices[k] = (polygon.width * corner_signs[k][0]) * polygon.along + (polygon.height * corner_signs[k][1]) * across;
}

// cx, cy, w, h, angle.
template <class L, int corners>
INLINE void load_rectangle(Polygon<L, corners>& polygon, const L* row, L scale) {
    L cosine = 0.0, sine = 0.0;
    for (int lane = 0; lane < L::count; ++lane) cosine.set(lane, std::cos(row[4][lane])), sine.set(lane, std::sin(row[4][lane]));
    const L width = scale * row[2], height = scale * row[3];
    polygon.set_count(4);
    polygon.anchor = {scale * row[0], scale * row[1]};
    polygon.along = {cosine, sine};
    polygon.width = relu(width), polygon.height = relu(height);
    polygon.width_counts = width >= 0.0, polygon.height_counts = height >= 0.0;
    polygon.size = polygon.width * polygon.height;
    polygon.center = {0.0, 0.0};
    place_corners(polygon);
}

template <class L, int corners>
INLINE void unload_rectangle(const Polygon<L, corners>& polygon, L d_size, Vector<L> d_center, L d_width, L d_height, L* row) {
    const Vector<L> across = {-polygon.along.y, polygon.along.x};
    L d_angle = 0.0;
    d_width = d_width + d_size * polygon.height, d_height = d_height + d_size * polygon.width;
    for (int k = 0; k < 4; ++k) {
        d_center = d_center + polygon.slopes[k];
        d_width = d_width + dot(polygon.slopes[k], polygon.along) * corner_signs[k][0];
        d_height = d_height + dot(polygon.slopes[k], across) * corner_signs[k][1];
        d_angle = d_angle + cross(polygon.vertices[k], polygon.slopes[k]);
    }
    row[0] = d_center.x, row[1] = d_center.y;
    row[2] = where(polygon.width_counts, d_width, 0.0), row[3] = where(polygon.height_counts, d_height, 0.0);
    row[4] = d_angle;
}

// Vertices in either orientation.
template <class L, int corners>
INLINE void load_polygon(Polygon<L, corners>& polygon, const L* row, int width, L scale) {
    Vector<L> given[polygon.most];
    polygon.set_count(width / 2);
    polygon.anchor = {scale * row[0], scale * row[1]};
    for (int k = 0; k < polygon.count; ++k) given[k] = Vector<L>{scale * row[2 * k], scale * row[2 * k + 1]} - polygon.anchor;
    L twice = 0.0;
    for (int k = 0; k < polygon.count; ++k) twice = twice + cross(given[k], given[polygon.following(k)]);
    polygon.is_clockwise = twice < 0.0;
    polygon.size = 0.5 * absolute(twice);
    for (int k = 0; k < polygon.count; ++k) polygon.vertices[k] = where(polygon.is_clockwise, given[polygon.count - 1 - k], given[k]);
    polygon.width = 0.0, polygon.height = 0.0, polygon.along = {1.0, 0.0};
    polygon.center = {0.0, 0.0};  // without a Centroid
}

template <class L, int corners>
INLINE void unload_polygon(const Polygon<L, corners>& polygon, L d_size, L* row) {
    for (int k = 0; k < polygon.count; ++k) {
        const int other = polygon.count - 1 - k;
        const Vector<L> straight = polygon.slopes[k] + d_size * polygon.by_area(k);
        const Vector<L> reversed = polygon.slopes[other] + d_size * polygon.by_area(other);
        const Vector<L> slope = where(polygon.is_clockwise, reversed, straight);
        row[2 * k] = slope.x, row[2 * k + 1] = slope.y;
    }
}

// The coordinate frame of a pair. The rounding errors of the corners of a long rectangle exceed its width, and those of distant
// corners exceed the size of both, unless an axis is parallel to the greatest length.
template <class L>
struct Frame {
    Vector<L> origin = {0.0, 0.0}, along = {1.0, 0.0};
    bool is_identity = true;

    template <int corners>
    INLINE Frame(const Polygon<L, corners>& a, const Polygon<L, corners>& b) {
        const Vector<L> way = b.anchor - a.anchor;
        const L distance = maximum(absolute(way.x), absolute(way.y));
        const L length = maximum(a.width, a.height), other_length = maximum(b.width, b.height);
        const L longer = maximum(length, other_length);
        const L breadth = maximum(minimum(a.width, a.height), minimum(b.width, b.height));
        const auto is_long = maximum(distance, longer) > long_pair * breadth;
        is_identity = !is_long.any();
        if (is_identity) return;
        const Vector<L> of_longer = where<L>(length >= other_length, a.along, b.along);
        const Vector<L> greatest = where<L>(distance > longer, inverse(square_root(dot(way, way))) * way, of_longer);
        along = where<L>(is_long, greatest, along), origin = where<L>(is_long, a.anchor, origin);
    }

    INLINE Vector<L> coordinates(Vector<L> v) const { return {dot(along, v), cross(along, v)}; }
    template <int corners>
    INLINE void transform(Polygon<L, corners>& polygon, bool is_rectangle) const {
        polygon.anchor = coordinates(polygon.anchor - origin);
        if (is_rectangle) polygon.along = coordinates(polygon.along), place_corners(polygon);
        else for (int k = 0; k < polygon.count; ++k) polygon.vertices[k] = coordinates(polygon.vertices[k]);
    }
    // The derivative by a point, from that by its coordinates in the frame.
    INLINE void backward(L* point) const {
        const Vector<L> v = point[0] * along + point[1] * Vector<L>{-along.y, along.x};
        point[0] = v.x, point[1] = v.y;
    }
};

// The centroid of a polygon; without area, that of its edges, with constant lengths.
template <class L>
struct Centroid {
    L per_area, per_length;
    Vector<L> of_area;
    typename L::Mask has_area, is_point;

    template <int corners>
    INLINE explicit Centroid(Polygon<L, corners>& polygon) {
        Vector<L> moment = {0.0, 0.0}, of_edges = {0.0, 0.0};
        L length = 0.0;
        for (int k = 0; k < polygon.count; ++k) {
            const Vector<L> here = polygon.vertices[k], next = polygon.vertices[polygon.following(k)];
            moment = moment + cross(here, next) * (here + next);
            const L each = length_of(polygon, k);
            of_edges = of_edges + (0.5 * each) * (here + next);
            length = length + each;
        }
        has_area = polygon.size > 0.0, is_point = length == 0.0;
        per_area = inverse(6.0 * polygon.size), per_length = inverse(length);
        of_area = per_area * moment;
        polygon.center = where(has_area, of_area, where(is_point, polygon.vertices[0], per_length * of_edges));
    }

    template <int corners>
    INLINE static L length_of(const Polygon<L, corners>& polygon, int k) { return square_root(dot(polygon.edge(k), polygon.edge(k))); }

    template <int corners>
    INLINE void backward(Polygon<L, corners>& polygon, Vector<L> d_center) const {
        const L d_size = -6.0 * per_area * dot(of_area, d_center);
        for (int k = 0; k < polygon.count; ++k) {
            const int next = polygon.following(k), last = polygon.before(k);
            const Vector<L> here = polygon.vertices[k], after = polygon.vertices[next], ahead = polygon.vertices[last];
            const Vector<L> spans = dot(here + after, d_center) * rotated_clockwise(after) - dot(ahead + here, d_center) * rotated_clockwise(ahead);
            const Vector<L> of_areas = per_area * (spans + (cross(here, after) + cross(ahead, here)) * d_center) + d_size * polygon.by_area(k);
            const L share = where(is_point, k == 0 ? 1.0 : 0.0, 0.5 * per_length * (length_of(polygon, k) + length_of(polygon, last)));
            polygon.slopes[k] = polygon.slopes[k] + where(has_area, of_areas, share * d_center);
        }
    }
};

}  // namespace detloss::ISA
