// The loop over elements, of regression losses and of binary losses.
#pragma once
#include "loops.h"

namespace detloss::ISA {

template <class S>
using ElementLanes = Twin<S>;  // measured to be faster: exp and log are long dependency chains

template <class S>
struct ElementBlock {
    const S *pred, *target, *weight;
    Parameter<S> parameters[most_parameters];
    S* value;
    bool sums;
    Sink<S> d_pred, d_target;
    int64_t count;
    S factor;        // of the derivatives: 1 / divisor
    S keep, spread;  // of binary targets: 1 - label smoothing, and half of the label smoothing
    template <class L>
    INLINE L finish(L result, int64_t at) const {
        return weight ? weighted(L::load(weight + at), result) : result;
    }
};

// Applies a regression formula, or a binary one to the weights of t = 1 and t = 0.
template <class Formula, bool binary, class L, size_t... k>
INLINE auto evaluate_element(const ElementBlock<typename L::scalar>& block, int64_t at, std::index_sequence<k...>) {
    const L pred = L::load(block.pred + at), target = L::load(block.target + at);
    if constexpr (binary) {
        const L keep = block.keep, spread = block.spread, rest = 1.0 - target;
        const L positive = block.spread == 0 ? target : target * keep + spread;
        const L negative = block.spread == 0 ? rest : rest * keep + spread;
        return Formula::of(pred, positive, negative, keep, block.parameters[k].template at<L>(at)...);
    } else {
        return Formula::of(pred, target, block.parameters[k].template at<L>(at)...);
    }
}

// The sum of the losses if `sums` is true. Binary formulas need all registers: their losses are stored and added afterward.
template <class Formula, bool binary, bool by_pred, bool by_target, class S>
double element_block(const ElementBlock<S>& shared) {
    using L = ElementLanes<S>;
    const ElementBlock<S> block = shared;  // a copy, because stores may alias the original
    constexpr size_t parameters = Formula::inputs - (binary ? 4 : 2);
    const L factor = block.factor;
    const int64_t whole = block.count - block.count % L::count;
    L loss = 0.0;
    Total total;
    for (int64_t next = 0; next < block.count; next += L::count) {
        const int64_t at = std::max<int64_t>(0, std::min<int64_t>(next, block.count - L::count));  // the last overlaps
        const auto [value, d_pred, d_target] =
            evaluate_element<Formula, binary, L>(block, at, std::make_index_sequence<parameters>{});
        loss = block.finish(value, at);
        if (binary || !block.sums) loss.store(block.value + at);
        else if (next < whole) total.add(loss, next);
        if constexpr (by_pred) block.d_pred.put(block.finish(weighted(factor, d_pred), at), at);
        if constexpr (by_target) block.d_target.put(block.finish(weighted(factor, d_target), at), at);
    }
    if (!block.sums) return 0.0;
    if constexpr (binary) return total_of(block.value, block.count);
    S last[L::count];
    loss.store(last);
    return total.with(last + (block.count < L::count ? 0 : L::count - (block.count - whole)), whole, block.count);
}

// One-hot targets of class indices; index `width` is background. Ignored rows get weight 0. The targets of an index that
// is out of range are NaN, and the flag is set unless all their weights are 0.
template <class S>
void one_hot(const Task& task, int64_t begin, int64_t count, S* target, const S* given, S* weight, Flag& out_of_range) {
    const int64_t width = task.width, end = begin + count;
    std::fill_n(target, std::max<int64_t>(count, ElementLanes<S>::count), S(0));
    for (int64_t row = begin / width; row * width < end; ++row) {
        const int64_t index = static_cast<const int64_t*>(task.target.data)[row];
        const int64_t first = std::max(row * width, begin), last = std::min((row + 1) * width, end);
        const int64_t hot = row * width + index;
        if (task.ignores && index == task.ignore_index) {
            std::fill(weight + (first - begin), weight + (last - begin), S(0));
        } else if (index < 0 || index > width) {
            std::fill(target + (first - begin), target + (last - begin), std::numeric_limits<S>::quiet_NaN());
            const auto counts = [](S each) { return each != S(0); };
            if (!given || std::any_of(given + (first - begin), given + (last - begin), counts)) out_of_range.set();
        } else if (index < width && hot >= first && hot < last) {
            target[hot - begin] = S(1);
        }
    }
}

// The blocks of a formula: the value alone, with the derivative by the prediction, and with both derivatives.
template <class S>
using ElementBlocks = std::array<double (*)(const ElementBlock<S>&), 3>;
template <class Formula, bool binary, class S>
constexpr ElementBlocks<S> element_blocks = {
    element_block<Formula, binary, false, false, S>, element_block<Formula, binary, true, false, S>,
    element_block<Formula, binary, true, Formula::by_target != 0, S>};

// Computes in S, stores as To, the dtype of the arithmetic, to which every backend rounds constants. One loop serves all
// formulas, which are called once per block.
template <class S, class To>
Status elements(const Task& task, ParallelFor parallel_for, const ElementBlocks<S>& blocks) {
    const int64_t rows = task.indices ? task.entries / task.width : 0;
    const double divisor = divisor_of(task, task.indices ? present_rows(task, rows) * task.width : task.entries);
    Flag out_of_range;
    const auto work = [&](int64_t begin, int64_t count) {
        alignas(64) S buffers[7 + most_parameters][block_numbers];
        ElementBlock<S> block{};
        block.count = count;
        block.factor = reciprocal<S>(divisor);
        block.keep = S(1.0 - task.label_smoothing), block.spread = S(0.5 * task.label_smoothing);
        constexpr int64_t least = ElementLanes<S>::count;
        block.pred = staged(task.pred, begin, count, buffers[0], least);
        block.weight = staged(task.weight, begin, count, buffers[1], least);
        if (task.indices) {
            if (task.ignores) {
                const int64_t padded = std::max(count, least);
                if (block.weight) std::copy_n(block.weight, padded, buffers[2]);
                else std::fill_n(buffers[2], padded, S(1));
                block.weight = buffers[2];
            }
            one_hot(task, begin, count, buffers[3], block.weight, buffers[2], out_of_range);
            block.target = buffers[3];
        } else {
            block.target = staged(task.target, begin, count, buffers[3], least);
        }
        const Output<S, To> value(task.reduction ? nullptr : task.value, begin, count, 1, buffers[4], least);
        const Output<S, To> d_pred(task.d_pred, begin, count, 1, buffers[5], least), d_target(task.d_target, begin, count, 1, buffers[6], least);
        for (int k = 0; k < most_parameters; ++k)
            block.parameters[k] = {staged(task.parameters[k], begin, count, buffers[7 + k], least), S(To(task.constants[k]))};
        block.value = value.at, block.sums = task.reduction != none;
        block.d_pred = d_pred.sink(task.entries), block.d_target = d_target.sink(task.entries);
        const double total = blocks[task.d_target ? 2 : task.d_pred ? 1 : 0](block);
        value.finish(count, 1), d_pred.finish(count, 1), d_target.finish(count, 1);
        return total;
    };
    store_total<To>(task, over_blocks(task.entries, block_numbers, parallel_for, work), divisor);
    return out_of_range.is_set() ? class_out_of_range : done;
}

}  // namespace detloss::ISA
