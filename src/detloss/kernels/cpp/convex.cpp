// The loop over pairs of convex shapes for the instruction set ISA. Compiled without contraction: the cross product of a
// vector with itself must be 0.
#include "convex.h"

namespace detloss::ISA {
namespace {

template <class... Penalty>
const ConvexPenalty& penalty_of(const ConvexTask& task, Formulas<Penalty...>) {
    static constexpr const ConvexPenalty* all[] = {&convex_penalty<Penalty>...};
    return *all[task.task.formula];
}

}  // namespace

Status run_convex(const ConvexTask& task, ParallelFor parallel_for) {
    const ConvexPenalty& penalty = penalty_of(task, penalties{});
    if (!penalty.of) return unsupported;
    if (task.task.arithmetic == float64) convex<double>(task, penalty, parallel_for);
    else convex<float>(task, penalty, parallel_for);
    return done;
}

}  // namespace detloss::ISA
