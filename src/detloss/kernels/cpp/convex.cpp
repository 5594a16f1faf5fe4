// The loop over pairs of convex polygons for one instruction set, whose namespace is ISA. Compiled without contraction:
// the area that a vector spans with itself must be 0.
#include "convex.h"

namespace detloss::ISA {
namespace {

using ConvexLoop = void (*)(const ConvexTask&, ParallelFor);

template <class To, class... Penalty>
ConvexLoop convex_loop(const ConvexTask& task, Formulas<Penalty...>) {
    constexpr ConvexLoop of_hull[] = {convex<Penalty, true, To>...};
    constexpr ConvexLoop of_box[] = {convex<Penalty, !std::is_same_v<Penalty, generalized_iou>, To>...};
    return (task.hull ? of_hull : of_box)[task.task.formula];
}

}  // namespace

bool run_convex(const ConvexTask& task, ParallelFor parallel_for) {
    const auto loop = task.task.arithmetic == float64 ? convex_loop<double>(task, penalties{}) : convex_loop<float>(task, penalties{});
    loop(task, parallel_for);
    return true;
}

}  // namespace detloss::ISA
