// Measures of a pair of convex shapes, and derivatives by them.
#pragma once
#include "simd.h"

namespace detloss::ISA {

enum Shape : int64_t { rotated, polygon, cuboid, polytope };
constexpr int most_vertices = 64;               // of a polygon; the eager backend serves larger ones
constexpr int most_numbers = 2 * most_vertices;  // of a row

// The measures that a penalty reads, beside sizes and intersection.
struct MeasuresRead {
    bool enclosure, distance, diagonal, aspect_angle;
};

template <class L>
struct ConvexMeasures {
    L size, other_size, intersection, enclosure, distance, diagonal, aspect_angle;
    typename L::Mask identical;
};

template <class L>
struct ConvexSlopes {
    L size, intersection, enclosure, distance, diagonal, aspect_angle;  // both sizes have one derivative
};

}  // namespace detloss::ISA
