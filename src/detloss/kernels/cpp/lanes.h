// One register of numbers: the type that printed formulas calculate with.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#define INLINED __attribute__((always_inline))
#define INLINE inline INLINED

namespace detloss::ISA {

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#elif defined(__AVX2__)
constexpr int register_bytes = 32;
#else
constexpr int register_bytes = 16;
#endif

template <class S>
using integer_like = std::conditional_t<sizeof(S) == 4, int32_t, int64_t>;

template <class S>
struct Lanes {
    using scalar = S;
    using integer = integer_like<S>;
    static constexpr int count = register_bytes / sizeof(S);
    typedef S vector __attribute__((vector_size(register_bytes)));
    typedef S unaligned __attribute__((vector_size(register_bytes), aligned(sizeof(S)), may_alias));
    typedef integer integers __attribute__((vector_size(register_bytes)));

    // The same places as integers: bits, or all ones where a comparison holds.
    struct Bits {
        integers v;
        INLINE static Bits all(integer number) { return {integers{} + number}; }
        INLINE Bits within(integer low, integer high) const {
            const integers least = all(low).v, most = all(high).v, above = v < least ? least : v;
            return {above > most ? most : above};
        }
        friend INLINE Bits operator+(Bits a, Bits b) { return {a.v + b.v}; }
        friend INLINE Bits operator-(Bits a, Bits b) { return {a.v - b.v}; }
        friend INLINE Bits operator&(Bits a, Bits b) { return {a.v & b.v}; }
        friend INLINE Bits operator|(Bits a, Bits b) { return {a.v | b.v}; }
        friend INLINE Bits operator<<(Bits a, int by) { return {a.v << by}; }
        friend INLINE Bits operator>>(Bits a, int by) { return {a.v >> by}; }
    };
    struct Mask : Bits {
        friend INLINE Mask operator&(Mask a, Mask b) { return {{a.v & b.v}}; }
        friend INLINE Mask operator|(Mask a, Mask b) { return {{a.v | b.v}}; }
    };

    vector v;

    Lanes() = default;
    INLINE Lanes(vector from) : v(from) {}
    INLINE Lanes(double number) : v(vector{} + static_cast<S>(number)) {}
    INLINE static Lanes load(const S* from) { return Lanes(vector(*reinterpret_cast<const unaligned*>(from))); }
    template <class From>
    INLINE static Lanes widened(const From* from) {
        typedef From narrow __attribute__((vector_size(count * sizeof(From)), aligned(sizeof(From)), may_alias));
        return Lanes(__builtin_convertvector(*reinterpret_cast<const narrow*>(from), vector));
    }
    INLINE static Lanes converted(Bits from) { return Lanes(__builtin_convertvector(from.v, vector)); }
    INLINE static Lanes from_bits(Bits from) { return Lanes(reinterpret_cast<vector>(from.v)); }
    INLINE Bits as_bits() const { return {reinterpret_cast<integers>(v)}; }
    INLINE void store(S* to) const { *reinterpret_cast<unaligned*>(to) = v; }
    INLINE S operator[](int lane) const { return v[lane]; }
    INLINE void set(int lane, S number) { v[lane] = number; }

    friend INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(a.v + b.v); }
    friend INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(a.v - b.v); }
    friend INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(a.v * b.v); }
    friend INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(a.v / b.v); }
    friend INLINE Lanes operator-(Lanes a) { return Lanes(-a.v); }
    friend INLINE Mask operator<(Lanes a, Lanes b) { return {{a.v < b.v}}; }
    friend INLINE Mask operator<=(Lanes a, Lanes b) { return {{a.v <= b.v}}; }
    friend INLINE Mask operator>(Lanes a, Lanes b) { return {{a.v > b.v}}; }
    friend INLINE Mask operator>=(Lanes a, Lanes b) { return {{a.v >= b.v}}; }
    friend INLINE Mask operator==(Lanes a, Lanes b) { return {{a.v == b.v}}; }
    friend INLINE Mask operator!=(Lanes a, Lanes b) { return {{a.v != b.v}}; }
    friend INLINE Lanes where(Mask mask, Lanes yes, Lanes no) { return Lanes(mask.v ? yes.v : no.v); }

    INLINE static Lanes counting() {
        Lanes lanes = 0.0;
        for (int lane = 0; lane < count; ++lane) lanes.set(lane, S(lane));
        return lanes;
    }
    // All lanes as one number, half by half.
    template <class Operation>
    INLINE S folded(const Operation& operation) const {
        S numbers[count];
        store(numbers);
#pragma GCC unroll 8
        for (int half = count / 2; half; half /= 2)
#pragma GCC unroll 16
            for (int lane = 0; lane < half; ++lane) numbers[lane] = operation(numbers[lane], numbers[lane + half]);
        return numbers[0];
    }
    // The sum of all lanes, and of what they lost.
    INLINE double total(Lanes lost) const {
        using Wide = Lanes<double>;
        const auto add = [](double a, double b) { return a + b; };
        if constexpr (sizeof(S) == sizeof(double)) return folded(add) + lost.folded(add);
        else {
            S numbers[count], low[count];
            store(numbers), lost.store(low);
            const Wide first = Wide::widened(numbers) + Wide::widened(low);
            return (first + (Wide::widened(numbers + Wide::count) + Wide::widened(low + Wide::count))).folded(add);
        }
    }
};

// Two registers that take turns in the processor's pipelines: long chains of arithmetic wait half as long.
template <class S>
struct Twin {
    using L = Lanes<S>;
    using scalar = S;
    using integer = typename L::integer;
    static constexpr int count = 2 * L::count;

    struct Bits {
        typename L::Bits a, b;
        INLINE static Bits all(integer number) { return {L::Bits::all(number), L::Bits::all(number)}; }
        friend INLINE Bits operator+(Bits x, Bits y) { return {x.a + y.a, x.b + y.b}; }
        friend INLINE Bits operator-(Bits x, Bits y) { return {x.a - y.a, x.b - y.b}; }
        friend INLINE Bits operator&(Bits x, Bits y) { return {x.a & y.a, x.b & y.b}; }
        friend INLINE Bits operator|(Bits x, Bits y) { return {x.a | y.a, x.b | y.b}; }
        friend INLINE Bits operator<<(Bits x, int by) { return {x.a << by, x.b << by}; }
        friend INLINE Bits operator>>(Bits x, int by) { return {x.a >> by, x.b >> by}; }
    };
    struct Mask {
        typename L::Mask a, b;
    };

    L a, b;

    INLINE Twin(L a, L b) : a(a), b(b) {}
    INLINE Twin(double number) : a(number), b(number) {}
    INLINE static Twin load(const S* from) { return {L::load(from), L::load(from + L::count)}; }
    INLINE static Twin converted(Bits from) { return {L::converted(from.a), L::converted(from.b)}; }
    INLINE static Twin from_bits(Bits from) { return {L::from_bits(from.a), L::from_bits(from.b)}; }
    INLINE Bits as_bits() const { return {a.as_bits(), b.as_bits()}; }
    INLINE void store(S* to) const { a.store(to), b.store(to + L::count); }
    INLINE S operator[](int lane) const { return lane < L::count ? a[lane] : b[lane - L::count]; }

    friend INLINE Twin operator+(Twin x, Twin y) { return {x.a + y.a, x.b + y.b}; }
    friend INLINE Twin operator-(Twin x, Twin y) { return {x.a - y.a, x.b - y.b}; }
    friend INLINE Twin operator*(Twin x, Twin y) { return {x.a * y.a, x.b * y.b}; }
    friend INLINE Twin operator/(Twin x, Twin y) { return {x.a / y.a, x.b / y.b}; }
    friend INLINE Twin operator-(Twin x) { return {-x.a, -x.b}; }
    friend INLINE Mask operator<(Twin x, Twin y) { return {x.a < y.a, x.b < y.b}; }
    friend INLINE Mask operator>(Twin x, Twin y) { return {x.a > y.a, x.b > y.b}; }
    friend INLINE Mask operator>=(Twin x, Twin y) { return {x.a >= y.a, x.b >= y.b}; }
    friend INLINE Mask operator==(Twin x, Twin y) { return {x.a == y.a, x.b == y.b}; }
    friend INLINE Twin where(Mask mask, Twin yes, Twin no) {
        return {where(mask.a, yes.a, no.a), where(mask.b, yes.b, no.b)};
    }
};

// A derivative that a formula does not have: what it multiplies is not calculated.
struct absent {};
template <class X>
INLINE absent operator*(absent, X) {
    return {};
}
template <class X>
INLINE absent operator*(X, absent) {
    return {};
}
INLINE absent operator*(absent, absent) { return {}; }
template <class X>
INLINE X operator+(X x, absent) {
    return x;
}
template <class X>
INLINE X operator+(absent, X x) {
    return x;
}
INLINE absent operator+(absent, absent) { return {}; }
template <class X>
INLINE X operator-(X x, absent) {
    return x;
}
template <class X>
INLINE X operator-(absent, X x) {
    return -x;
}
INLINE absent operator-(absent, absent) { return {}; }
INLINE absent operator-(absent) { return {}; }

template <class... Each>
INLINE std::tuple<Each...> result(Each... each) {
    return {each...};
}

// Of two registers laid end to end: every second number, from the first or the second on.
template <int first, class L, int... k>
INLINE L every_second(L a, L b, std::integer_sequence<int, k...>) {
    return L(__builtin_shufflevector(a.v, b.v, (first + 2 * k)...));
}
template <class L>
INLINE std::array<L, 2> unzip(L a, L b) {
    using every = std::make_integer_sequence<int, L::count>;
    return {every_second<0>(a, b, every{}), every_second<1>(a, b, every{})};
}

// The numbers of two registers in turns: the first half of them, or the second.
template <int half, class L, int... k>
INLINE L in_turns(L a, L b, std::integer_sequence<int, k...>) {
    return L(__builtin_shufflevector(a.v, b.v, (half * L::count / 2 + k / 2 + (k % 2) * L::count)...));
}
template <class L>
INLINE std::array<L, 2> zip(L even, L odd) {
    using every = std::make_integer_sequence<int, L::count>;
    return {in_turns<0>(even, odd, every{}), in_turns<1>(even, odd, every{})};
}

}  // namespace detloss::ISA
