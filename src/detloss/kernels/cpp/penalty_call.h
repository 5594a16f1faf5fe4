// Penalties as functions of one type, so that one loop serves all of them.
#pragma once
#include "loops.h"

namespace detloss::ISA {

template <class L>
struct PenaltyOutcome {
    L loss, similarity;
    Slopes<L> slopes;
};

template <class L>
using PenaltyCall = void (*)(const PairMeasures<L>& pair, const L* parameters, PenaltyOutcome<L>& outcome);

template <class L>
INLINE L or_zero(L number) {
    return number;
}
template <class L>
INLINE L or_zero(absent) {
    return 0.0;
}

template <class Penalty, class L>
void penalize(const PairMeasures<L>& pair, const L* parameters, PenaltyOutcome<L>& outcome) {
    const auto keep = [&](auto loss, auto similarity, auto... slopes) INLINED {
        outcome = {loss, similarity, {or_zero<L>(slopes)...}};
    };
    std::apply(keep, pair.template penalized<Penalty>(parameters));
}

}  // namespace detloss::ISA
