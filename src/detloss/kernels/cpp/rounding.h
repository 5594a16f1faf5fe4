// Derivatives times the upstream gradient, rounded to 16 bits.
#pragma once
#include "loops.h"

namespace detloss::ISA {

using Words = Packed<uint32_t, Lanes<float>::count>::type;
using ShortWords = Packed<uint16_t, Lanes<float>::count>::type;

INLINE Words selected(Lanes<float>::Mask mask, Words yes, Words no) {
    const auto as_float = [](Words words) { return Lanes<float>(reinterpret_cast<Lanes<float>::vector>(words)); };
    return reinterpret_cast<Words>(where(mask, as_float(yes), as_float(no)).v);
}

INLINE ShortWords rounded(Lanes<float> numbers, Brain) {
    const Words bits = reinterpret_cast<Words>(numbers.v), even = bits >> 16 & 1;
    const Words nearest = (bits + 0x7fff + even) >> 16;
    return __builtin_convertvector(selected(numbers == numbers, nearest, Words{} + 0x7fc0), ShortWords);
}

INLINE ShortWords rounded(Lanes<float> numbers, Half) {
#if defined(__AVX2__)
    return reinterpret_cast<ShortWords>(OF_REGISTER(cvtps_ph)(numbers.v, 0));
#else
    const Words bits = reinterpret_cast<Words>(numbers.v), magnitude = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    const Lanes<float> size = Lanes<float>(reinterpret_cast<Lanes<float>::vector>(magnitude));
    const Words normal = (magnitude - (112 << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    const Words subnormal = reinterpret_cast<Words>((size + 0.5).v) - 0x3f000000;  // 0.5 has the spacing of subnormal halves
    const Words finite = selected(size < 0x1p-14, subnormal, normal);
    const Words limited = selected(size < 65520.0, finite, Words{} + 0x7c00);
    return __builtin_convertvector(selected(size == size, limited, Words{} + 0x7e00) | sign, ShortWords);
#endif
}

template <class To>
void round_products(const float* from, float factor, int64_t count, To* to) {
    using L = Lanes<float>;
    const auto put = [&](const float* numbers, To* halves) INLINED {
        *reinterpret_cast<ShortWords*>(halves) = rounded(L::load(numbers) * factor, To{});
    };
    int64_t k = 0;
    for (; k + L::count <= count; k += L::count) put(from + k, to + k);
    if (k == count) return;
    float rest[L::count] = {};
    To last[L::count];
    std::copy(from + k, from + count, rest);
    put(rest, last);
    std::copy_n(last, count - k, to + k);
}

template <class To>
void scale(const float* from, float factor, int64_t count, void* to, ParallelFor parallel_for) {
    over_blocks(count, block_numbers, parallel_for, [&](int64_t begin, int64_t numbers) {
        round_products(from + begin, factor, numbers, static_cast<To*>(to) + begin);
        return 0.0;
    });
}

}  // namespace detloss::ISA
