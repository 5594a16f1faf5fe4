// The loops over elements and rows of logits for the instruction set ISA. Compiled with contraction: exp and log are faster,
// and no formula depends on exact cancellation of a product.
#include "elementwise.h"
#include "rows.h"

namespace detloss::ISA {
namespace {

template <class S, class To, bool binary, class... Formula>
Status run_formula(const Task& task, ParallelFor parallel_for, Formulas<Formula...>) {
    static constexpr ElementBlocks<S> all[] = {element_blocks<Formula, binary, S>...};
    return elements<S, To>(task, parallel_for, all[task.formula]);
}

template <class S, class... Formula>
Status run_formula(const Task& task, ParallelFor parallel_for, Formulas<Formula...>) {
    static constexpr void (*all[])(const RowBlock<S>&) = {row_block<Formula, S, Rows::plain>...};
    return rows<S>({task, plain_rows, 0, {}, {}, 0.0}, parallel_for, all[task.formula]);
}

template <class S>
Status run_special(const RowTask& task, ParallelFor parallel_for) {
    if (task.kind == rows_of_bins) return rows<S>(task, parallel_for, row_block<cross_entropy, S, Rows::between>);
    return rows<S>(task, parallel_for, row_block<Selected, S, Rows::adjusted>);
}

}  // namespace

Status run_elements(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_formula<double, double, false>(task, parallel_for, element_formulas{});
    return run_formula<float, float, false>(task, parallel_for, element_formulas{});
}
Status run_binary(const Task& task, ParallelFor parallel_for) {
    const double exponent = task.constants[2];
    const bool is_exact = exponent == 0.0 || exponent == 1.0 || exponent == 2.0;
    // Any other power amplifies the rounding error of its base, so it is evaluated in double precision.
    if (task.arithmetic == float64) return run_formula<double, double, true>(task, parallel_for, binary_formulas{});
    if (is_exact) return run_formula<float, float, true>(task, parallel_for, binary_formulas{});
    return run_formula<double, float, true>(task, parallel_for, binary_formulas{});
}
Status run_rows(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_formula<double>(task, parallel_for, row_formulas{});
    return run_formula<float>(task, parallel_for, row_formulas{});
}
Status run_special_rows(const RowTask& task, ParallelFor parallel_for) {
    return task.task.arithmetic == float64 ? run_special<double>(task, parallel_for) : run_special<float>(task, parallel_for);
}

}  // namespace detloss::ISA
