// The x86 intrinsics that simd.h uses. GCC takes longer for <immintrin.h> than for all other headers together, so these
// few are defined here for GCC.
#pragma once
#include <cstdint>

// Compilers without these built-in functions read the header.
#if defined(__clang__) || !__has_builtin(__builtin_ia32_minps) || !__has_builtin(__builtin_ia32_movntps)
#define READ_THE_HEADER
#elif defined(__AVX__) && !(__has_builtin(__builtin_ia32_minps256) && __has_builtin(__builtin_ia32_movntps256) && \
                            __has_builtin(__builtin_ia32_vcvtph2ps256))
#define READ_THE_HEADER
#elif defined(__AVX512F__) && \
    !(__has_builtin(__builtin_ia32_minps512_mask) && __has_builtin(__builtin_ia32_scalefps512_mask) && \
      __has_builtin(__builtin_ia32_cmpps512_mask) && __has_builtin(__builtin_ia32_blendmps_512_mask) && \
      __has_builtin(__builtin_ia32_cvtmask2d512) && __has_builtin(__builtin_ia32_cvtps2pd512_mask) && \
      __has_builtin(__builtin_ia32_vcvtph2ps512_mask) && \
      __has_builtin(__builtin_ia32_fixupimmps512_mask) && __has_builtin(__builtin_ia32_movntps512))
#define READ_THE_HEADER
#endif

#if defined(READ_THE_HEADER)
#include <immintrin.h>
#else

#define _mm_sfence __builtin_ia32_sfence
#define _mm_stream_ps __builtin_ia32_movntps
#define _mm_stream_pd __builtin_ia32_movntpd
#define _mm_min_ps __builtin_ia32_minps
#define _mm_min_pd __builtin_ia32_minpd
#define _mm_max_ps __builtin_ia32_maxps
#define _mm_max_pd __builtin_ia32_maxpd
#define _mm256_stream_ps __builtin_ia32_movntps256
#define _mm256_stream_pd __builtin_ia32_movntpd256
#define _mm256_min_ps __builtin_ia32_minps256
#define _mm256_min_pd __builtin_ia32_minpd256
#define _mm256_max_ps __builtin_ia32_maxps256
#define _mm256_max_pd __builtin_ia32_maxpd256

#if defined(__AVX2__) && !defined(__AVX512F__)
typedef float __m256 __attribute__((vector_size(32)));
typedef long long __m128i __attribute__((vector_size(16)));
inline __attribute__((always_inline)) __m256 _mm256_cvtph_ps(__m128i halves) {
    typedef short integers __attribute__((vector_size(16)));
    return __builtin_ia32_vcvtph2ps256(reinterpret_cast<integers>(halves));
}
#define _mm256_cvtps_ph __builtin_ia32_vcvtps2ph256
#endif

#if defined(__AVX512F__)
#define _CMP_EQ_OQ 0x00
#define _CMP_NEQ_UQ 0x04
#define _CMP_LT_OQ 0x11
#define _CMP_LE_OQ 0x12
#define _CMP_GE_OQ 0x1d
#define _CMP_GT_OQ 0x1e
#define _mm512_stream_ps __builtin_ia32_movntps512
#define _mm512_stream_pd __builtin_ia32_movntpd512
#define _mm512_movm_epi32 __builtin_ia32_cvtmask2d512
#define _mm512_movm_epi64 __builtin_ia32_cvtmask2q512

typedef float __m512 __attribute__((vector_size(64)));
typedef double __m512d __attribute__((vector_size(64)));
typedef long long __m512i __attribute__((vector_size(64)));
typedef float __m256 __attribute__((vector_size(32)));
typedef long long __m256i __attribute__((vector_size(32)));
typedef uint16_t __mmask16;
typedef uint8_t __mmask8;

// 4: the current rounding mode. `any` is uninitialized: no lane of it is used.
#define DEFINE_FOR(kind, vector, mask)                                                                               \
    inline __attribute__((always_inline)) vector _mm512_min_##kind(vector a, vector b) {                             \
        vector any = any;                                                                                            \
        return __builtin_ia32_min##kind##512_mask(a, b, any, -1, 4);                                                 \
    }                                                                                                                \
    inline __attribute__((always_inline)) vector _mm512_max_##kind(vector a, vector b) {                             \
        vector any = any;                                                                                            \
        return __builtin_ia32_max##kind##512_mask(a, b, any, -1, 4);                                                 \
    }                                                                                                                \
    inline __attribute__((always_inline)) vector _mm512_maskz_scalef_##kind(mask lanes, vector a, vector b) {        \
        return __builtin_ia32_scalef##kind##512_mask(a, b, vector{}, lanes, 4);                                      \
    }                                                                                                                \
    inline __attribute__((always_inline)) mask _mm512_cmp_##kind##_mask(vector a, vector b, const int how) {         \
        return __builtin_ia32_cmp##kind##512_mask(a, b, how, -1, 4);                                                 \
    }                                                                                                                \
    inline __attribute__((always_inline)) vector _mm512_mask_blend_##kind(mask lanes, vector no, vector yes) {       \
        return __builtin_ia32_blendm##kind##_512_mask(no, yes, lanes);                                               \
    }
inline __attribute__((always_inline)) __m512 _mm512_fixupimm_ps(__m512 a, __m512 b, __m512i table, const int flags) {
    typedef int integers __attribute__((vector_size(64)));
    return __builtin_ia32_fixupimmps512_mask(a, b, reinterpret_cast<integers>(table), flags, -1, 4);
}
inline __attribute__((always_inline)) __m512d _mm512_fixupimm_pd(__m512d a, __m512d b, __m512i table, const int flags) {
    return __builtin_ia32_fixupimmpd512_mask(a, b, table, flags, -1, 4);
}
inline __attribute__((always_inline)) __m512 _mm512_cvtph_ps(__m256i halves) {
    typedef short integers __attribute__((vector_size(32)));
    return __builtin_ia32_vcvtph2ps512_mask(reinterpret_cast<integers>(halves), __m512{}, -1, 4);
}
inline __attribute__((always_inline)) __m256i _mm512_cvtps_ph(__m512 numbers, const int rounding) {
    typedef short integers __attribute__((vector_size(32)));
    return reinterpret_cast<__m256i>(__builtin_ia32_vcvtps2ph512_mask(numbers, rounding, integers{}, -1));
}
inline __attribute__((always_inline)) __m512d _mm512_cvtps_pd(__m256 numbers) {
    return __builtin_ia32_cvtps2pd512_mask(numbers, __m512d{}, -1, 4);
}
DEFINE_FOR(ps, __m512, __mmask16)
DEFINE_FOR(pd, __m512d, __mmask8)
#undef DEFINE_FOR
#endif

#endif
