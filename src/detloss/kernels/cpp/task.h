// A task of the library, in fields of eight bytes each; __init__.py packs them in the same order: what the request
// determines, then what the call determines.
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

constexpr int most_parameters = 7;  // of a formula

struct Task {
    int64_t formula, dimensions, format;  // dimensions and format of boxes only
    int64_t measure, ignores, ignore_index;
    double label_smoothing;
    int64_t entries, width;  // elements or rows; numbers per row, or logits per class index
    int64_t arithmetic, reduction, indices;
    double divisor;
    void *value, *d_pred, *d_target;
    Operand pred, target, weight;
    double constants[most_parameters];  // parameters that are scalars
    Operand parameters[most_parameters];
};

enum RowKind : int64_t { plain_rows, adjusted_rows, rows_of_bins };

// A task of rows of logits with adjusted logits, whose offsets have one number per class; or with targets between bins,
// whose values are the first of the parameters, if there is one.
struct RowTask {
    Task task;
    int64_t kind, excess;
    Operand offset, margin;
    double margin_of_all;
};

// A task of pairs of convex shapes: the kinds of rows, and the width of the second operand's rows.
struct ConvexTask {
    Task task;
    int64_t shape, second_shape, second_width, hull;
};

// The result of a task. With `unsupported`, nothing was written; with `class_out_of_range`, the loss of a row is NaN.
enum Status : int32_t { unsupported, done, class_out_of_range };

using ParallelBody = void (*)(int64_t begin, int64_t end, void* context);
using ParallelFor = int32_t (*)(int64_t begin, int64_t end, int64_t grain, ParallelBody body, void* context);

}  // namespace detloss
