// The loops over pairs of boxes for the instruction set ISA. Compiled without contraction, for the bits of torch's
// operations.
#include "boxes.h"

namespace detloss::ISA {
namespace {

// In two dimensions each penalty has its own loops; in one and three, where compile time matters more than speed, all
// penalties share them.
template <int dimensions, class S, class Penalty>
const PairBlocks<S>* blocks_of() {
    if constexpr (dimensions == 2) return &pair_blocks<Penalty, dimensions, S>;
    else if constexpr (Any::includes<Penalty, Lanes<S>>) return &pair_blocks<Any, dimensions, S>;
    else if constexpr (requires { sizeof(GeometryFor<dimensions, Penalty>); }) return &pair_blocks<Penalty, dimensions, S>;
    else return nullptr;  // a measure that boxes of so many dimensions do not provide
}

template <int dimensions, class S, class... Penalty>
Status loop(const Task& task, ParallelFor parallel_for, Formulas<Penalty...>) {
    static const PairBlocks<S>* const all[] = {blocks_of<dimensions, S, Penalty>()...};
    const auto blocks = all[task.formula];
    if (blocks) pairs(task, parallel_for, *blocks);
    return blocks ? done : unsupported;
}

template <class S>
Status run(const Task& task, ParallelFor parallel_for) {
    switch (task.dimensions) {
        case 1: return loop<1, S>(task, parallel_for, penalties{});
        case 2: return loop<2, S>(task, parallel_for, penalties{});
        case 3: return loop<3, S>(task, parallel_for, penalties{});
        default: return unsupported;
    }
}

}  // namespace

Status run_pairs(const Task& task, ParallelFor parallel_for) {
    return task.arithmetic == float64 ? run<double>(task, parallel_for) : run<float>(task, parallel_for);
}

}  // namespace detloss::ISA
