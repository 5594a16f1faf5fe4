// The loop over rows of logits, of softmax losses.
#pragma once
#include "softmax.h"

namespace detloss::ISA {

// The target of a row: a class or one number per class; the same with adjusted logits; a value between two bins.
enum class Rows { plain, adjusted, between };

// A formula that is selected at run time: one loop serves all formulas with adjusted logits.
struct Selected {};

template <class Formula, class L>
INLINE auto evaluate_formula(const std::tuple<L, L, L>& chance, typename L::scalar focus, typename L::scalar leading) {
    const auto& [nll, likelihood, missing] = chance;
    if constexpr (Formula::inputs > 4) return Formula::of(nll, likelihood, missing, L(focus), L(leading));
    else if constexpr (Formula::inputs > 3) return Formula::of(nll, likelihood, missing, L(focus));
    else return Formula::of(nll, likelihood, missing);
}

template <class L, class Formula>
std::tuple<L, L> called(const std::tuple<L, L, L>& chance, typename L::scalar focus, typename L::scalar leading) {
    const auto [value, rate] = evaluate_formula<Formula>(chance, focus, leading);
    return {L(value), L(rate)};
}

template <class L, class... Formula>
auto selected(int64_t formula, Formulas<Formula...>) {
    static constexpr std::tuple<L, L> (*all[])(const std::tuple<L, L, L>&, typename L::scalar, typename L::scalar) = {
        called<L, Formula>...};
    return all[formula];
}

template <class S>
struct RowBlock {
    const S *logits, *target, *weight;  // target: one value per class; null for class indices
    const S *lows, *values, *bins;      // of adjusted logits; of targets between bins
    const int64_t* classes_of_rows;
    S *value, *d_pred, *d_target;
    int64_t rows, classes, pitch;
    Parameter<S> class_weight;
    S focus, leading;  // parameters of the formula
    int64_t formula;
    bool excess;
    bool ignores;
    int64_t ignore_index;
    S factor;  // of the derivatives: 1 / divisor
    double* beyond;  // the sum of losses above the largest float; null if rows are not summed
    double label_smoothing;
    Flag* out_of_range;
    bool has_class(int64_t row) const { return classes_of_rows[row] >= 0 && classes_of_rows[row] < classes; }
    bool is_ignored(int64_t row) const { return ignores && classes_of_rows[row] == ignore_index; }
    INLINE Lanes<S> correction(int64_t at, Lanes<S> top_low) const { return Lanes<S>::load(lows + at) - top_low; }
    // Of a row without its class: sets the flag, unless it is ignored or has weight 0.
    __attribute__((noinline, cold)) void report_class(int64_t row) const {
        if (out_of_range && !is_ignored(row) && !(weight && weight[row] == S(0))) out_of_range->set();
    }
};

template <class Formula, class S, class L>
INLINE auto evaluate_class(const RowBlock<S>& block, const std::tuple<L, L, L>& chance) {
    if constexpr (std::is_same_v<Formula, Selected>)
        return selected<L>(block.formula, row_formulas{})(chance, block.focus, block.leading);
    else return evaluate_formula<Formula>(chance, block.focus, block.leading);
}

// The first of the two bins next to the value of a row, and the shares of both; the shares of NaN are NaN.
template <class S>
struct Shares {
    int64_t bin;
    S of_first, of_second;
    Shares(const RowBlock<S>& block, int64_t row) {
        const int64_t last = block.classes - 1;
        const S* const bins = block.bins;
        const S lowest = bins ? bins[0] : S(0), highest = bins ? bins[last] : S(last);
        S value = block.values[row];
        value = value < lowest ? lowest : value > highest ? highest : value;
        if (bins) bin = std::upper_bound(bins + 1, bins + last, value) - bins - 1;
        else bin = value < highest ? int64_t(value) : last - 1;
        const S below = bins ? bins[bin] : S(bin), above = bins ? bins[bin + 1] : S(bin + 1);
        of_first = (above - value) / (above - below), of_second = (value - below) / (above - below);
    }
};

template <class Formula, class S, Rows kind>
void soft_row(const RowBlock<S>& block, int64_t row, Top<S> most, S others_sum);

// The loss of one row in double precision: -log p may exceed the range of float while its product with class and row weights
// does not.
template <class Formula, Rows kind>
double wide_value(const RowBlock<float>& block, int64_t row, Top<float> top, float others) {
    const int64_t pitch = std::max<int64_t>(block.classes, Lanes<double>::count);
    const Buffer<double> buffer(3 * pitch);
    std::fill_n(buffer.numbers, 3 * pitch, 0.0);
    const auto widened = [&](const float* from, double* to) {
        if (from) std::copy_n(from, block.classes, to);
        return from ? to : nullptr;
    };
    double value, one = 1.0;
    RowBlock<double> wide{};
    wide.rows = 1, wide.classes = block.classes, wide.pitch = pitch, wide.value = &value, wide.weight = &one;
    wide.logits = widened(block.logits + row * block.pitch, buffer.numbers);
    for (int64_t k = 0; kind == Rows::adjusted && k < block.classes; ++k) buffer.numbers[k] += block.lows[row * block.pitch + k];
    wide.target = widened(block.target ? block.target + row * block.pitch : nullptr, buffer.numbers + pitch);
    wide.classes_of_rows = block.classes_of_rows + row;
    wide.class_weight = {widened(block.class_weight.each, buffer.numbers + 2 * pitch), block.class_weight.all};
    if constexpr (kind == Rows::between) {
        const Shares<float> shares(block, row);
        wide.target = buffer.numbers + pitch, wide.class_weight = {nullptr, 1.0};
        buffer.numbers[pitch + shares.bin] = shares.of_first, buffer.numbers[pitch + shares.bin + 1] = shares.of_second;
    }
    wide.focus = block.focus, wide.leading = block.leading, wide.formula = block.formula;
    wide.factor = 1.0, wide.label_smoothing = block.label_smoothing;
    soft_row<Formula, double, Rows::plain>(wide, 0, {double(top.logit) + top.low, 0.0}, others);
    return value;
}

// A row with soft targets or label smoothing.
template <class Formula, class S, Rows kind>
void soft_row(const RowBlock<S>& block, int64_t row, Top<S> most, S others_sum) {
    using L = Lanes<S>;
    constexpr bool adjusted = kind == Rows::adjusted;
    const Cover<L> cover(block.classes);
    const L top = most.logit, others = others_sum, log_sum = log1p(others), weight = block.weight ? block.weight[row] : S(1);
    const L factor = block.factor * weight[0];
    const S *logits = block.logits + row * block.pitch, *target = block.target ? block.target + row * block.pitch : nullptr;
    const int64_t index = target ? 0 : block.classes_of_rows[row];
    const bool exists = target || block.has_class(row);
    if (!exists) block.report_class(row);
    const L spread = block.label_smoothing / double(block.classes), keep = 1.0 - block.label_smoothing;
    const auto share = [&](int64_t k) INLINED {
        const L hot = target ? L::load(target + k) : where(L::counting() + double(k) == L(double(index)), 1.0, 0.0);
        const L each = block.class_weight.template at<L>(k);
        return (exists ? hot : L(NAN)) * (keep * each) + spread * each;
    };
    const auto correction = [&](int64_t k) INLINED {
        return adjusted ? block.correction(row * block.pitch + k, most.low) : L(0.0);
    };
    const auto formula = [&](int64_t k) INLINED {
        const auto chance = probability<adjusted>(L::load(logits + k), top, others, log_sum, correction(k));
        return evaluate_class<Formula>(block, chance);
    };
    block.value[row] = S(cover.total([&](int64_t k) INLINED { return weighted(share(k), L(std::get<0>(formula(k)))); }));
    if (!block.d_pred) return;
    const auto rates = [&](int64_t k) INLINED { return weighted(share(k), L(std::get<1>(formula(k)))); };
    const L rate = cover.total(rates), total = 1.0 + others, slope = weighted(factor, 1.0 / total);
    cover.replace(block.d_pred + row * block.pitch, [&](int64_t k, L power) INLINED {
        auto is_top = L::load(logits + k) == top;
        if constexpr (adjusted) is_top = is_top & (correction(k) == 0.0);
        const L missing = where(is_top, others, total - power), own = rates(k);
        return weighted(slope, power * (rate - own) - missing * own);
    });
    if (block.d_target)
        cover.replace(block.d_target + row * block.pitch, [&](int64_t k, L) INLINED {
            const L value = std::get<0>(formula(k));
            return weighted(factor, weighted(keep * block.class_weight.template at<L>(k), value));
        });
}

// Replaces the exponentials of a row by its derivatives, except those of the target: false if all of them are 0.
template <class S>
bool scale_row(const RowBlock<S>& block, int64_t row, S slope, S factor, const Cover<Lanes<S>>& cover) {
    S* const d_pred = block.d_pred + row * block.pitch;
    if (slope == S(0)) {
        std::fill_n(d_pred, block.classes, S(0));
        return false;
    }
    const Lanes<S> each = factor;
    cover.replace(d_pred, [&](int64_t, Lanes<S> power) INLINED { return power * each; });
    return true;
}

// Rows with one class as target, as many at once as a register has lanes.
template <class Formula, class S, Rows kind>
void indexed_rows(
    const RowBlock<S>& block, int64_t first, int64_t rows, const S* tops, const S* top_lows, const S* others,
    const Cover<Lanes<S>>& cover
) {
    using L = Lanes<S>;
    constexpr bool adjusted = kind == Rows::adjusted;
    S corrections[L::count] = {};
    S logits[L::count] = {}, weights[L::count] = {}, shares[L::count] = {}, values[L::count], slopes[L::count],
      factors[L::count], own[L::count];
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        const bool exists = block.has_class(row);
        if (!exists) block.report_class(row);
        logits[lane] = exists ? block.logits[row * block.pitch + index] : std::numeric_limits<S>::quiet_NaN();
        if (adjusted && exists) corrections[lane] = block.lows[row * block.pitch + index] - top_lows[lane];
        shares[lane] = !exists                   ? std::numeric_limits<S>::quiet_NaN()
                       : block.class_weight.each ? block.class_weight.each[index]
                                                 : block.class_weight.all;
        weights[lane] = block.weight ? block.weight[row] : S(1);
    }
    const L rest = L::load(others), share = L::load(shares);
    const auto chance = probability<adjusted>(L::load(logits), L::load(tops), rest, log1p(rest), L::load(corrections));
    const auto [value, rate] = evaluate_class<Formula>(block, chance);
    const L slope = weighted(block.factor * L::load(weights), weighted(share, L(rate)));
    weighted(share, L(value)).store(values), slope.store(slopes);
    (slope / (1.0 + rest)).store(factors), (-std::get<2>(chance) * slope).store(own);
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        block.value[row] = values[lane];
        if (block.d_pred && scale_row(block, row, slopes[lane], factors[lane], cover) && block.has_class(row))
            block.d_pred[row * block.pitch + index] = own[lane];
    }
}

// Rows with a value between two bins as target.
template <class S>
void rows_of_values(
    const RowBlock<S>& block, int64_t first, int64_t rows, const S* tops, const S* others, const Cover<Lanes<S>>& cover
) {
    using L = Lanes<S>;
    int64_t bins[L::count];
    S logits[2][L::count] = {}, shares[2][L::count] = {}, weights[L::count] = {}, values[L::count], slopes[L::count],
      factors[L::count], own[2][L::count];
    for (int64_t lane = 0; lane < rows; ++lane) {
        const Shares<S> of(block, first + lane);
        bins[lane] = of.bin, shares[0][lane] = of.of_first, shares[1][lane] = of.of_second;
        for (int k = 0; k < 2; ++k) logits[k][lane] = block.logits[(first + lane) * block.pitch + of.bin + k];
        weights[lane] = block.weight ? block.weight[first + lane] : S(1);
    }
    const L top = L::load(tops), rest = L::load(others), log_sum = log1p(rest);
    const L share = L::load(shares[0]), next_share = L::load(shares[1]);
    const auto [nll, likelihood, missing] = probability<false>(L::load(logits[0]), top, rest, log_sum, L(0.0));
    const auto [next_nll, next_likelihood, next_missing] = probability<false>(L::load(logits[1]), top, rest, log_sum, L(0.0));
    L value = weighted(share, nll) + weighted(next_share, next_nll);
    if (block.excess)
        for (const L each : {share, next_share}) value = value + weighted(each, log(where(each == 0.0, 1.0, each)));
    const L slope = weighted(block.factor * L::load(weights), where(share == share, L(1.0), share));
    value.store(values), slope.store(slopes), (slope / (1.0 + rest)).store(factors);
    (slope * (likelihood * next_share - missing * share)).store(own[0]);
    (slope * (next_likelihood * share - next_missing * next_share)).store(own[1]);
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane;
        block.value[row] = values[lane];
        if (block.d_pred && scale_row(block, row, slopes[lane], factors[lane], cover))
            for (int k = 0; k < 2; ++k) block.d_pred[row * block.pitch + bins[lane] + k] = own[k][lane];
    }
}

// Weights a row; an ignored one has weight 0.
template <class Formula, class S, Rows kind>
void weigh_row(const RowBlock<S>& block, int64_t row, Top<S> top, S others) {
    const bool ignored = block.is_ignored(row);
    if (ignored && block.d_pred) std::fill_n(block.d_pred + row * block.pitch, block.classes, S(0));
    const S weight = ignored ? S(0) : block.weight ? block.weight[row] : S(1);
    S& value = block.value[row];
    if constexpr (std::is_same_v<S, float>)
        if (std::isinf(weight * value)) {
            const double wide = weight * wide_value<Formula, kind>(block, row, top, others);
            value = block.beyond ? S(0) : S(wide);
            if (block.beyond) *block.beyond += wide;
            return;
        }
    value = weight == S(0) ? S(0) : weight * value;
}

template <class Formula, class S, Rows kind>
void row_block(const RowBlock<S>& block) {
    using L = Lanes<S>;
    constexpr bool adjusted = kind == Rows::adjusted;
    const Cover<L> cover(block.classes);
    for (int64_t first = 0; first < block.rows; first += L::count) {
        const int64_t rows = std::min<int64_t>(L::count, block.rows - first);
        const S* logits = block.logits + first * block.pitch;
        const S* lows = adjusted ? block.lows + first * block.pitch : nullptr;
        S* powers = block.d_pred ? block.d_pred + first * block.pitch : nullptr;
        S tops[L::count] = {}, top_lows[L::count] = {}, others[L::count] = {};
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = row * block.pitch;
            const auto [top, low] = largest<adjusted>(logits + at, adjusted ? lows + at : nullptr, cover);
            tops[row] = top, top_lows[row] = low;
        }
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = row * block.pitch;
            const Top<S> top{tops[row], top_lows[row]};
            const S* own_lows = adjusted ? lows + at : nullptr;
            others[row] = sum_of_others<adjusted>(logits + at, own_lows, top, cover, powers ? powers + at : nullptr);
        }
        if constexpr (kind == Rows::between) {
            rows_of_values(block, first, rows, tops, others, cover);
        } else if (!block.target && block.label_smoothing == 0.0) {
            indexed_rows<Formula, S, kind>(block, first, rows, tops, top_lows, others, cover);
        } else {
            for (int64_t row = 0; row < rows; ++row)
                soft_row<Formula, S, kind>(block, first + row, {tops[row], top_lows[row]}, others[row]);
        }
        for (int64_t row = 0; row < rows; ++row)
            weigh_row<Formula, S, kind>(block, first + row, {tops[row], top_lows[row]}, others[row]);
    }
}

// The logits plus an offset per class, minus the margin of the target's class, with their rounding errors.
template <class S>
void adjust(RowBlock<S>& block, const S* offset, const Parameter<S>& margin, S* logits, S* lows) {
    using L = Lanes<S>;
    const Cover<L> cover(block.classes);
    for (int64_t row = 0; row < block.rows; ++row) {
        const int64_t start = row * block.pitch;
        for (int64_t k = 0, next; k < block.classes; k = next) {
            next = k + L::count;
            const int64_t from = k < cover.whole ? k : cover.last, at = start + from;
            const L logit = L::load(block.logits + at);
            const auto [high, low] = difference(logit, offset ? -L::load(offset + from) : L(0.0));
            high.store(logits + at), low.store(lows + at);
        }
        if (block.target || !block.has_class(row)) continue;
        const int64_t index = block.classes_of_rows[row], at = start + index;
        const auto [high, low] = difference(L(logits[at]), L(margin.each ? margin.each[index] : margin.all));
        logits[at] = high[0], lows[at] += low[0];
    }
    block.logits = logits, block.lows = lows;
}

// One loop serves all formulas, which are called once per block.
template <class S>
Status rows(const RowTask& row_task, ParallelFor parallel_for, void (*row_block)(const RowBlock<S>&)) {
    const Task& task = row_task.task;
    const int64_t classes = task.width, pitch = std::max<int64_t>(classes, Lanes<S>::count);
    const int64_t fitting = block_numbers / pitch, step = Lanes<S>::count;
    const int64_t rows_in_block = fitting > step ? fitting - fitting % step : std::max<int64_t>(fitting, 1);
    const double divisor = divisor_of(task, present_rows(task, task.entries));
    Flag out_of_range;
    const auto work = [&](int64_t begin, int64_t count) {
        const int64_t numbers = std::max(count * pitch, block_numbers);
        const Buffer<S> buffer((row_task.kind == adjusted_rows ? 9 : 5) * numbers);
        S row_buffers[3][block_numbers];
        double beyond = 0.0;
        RowBlock<S> block{};
        block.beyond = task.reduction ? &beyond : nullptr;
        block.rows = count, block.classes = classes, block.pitch = pitch;
        block.logits = staged_rows(task.pred, begin, count, classes, pitch, buffer.numbers);
        if (row_task.kind == rows_of_bins) block.values = staged(task.target, begin, count, row_buffers[2]);
        else if (task.indices) block.classes_of_rows = static_cast<const int64_t*>(task.target.data) + begin;
        else block.target = staged_rows(task.target, begin, count, classes, pitch, buffer.numbers + numbers);
        block.weight = staged(task.weight, begin, count, row_buffers[0]);
        block.class_weight = {staged(task.parameters[0], 0, classes, buffer.numbers + 2 * numbers), S(task.constants[0])};
        block.bins = block.class_weight.each;  // of values between bins, which have no class weights
        block.focus = S(task.constants[1]), block.leading = S(task.constants[2]);
        block.formula = task.formula, block.excess = row_task.excess;
        block.out_of_range = &out_of_range, block.ignores = task.indices && task.ignores, block.ignore_index = task.ignore_index;
        block.factor = reciprocal<S>(divisor), block.label_smoothing = task.label_smoothing;
        if (row_task.kind == adjusted_rows) {
            S* const numbers_of[] = {buffer.numbers + 5 * numbers, buffer.numbers + 6 * numbers, buffer.numbers + 7 * numbers};
            const S* margins = staged(row_task.margin, 0, classes, buffer.numbers + 8 * numbers);
            adjust(block, staged(row_task.offset, 0, classes, numbers_of[2]), {margins, S(row_task.margin_of_all)},
                   numbers_of[0], numbers_of[1]);
        }
        const bool padded = pitch != classes;
        const auto place = [&](void* base, S* from) {
            return !base ? nullptr : padded ? from : static_cast<S*>(base) + begin * classes;
        };
        block.d_pred = place(task.d_pred, buffer.numbers + 3 * numbers);
        block.d_target = place(task.d_target, buffer.numbers + 4 * numbers);
        block.value = task.reduction ? row_buffers[1] : static_cast<S*>(task.value) + begin;
        row_block(block);
        for (const auto& [base, from] : {std::pair{task.d_pred, block.d_pred}, std::pair{task.d_target, block.d_target}})
            for (int64_t row = 0; padded && base && row < count; ++row)
                std::copy_n(from + row * pitch, classes, static_cast<S*>(base) + (begin + row) * classes);
        return task.reduction ? total_of(block.value, count) + beyond : 0.0;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
    return out_of_range.is_set() ? class_out_of_range : done;
}

}  // namespace detloss::ISA
