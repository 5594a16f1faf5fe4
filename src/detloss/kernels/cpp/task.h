// What Python asks for, in fields of eight bytes each: binding.py packs the same order.
#pragma once
#include <cstdint>

namespace detloss {

enum Kind : int64_t { float32, float64, bfloat16, float16, int64 };
enum Reduction : int64_t { none, sum, mean_over_divisor, mean_over_present };

// A tensor. No layout: contiguous. Else the rank, the sizes, and the strides in elements.
struct Operand {
    const void* data;
    int64_t kind;
    const int64_t* layout;
};

struct Task {
    int64_t formula, dimensions, format;  // the last two of pairs only
    int64_t entries, width;               // of elements: numbers, and numbers a class-index target stands for
    int64_t arithmetic, reduction, measure, indices, ignores, ignore_index;
    double divisor, label_smoothing;
    Operand pred, target, weight, parameters[3];
    double constants[3];  // of the parameters that are no tensors
    void *value, *d_pred, *d_target;
};

// Of pairs of convex bodies: what a row is, and how many numbers the second operand's rows have.
struct ConvexTask {
    Task task;
    int64_t shape, second_shape, second_width, hull;
};

// Of a run: the formula is not supported, so nothing was written; or it is done, perhaps with a class index out of range,
// whose row is NaN.
enum Status : int32_t { unsupported, done, class_out_of_range };

using ParallelBody = void (*)(int64_t begin, int64_t end, void* context);
using ParallelFor = int32_t (*)(int64_t begin, int64_t end, int64_t grain, ParallelBody body, void* context);

}  // namespace detloss
