// The loop over pairs of axis-aligned boxes. The format is selected at run time, per register, so the code to compile grows
// with formats plus penalties, not with their product.
#pragma once
#include "penalty_call.h"

namespace detloss::ISA {

// Column k of the rows.
template <int width, class L>
INLINE L column(const typename L::scalar* rows, int k) {
    L numbers = 0.0;
    for (int lane = 0; lane < L::count; ++lane) numbers.set(lane, rows[lane * width + k]);
    return numbers;
}

// Transposes rows of four numbers in registers of 16 or 32 bytes. Shuffles across the 16-byte halves of a register are slow:
// the second half of a register is loaded from 64 bytes after the first and shuffled in the same way.
template <class L>
class Transposed {
    using S = typename L::scalar;
    static constexpr int n = 16 / sizeof(S);
    typedef S half __attribute__((vector_size(16), aligned(sizeof(S)), may_alias));
    using halves = std::make_integer_sequence<int, n>;

    template <int... k>
    INLINE static L load(const S* from, std::integer_sequence<int, k...>) {
        const auto* at = reinterpret_cast<const half*>(from);
        if constexpr (register_bytes == 16) return L::load(from);
        else return L(__builtin_shufflevector(at[0], at[4], k..., (n + k)...));
    }
    template <int... k>
    INLINE static void store(L numbers, S* to, std::integer_sequence<int, k...>) {
        auto* at = reinterpret_cast<half*>(to);
        at[0] = __builtin_shufflevector(numbers.v, numbers.v, k...);
        if constexpr (register_bytes == 32) at[4] = __builtin_shufflevector(numbers.v, numbers.v, (n + k)...);
    }
    INLINE static auto four_by_four(L a, L b, L c, L d) {
        const auto [first, third] = zip<n>(a, c);
        const auto [second, fourth] = zip<n>(b, d);
        return std::tuple_cat(zip<n>(first, second), zip<n>(third, fourth));
    }

  public:
    INLINE static auto load_rows(const S* rows) {
        const L a = load(rows, halves{}), b = load(rows + n, halves{});
        const L c = load(rows + 2 * n, halves{}), d = load(rows + 3 * n, halves{});
        if constexpr (n == 4) return four_by_four(a, b, c, d);
        else return std::tuple_cat(zip<n>(a, c), zip<n>(b, d));
    }
    INLINE static void store_rows(S* rows, L first, L second, L third, L fourth) {
        const auto put = [&](L a, L b, L c, L d) INLINED {
            store(a, rows, halves{}), store(b, rows + n, halves{});
            store(c, rows + 2 * n, halves{}), store(d, rows + 3 * n, halves{});
        };
        if constexpr (n == 4) {
            std::apply(put, four_by_four(first, second, third, fourth));
        } else {
            const auto [a, c] = zip<n>(first, second);
            const auto [b, d] = zip<n>(third, fourth);
            put(a, b, c, d);
        }
    }
};

// One register per column, of as many rows as a register has lanes. A tuple, because an array would stay in memory.
template <class L, size_t... k>
INLINE auto load_rows(const typename L::scalar* rows, std::index_sequence<k...>) {
    constexpr int width = sizeof...(k), n = L::count;
    if constexpr (width == 4 && register_bytes < 64) {
        return Transposed<L>::load_rows(rows);
    } else if constexpr (width == 4) {
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
    if constexpr (width == 4 && register_bytes < 64) {
        Transposed<L>::store_rows(rows, first, others...);
    } else if constexpr (width == 4) {
        const auto [second, third, fourth] = result(others...);
        const auto [even, later_even] = zip<n>(first, third);
        const auto [odd, later_odd] = zip<n>(second, fourth);
        const auto [a, b] = zip<n>(even, odd);
        const auto [c, d] = zip<n>(later_even, later_odd);
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
    S factor;      // of the derivatives: 1 / divisor, negative for the similarity
    bool measure;  // the similarity, not the loss
    PenaltyCall<Lanes<S>> penalty;  // of penalties with parameters
    Parameter<S> parameters[most_parameters];
    S exchanged;  // 1 if `pred` is the target
};

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

// Any penalty without an optional measure, and any format: one loop for all of them, which calls what the others inline.
struct Any : AnyPenalty {
    template <class Penalty, class L>
    static constexpr bool includes = !Penalty::has_parameters && !Penalty::uses_aspect_angle;

    template <class L>
    __attribute__((noinline)) static auto differences(int64_t format, L a, L b, L c, L d) {
        return differences_in(format, formats{}, a, b, c, d);
    }
    template <class L, class... Measures>
    __attribute__((noinline)) static Outcome<L> penalty(int64_t formula, Measures... measures) {
        return chosen<L>(formula, penalties{}, measures...);
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
// A penalty as two functions; the compiler eliminates common subexpressions.
template <class Penalty, class L>
struct Parts {
    int64_t formula;
    template <class... Measures>
    INLINE auto of(Measures... measures) const {
        if constexpr (std::is_same_v<Penalty, Any>) return Any::penalty<L>(formula, L(measures)...);
        else return Penalty::of(L(measures)...);
    }
    template <class... Measures>
    INLINE auto value(Measures... measures) const {
        const auto value_of = [](auto loss, auto similarity, auto...) INLINED { return result(loss, similarity); };
        return std::apply(value_of, of(measures...));
    }
    template <class... Measures>
    INLINE auto derivatives(Measures... measures) const {
        const auto slopes_of = [](auto, auto, auto... slopes) INLINED { return result(slopes...); };
        return std::apply(slopes_of, of(measures...));
    }
};

// Any penalty with parameters: one loop for all of them without the measures of inner boxes, and one for the others.
template <bool has_inner_boxes>
struct Called {
    static constexpr bool has_parameters = true, inner_boxes = has_inner_boxes;
};
// The call, which keeps the derivatives.
template <class L>
struct PenaltyWithParameters {
    PenaltyCall<L> penalty;
    PenaltyOutcome<L> outcome;
    template <class... Numbers>
    INLINE auto value(Numbers... numbers) {
        const struct {
            PairMeasures<L> pair;
            L parameters[most_parameters];
        } given{L(numbers)...};
        penalty(given.pair, given.parameters, outcome);
        return result(outcome.loss, outcome.similarity);
    }
    template <class... Numbers>
    INLINE auto derivatives(Numbers...) const {
        return outcome.slopes.all();
    }
};

template <class Penalty, int dimensions, bool by_pred, class S, class L = Lanes<S>, size_t... k>
INLINE void evaluate_pairs(const PairBlock<S>& block, int64_t at, std::index_sequence<k...> numbers) {
    constexpr int width = 2 * dimensions;
    const auto pred = load_rows<L>(block.pred + at * width, numbers);
    const auto target = load_rows<L>(block.target + at * width, numbers);
    const auto differences_of = [&](auto... numbers) INLINED {
        if constexpr (std::is_same_v<Penalty, Any> || Penalty::has_parameters) return Any::differences(block.format, numbers...);
        else return differences_in(block.format, formats{}, numbers...);
    };
    const auto derivatives_by = [&](auto... slopes) INLINED { return derivatives_in<L>(block.format, formats{}, slopes...); };
    const auto value = [&](L loss, L similarity) INLINED {
        L each = loss;  // `?:` would select between two addresses
        if (block.measure) each = similarity;
        if (block.weight) each = weighted(L::load(block.weight + at), each);
        each.store(block.value + at);
    };
    const auto derivatives = [&](auto... each) INLINED {
        if (Penalty::has_parameters && !block.d_pred) return;
        L factor = block.factor;
        if (block.weight) factor = factor * L::load(block.weight + at);
        store_rows(block.d_pred + at * width, weighted(factor, each)...);
    };
    if constexpr (Penalty::has_parameters) {
        const auto with = [&]<size_t... p>(std::index_sequence<p...>) INLINED {
            AxisAlignedWithParameters<dimensions, Penalty::inner_boxes>::of(
                PenaltyWithParameters<L>{block.penalty}, differences_of, derivatives_by, std::bool_constant<by_pred>{}, value,
                derivatives, std::get<k>(pred)..., std::get<k>(target)..., L(block.exchanged), block.parameters[p].template at<L>(at)...);
        };
        with(std::make_index_sequence<most_parameters>{});
    } else {
        GeometryFor<dimensions, Penalty>::of(
            Parts<Penalty, L>{block.formula}, differences_of, derivatives_by, std::bool_constant<by_pred>{}, value, derivatives,
            std::get<k>(pred)..., std::get<k>(target)...);
    }
}

template <class Penalty, int dimensions, bool by_pred, class S>
void pair_block(const PairBlock<S>& shared) {
    const PairBlock<S> block = shared;  // a copy, because stores may alias the original
    constexpr int64_t count = Lanes<S>::count;
    for (int64_t next = 0; next < block.rows; next += count) {
        const int64_t at = std::max<int64_t>(0, std::min<int64_t>(next, block.rows - count));  // the last overlaps
        evaluate_pairs<Penalty, dimensions, by_pred>(block, at, std::make_index_sequence<2 * dimensions>{});
    }
}

// The blocks of a penalty: the value alone, and with the derivative. Those of penalties with parameters call the penalty.
template <class S>
struct PairBlocks {
    void (*of[2])(const PairBlock<S>&);
    PenaltyCall<Lanes<S>> penalty = nullptr;
};
template <class Penalty, int dimensions, class S>
constexpr PairBlocks<S> pair_blocks = {{pair_block<Penalty, dimensions, false, S>, pair_block<Penalty, dimensions, true, S>}};

template <class S>
void pairs(const Task& task, ParallelFor parallel_for, const PairBlocks<S>& blocks) {
    const int64_t width = 2 * task.dimensions, rows_in_block = block_numbers / (2 * width);
    const double divisor = divisor_of(task, task.entries);
    const auto work = [&](int64_t begin, int64_t rows) {
        alignas(64) S buffers[4][block_numbers / 2], row_buffers[2 + most_parameters][block_numbers / 4];
        constexpr int64_t least = Lanes<S>::count;
        const S* pred = staged(task.pred, begin * width, rows * width, buffers[0], least * width);
        const S* target = staged(task.target, begin * width, rows * width, buffers[1], least * width);
        const S* weight = staged(task.weight, begin, rows, row_buffers[0]);
        const Output<S> value(task.reduction ? nullptr : task.value, begin, rows, 1, row_buffers[1], least);
        const Output<S> d_pred(task.d_pred, begin, rows, width, buffers[2], least);
        const Output<S> d_target(task.d_target, begin, rows, width, buffers[3], least);
        const S factor = reciprocal<S>(divisor);
        PairBlock<S> block{
            task.formula, task.format, pred, target, weight, value.at, task.d_pred ? d_pred.at : nullptr,
            rows, task.measure ? -factor : factor, bool(task.measure), blocks.penalty};
        if (blocks.penalty)
            for (int k = 0; k < most_parameters; ++k)
                block.parameters[k] = {staged(task.parameters[k], begin, rows, row_buffers[2 + k]), S(task.constants[k])};
        blocks.of[task.d_pred != nullptr](block);
        const double total = task.reduction ? total_of(value.at, rows) : 0.0;
        if (task.d_target) {  // the same pairs with exchanged operands
            S unused[block_numbers / 4];
            block.pred = target, block.target = pred, block.value = unused, block.d_pred = d_target.at;
            block.exchanged = S(1);
            blocks.of[1](block);
        }
        value.finish(rows, 1), d_pred.finish(rows, width), d_target.finish(rows, width);
        return total;
    };
    store_total<S>(task, over_blocks(task.entries, rows_in_block, parallel_for, work), divisor);
}

}  // namespace detloss::ISA
