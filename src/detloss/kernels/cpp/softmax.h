// The largest logit of a row, the sum of its exponentials, and -log p, p and 1 - p of its classes.
//
// Adjusted logits are sums of two numbers: a logit and its rounding error, `low`.
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

// Rows at distances of `pitch`, at least a register.
template <class S>
const S* staged_rows(const Operand& from, int64_t begin, int64_t rows, int64_t classes, int64_t pitch, S* buffer) {
    if (pitch == classes) return staged(from, begin * classes, rows * classes, buffer);
    std::fill_n(buffer, rows * pitch, S(0));
    for (int64_t row = 0; row < rows; ++row) convert<S>(from, (begin + row) * classes, classes, buffer + row * pitch);
    return buffer;
}

// exp(logit - top), from both parts of the difference: without the low part, the error at a margin of 80 is forty ulps.
// Where the low part is NaN, because a logit is infinite, the power is 0.
template <class L>
INLINE L power_of(L high, L low) {
    const L growth = exp(high);
    return growth + growth * minimum(low, L(1.0));
}

// The largest logit of a row with its rounding error.
template <class S>
struct Top {
    S logit, low;
};

// A difference of logits with its rounding error, corrected by the difference of the logits' own rounding errors.
template <class L>
INLINE std::tuple<L, L> corrected(L high, L low, L correction) {
    const L rest = low + correction;
    return difference(high, where(rest == rest, -rest, 0.0));
}

// -log p, p and 1 - p. `others` is the sum of all exponentials except the largest, which is 1; `log_sum` is log(1 + others).
// `correction` is the rounding error of an adjusted logit minus that of the largest.
template <bool adjusted, class L>
INLINE std::tuple<L, L, L> probability(L logit, L top, L others, L log_sum, L correction) {
    auto is_top = logit == top;  // difference 0, even if infinite
    if constexpr (adjusted) is_top = is_top & (correction == 0.0);
    auto [high, low] = difference(where(is_top, 0.0, logit), where(is_top, 0.0, top));
    if constexpr (adjusted) std::tie(high, low) = corrected(high, low, correction);
    const L power = power_of(high, low), total = 1.0 + others;
    return {(log_sum - low) - high, power / total, where(is_top, others, total - power) / total};
}

// The largest of the numbers for which `counts(first class, numbers)` is true.
template <class S, class Counts>
S largest(const S* numbers, const Cover<Lanes<S>>& cover, const Counts& counts) {
    using L = Lanes<S>;
    L top = -infinity;
    const auto at = [&](int64_t k) INLINED {
        const L each = L::load(numbers + k);
        return counts(k, each);
    };
    for (int64_t k = 0; k < cover.whole; k += L::count) top = maximum(at(k), top);
    if (cover.ragged) top = maximum(where(cover.fresh == 1.0, at(cover.last), -infinity), top);
    return top.folded([](L a, L b) INLINED { return maximum(a, b); });
}

template <bool adjusted, class S>
Top<S> largest(const S* logits, const S* lows, const Cover<Lanes<S>>& cover) {
    using L = Lanes<S>;
    const S most = largest(logits, cover, [](int64_t, L each) INLINED { return each; });
    if constexpr (!adjusted) return {most, S(0)};
    const auto of_largest = [&](int64_t k, L low) INLINED { return where(L::load(logits + k) == L(most), low, -infinity); };
    return {most, largest(lows, cover, of_largest)};
}

// The sum of exp(logit - top) over all but one of the largest logits, so that 1 - p does not cancel. Stores the exponentials
// if `powers` is not null.
template <bool adjusted, class S>
S sum_of_others(const S* logits, const S* lows, Top<S> most, const Cover<Lanes<S>>& cover, S* powers) {
    using L = Lanes<S>;
    const L top = most.logit, top_low = most.low;
    auto tops = L::Bits::all(0);
    Sum<S> sum;
    const auto add = [&](int64_t k, auto... fresh) INLINED {
        const L logit = L::load(logits + k);
        auto is_top = ((logit == top) & ... & fresh);
        L high = logit - top, low = lost(logit, top, high);
        if constexpr (adjusted) {
            const L correction = L::load(lows + k) - top_low;
            is_top = is_top & (correction == 0.0);
            std::tie(high, low) = corrected(high, low, correction);
        }
        const L power = power_of(high, low);
        if (powers) power.store(powers + k);
        tops = where(is_top, tops + L::Bits::all(1), tops);
        return where(is_top, 0.0, power);
    };
    int64_t k = 0;
    for (; k + 2 * L::count <= cover.whole; k += 2 * L::count) {
        const L first = add(k), second = add(k + L::count);
        sum.add_finite(first + second);
    }
    if (k < cover.whole) sum.add_finite(add(k));
    if (cover.ragged) {
        const auto fresh = cover.fresh == 1.0;
        sum.add_finite(where(fresh, add(cover.last, fresh), 0.0));
    }
    const double rivals = L::converted(tops).folded([](L a, L b) INLINED { return a + b; }) - S(1);
    if (!std::isinf(most.logit)) return S(sum.total() + rivals);
    for (int64_t k = 0; powers && k < cover.classes; ++k)
        if (logits[k] == most.logit) powers[k] = S(1);
    return rivals > 0.0 ? std::numeric_limits<S>::quiet_NaN() : S(sum.total());  // infinity - infinity
}

}  // namespace detloss::ISA
