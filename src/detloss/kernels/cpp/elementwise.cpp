// The loops over elements and rows of logits for the instruction set ISA. Compiled with contraction: exp and log are faster,
// and no formula depends on exact cancellation of a product.
#include "elementwise.h"
#include "masks.h"
#include "rounding.h"
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

// Whether all powers are products. Any other power amplifies the rounding error of its base, so the formula is evaluated
// in double precision.
template <class... Formula>
bool has_products_for_powers(const Task& task, Formulas<Formula...>) {
    static constexpr size_t exponents[] = {Formula::exponents...};
    for (int k = 0; k < most_parameters; ++k) {
        const double exponent = task.constants[k];
        const bool is_product = exponent == 0.0 || exponent == 1.0 || exponent == 2.0 || exponent == 4.0;
        if (exponents[task.formula] >> k & 1 && !is_product) return false;
    }
    return true;
}

template <class S, class... Formula>
Status run_masks(const Task& task, ParallelFor parallel_for, Formulas<Formula...>) {
    static constexpr MaskFormula* all[] = {mask_formula<Formula>...};
    return masks<S>(task, parallel_for, all[task.formula]);
}

}  // namespace

Status run_elements(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_formula<double, double, false>(task, parallel_for, element_formulas{});
    return run_formula<float, float, false>(task, parallel_for, element_formulas{});
}
Status run_binary(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_formula<double, double, true>(task, parallel_for, binary_formulas{});
    if (has_products_for_powers(task, binary_formulas{})) return run_formula<float, float, true>(task, parallel_for, binary_formulas{});
    return run_formula<double, float, true>(task, parallel_for, binary_formulas{});
}
Status run_rows(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_formula<double>(task, parallel_for, row_formulas{});
    return run_formula<float>(task, parallel_for, row_formulas{});
}
Status run_special_rows(const RowTask& task, ParallelFor parallel_for) {
    return task.task.arithmetic == float64 ? run_special<double>(task, parallel_for) : run_special<float>(task, parallel_for);
}
Status run_masks(const Task& task, ParallelFor parallel_for) {
    if (task.arithmetic == float64) return run_masks<double>(task, parallel_for, mask_formulas{});
    return run_masks<float>(task, parallel_for, mask_formulas{});
}
void run_scaling(const float* from, double factor, int64_t count, int64_t kind, void* to, ParallelFor parallel_for) {
    if (kind == bfloat16) scale<Brain>(from, float(factor), count, to, parallel_for);
    else scale<Half>(from, float(factor), count, to, parallel_for);
}

}  // namespace detloss::ISA
