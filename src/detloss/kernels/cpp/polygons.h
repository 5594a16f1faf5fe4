// Convex polygons in registers, a pair a lane: rows become vertices, and derivatives by vertices become rows again.
#pragma once
#include "primitives.h"

namespace detloss::ISA {

constexpr double long_pair = 1e3;  // how many times its breadth a pair is long that is seen along its length
constexpr int most_vertices = 64;  // of a polygon; larger ones are left to torch's operations
enum Shape : int64_t { rotated, polygon };

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
// By -90 degrees: of an edge of an anticlockwise polygon, its outer normal.
template <class L>
INLINE Vector<L> turned_back(Vector<L> a) {
    return {a.y, -a.x};
}
template <class L>
INLINE Vector<L> where(typename L::Mask mask, Vector<L> yes, Vector<L> no) {
    return {where(mask, yes.x, no.x), where(mask, yes.y, no.y)};
}

template <class L>
struct Body {
    int count;
    Vector<L> vertices[most_vertices], slopes[most_vertices];  // anticlockwise, less the anchor; the derivatives by them
    Vector<L> anchor, center;                                  // the centroid, less the anchor
    L size, width, height;
    Vector<L> along;  // of a rectangle: the direction of its width
    typename L::Mask backward, width_counts, height_counts;

    int following(int k) const { return k + 1 < count ? k + 1 : 0; }
    int before(int k) const { return k ? k - 1 : count - 1; }
    INLINE Vector<L> edge(int k) const { return vertices[following(k)] - vertices[k]; }
    // The derivative of the area.
    INLINE Vector<L> by_area(int k) const {
        return L(0.5) * turned_back(vertices[following(k)] - vertices[before(k)]);
    }
};

constexpr double corner_signs[4][2] = {{-0.5, -0.5}, {0.5, -0.5}, {0.5, 0.5}, {-0.5, 0.5}};

template <class L>
INLINE void place_corners(Body<L>& body) {
    const Vector<L> across = {-body.along.y, body.along.x};
    for (int k = 0; k < 4; ++k)
        body.vertices[k] = (body.width * corner_signs[k][0]) * body.along + (body.height * corner_signs[k][1]) * across;
}

// cx, cy, w, h, angle.
template <class L>
INLINE void load_rectangle(Body<L>& body, const L* row, L scale) {
    L cosine = 0.0, sine = 0.0;
    for (int lane = 0; lane < L::count; ++lane) cosine.set(lane, std::cos(row[4][lane])), sine.set(lane, std::sin(row[4][lane]));
    const L width = scale * row[2], height = scale * row[3];
    body.count = 4;
    body.anchor = {scale * row[0], scale * row[1]};
    body.along = {cosine, sine};
    body.width = relu(width), body.height = relu(height);
    body.width_counts = width >= 0.0, body.height_counts = height >= 0.0;
    body.size = body.width * body.height;
    body.center = {0.0, 0.0};
    place_corners(body);
}

template <class L>
INLINE void unload_rectangle(const Body<L>& body, L d_size, Vector<L> d_center, L d_width, L d_height, L* row) {
    const Vector<L> across = {-body.along.y, body.along.x};
    L d_angle = 0.0;
    d_width = d_width + d_size * body.height, d_height = d_height + d_size * body.width;
    for (int k = 0; k < 4; ++k) {
        d_center = d_center + body.slopes[k];
        d_width = d_width + dot(body.slopes[k], body.along) * corner_signs[k][0];
        d_height = d_height + dot(body.slopes[k], across) * corner_signs[k][1];
        d_angle = d_angle + cross(body.vertices[k], body.slopes[k]);
    }
    row[0] = d_center.x, row[1] = d_center.y;
    row[2] = where(body.width_counts, d_width, 0.0), row[3] = where(body.height_counts, d_height, 0.0);
    row[4] = d_angle;
}

// Vertices in either direction round.
template <class L>
INLINE void load_polygon(Body<L>& body, const L* row, int width, L scale) {
    Vector<L> given[most_vertices];
    body.count = width / 2;
    body.anchor = {scale * row[0], scale * row[1]};
    for (int k = 0; k < body.count; ++k) given[k] = Vector<L>{scale * row[2 * k], scale * row[2 * k + 1]} - body.anchor;
    L twice = 0.0;
    for (int k = 0; k < body.count; ++k) twice = twice + cross(given[k], given[body.following(k)]);
    body.backward = twice < 0.0;
    body.size = 0.5 * absolute(twice);
    for (int k = 0; k < body.count; ++k) body.vertices[k] = where(body.backward, given[body.count - 1 - k], given[k]);
    body.width = 0.0, body.height = 0.0, body.along = {1.0, 0.0};
    body.center = {0.0, 0.0};  // unless a centroid is asked for
}

template <class L>
INLINE void unload_polygon(const Body<L>& body, L d_size, L* row) {
    for (int k = 0; k < body.count; ++k) {
        const int other = body.count - 1 - k;
        const Vector<L> straight = body.slopes[k] + d_size * body.by_area(k);
        const Vector<L> turned = body.slopes[other] + d_size * body.by_area(other);
        const Vector<L> slope = where(body.backward, turned, straight);
        row[2 * k] = slope.x, row[2 * k + 1] = slope.y;
    }
}

// The axes that a pair is seen in. The corners of a long rectangle are rounded by more than its width, and corners far
// from each other by more than the size of both, unless an axis runs along the greatest length.
template <class L>
struct View {
    Vector<L> origin = {0.0, 0.0}, along = {1.0, 0.0};
    bool turned = false;

    INLINE View(const Body<L>& a, const Body<L>& b) {
        const Vector<L> way = b.anchor - a.anchor;
        const L distance = maximum(absolute(way.x), absolute(way.y));
        const L length = maximum(a.width, a.height), other_length = maximum(b.width, b.height);
        const L longer = maximum(length, other_length);
        const L breadth = maximum(minimum(a.width, a.height), minimum(b.width, b.height));
        const auto is_long = maximum(distance, longer) > long_pair * breadth;
        turned = is_long.any();
        if (!turned) return;
        const Vector<L> of_longer = where<L>(length >= other_length, a.along, b.along);
        const Vector<L> greatest = where<L>(distance > longer, inverse(root(dot(way, way))) * way, of_longer);
        along = where<L>(is_long, greatest, along), origin = where<L>(is_long, a.anchor, origin);
    }

    INLINE Vector<L> seen(Vector<L> v) const { return {dot(along, v), cross(along, v)}; }
    INLINE void see(Body<L>& body, bool is_rectangle) const {
        body.anchor = seen(body.anchor - origin);
        if (is_rectangle) body.along = seen(body.along), place_corners(body);
        else for (int k = 0; k < body.count; ++k) body.vertices[k] = seen(body.vertices[k]);
    }
    // A derivative by a point, in the axes that the rows are written in.
    INLINE void back(L* point) const {
        const Vector<L> v = point[0] * along + point[1] * Vector<L>{-along.y, along.x};
        point[0] = v.x, point[1] = v.y;
    }
};

// What the centroid of a polygon's area is made of; without area, of its edges, whose lengths are held constant.
template <class L>
struct Centroid {
    L per_area, per_length;
    Vector<L> of_area;
    typename L::Mask has_area, is_point;

    INLINE explicit Centroid(Body<L>& body) {
        Vector<L> moment = {0.0, 0.0}, of_edges = {0.0, 0.0};
        L length = 0.0;
        for (int k = 0; k < body.count; ++k) {
            const Vector<L> here = body.vertices[k], next = body.vertices[body.following(k)];
            moment = moment + cross(here, next) * (here + next);
            const L each = length_of(body, k);
            of_edges = of_edges + (0.5 * each) * (here + next);
            length = length + each;
        }
        has_area = body.size > 0.0, is_point = length == 0.0;
        per_area = inverse(6.0 * body.size), per_length = inverse(length);
        of_area = per_area * moment;
        body.center = where(has_area, of_area, where(is_point, body.vertices[0], per_length * of_edges));
    }

    INLINE static L length_of(const Body<L>& body, int k) { return root(dot(body.edge(k), body.edge(k))); }

    INLINE void pull(Body<L>& body, Vector<L> d_center) const {
        const L d_size = -6.0 * per_area * dot(of_area, d_center);
        for (int k = 0; k < body.count; ++k) {
            const int next = body.following(k), last = body.before(k);
            const Vector<L> here = body.vertices[k], after = body.vertices[next], ahead = body.vertices[last];
            const Vector<L> spans = dot(here + after, d_center) * turned_back(after) - dot(ahead + here, d_center) * turned_back(ahead);
            const Vector<L> of_areas = per_area * (spans + (cross(here, after) + cross(ahead, here)) * d_center) + d_size * body.by_area(k);
            const L share = where(is_point, k == 0 ? 1.0 : 0.0, 0.5 * per_length * (length_of(body, k) + length_of(body, last)));
            body.slopes[k] = body.slopes[k] + where(has_area, of_areas, share * d_center);
        }
    }
};

}  // namespace detloss::ISA
