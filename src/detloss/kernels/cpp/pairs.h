// The pair loop: rows of boxes in, a loss and a gradient a row out. Formats and penalties
// are chosen for each register, so that what the compiler has to read grows with their sum, not with their product.
#pragma once
#include "loops.h"

namespace detloss::ISA {

// Number k of every row.
template <int width, class L>
INLINE L column(const typename L::scalar* rows, int k) {
    L numbers = 0.0;
    for (int lane = 0; lane < L::count; ++lane) numbers.set(lane, rows[lane * width + k]);
    return numbers;
}

// A register a number of the row, of as many rows as a register holds. A tuple, since an array of them would stay in
// memory.
template <class L, size_t... k>
INLINE auto load_rows(const typename L::scalar* rows, std::index_sequence<k...>) {
    constexpr int width = sizeof...(k), n = L::count;
    if constexpr (width == 4) {
        const auto [even, odd] = unzip(L::load(rows), L::load(rows + n));
        const auto [later_even, later_odd] = unzip(L::load(rows + 2 * n), L::load(rows + 3 * n));
        const auto [first, third] = unzip(even, later_even);
        const auto [second, fourth] = unzip(odd, later_odd);
        return result(first, second, third, fourth);
    } else {
        return result(column<width, L>(rows, k)...);
    }
}

template <class L, class... Others>
INLINE void store_rows(typename L::scalar* rows, L first, Others... others) {
    constexpr int width = 1 + sizeof...(Others), n = L::count;
    if constexpr (width == 4) {
        const auto [second, third, fourth] = result(others...);
        const auto [even, later_even] = zip(first, third);
        const auto [odd, later_odd] = zip(second, fourth);
        const auto [a, b] = zip(even, odd);
        const auto [c, d] = zip(later_even, later_odd);
        a.store(rows), b.store(rows + n), c.store(rows + 2 * n), d.store(rows + 3 * n);
    } else {
        for (int lane = 0; lane < n; ++lane) {
            typename L::scalar* to = rows + lane * width;
            *to = first[lane];
            ((*++to = others[lane]), ...);
        }
    }
}

template <class S>
struct PairBlock {
    int64_t formula, format;
    const S *pred, *target, *weight;
    S *value, *d_pred;  // no derivatives: null
    int64_t rows;
    S factor;      // of the derivatives: 1 over what a mean divides by
    bool measure;  // the similarity is asked for, not the loss
};

template <int dimensions, bool with_angle>
struct AxisAligned;
template <>
struct AxisAligned<1, false> : axis_aligned_1 {};
template <>
struct AxisAligned<2, false> : axis_aligned_2 {};
template <>
struct AxisAligned<2, true> : axis_aligned_2_with_angle {};
template <>
struct AxisAligned<3, false> : axis_aligned_3 {};

template <class Format, class... Others, class L>
INLINE std::tuple<L, L, L, L, L, L, L> differences_in(int64_t format, Formulas<Format, Others...>, L a, L b, L c, L d) {
    if constexpr (sizeof...(Others) > 0)
        if (format) return differences_in(format - 1, Formulas<Others...>{}, a, b, c, d);
    return Format::differences::of(a, b, c, d);
}

template <class L, class Format, class... Others, class... Slopes>
INLINE std::tuple<L, L> derivatives_in(int64_t format, Formulas<Format, Others...>, Slopes... slopes) {
    if constexpr (sizeof...(Others) > 0)
        if (format) return derivatives_in<L>(format - 1, Formulas<Others...>{}, slopes...);
    return Format::derivatives::of(slopes...);
}

// Any penalty without an angle, and any format: one loop for all of them, which calls what the others have inlined.
struct Any {
    template <class L>
    using Outcome = std::tuple<L, L, L, L, Perhaps<L>, Perhaps<L>, Perhaps<L>, absent>;
    template <class Penalty, class L>
    static constexpr bool includes = std::is_convertible_v<ISA::Outcome<Penalty, L>, Outcome<L>>;

    template <class L>
    __attribute__((noinline)) static auto differences(int64_t format, L a, L b, L c, L d) {
        return differences_in(format, formats{}, a, b, c, d);
    }
    template <class L>
    __attribute__((noinline)) static Outcome<L> penalty(int64_t formula, L a, L b, L c, L d, L e, L f, L g) {
        return chosen<L>(formula, penalties{}, a, b, c, d, e, f, g);
    }

  private:
    template <class L, class Penalty, class... Others, class... Measures>
    INLINE static Outcome<L> chosen(int64_t formula, Formulas<Penalty, Others...>, Measures... measures) {
        if constexpr (sizeof...(Others) > 0)
            if (formula || !includes<Penalty, L>) return chosen<L>(formula - 1, Formulas<Others...>{}, measures...);
        if constexpr (includes<Penalty, L>) return Penalty::of(measures...);
        else __builtin_unreachable();
    }
};
template <class L>
constexpr bool has_angle<Any, L> = false;

// A penalty in two parts: what of the first the second needs, the compiler finds.
template <class Penalty, class L>
struct Parts {
    int64_t formula;
    template <class... Measures>
    INLINE auto of(Measures... measures) const {
        if constexpr (std::is_same_v<Penalty, Any>) return Any::penalty(formula, L(measures)...);
        else return Penalty::of(L(measures)...);
    }
    template <class... Measures>
    INLINE auto value(Measures... measures) const {
        const auto [loss, similarity, d_mismatch, d_shared, d_empty, d_distance, d_diagonal, d_turn] = of(measures...);
        return result(loss, similarity);
    }
    template <class... Measures>
    INLINE auto derivatives(Measures... measures) const {
        const auto [loss, similarity, d_mismatch, d_shared, d_empty, d_distance, d_diagonal, d_turn] = of(measures...);
        return result(d_mismatch, d_shared, d_empty, d_distance, d_diagonal, d_turn);
    }
};

template <class Penalty, int dimensions, class S, class L = Lanes<S>, size_t... k>
INLINE void evaluate_pairs(const PairBlock<S>& block, int64_t at, std::index_sequence<k...> numbers) {
    constexpr int width = 2 * dimensions;
    const auto pred = load_rows<L>(block.pred + at * width, numbers);
    const auto target = load_rows<L>(block.target + at * width, numbers);
    L weight = 1.0;
    if (block.weight) weight = L::load(block.weight + at);
    const Parts<Penalty, L> penalty{block.formula};
    const auto differences_of = [&](auto... numbers) INLINED {
        if constexpr (std::is_same_v<Penalty, Any>) return Any::differences(block.format, numbers...);
        else return differences_in(block.format, formats{}, numbers...);
    };
    const auto derivatives_by = [&](auto... slopes) INLINED { return derivatives_in<L>(block.format, formats{}, slopes...); };
    const auto value = [&](L loss, L similarity) INLINED {
        L each = loss;  // `?:` would choose between two places in memory
        if (block.measure) each = similarity;
        if (block.weight) each = weighted(weight, each);
        each.store(block.value + at);
        return block.d_pred != nullptr;
    };
    const auto derivatives = [&](auto... each) INLINED {
        const L factor = (block.measure ? -block.factor : block.factor) * weight;
        store_rows(block.d_pred + at * width, weighted(factor, each)...);
    };
    AxisAligned<dimensions, has_angle<Penalty, L>>::of(
        penalty, differences_of, derivatives_by, value, derivatives, std::get<k>(pred)..., std::get<k>(target)...
    );
}

template <class Penalty, int dimensions, class S>
void pair_block(const PairBlock<S>& block) {
    constexpr int64_t count = Lanes<S>::count;
    for (int64_t next = 0; next < block.rows; next += count) {
        const int64_t at = std::max<int64_t>(0, std::min<int64_t>(next, block.rows - count));  // the last overlaps
        evaluate_pairs<Penalty, dimensions>(block, at, std::make_index_sequence<2 * dimensions>{});
    }
}

template <class S>
void pairs(const Task& task, ParallelFor parallel_for, void (*pair_block)(const PairBlock<S>&)) {
    const int64_t width = 2 * task.dimensions, rows_in_block = block_numbers / (2 * width);
    const double divisor = divisor_of(task, task.entries);
    const auto work = [&](int64_t begin, int64_t rows) {
        alignas(64) S rooms[4][block_numbers / 2], few[2][block_numbers / 4];
        constexpr int64_t least = Lanes<S>::count;
        const S* pred = staged(task.pred, begin * width, rows * width, rooms[0], least * width);
        const S* target = staged(task.target, begin * width, rows * width, rooms[1], least * width);
        const S* weight = staged(task.weight, begin, rows, few[0]);
        const Outlet<S> value(task.reduction ? nullptr : task.value, begin, rows, 1, few[1], least);
        const Outlet<S> d_pred(task.d_pred, begin, rows, width, rooms[2], least);
        const Outlet<S> d_target(task.d_target, begin, rows, width, rooms[3], least);
        PairBlock<S> block{
            task.formula, task.format, pred, target, weight, value.at, task.d_pred ? d_pred.at : nullptr,
            rows, reciprocal<S>(divisor), bool(task.measure)};
        pair_block(block);
        const double total = task.reduction ? total_of(value.at, rows) : 0.0;
        if (task.d_target) {  // the same pair, seen from the target
            S unused[block_numbers / 4];
            block.pred = target, block.target = pred, block.value = unused, block.d_pred = d_target.at;
            pair_block(block);
        }
        value.finish(rows, 1), d_pred.finish(rows, width), d_target.finish(rows, width);
        return total;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
