// SIMD registers: the type of numbers in generated formulas.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include "intrinsics.h"
#endif

#define INLINED __attribute__((always_inline))
#define INLINE inline INLINED

namespace detloss::ISA {

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#define OF_REGISTER(instruction) _mm512_##instruction
using HalfRegister = __m256i;
#elif defined(__AVX2__)
constexpr int register_bytes = 32;
#define OF_REGISTER(instruction) _mm256_##instruction
using HalfRegister = __m128i;
#else
constexpr int register_bytes = 16;
#define OF_REGISTER(instruction) _mm_##instruction
#endif

template <class S>
using integer_like = std::conditional_t<sizeof(S) == 4, int32_t, int64_t>;

// The numbers of a vector in another type. GCC converts eight floats in two halves.
template <class To, class From>
INLINE To converted_to(From from) {
#if defined(__AVX512F__)
    using Number = std::decay_t<decltype(from[0])>;
    if constexpr (sizeof(To) == 64 && sizeof(From) == 32 && std::is_same_v<Number, float>) return _mm512_cvtps_pd(from);
#endif
    return __builtin_convertvector(from, To);
}

template <class S>
struct Lanes {
    using scalar = S;
    using integer = integer_like<S>;
    static constexpr int count = register_bytes / sizeof(S);
    typedef S vector __attribute__((vector_size(register_bytes)));
    typedef S unaligned __attribute__((vector_size(register_bytes), aligned(sizeof(S)), may_alias));
    typedef integer integers __attribute__((vector_size(register_bytes)));

    // The lanes as integers: bits, or all ones where a comparison is true.
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
#if defined(__AVX512F__)
    // One bit per lane, as in the processor's comparisons: compilers split masks of whole lanes.
    struct Mask {
        std::conditional_t<sizeof(S) == 4, __mmask16, __mmask8> bits;
        INLINE bool any() const { return bits != 0; }
        INLINE operator Bits() const {
            if constexpr (sizeof(S) == 4) return {reinterpret_cast<integers>(_mm512_movm_epi32(bits))};
            else return {reinterpret_cast<integers>(_mm512_movm_epi64(bits))};
        }
        friend INLINE Mask operator&(Mask a, Mask b) { return {decltype(bits)(a.bits & b.bits)}; }
        friend INLINE Mask operator|(Mask a, Mask b) { return {decltype(bits)(a.bits | b.bits)}; }
    };
#else
    struct Mask : Bits {
        INLINE bool any() const {
            integer found = 0;
            for (int lane = 0; lane < count; ++lane) found |= this->v[lane];
            return found != 0;
        }
        friend INLINE Mask operator&(Mask a, Mask b) { return {{a.v & b.v}}; }
        friend INLINE Mask operator|(Mask a, Mask b) { return {{a.v | b.v}}; }
    };
#endif

    vector v;

    Lanes() = default;
    INLINE Lanes(vector from) : v(from) {}
    INLINE Lanes(double number) : v(vector{} + static_cast<S>(number)) {}
    INLINE static Lanes load(const S* from) { return Lanes(vector(*reinterpret_cast<const unaligned*>(from))); }
    template <class From>
    INLINE static Lanes widened(const From* from) {
        typedef From narrow __attribute__((vector_size(count * sizeof(From)), aligned(sizeof(From)), may_alias));
        return Lanes(converted_to<vector>(*reinterpret_cast<const narrow*>(from)));
    }
    INLINE static Lanes converted(Bits from) { return Lanes(__builtin_convertvector(from.v, vector)); }
    INLINE static Lanes from_bits(Bits from) { return Lanes(reinterpret_cast<vector>(from.v)); }
    INLINE Bits as_bits() const { return {reinterpret_cast<integers>(v)}; }
    INLINE void store(S* to) const { *reinterpret_cast<unaligned*>(to) = v; }
    // A streaming store, if there is one; `to` is aligned to the register's size.
    INLINE void stream(S* to) const {
#if defined(__x86_64__)
        if constexpr (sizeof(S) == 4) OF_REGISTER(stream_ps)(to, v);
        else OF_REGISTER(stream_pd)(to, v);
#else
        store(to);
#endif
    }
    INLINE S operator[](int lane) const { return v[lane]; }
    INLINE void set(int lane, S number) { v[lane] = number; }

    friend INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(a.v + b.v); }
    friend INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(a.v - b.v); }
    friend INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(a.v * b.v); }
    friend INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(a.v / b.v); }
    friend INLINE Lanes operator-(Lanes a) { return Lanes(-a.v); }
#if defined(__AVX512F__)
    template <int how>
    INLINE static Mask compared(Lanes a, Lanes b) {
        if constexpr (sizeof(S) == 4) return {_mm512_cmp_ps_mask(a.v, b.v, how)};
        else return {_mm512_cmp_pd_mask(a.v, b.v, how)};
    }
    friend INLINE Mask operator<(Lanes a, Lanes b) { return compared<_CMP_LT_OQ>(a, b); }
    friend INLINE Mask operator<=(Lanes a, Lanes b) { return compared<_CMP_LE_OQ>(a, b); }
    friend INLINE Mask operator>(Lanes a, Lanes b) { return compared<_CMP_GT_OQ>(a, b); }
    friend INLINE Mask operator>=(Lanes a, Lanes b) { return compared<_CMP_GE_OQ>(a, b); }
    friend INLINE Mask operator==(Lanes a, Lanes b) { return compared<_CMP_EQ_OQ>(a, b); }
    friend INLINE Mask operator!=(Lanes a, Lanes b) { return compared<_CMP_NEQ_UQ>(a, b); }
    friend INLINE Lanes where(Mask mask, Lanes yes, Lanes no) {
        if constexpr (sizeof(S) == 4) return Lanes(_mm512_mask_blend_ps(mask.bits, no.v, yes.v));
        else return Lanes(_mm512_mask_blend_pd(mask.bits, no.v, yes.v));
    }
    friend INLINE Bits where(Mask mask, Bits yes, Bits no) {
        return where(mask, Lanes::from_bits(yes), Lanes::from_bits(no)).as_bits();
    }
#else
    friend INLINE Bits where(Mask mask, Bits yes, Bits no) { return {mask.v ? yes.v : no.v}; }
    friend INLINE Mask operator<(Lanes a, Lanes b) { return {{a.v < b.v}}; }
    friend INLINE Mask operator<=(Lanes a, Lanes b) { return {{a.v <= b.v}}; }
    friend INLINE Mask operator>(Lanes a, Lanes b) { return {{a.v > b.v}}; }
    friend INLINE Mask operator>=(Lanes a, Lanes b) { return {{a.v >= b.v}}; }
    friend INLINE Mask operator==(Lanes a, Lanes b) { return {{a.v == b.v}}; }
    friend INLINE Mask operator!=(Lanes a, Lanes b) { return {{a.v != b.v}}; }
    friend INLINE Lanes where(Mask mask, Lanes yes, Lanes no) { return Lanes(mask.v ? yes.v : no.v); }
#endif
    // a if it is less, or greater; else b. Compilers do not always find the one instruction for that.
#if defined(__x86_64__)
    friend INLINE Lanes minimum(Lanes a, Lanes b) {
        if constexpr (sizeof(S) == 4) return Lanes(OF_REGISTER(min_ps)(a.v, b.v));
        else return Lanes(OF_REGISTER(min_pd)(a.v, b.v));
    }
    friend INLINE Lanes maximum(Lanes a, Lanes b) {
        if constexpr (sizeof(S) == 4) return Lanes(OF_REGISTER(max_ps)(a.v, b.v));
        else return Lanes(OF_REGISTER(max_pd)(a.v, b.v));
    }
#else
    friend INLINE Lanes minimum(Lanes a, Lanes b) { return where(a < b, a, b); }
    friend INLINE Lanes maximum(Lanes a, Lanes b) { return where(a > b, a, b); }
#endif

    INLINE static Lanes counting() {
        Lanes lanes = 0.0;
        for (int lane = 0; lane < count; ++lane) lanes.set(lane, S(lane));
        return lanes;
    }
    // The lanes from `first` on, cyclically, as many as `k` has.
    template <int first, int... k>
    INLINE auto from_lane(std::integer_sequence<int, k...>) const {
        return __builtin_shufflevector(v, v, ((first + k) % count)...);
    }
    // The reduction of all lanes, half by half.
    template <int half = count / 2, class Operation>
    INLINE S folded(const Operation& operation) const {
        if constexpr (half == 0) return v[0];
        else return operation(*this, Lanes(from_lane<half>(std::make_integer_sequence<int, count>{})))
            .template folded<half / 2>(operation);
    }
    // The first (0) or second (1) half of the lanes, in double precision.
    template <int half>
    INLINE Lanes<double> wide() const {
        constexpr int wide_count = Lanes<double>::count;
        const auto lanes = from_lane<half * wide_count>(std::make_integer_sequence<int, wide_count>{});
        return Lanes<double>(converted_to<typename Lanes<double>::vector>(lanes));
    }
#if defined(__AVX512F__)
    // -1, 0 or 1; NaN of NaN: by the class of the number, in one instruction.
    INLINE Lanes sign() const {
        const auto of_class = Bits::all(integer(0xa9a9a122)).v;
        if constexpr (sizeof(S) == sizeof(double)) return Lanes(_mm512_fixupimm_pd(v, v, (__m512i)of_class, 0));
        else return Lanes(_mm512_fixupimm_ps(v, v, (__m512i)of_class, 0));
    }
    // Times 2^k for integer k, in one instruction.
    INLINE Lanes scaled(Lanes k) const {
        if constexpr (sizeof(S) == sizeof(double)) return Lanes(_mm512_maskz_scalef_pd(-1, v, k.v));
        else return Lanes(_mm512_maskz_scalef_ps(-1, v, k.v));
    }
#endif
};

// Makes streaming stores visible to other threads.
INLINE void publish() {
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

// Two independent registers, which hide the latency of long dependency chains.
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
        friend INLINE Bits operator&(Mask x, Bits y) { return {x.a & y.a, x.b & y.b}; }
        friend INLINE Mask operator&(Mask x, Mask y) { return {x.a & y.a, x.b & y.b}; }
    };

    L a, b;

    INLINE Twin(L a, L b) : a(a), b(b) {}
    INLINE Twin(double number) : a(number), b(number) {}
    INLINE static Twin load(const S* from) { return {L::load(from), L::load(from + L::count)}; }
    INLINE static Twin converted(Bits from) { return {L::converted(from.a), L::converted(from.b)}; }
    INLINE static Twin from_bits(Bits from) { return {L::from_bits(from.a), L::from_bits(from.b)}; }
    INLINE Bits as_bits() const { return {a.as_bits(), b.as_bits()}; }
    INLINE void store(S* to) const { a.store(to), b.store(to + L::count); }
    INLINE void stream(S* to) const { a.stream(to), b.stream(to + L::count); }
    INLINE S operator[](int lane) const { return lane < L::count ? a[lane] : b[lane - L::count]; }
#if defined(__AVX512F__)
    INLINE Twin sign() const { return {a.sign(), b.sign()}; }
    INLINE Twin scaled(Twin k) const { return {a.scaled(k.a), b.scaled(k.b)}; }
#endif

    friend INLINE Twin operator+(Twin x, Twin y) { return {x.a + y.a, x.b + y.b}; }
    friend INLINE Twin operator-(Twin x, Twin y) { return {x.a - y.a, x.b - y.b}; }
    friend INLINE Twin operator*(Twin x, Twin y) { return {x.a * y.a, x.b * y.b}; }
    friend INLINE Twin operator/(Twin x, Twin y) { return {x.a / y.a, x.b / y.b}; }
    friend INLINE Twin operator-(Twin x) { return {-x.a, -x.b}; }
    friend INLINE Mask operator<(Twin x, Twin y) { return {x.a < y.a, x.b < y.b}; }
    friend INLINE Mask operator<=(Twin x, Twin y) { return {x.a <= y.a, x.b <= y.b}; }
    friend INLINE Mask operator>(Twin x, Twin y) { return {x.a > y.a, x.b > y.b}; }
    friend INLINE Mask operator>=(Twin x, Twin y) { return {x.a >= y.a, x.b >= y.b}; }
    friend INLINE Mask operator==(Twin x, Twin y) { return {x.a == y.a, x.b == y.b}; }
    friend INLINE Twin where(Mask mask, Twin yes, Twin no) {
        return {where(mask.a, yes.a, no.a), where(mask.b, yes.b, no.b)};
    }
    friend INLINE Twin maximum(Twin x, Twin y) { return {maximum(x.a, y.a), maximum(x.b, y.b)}; }
};

// A derivative that a formula does not have: products with it are not computed.
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

// A derivative that some formulas have, known at run time; one that does not exist behaves like `absent`.
template <class L>
struct Perhaps {
    L number;
    bool exists;
    INLINE Perhaps(L number, bool exists = true) : number(number), exists(exists) {}
    INLINE Perhaps(absent) : number(0.0), exists(false) {}
    friend INLINE Perhaps operator*(Perhaps a, L b) { return {a.number * b, a.exists}; }
    friend INLINE Perhaps operator*(L a, Perhaps b) { return {a * b.number, b.exists}; }
    friend INLINE L operator+(L a, Perhaps b) { return where(b.exists, a + b.number, a); }
    friend INLINE L operator-(L a, Perhaps b) { return where(b.exists, a - b.number, a); }
    friend INLINE L operator-(Perhaps a, L b) { return where(a.exists, a.number - b, -b); }
    friend INLINE Perhaps operator-(absent, Perhaps a) { return {-a.number, a.exists}; }
    INLINE static L where(bool exists, L yes, L no) {
        if (exists) return yes;
        return no;
    }
};

template <class... Each>
INLINE std::tuple<Each...> result(Each... each) {
    return {each...};
}

// Every second lane of two concatenated registers, from the first or the second on.
template <int first, class L, int... k>
INLINE L every_second(L a, L b, std::integer_sequence<int, k...>) {
    return L(__builtin_shufflevector(a.v, b.v, (first + 2 * k)...));
}
template <class L>
INLINE auto unzip(L a, L b) {
    using every = std::make_integer_sequence<int, L::count>;
    return result(every_second<0>(a, b, every{}), every_second<1>(a, b, every{}));
}

// The lanes of two registers interleaved: of every `span` lanes, the first or the second half.
template <int half, int span, class L, int... k>
INLINE L in_turns(L a, L b, std::integer_sequence<int, k...>) {
    return L(__builtin_shufflevector(
        a.v, b.v, (k / span * span + half * span / 2 + k % span / 2 + k % 2 * L::count)...));
}
template <int span, class L>
INLINE auto zip(L even, L odd) {
    using every = std::make_integer_sequence<int, L::count>;
    return result(in_turns<0, span>(even, odd, every{}), in_turns<1, span>(even, odd, every{}));
}

}  // namespace detloss::ISA
