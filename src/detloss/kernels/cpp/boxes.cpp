// The loops over pairs of boxes for one instruction set, whose namespace is ISA. Compiled without contraction: the same
// bits as torch's own operations give.
#include "pairs.h"

namespace detloss::ISA {
namespace {

template <class S, int dimensions, class Format, class... Penalty>
Loop penalty_loop(const Task& task, Formulas<Penalty...>) {
    constexpr Loop loops[] = {[] {
        using Geometry = typename AxisAligned<dimensions, Penalty>::geometry;
        if constexpr (std::is_void_v<Geometry>) return Loop{};
        else return Loop{pairs<Geometry, Penalty, Format, 2 * dimensions, S>};
    }()...};
    return loops[task.formula];
}
template <class S, int dimensions, class... Format>
Loop format_loop(const Task& task, Formulas<Format...>) {
    const Loop loops[] = {penalty_loop<S, dimensions, Format>(task, penalties{})...};
    return loops[task.format];
}
template <class S>
struct Pairs {
    static Loop loop(const Task& task) {
        switch (task.dimensions) {
            case 1: return format_loop<S, 1>(task, formats{});
            case 2: return format_loop<S, 2>(task, formats{});
            case 3: return format_loop<S, 3>(task, formats{});
            default: return nullptr;
        }
    }
};

}  // namespace

bool run_pairs(const Task& task, ParallelFor parallel_for) { return dispatch<Pairs>(task, parallel_for); }

}  // namespace detloss::ISA
