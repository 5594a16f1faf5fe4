// Operands of any dtype and layout as contiguous numbers, block by block.
#pragma once
#include <algorithm>
#include <limits>

#include "simd.h"
#include "task.h"

namespace detloss::ISA {

// The 16-bit dtypes; `from` converts the bits of one number, or of a vector of them, to float32.
struct Brain {
    uint16_t bits;
    template <class Float, class Word>
    INLINE static Float from(Word word) {
        return __builtin_bit_cast(Float, word << 16);
    }
    explicit operator float() const { return from<float>(uint32_t(bits)); }
    explicit operator double() const { return float(*this); }
};
struct Half {
    uint16_t bits;
    // Exponent and mantissa are shifted to those of a float; a product corrects the exponent's bias exactly.
    template <class Float, class Word>
    INLINE static Float from(Word word) {
        const Word magnitude = (word & 0x7fff) << 13, sign = (word & 0x8000) << 16;
        const Word unlimited = magnitude >= 0x0f800000 ? 0x7f800000u : 0u;  // infinities and NaN
        const Float finite = __builtin_bit_cast(Float, magnitude) * 0x1p112f;
        return __builtin_bit_cast(Float, __builtin_bit_cast(Word, finite) | unlimited | sign);
    }
    explicit operator float() const { return from<float>(uint32_t(bits)); }
    explicit operator double() const { return float(*this); }
};

template <class Number, int count>
struct Packed {
    typedef Number type __attribute__((vector_size(count * sizeof(Number)), aligned(sizeof(Number)), may_alias));
};

template <class S, class From>
INLINE Lanes<S> converted(const From* from) {
    if constexpr (std::is_floating_point_v<From>) {
        return Lanes<S>::widened(from);
    } else {
        using Words = typename Packed<uint32_t, Lanes<S>::count>::type;
        using Floats = typename Packed<float, Lanes<S>::count>::type;
        const auto bits = *reinterpret_cast<const typename Packed<uint16_t, Lanes<S>::count>::type*>(from);
#if defined(__AVX2__)
        if constexpr (std::is_same_v<S, float> && std::is_same_v<From, Half>)
            return Lanes<S>(OF_REGISTER(cvtph_ps)(reinterpret_cast<HalfRegister>(bits)));
#endif
        const auto floats = From::template from<Floats>(__builtin_convertvector(bits, Words));
        return Lanes<S>(__builtin_convertvector(floats, typename Lanes<S>::vector));
    }
}

// Contiguous numbers, a register at a time: compilers do not vectorize this loop at -O2.
template <class S, class From>
void convert(const From* from, int64_t count, S* to) {
    int64_t k = 0;
    for (; k + Lanes<S>::count <= count; k += Lanes<S>::count) converted<S>(from + k).store(to + k);
    for (; k < count; ++k) to[k] = S(from[k]);
}

// Numbers [begin, begin + count) of a tensor, converted; strided tensors in runs along the last dimension.
template <class S, class From>
void convert(const From* from, const int64_t* layout, int64_t begin, int64_t count, S* to) {
    if (!layout) return convert(from + begin, count, to);
    const int64_t rank = layout[0], *sizes = layout + 1, *strides = sizes + rank;
    const int64_t length = sizes[rank - 1], stride = strides[rank - 1];
    while (count > 0) {
        int64_t offset = 0, rest = begin;
        for (int64_t k = rank - 1; k >= 0; rest /= sizes[k--]) offset += rest % sizes[k] * strides[k];
        int64_t column = begin % length, rows = rank > 1 ? sizes[rank - 2] - begin / length % sizes[rank - 2] : 1;
        for (offset -= column * stride; rows-- && count > 0; column = 0) {  // divisions per plane, not per row
            const int64_t run = std::min(count, length - column);
            if (stride == 0) std::fill_n(to, run, S(from[offset]));
            else
                for (int64_t k = 0; k < run; ++k) to[k] = S(from[offset + (column + k) * stride]);
            begin += run, count -= run, to += run;
            if (rank > 1) offset += strides[rank - 2];
        }
    }
}

template <class S>
void convert(const Operand& from, int64_t begin, int64_t count, S* to) {
    switch (from.kind) {
        case float32: return convert(static_cast<const float*>(from.data), from.layout, begin, count, to);
        case float64: return convert(static_cast<const double*>(from.data), from.layout, begin, count, to);
        case bfloat16: return convert(static_cast<const Brain*>(from.data), from.layout, begin, count, to);
        default: return convert(static_cast<const Half*>(from.data), from.layout, begin, count, to);
    }
}

template <class S>
constexpr Kind kind_of = sizeof(S) == sizeof(float) ? float32 : float64;

// The numbers in place if a kernel can read them, else a converted copy. Kernels read at least `least` numbers, so fewer are
// copied too and padded with zeros.
template <class S>
const S* staged(const Operand& from, int64_t begin, int64_t count, S* buffer, int64_t least = Lanes<S>::count) {
    if (!from.data) return nullptr;
    if (!from.layout && from.kind == kind_of<S> && count >= least) return static_cast<const S*>(from.data) + begin;
    if (count < least) std::fill_n(buffer + count, least - count, S(0));
    convert(from, begin, count, buffer);
    return buffer;
}

// A sum in double precision, in an order that does not depend on the width of registers: number k is added to partial sum
// k % ways.
class Total {
    using Wide = Lanes<double>;
    static constexpr uint64_t ways = 32;
    using Sums = std::array<Wide, ways / Wide::count>;
    Sums sums{};

    template <class S>
    __attribute__((noinline)) static double folded(Sums sums, const S* rest, uint64_t begin, uint64_t end) {
        double last[ways];
        for (size_t k = 0; k < sums.size(); ++k) sums[k].store(last + k * Wide::count);
        for (uint64_t k = begin; k < end; ++k) last[k % ways] += *rest++;
        for (uint64_t half = ways / 2; half; half /= 2)
            for (uint64_t way = 0; way < half; ++way) last[way] += last[way + half];
        return last[0];
    }

  public:
    // Numbers from number k on, a multiple of their count.
    template <class L>
    INLINE void add(L numbers, uint64_t k) {
        constexpr uint64_t count = L::count;
        if constexpr (std::is_same_v<L, Wide>) {
            Wide& sum = sums[k % ways / count];
            sum = sum + numbers;
        } else if constexpr (std::is_same_v<L, Lanes<float>>) {
            add(numbers.template wide<0>(), k), add(numbers.template wide<1>(), k + count / 2);
        } else {
            const uint64_t first = count % ways ? k : 0;  // constant where a register fills all sums
            add(numbers.a, first), add(numbers.b, first + count / 2);
        }
    }
    // The sum, with numbers [begin, end) that fill no register.
    template <class S>
    double with(const S* rest, int64_t begin, int64_t end) const {
        return folded(sums, rest, begin, end);
    }
};

template <class S>
double total_of(const S* numbers, int64_t count) {
    constexpr int step = Lanes<double>::count;
    Total total;
    int64_t k = 0;
    for (; k + 32 <= count; k += 32)
#pragma GCC unroll 16
        for (int part = 0; part < 32; part += step) total.add(Lanes<double>::widened(numbers + k + part), part);
    return total.with(numbers + k, k, count);
}

}  // namespace detloss::ISA
