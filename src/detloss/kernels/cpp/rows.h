// The row loop: the logits of a softmax in, a loss and a gradient a row out.
#pragma once
#include "loops.h"

namespace detloss::ISA {

// How registers cover a row: whole ones, then one that ends with the row and overlaps them. Rows shorter than a
// register lie in the room of one.
template <class L>
struct Cover {
    int64_t classes;

    int64_t whole() const { return classes - classes % L::count; }
    bool ragged() const { return classes % L::count != 0; }
    int64_t last() const { return std::max<int64_t>(0, classes - L::count); }
    // 1 in the lanes of the last register that no whole one has had, else 0.
    L fresh() const {
        const L lane = L::counting();
        return classes < L::count ? where(lane < L(double(classes)), 1.0, 0.0)
                                  : where(lane < L(double(L::count - classes % L::count)), 0.0, 1.0);
    }
    // The sum over the row of `numbers(first class)`, with what every addition loses.
    template <class Numbers>
    double total(const Numbers& numbers) const {
        L sum = 0.0, lost = 0.0;
        for (int64_t k = 0; k < whole(); k += L::count) {
            const auto [next, low] = difference(sum, -numbers(k));
            sum = next, lost = lost + low;
        }
        if (ragged()) {
            const auto [next, low] = difference(sum, -weighted(fresh(), numbers(last())));
            sum = next, lost = lost + low;
        }
        return sum.total(lost);
    }
    // Puts `numbers(first class, what is there)` in the place of a row.
    template <class Numbers>
    void replace(typename L::scalar* row, const Numbers& numbers) const {
        const L end = ragged() ? numbers(last(), L::load(row + last())) : L(0.0);  // before what it overlaps changes
        for (int64_t k = 0; k < whole(); k += L::count) numbers(k, L::load(row + k)).store(row + k);
        if (ragged()) end.store(row + last());
    }
};

// logit - top in two parts, since the second matters: without it a margin of 80 would cost exp forty ulps. The largest
// logit is 0 above itself even where it is infinite.
template <class L>
INLINE std::tuple<L, L> margin(L logit, L top) {
    const auto is_top = logit == top;
    return difference(where(is_top, 0.0, logit), where(is_top, 0.0, top));
}

template <class L>
INLINE L power_of(std::tuple<L, L> margin) {
    const auto [high, low] = margin;
    const L growth = exp(high);
    return growth + growth * low;
}

// -log p, p and 1 - p. `others` is the sum of all powers but the largest one, 1; `surprise` is log(1 + others).
template <class L>
INLINE std::tuple<L, L, L> probability(L logit, L top, L others, L surprise) {
    const auto distance = margin(logit, top);
    const auto [high, low] = distance;
    const L power = power_of(distance), total = 1.0 + others;
    return {(surprise - low) - high, power / total, where(logit == top, others, total - power) / total};
}

template <class S>
struct Top {
    S logit;
    int64_t at = -1;  // the first of them in some lane; none in a row with NaN
};

template <class S>
Top<S> largest(const S* logits, Cover<Lanes<S>> cover) {
    using L = Lanes<S>;
    L body = -infinity, end = -infinity;
    for (int64_t k = 0; k < cover.whole(); k += L::count) body = maximum(body, L::load(logits + k));
    if (cover.ragged()) end = where(cover.fresh() == 1.0, L::load(logits + cover.last()), -infinity);
    Top<S> top{maximum(body, end).folded([](S a, S b) { return a > b ? a : b; })};
    S lanes[L::count];
    body.store(lanes);
    const int64_t lane = std::find(lanes, lanes + L::count, top.logit) - lanes;
    for (int64_t k = lane; lane < L::count && k < cover.whole() && top.at < 0; k += L::count)
        if (logits[k] == top.logit) top.at = k;
    for (int64_t k = cover.whole(); k < cover.classes && top.at < 0; ++k)
        if (logits[k] == top.logit) top.at = k;
    return top;
}

// The sum of exp(logit - top) over all but one of the largest logits, so that 1 - p never cancels. Stores every power
// where there is a place for them.
template <class S>
S sum_of_others(const S* logits, Top<S> most, Cover<Lanes<S>> cover, S* powers) {
    using L = Lanes<S>;
    const L top = most.logit;
    return S(cover.total([&](int64_t k) INLINED {
        L power = power_of(difference(L::load(logits + k), top));
        if (k <= most.at && most.at < k + L::count) {  // infinity less infinity is not meant here
            const auto is_top = L::counting() == L(double(most.at - k));
            if (powers) where(is_top, 1.0, power).store(powers + k);
            return where(is_top, 0.0, power);
        }
        if (powers) power.store(powers + k);
        return power;
    }));
}

template <class S>
struct RowBlock {
    const S *logits, *target, *weight;  // target: one a class; null for class indices
    const int64_t* classes_of_rows;
    S *value, *d_pred, *d_target;
    int64_t rows, classes, pitch;
    Parameter<S> class_weight, focus;
    bool ignores;
    int64_t ignore_index;
    S factor;  // of the derivatives: 1 over what a mean divides by
    double label_smoothing;
};

template <class Formula, size_t parameters, class S>
void shared_row(const RowBlock<S>& block, int64_t row, S top_logit, S others_sum);

// The value of one row in double: a class's surprise may be above the largest float where its share of it is not.
template <class Formula, size_t parameters>
float shared_value(const RowBlock<float>& block, int64_t row, float top, float others) {
    const int64_t pitch = std::max<int64_t>(block.classes, Lanes<double>::count);
    const std::unique_ptr<double[]> room(new double[3 * pitch]());
    const auto widened = [&](const float* from, double* to) {
        if (from) std::copy_n(from, block.classes, to);
        return from ? to : nullptr;
    };
    double value, one = 1.0;
    RowBlock<double> wide{};
    wide.rows = 1, wide.classes = block.classes, wide.pitch = pitch, wide.value = &value, wide.weight = &one;
    wide.logits = widened(block.logits + row * block.pitch, room.get());
    wide.target = widened(block.target ? block.target + row * block.pitch : nullptr, room.get() + pitch);
    wide.classes_of_rows = block.classes_of_rows + row;
    wide.class_weight = {widened(block.class_weight.each, room.get() + 2 * pitch), block.class_weight.all};
    wide.focus.all = block.focus.all, wide.factor = 1.0, wide.label_smoothing = block.label_smoothing;
    shared_row<Formula, parameters, double>(wide, 0, top, others);
    return float(value);
}

// Every class has a share of the target: soft targets and label smoothing.
template <class Formula, size_t parameters, class S>
void shared_row(const RowBlock<S>& block, int64_t row, S top_logit, S others_sum) {
    using L = Lanes<S>;
    const Cover<L> cover{block.classes};
    const L top = top_logit, others = others_sum, surprise = log1p(others), weight = block.weight ? block.weight[row] : S(1);
    const L factor = block.factor * weight[0];
    const S *logits = block.logits + row * block.pitch, *target = block.target ? block.target + row * block.pitch : nullptr;
    const int64_t index = target ? 0 : block.classes_of_rows[row];
    const bool exists = index >= 0 && index < block.classes;
    const L spread = block.label_smoothing / double(block.classes), keep = 1.0 - block.label_smoothing;
    const auto share = [&](int64_t k) INLINED {
        const L hot = target ? L::load(target + k) : where(L::counting() + double(k) == L(double(index)), 1.0, 0.0);
        const L each = block.class_weight.template at<L>(k);
        return (exists ? hot : L(NAN)) * (keep * each) + spread * each;
    };
    const auto formula = [&](int64_t k) INLINED {
        const L logit = L::load(logits + k);
        const auto [nll, likelihood, missing] = probability(logit, top, others, surprise);
        if constexpr (parameters == 1) return Formula::of(nll, likelihood, missing, L(block.focus.all));
        else return Formula::of(nll, likelihood, missing);
    };
    block.value[row] = S(cover.total([&](int64_t k) INLINED { return weighted(share(k), L(std::get<0>(formula(k)))); }));
    if constexpr (std::is_same_v<S, float>)
        if (std::isinf(block.value[row]))
            block.value[row] = shared_value<Formula, parameters>(block, row, top_logit, others_sum);
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

// One class has the whole target: its probability says everything. As many rows at a time as a register has lanes.
template <class Formula, size_t parameters, class S>
void indexed_rows(const RowBlock<S>& block, int64_t first, int64_t rows, const Lanes<S>& top, const Lanes<S>& others) {
    using L = Lanes<S>;
    L logit = 0.0, weight = 1.0, share = 1.0;
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        const bool exists = index >= 0 && index < block.classes;
        logit.set(lane, exists ? block.logits[row * block.pitch + index] : std::numeric_limits<S>::quiet_NaN());
        share.set(lane, !exists ? std::numeric_limits<S>::quiet_NaN()
                        : block.class_weight.each ? block.class_weight.each[index]
                                                  : block.class_weight.all);
        if (block.weight) weight.set(lane, block.weight[row]);
    }
    const auto [nll, likelihood, missing] = probability(logit, top, others, log1p(others));
    const auto [value, rate] = [&] {
        if constexpr (parameters == 1) return Formula::of(nll, likelihood, missing, L(block.focus.all));
        else return Formula::of(nll, likelihood, missing);
    }();
    const L values = weighted(share, L(value));
    const L slope = weighted(block.factor * weight, weighted(share, L(rate)));
    const L factor = slope / (1.0 + others), own = -missing * slope;
    for (int64_t lane = 0; lane < rows; ++lane) {
        const int64_t row = first + lane, index = block.classes_of_rows[row];
        block.value[row] = values[lane];
        if (!block.d_pred) continue;
        S* d_pred = block.d_pred + row * block.pitch;
        const L each = factor[lane];
        if (slope[lane] == S(0)) {
            std::fill_n(d_pred, block.classes, S(0));
            continue;
        }
        Cover<L>{block.classes}.replace(d_pred, [&](int64_t, L power) INLINED { return power * each; });
        if (index >= 0 && index < block.classes) d_pred[index] = own[lane];
    }
}

template <class Formula, size_t parameters, class S>
void row_block(const RowBlock<S>& block) {
    using L = Lanes<S>;
    const Cover<L> cover{block.classes};
    for (int64_t first = 0; first < block.rows; first += L::count) {
        const int64_t rows = std::min<int64_t>(L::count, block.rows - first);
        L top = 0.0, others = 0.0;
        for (int64_t lane = 0; lane < rows; ++lane) {
            const int64_t at = (first + lane) * block.pitch;
            const Top<S> most = largest(block.logits + at, cover);
            top.set(lane, most.logit);
            others.set(lane, sum_of_others(block.logits + at, most, cover, block.d_pred ? block.d_pred + at : nullptr));
        }
        if (!block.target && block.label_smoothing == 0.0) {
            indexed_rows<Formula, parameters>(block, first, rows, top, others);
        } else {
            for (int64_t lane = 0; lane < rows; ++lane)
                shared_row<Formula, parameters, S>(block, first + lane, top[lane], others[lane]);
        }
    }
    for (int64_t row = 0; row < block.rows; ++row) {
        const bool ignored = block.ignores && block.classes_of_rows[row] == block.ignore_index;
        if (ignored && block.d_pred) std::fill_n(block.d_pred + row * block.pitch, block.classes, S(0));
        const S weight = ignored ? S(0) : block.weight ? block.weight[row] : S(1);
        block.value[row] = weight == S(0) ? S(0) : weight * block.value[row];
    }
}

// Rows apart by `pitch`, which leaves room for a register a row.
template <class S>
const S* staged_rows(const Operand& from, int64_t begin, int64_t rows, int64_t classes, int64_t pitch, S* room) {
    if (pitch == classes) return staged(from, begin * classes, rows * classes, room);
    std::fill_n(room, rows * pitch, S(0));
    for (int64_t row = 0; row < rows; ++row) convert<S>(from, (begin + row) * classes, classes, room + row * pitch);
    return room;
}

template <class Formula, size_t parameters, class S>
void rows(const Task& task, ParallelFor parallel_for) {
    const int64_t classes = task.width, pitch = std::max<int64_t>(classes, Lanes<S>::count);
    const int64_t fitting = block_numbers / pitch, step = Lanes<S>::count;
    const int64_t rows_in_block = fitting > step ? fitting - fitting % step : std::max<int64_t>(fitting, 1);
    const double divisor = divisor_of(task, present_rows(task, task.entries));
    const auto work = [&](int64_t begin, int64_t count) {
        const int64_t numbers = std::max(count * pitch, block_numbers);
        const std::unique_ptr<S[]> room(new S[5 * numbers]);
        S few[2][block_numbers];
        RowBlock<S> block{};
        block.rows = count, block.classes = classes, block.pitch = pitch;
        block.logits = staged_rows(task.pred, begin, count, classes, pitch, room.get());
        if (task.indices) block.classes_of_rows = static_cast<const int64_t*>(task.target.data) + begin;
        else block.target = staged_rows(task.target, begin, count, classes, pitch, room.get() + numbers);
        block.weight = staged(task.weight, begin, count, few[0]);
        block.class_weight = {staged(task.parameters[0], 0, classes, room.get() + 2 * numbers), S(task.constants[0])};
        block.focus = {nullptr, S(task.constants[1])};
        block.ignores = task.indices, block.ignore_index = task.ignore_index;
        block.factor = reciprocal<S>(divisor), block.label_smoothing = task.label_smoothing;
        const bool padded = pitch != classes;
        const auto place = [&](void* base, S* from) {
            return !base ? nullptr : padded ? from : static_cast<S*>(base) + begin * classes;
        };
        block.d_pred = place(task.d_pred, room.get() + 3 * numbers);
        block.d_target = place(task.d_target, room.get() + 4 * numbers);
        block.value = task.reduction ? few[1] : static_cast<S*>(task.value) + begin;
        row_block<Formula, parameters>(block);
        for (const auto& [base, from] : {std::pair{task.d_pred, block.d_pred}, std::pair{task.d_target, block.d_target}})
            for (int64_t row = 0; padded && base && row < count; ++row)
                std::copy_n(from + row * pitch, classes, static_cast<S*>(base) + (begin + row) * classes);
        return task.reduction ? total_of(block.value, count) : 0.0;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
