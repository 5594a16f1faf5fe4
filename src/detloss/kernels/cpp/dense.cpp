// The loops over numbers and rows for one instruction set, whose namespace is ISA. Compiled with products and sums
// contracted where the processor can: exp and log gain, and no exact cancellation is lost.
#include "elements.h"
#include "rows.h"

namespace detloss::ISA {
namespace {

template <class S, class To, bool binary, class... Formula>
Loop element_loop(const Task& task, Formulas<Formula...>) {
    constexpr size_t before = binary ? 4 : 2;
    constexpr Loop loops[] = {elements<Formula, binary, Formula::inputs - before, S, To>...};
    return loops[task.formula];
}
template <class S>
struct Elements {
    static Loop loop(const Task& task) { return element_loop<S, S, false>(task, element_formulas{}); }
};
// A power other than a square multiplies what its base is off: there, calculating in double costs least.
template <class S>
struct Binary {
    static Loop loop(const Task& task) {
        const double exponent = task.constants[2];
        if (exponent == 0.0 || exponent == 1.0 || exponent == 2.0) return element_loop<S, S, true>(task, binary_formulas{});
        return element_loop<double, S, true>(task, binary_formulas{});
    }
};

template <class S, class... Formula>
Loop row_loop(const Task& task, Formulas<Formula...>) {
    constexpr Loop loops[] = {rows<Formula, Formula::inputs - 3, S>...};
    return loops[task.formula];
}
template <class S>
struct Rows {
    static Loop loop(const Task& task) { return row_loop<S>(task, row_formulas{}); }
};

}  // namespace

bool run_elements(const Task& task, ParallelFor parallel_for) { return dispatch<Elements>(task, parallel_for); }
bool run_binary(const Task& task, ParallelFor parallel_for) { return dispatch<Binary>(task, parallel_for); }
bool run_rows(const Task& task, ParallelFor parallel_for) { return dispatch<Rows>(task, parallel_for); }

}  // namespace detloss::ISA
