// The pair loop: rows of boxes in, a loss and a gradient a row out.
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

// A register a number of the row, of as many rows as a register holds.
template <class L, size_t... k>
INLINE std::array<L, sizeof...(k)> load_rows(const typename L::scalar* rows, std::index_sequence<k...>) {
    constexpr int width = sizeof...(k), n = L::count;
    if constexpr (width == 4) {
        const auto [even, odd] = unzip(L::load(rows), L::load(rows + n));
        const auto [later_even, later_odd] = unzip(L::load(rows + 2 * n), L::load(rows + 3 * n));
        const auto [first, third] = unzip(even, later_even);
        const auto [second, fourth] = unzip(odd, later_odd);
        return {first, second, third, fourth};
    } else {
        return {column<width, L>(rows, k)...};
    }
}

template <class L, size_t width>
INLINE void store_rows(const std::array<L, width>& columns, typename L::scalar* rows) {
    constexpr int n = L::count;
    if constexpr (width == 4) {
        const auto [even, later_even] = zip(columns[0], columns[2]);
        const auto [odd, later_odd] = zip(columns[1], columns[3]);
        const auto [a, b] = zip(even, odd);
        const auto [c, d] = zip(later_even, later_odd);
        a.store(rows), b.store(rows + n), c.store(rows + 2 * n), d.store(rows + 3 * n);
    } else {
        for (size_t k = 0; k < width; ++k)
            for (int lane = 0; lane < n; ++lane) rows[lane * width + k] = columns[k][lane];
    }
}

template <class S>
struct PairBlock {
    const S *pred, *target, *weight;
    S *value, *d_pred;
    int64_t rows;
    S factor;      // of the derivatives: 1 over what a mean divides by
    bool measure;  // the similarity is asked for, not the loss
};

template <class Geometry, class Penalty, class Format, bool by_pred, class L, size_t... k>
INLINE void evaluate_pairs(const PairBlock<typename L::scalar>& block, int64_t at, std::index_sequence<k...> numbers) {
    constexpr int width = sizeof...(k);
    const auto pred = load_rows<L>(block.pred + at * width, numbers);
    const auto target = load_rows<L>(block.target + at * width, numbers);
    const auto pair = Geometry::template of<Penalty, Format>(pred[k]..., target[k]...);
    const L value = block.measure ? std::get<1>(pair) : std::get<0>(pair);
    const L weight = block.weight ? L::load(block.weight + at) : L(1.0);
    (block.weight ? weighted(weight, value) : value).store(block.value + at);
    if constexpr (by_pred) {
        const L factor = (block.measure ? -block.factor : block.factor) * weight;
        store_rows(std::array{weighted(factor, std::get<2 + k>(pair))...}, block.d_pred + at * width);
    }
}

template <class Geometry, class Penalty, class Format, int width, bool by_pred, class S>
void pair_block(const PairBlock<S>& block) {
    using L = Lanes<S>;
    for (int64_t next = 0; next < block.rows; next += L::count) {
        const int64_t at = std::max<int64_t>(0, std::min<int64_t>(next, block.rows - L::count));  // the last overlaps
        evaluate_pairs<Geometry, Penalty, Format, by_pred, L>(block, at, std::make_index_sequence<width>{});
    }
}

template <class Geometry, class Penalty, class Format, int width, class S>
void pairs(const Task& task, ParallelFor parallel_for) {
    constexpr int64_t rows_in_block = block_numbers / (2 * width);
    const double divisor = divisor_of(task, task.entries);
    const auto work = [&](int64_t begin, int64_t rows) {
        alignas(64) S rooms[4][block_numbers / 2], few[2][rows_in_block];
        constexpr int64_t least = Lanes<S>::count;
        const S* pred = staged(task.pred, begin * width, rows * width, rooms[0], least * width);
        const S* target = staged(task.target, begin * width, rows * width, rooms[1], least * width);
        const S* weight = staged(task.weight, begin, rows, few[0]);
        const Outlet<S> value(task.reduction ? nullptr : task.value, begin, rows, 1, few[1], least);
        const Outlet<S> d_pred(task.d_pred, begin, rows, width, rooms[2], least);
        const Outlet<S> d_target(task.d_target, begin, rows, width, rooms[3], least);
        PairBlock<S> block{pred, target, weight, value.at, d_pred.at, rows, reciprocal<S>(divisor), bool(task.measure)};
        if (task.d_pred) pair_block<Geometry, Penalty, Format, width, true>(block);
        else pair_block<Geometry, Penalty, Format, width, false>(block);
        const double total = task.reduction ? total_of(value.at, rows) : 0.0;
        if (task.d_target) {  // the same pair, seen from the target
            S unused[rows_in_block];
            pair_block<Geometry, Penalty, Format, width, true>(
                PairBlock<S>{target, pred, weight, unused, d_target.at, rows, reciprocal<S>(divisor), bool(task.measure)});
        }
        value.finish(rows, 1), d_pred.finish(rows, width), d_target.finish(rows, width);
        return total;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
