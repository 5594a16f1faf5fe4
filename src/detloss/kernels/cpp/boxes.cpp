// The loops over pairs of boxes for one instruction set, whose namespace is ISA. Compiled without contraction: the same
// bits as torch's own operations give.
#include "pairs.h"

namespace detloss::ISA {
namespace {

// In the plane each penalty has a loop of its own; elsewhere one serves all: speed matters less there than how much there
// is to compile.
template <int dimensions, class S, class Penalty>
auto block_of() -> void (*)(const PairBlock<S>&) {
    if constexpr (dimensions == 2) return pair_block<Penalty, dimensions, S>;
    else if constexpr (Any::includes<Penalty, Lanes<S>>) return pair_block<Any, dimensions, S>;
    else return nullptr;  // an angle is only of the plane
}

template <int dimensions, class S, class... Penalty>
bool loop(const Task& task, ParallelFor parallel_for, Formulas<Penalty...>) {
    void (*const blocks[])(const PairBlock<S>&) = {block_of<dimensions, S, Penalty>()...};
    const auto block = blocks[task.formula];
    if (block) pairs(task, parallel_for, block);
    return block;
}

template <class S>
bool run(const Task& task, ParallelFor parallel_for) {
    switch (task.dimensions) {
        case 1: return loop<1, S>(task, parallel_for, penalties{});
        case 2: return loop<2, S>(task, parallel_for, penalties{});
        case 3: return loop<3, S>(task, parallel_for, penalties{});
        default: return false;
    }
}

}  // namespace

bool run_pairs(const Task& task, ParallelFor parallel_for) {
    return task.arithmetic == float64 ? run<double>(task, parallel_for) : run<float>(task, parallel_for);
}

}  // namespace detloss::ISA
