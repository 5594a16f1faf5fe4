// The loop over rows of logits, of softmax losses.
#pragma once
#include "loops.h"

namespace detloss::ISA {

// A compensated sum of registers.
template <class S>
class Sum {
    Lanes<S> sum = 0.0, low = 0.0;

  public:
    INLINE void add(Lanes<S> numbers) {
        const auto [next, rest] = difference(sum, -numbers);
        sum = next, low = low + rest;
    }
    INLINE void add_finite(Lanes<S> numbers) {
        const Lanes<S> next = sum + numbers;
        low = low + lost(sum, -numbers, next), sum = next;
    }
    INLINE double total() const {
        const auto add = [](Lanes<double> a, Lanes<double> b) INLINED { return a + b; };
        const Lanes<double> first = sum.template wide<0>() + low.template wide<0>();
        if constexpr (std::is_same_v<S, double>) return first.folded(add);
        else return (first + (sum.template wide<1>() + low.template wide<1>())).folded(add);
    }
};

// The registers of a row: whole ones, then one that ends with the row and overlaps them. Rows shorter than a register are
// padded to one.
template <class L>
struct Cover {
    using S = typename L::scalar;
    int64_t classes, whole, last;
    bool ragged;
    L fresh;  // 1 in the lanes of the last register that are in no whole one, else 0

    explicit Cover(int64_t classes)
        : classes(classes), whole(classes - classes % L::count), last(std::max<int64_t>(0, classes - L::count)),
          ragged(whole != classes),
          fresh(classes < L::count ? where(L::counting() < L(double(classes)), 1.0, 0.0)
                                   : where(L::counting() < L(double(L::count - classes % L::count)), 0.0, 1.0)) {}

    // The sum over the row of `numbers(first class)`.
    template <class Numbers>
    double total(const Numbers& numbers) const {
        Sum<S> sum;
        for (int64_t k = 0; k < whole; k += L::count) sum.add(numbers(k));
        if (ragged) sum.add(weighted(fresh, numbers(last)));
        return sum.total();
    }
    // Replaces a row by `numbers(first class, old numbers)`.
    template <class Numbers>
    void replace(S* row, const Numbers& numbers) const {
        const L end = ragged ? numbers(last, L::load(row + last)) : L(0.0);  // before the overlapping lanes change
        for (int64_t k = 0; k < whole; k += L::count) numbers(k, L::load(row + k)).store(row + k);
        if (ragged) end.store(row + last);
    }
};

// exp(logit - top), from both parts of the difference: without the low part, the error at a margin of 80 is forty ulps.
template <class L>
INLINE L power_of(L high, L low) {
    const L growth = exp(high);
    return where(low == low, growth + growth * low, growth);
}

// -log p, p and 1 - p. `others` is the sum of all exponentials except the largest, which is 1; `log_sum` is log(1 + others).
template <class L>
INLINE std::tuple<L, L, L> probability(L logit, L top, L others, L log_sum) {
    const auto is_top = logit == top;  // difference 0, even if infinite
    const auto [high, low] = difference(where(is_top, 0.0, logit), where(is_top, 0.0, top));
    const L power = power_of(high, low), total = 1.0 + others;
    return {(log_sum - low) - high, power / total, where(is_top, others, total - power) / total};
}

template <class S>
S largest(const S* logits, const Cover<Lanes<S>>& cover) {
    using L = Lanes<S>;
    L top = -infinity;
    for (int64_t k = 0; k < cover.whole; k += L::count) top = maximum(L::load(logits + k), top);
    if (cover.ragged) top = maximum(where(cover.fresh == 1.0, L::load(logits + cover.last), -infinity), top);
    return top.folded([](L a, L b) INLINED { return maximum(a, b); });
}

// The sum of exp(logit - top) over all but one of the largest logits, so that 1 - p does not cancel. Stores the exponentials
// if `powers` is not null.
template <class S>
S sum_of_others(const S* logits, S most, const Cover<Lanes<S>>& cover, S* powers) {
    using L = Lanes<S>;
    const L top = most;
    L tops = 0.0;
    Sum<S> sum;
    const auto add = [&](int64_t k, L fresh) INLINED {
        const L logit = L::load(logits + k);
        const auto is_top = logit == top;
        const L high = logit - top, power = power_of(high, lost(logit, top, high));
        if (powers) power.store(powers + k);
        tops = tops + where(is_top, fresh, 0.0);
        return where(is_top, 0.0, power);
    };
    for (int64_t k = 0; k < cover.whole; k += L::count) sum.add_finite(add(k, 1.0));
    if (cover.ragged) sum.add_finite(weighted(cover.fresh, add(cover.last, cover.fresh)));
    const double rivals = tops.folded([](L a, L b) INLINED { return a + b; }) - S(1);
    if (!std::isinf(most)) return S(sum.total() + rivals);
    for (int64_t k = 0; powers && k < cover.classes; ++k)
        if (logits[k] == most) powers[k] = S(1);
    return rivals > 0.0 ? std::numeric_limits<S>::quiet_NaN() : S(sum.total());  // infinity - infinity
}

template <class Formula, class L>
INLINE auto evaluate_class(const std::tuple<L, L, L>& chance, typename L::scalar focus) {
    const auto& [nll, likelihood, missing] = chance;
    if constexpr (Formula::inputs > 3) return Formula::of(nll, likelihood, missing, L(focus));
    else return Formula::of(nll, likelihood, missing);
}

template <class S>
struct RowBlock {
    const S *logits, *target, *weight;  // target: one value per class; null for class indices
    const int64_t* classes_of_rows;
    S *value, *d_pred, *d_target;
    int64_t rows, classes, pitch;
    Parameter<S> class_weight, focus;
    bool ignores;
    int64_t ignore_index;
    S factor;  // of the derivatives: 1 / divisor
    double label_smoothing;
    Flag* out_of_range;
    bool has_class(int64_t row) const { return classes_of_rows[row] >= 0 && classes_of_rows[row] < classes; }
    bool is_ignored(int64_t row) const { return ignores && classes_of_rows[row] == ignore_index; }
    // Of a row without its class: sets the flag, unless it is ignored or has weight 0.
    __attribute__((noinline, cold)) void report_class(int64_t row) const {
        if (out_of_range && !is_ignored(row) && !(weight && weight[row] == S(0))) out_of_range->set();
    }
};

template <class Formula, class S>
void soft_row(const RowBlock<S>& block, int64_t row, S top_logit, S others_sum);

// The loss of one row in double precision: -log p may exceed the range of float while its product with class and row weights
// does not.
template <class Formula>
double wide_value(const RowBlock<float>& block, int64_t row, float top, float others) {
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
    wide.target = widened(block.target ? block.target + row * block.pitch : nullptr, buffer.numbers + pitch);
    wide.classes_of_rows = block.classes_of_rows + row;
    wide.class_weight = {widened(block.class_weight.each, buffer.numbers + 2 * pitch), block.class_weight.all};
    wide.focus.all = block.focus.all, wide.factor = 1.0, wide.label_smoothing = block.label_smoothing;
    soft_row<Formula, double>(wide, 0, top, others);
    return value;
}

// A row with soft targets or label smoothing.
template <class Formula, class S>
void soft_row(const RowBlock<S>& block, int64_t row, S top_logit, S others_sum) {
    using L = Lanes<S>;
    const Cover<L> cover(block.classes);
    const L top = top_logit, others = others_sum, log_sum = log1p(others), weight = block.weight ? block.weight[row] : S(1);
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
    const auto formula = [&](int64_t k) INLINED {
        return evaluate_class<Formula>(probability(L::load(logits + k), top, others, log_sum), block.focus.all);
    };
    block.value[row] = S(cover.total([&](int64_t k) INLINED { return weighted(share(k), L(std::get<0>(formula(k)))); }));
    if (!block.d_pred) return;
    const auto rates = [&](int64_t k) INLINED { return weighted(share(k), L(std::get<1>(formula(k)))); };
    const L rate = cover.total(rates), total = 1.0 + others, slope = weighted(factor, 1.0 / total);
    cover.replace(block.d_pred + row * block.pitch, [&](int64_t k, L power) INLINED {
        const L missing = where(L::load(logits + k) == top, others, total - power), own = rates(k);
        return weighted(slope, power * (rate - own) - missing * own);
    });
    if (block.d_target)
        cover.replace(block.d_target + row * block.pitch, [&](int64_t k, L) INLINED {
            const L value = std::get<0>(formula(k));
            return weighted(factor, weighted(keep * block.class_weight.template at<L>(k), value));
        });
}

// Rows with one class as target, as many at once as a register has lanes.
template <class Formula, class S>
void indexed_rows(
    const RowBlock<S>& block, int64_t first, int64_t rows, const S* tops, const S* others, const Cover<Lanes<S>>& cover
) {
    using L = Lanes<S>;
    S logits[L::count] = {}, weights[L::count] = {}, shares[L::count] = {}, values[L::count], slopes[L::count],
      factors[L::count], own[L::count];
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        const bool exists = block.has_class(row);
        if (!exists) block.report_class(row);
        logits[lane] = exists ? block.logits[row * block.pitch + index] : std::numeric_limits<S>::quiet_NaN();
        shares[lane] = !exists                   ? std::numeric_limits<S>::quiet_NaN()
                       : block.class_weight.each ? block.class_weight.each[index]
                                                 : block.class_weight.all;
        weights[lane] = block.weight ? block.weight[row] : S(1);
    }
    const L rest = L::load(others), share = L::load(shares);
    const auto chance = probability(L::load(logits), L::load(tops), rest, log1p(rest));
    const auto [value, rate] = evaluate_class<Formula>(chance, block.focus.all);
    const L slope = weighted(block.factor * L::load(weights), weighted(share, L(rate)));
    weighted(share, L(value)).store(values), slope.store(slopes);
    (slope / (1.0 + rest)).store(factors), (-std::get<2>(chance) * slope).store(own);
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        block.value[row] = values[lane];
        if (!block.d_pred) continue;
        S* d_pred = block.d_pred + row * block.pitch;
        if (slopes[lane] == S(0)) {
            std::fill_n(d_pred, block.classes, S(0));
            continue;
        }
        const L each = factors[lane];
        cover.replace(d_pred, [&](int64_t, L power) INLINED { return power * each; });
        if (block.has_class(row)) d_pred[index] = own[lane];
    }
}

// Weights a row; an ignored one has weight 0.
template <class Formula, class S>
void weigh_row(const RowBlock<S>& block, int64_t row, S top, S others) {
    const bool ignored = block.is_ignored(row);
    if (ignored && block.d_pred) std::fill_n(block.d_pred + row * block.pitch, block.classes, S(0));
    const S weight = ignored ? S(0) : block.weight ? block.weight[row] : S(1);
    S& value = block.value[row];
    if constexpr (std::is_same_v<S, float>)
        if (std::isinf(value) && weight != S(0)) {
            value = S(weight * wide_value<Formula>(block, row, top, others));
            return;
        }
    value = weight == S(0) ? S(0) : weight * value;
}

template <class Formula, class S>
void row_block(const RowBlock<S>& block) {
    using L = Lanes<S>;
    const Cover<L> cover(block.classes);
    for (int64_t first = 0; first < block.rows; first += L::count) {
        const int64_t rows = std::min<int64_t>(L::count, block.rows - first);
        const S* logits = block.logits + first * block.pitch;
        S* powers = block.d_pred ? block.d_pred + first * block.pitch : nullptr;
        S tops[L::count] = {}, others[L::count] = {};
        for (int64_t row = 0; row < rows; ++row) tops[row] = largest(logits + row * block.pitch, cover);
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = row * block.pitch;
            others[row] = sum_of_others(logits + at, tops[row], cover, powers ? powers + at : nullptr);
        }
        if (!block.target && block.label_smoothing == 0.0) {
            indexed_rows<Formula>(block, first, rows, tops, others, cover);
        } else {
            for (int64_t row = 0; row < rows; ++row)
                soft_row<Formula, S>(block, first + row, tops[row], others[row]);
        }
        for (int64_t row = 0; row < rows; ++row) weigh_row<Formula>(block, first + row, tops[row], others[row]);
    }
}

// Rows at distances of `pitch`, at least a register.
template <class S>
const S* staged_rows(const Operand& from, int64_t begin, int64_t rows, int64_t classes, int64_t pitch, S* buffer) {
    if (pitch == classes) return staged(from, begin * classes, rows * classes, buffer);
    std::fill_n(buffer, rows * pitch, S(0));
    for (int64_t row = 0; row < rows; ++row) convert<S>(from, (begin + row) * classes, classes, buffer + row * pitch);
    return buffer;
}

// One loop serves all formulas, which are called once per block.
template <class S>
Status rows(const Task& task, ParallelFor parallel_for, void (*row_block)(const RowBlock<S>&)) {
    const int64_t classes = task.width, pitch = std::max<int64_t>(classes, Lanes<S>::count);
    const int64_t fitting = block_numbers / pitch, step = Lanes<S>::count;
    const int64_t rows_in_block = fitting > step ? fitting - fitting % step : std::max<int64_t>(fitting, 1);
    const double divisor = divisor_of(task, present_rows(task, task.entries));
    Flag out_of_range;
    const auto work = [&](int64_t begin, int64_t count) {
        const int64_t numbers = std::max(count * pitch, block_numbers);
        const Buffer<S> buffer(5 * numbers);
        S row_buffers[2][block_numbers];
        RowBlock<S> block{};
        block.rows = count, block.classes = classes, block.pitch = pitch;
        block.logits = staged_rows(task.pred, begin, count, classes, pitch, buffer.numbers);
        if (task.indices) block.classes_of_rows = static_cast<const int64_t*>(task.target.data) + begin;
        else block.target = staged_rows(task.target, begin, count, classes, pitch, buffer.numbers + numbers);
        block.weight = staged(task.weight, begin, count, row_buffers[0]);
        block.class_weight = {staged(task.parameters[0], 0, classes, buffer.numbers + 2 * numbers), S(task.constants[0])};
        block.focus = {nullptr, S(task.constants[1])};
        block.out_of_range = &out_of_range, block.ignores = task.indices && task.ignores, block.ignore_index = task.ignore_index;
        block.factor = reciprocal<S>(divisor), block.label_smoothing = task.label_smoothing;
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
        return task.reduction ? total_of(block.value, count) : 0.0;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
    return out_of_range.is_set() ? class_out_of_range : done;
}

}  // namespace detloss::ISA
