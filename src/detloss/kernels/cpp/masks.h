// The loop over rows of mask logits, of losses of three sums over a row.
#pragma once
#include "rows.h"

namespace detloss::ISA {

// The sums over a row: of the elements that both masks share, of those that only one has.
using MaskSums = std::array<double, 3>;

// A loss of the sums, the total, and the derivatives times the total.
using MaskOutcome = std::array<double, 5>;
using MaskFormula = MaskOutcome(const MaskSums&, const Task&);

template <class Formula>
MaskOutcome mask_formula(const MaskSums& sums, const Task& task) {
    using L = Lanes<double>;
    const auto outcome = Formula::of(L(sums[0]), L(sums[1]), L(sums[2]), L(task.constants[0]), L(task.constants[1]));
    return std::apply([](auto... each) { return MaskOutcome{each[0]...}; }, outcome);
}

template <class S>
MaskSums mask_sums(const S* logits, const S* target, const Cover<Lanes<S>>& cover) {
    using L = Lanes<S>;
    std::array<Sum<S>, 3> sums;
    const auto add = [&](int64_t k, L fresh) INLINED {
        const auto [shared, excess, missing] = mask_parts::of(L::load(logits + k), L::load(target + k));
        sums[0].add(weighted(fresh, shared)), sums[1].add(weighted(fresh, excess)), sums[2].add(weighted(fresh, missing));
    };
    for (int64_t k = 0; k < cover.whole; k += L::count) add(k, 1.0);
    if (cover.ragged) add(cover.last, cover.fresh);
    return {sums[0].total(), sums[1].total(), sums[2].total()};
}

// Copies a row of logits, raised if they are so low that their probabilities underflow.
template <class S>
void raise(const S* logits, S* raised, const Cover<Lanes<S>>& cover, double missing) {
    using L = Lanes<S>;
    const L highest = *std::max_element(logits, logits + cover.classes);
    if (raised != logits) std::copy_n(logits, std::max<int64_t>(cover.classes, L::count), raised);
    cover.replace(raised, [&](int64_t, L logit) INLINED {
        return std::get<0>(raised_logit::of(logit, highest, L(missing), L(std::is_same_v<S, double> ? -256.0 : -32.0)));
    });
}

// One loop serves all formulas, which are called once per row.
template <class S>
Status masks(const Task& task, ParallelFor parallel_for, MaskFormula* formula) {
    using L = Lanes<S>;
    const int64_t elements = task.width, pitch = std::max<int64_t>(elements, L::count);
    const double divisor = divisor_of(task, task.entries);
    const auto work = [&](int64_t begin, int64_t count) {
        const Buffer<S> buffer(4 * std::max(count * pitch, block_numbers));
        const auto rows_at = [&](int k) { return buffer.numbers + k * std::max(count * pitch, block_numbers); };
        const S* logits = staged_rows(task.pred, begin, count, elements, pitch, rows_at(0));
        const S* target = staged_rows(task.target, begin, count, elements, pitch, rows_at(1));
        S weights[block_numbers], values[block_numbers];
        const S* weight = staged(task.weight, begin, count, weights);
        const bool padded = pitch != elements;
        const auto place = [&](void* base, S* from) {
            return !base ? nullptr : padded ? from : static_cast<S*>(base) + begin * elements;
        };
        S *const d_pred = place(task.d_pred, rows_at(2)), *const d_target = place(task.d_target, rows_at(3));
        S* value = task.reduction ? values : static_cast<S*>(task.value) + begin;
        const Cover<L> cover(elements);
        for (int64_t row = 0; row < count; ++row) {
            const S *z = logits + row * pitch, *y = target + row * pitch;
            MaskSums sums = mask_sums(z, y, cover);
            if (const double missing = task.constants[1] * sums[2]; missing == 0.0) {
                S* const raised = rows_at(0) + row * pitch;
                raise(z, raised, cover, missing);
                sums = mask_sums(z = raised, y, cover);
            }
            const MaskOutcome outcome = formula(sums, task);
            const S own = weight ? weight[row] : S(1);
            value[row] = own == S(0) ? S(0) : own * S(outcome[0]);
            if (!d_pred) continue;
            const L factor = reciprocal<S>(divisor) * own, total = outcome[1];
            const L by_shared = outcome[2], by_excess = outcome[3], by_missing = outcome[4];
            const auto derivatives = [&](int64_t k) INLINED {
                return mask_derivatives::of(L::load(z + k), L::load(y + k), total, by_shared, by_excess, by_missing);
            };
            cover.replace(d_pred + row * pitch, [&](int64_t k, L) INLINED {
                return weighted(factor, std::get<0>(derivatives(k)));
            });
            if (d_target)
                cover.replace(d_target + row * pitch, [&](int64_t k, L) INLINED {
                    return weighted(factor, std::get<1>(derivatives(k)));
                });
        }
        for (const auto& [base, from] : {std::pair{task.d_pred, d_pred}, std::pair{task.d_target, d_target}})
            for (int64_t row = 0; padded && base && row < count; ++row)
                std::copy_n(from + row * pitch, elements, static_cast<S*>(base) + (begin + row) * elements);
        return task.reduction ? total_of(value, count) : 0.0;
    };
    const int64_t rows_in_block = std::max<int64_t>(block_numbers / pitch, 1);
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
    return done;
}

}  // namespace detloss::ISA
