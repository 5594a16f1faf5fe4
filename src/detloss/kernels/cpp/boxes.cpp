// The loops over pairs of boxes for the instruction set ISA. Compiled without contraction, for the bits of torch's
// operations.
#include "boxes.h"

namespace detloss::ISA {
namespace {

template <class Penalty, class... Each>
constexpr bool is_one_of = (std::is_same_v<Penalty, Each> || ...);

// Penalties with parameters share a loop, which calls them.
template <bool inner_boxes, int dimensions, class S, class Penalty>
constexpr PairBlocks<S> called_blocks() {
    constexpr auto* block = pair_block<Called<inner_boxes>, dimensions, true, S>;
    return {{block, block}, penalize<typename Penalty::Function, Lanes<S>>};
}

// In two dimensions the first losses have their own loops, and all others share two; in one and three, where compile time
// matters more than speed, all losses share them. No loop: a measure without generated code.
template <int dimensions, class S, class Penalty>
constexpr PairBlocks<S> blocks_of() {
    if constexpr (dimensions != 2) {
        if constexpr (Any::includes<Penalty, Lanes<S>>) return pair_blocks<Any, dimensions, S>;
        else if constexpr (Penalty::uses_aspect_angle || Penalty::uses_axes || Penalty::uses_plane) return {};
        else return called_blocks<true, dimensions, S, Penalty>();
    } else if constexpr (is_one_of<Penalty, iou, log_iou, generalized_iou, distance_iou, complete_iou>) {
        return pair_blocks<Penalty, dimensions, S>;
    } else {
        return called_blocks<Penalty::uses_inner_difference || Penalty::uses_aspect_angle, dimensions, S, Penalty>();
    }
}

template <int dimensions, class S, class... Penalty>
Status loop(const Task& task, ParallelFor parallel_for, Formulas<Penalty...>) {
    static constexpr PairBlocks<S> all[] = {blocks_of<dimensions, S, Penalty>()...};
    const auto& blocks = all[task.formula];
    if (!blocks.of[0]) return unsupported;
    pairs(task, parallel_for, blocks);
    return done;
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
