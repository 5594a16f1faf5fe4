// The primitives of formulas/ for registers. Every primitive has the same bits on every instruction set.
#pragma once
#include <array>
#include <cmath>
#include <limits>

#include "simd.h"

namespace detloss::ISA {

template <class L, size_t terms>
INLINE L polynomial(L x, const std::array<double, terms>& coefficients) {
    L sum = coefficients[terms - 1];
#pragma GCC unroll 16
    for (int k = int(terms) - 2; k >= 0; --k) sum = sum * x + coefficients[k];
    return sum;
}

// The same for |x| < 1, with shorter dependency chains: pairs of terms are independent.
template <size_t first = 0, class L, size_t terms>
INLINE L series(L x, L square, const std::array<double, terms>& coefficients) {
    if constexpr (first + 1 == terms) return coefficients[first];
    else if constexpr (first + 2 == terms) return coefficients[first + 1] * x + coefficients[first];
    else return square * series<first + 2>(x, square, coefficients) + (coefficients[first + 1] * x + coefficients[first]);
}

// Constants of a floating dtype for exp, log and atan2.
template <class S>
struct Float;
template <>
struct Float<float> {
    static constexpr int mantissa = 23, bias = 127;
    // exp(x) = 1 + x + x^2 polynomial(x) up to log(2) / 2: minimax.
    static constexpr auto exp = std::array{0.49999993431778298, 0.1666652039497842, 0.041668390814386107, 0.0083687454843643498,
                                           0.0013814540399519163};
    static constexpr double rounder = 0x1.8p23;                        // adding it rounds to an integer
    static constexpr double ln2_high = 0x1.62e4p-1, ln2_low = 0x1.7f7d1cf79abcap-20;  // an integer times high is exact
    static constexpr double lowest = -104.0;                           // below, exp is 0
    static constexpr double half_pi_low = -0x1.777a5cf72cecep-25;
    // atan(x) = x + x^3 polynomial(x^2) up to 22.5 degrees, 2 atanh(x) = 2x + x^3 polynomial(x^2) up to 1/3: minimax.
    static constexpr auto atanh = std::array{0.666666673205274125, 0.399997063319297174, 0.285923579943028388,
                                             0.2170657580088036, 0.232243292240233995};
    static constexpr auto atan = std::array{-0.333333317597, 0.199995401462, -0.142639439077, 0.107436051489, -0.0645150951865};
};
template <>
struct Float<double> {
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr auto exp = std::array{
        0.50000000000000107, 0.16666666666666412, 0.041666666666529733, 0.0083333333334949802, 0.0013888888943758789,
        0.0001984126950576047, 2.4801492950804454e-05, 2.755758681881435e-06, 2.7630305859655485e-07, 2.5000013831782201e-08};
    static constexpr double rounder = 0x1.8p52;
    static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
    static constexpr double lowest = -746.0;
    static constexpr double half_pi_low = 0x1.1a62633145c07p-54;
    static constexpr auto atanh = std::array{
        0.666666666666666669, 0.399999999999995225, 0.285714285716000993, 0.222222221982367706,
        0.181818198979627144, 0.153845439648605493, 0.13335178631449256, 0.117342790613031958,
        0.108451783948800267, 0.0749214379555071979, 0.15630577800922932};
    static constexpr auto atan = std::array{
        -0.333333333333333332, 0.199999999999998041, -0.142857142856597279, 0.111111111051457253,
        -0.0909090875301717832, 0.0769229636104821778, -0.0666642463459933669, 0.0587892611052810061,
        -0.0523043300748289122, 0.0455149623749492663, -0.0345680680149687908, 0.0162829932389244001};
};
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class L>
INLINE L absolute(L x) {
    return L::from_bits(x.as_bits() & L::Bits::all(std::numeric_limits<typename L::integer>::max()));
}

template <class L>
INLINE L relu(L x) {
    return maximum(x, L(0.0));
}

// -1, 0 or 1; NaN of NaN.
template <class L>
INLINE L sign(L x) {
#if defined(__AVX512F__)
    return x.sign();
#else
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, 0.0 * x));
#endif
}

// 1 / x, or 0 if x is 0.
template <class L>
INLINE L inverse(L x) {
    return where(x == 0.0, 0.0, 1.0 / x);
}

template <class L>
INLINE L constant(L x) {
    return x;
}

// The rounding error of `high` = a - b, of finite numbers.
template <class L>
INLINE L lost(L a, L b, L high) {
    const L b_part = a - high;
    return (a - (high + b_part)) + (b_part - b);
}

// a - b as the rounded difference and its rounding error.
template <class L>
INLINE std::tuple<L, L> difference(L a, L b) {
    const L high = a - b, low = lost(a, b, high);
    return {high, where(low == low, low, 0.0)};
}

// The power of two that scales `size` so that squared products of that many lengths are in range.
template <class L>
INLINE L scale(L size, int dimensions) {
    using F = Float<typename L::scalar>;
    const int goal = (F::bias - 7) / (2 * (dimensions > 2 ? dimensions : 2)) - 2;
    const auto exponent = L::Bits::all(goal + F::bias) - (size.as_bits() >> F::mantissa);
    return L::from_bits((exponent.within(1 - F::bias, F::bias) + L::Bits::all(F::bias)) << F::mantissa);
}

template <class L>
INLINE L power_of_two(typename L::Bits exponent) {
    using F = Float<typename L::scalar>;
    return L::from_bits((exponent + L::Bits::all(F::bias)) << F::mantissa);
}

// exp(x + low) for x up to 80, or 800 in double precision, and a rounding error `low` of x.
template <class L>
INLINE L exp(L x, L low = 0.0) {
    using F = Float<typename L::scalar>;
    const L within = maximum(L(F::lowest), x);  // NaN remains NaN
    const L rounded = within * 0x1.71547652b82fep0 + F::rounder;
    const L k = rounded - F::rounder;
    const L rest = (within - k * F::ln2_high) - (k * F::ln2_low - low);
    const L square = rest * rest, value = 1.0 + (rest + square * series(rest, square, F::exp));
#if defined(__AVX512F__)
    return value.scaled(k);
#else
    const auto exponent = rounded.as_bits() - L(F::rounder).as_bits(), half = exponent >> 1;
    return value * power_of_two<L>(half) * power_of_two<L>(exponent - half);  // both factors are in range
#endif
}

// exp(x) - 1 for x <= 0.
template <class L>
INLINE L expm1(L x) {
    using F = Float<typename L::scalar>;
    const L within = maximum(L(-64.0), x);  // below, the result is -1; NaN remains NaN
    const L rounded = within * 0x1.71547652b82fep0 + F::rounder;
    const L k = rounded - F::rounder;
    const L rest = (within - k * F::ln2_high) - k * F::ln2_low;
    const L square = rest * rest, growth = rest + square * series(rest, square, F::exp);
    const L power = power_of_two<L>(rounded.as_bits() - L(F::rounder).as_bits());
    return power * growth + (power - 1.0);
}

// f - log(1 + f), from 2 atanh(f / (2 + f)): f itself is not rounded.
template <class L>
INLINE L less_in_log(L f, L below = 0.0) {
    const L s = f / (2.0 + f), square = s * s, half_square = 0.5 * f * f;
    return half_square - (s * (half_square + square * series(square, square * square, Float<typename L::scalar>::atanh)) + below);
}

// log((1 + f) 2^exponent) for 1 + f in [sqrt(1/2), sqrt(2)].
template <class L>
INLINE L log_of_parts(L f, typename L::Bits exponent) {
    using F = Float<typename L::scalar>;
    const L k = L::converted(exponent);
    return k * F::ln2_high + (f - less_in_log(f, k * F::ln2_low));
}

// log(1 + x) for x in [0, 1].
template <class L>
INLINE L log1p_of_fraction(L x) {
    return x - less_in_log(x);
}

// The k with x / 2^k in [sqrt(1/2), sqrt(2)].
template <class L>
INLINE typename L::Bits nearest_power_of_two(L x) {
    return (x.as_bits() - L(0x1.6a09e667f3bcdp-1).as_bits()) >> Float<typename L::scalar>::mantissa;
}

// f and k with x = (1 + f) 2^k for positive x; f is small and exact.
template <class L>
INLINE std::tuple<L, typename L::Bits> parts(L x) {
    using F = Float<typename L::scalar>;
    const auto small = x < L(std::numeric_limits<typename L::scalar>::min());
    const L normal = where(small, x * double(int64_t(1) << F::mantissa), x);
    const auto k = nearest_power_of_two(normal);
    const L f = L::from_bits(normal.as_bits() - (k << F::mantissa)) - 1.0;
    return {f, k - (small & L::Bits::all(F::mantissa))};
}

template <class L>
INLINE L log(L x) {
    const auto [f, k] = parts(x);
    const L value = log_of_parts(f, k);
    return where((x > 0.0) & (x < infinity), value, where(x == 0.0, -infinity, where(x < 0.0, NAN, x)));
}

template <class L>
INLINE L log1p(L x) {
    using F = Float<typename L::scalar>;
    const L total = 1.0 + x, part = total - 1.0;
    const L lost = (1.0 - (total - part)) + (x - part);
    const auto k = nearest_power_of_two(total);
    const L shrink = power_of_two<L>(L::Bits::all(1) - k);  // twice 2^-k, so that it is 0 at the largest k
    const L f = (L::from_bits(total.as_bits() - (k << F::mantissa)) - 1.0) + 0.5 * (lost * shrink);
    return where(x < infinity, log_of_parts(f, k), x);
}

// atan2(y, x) with one division: (x, y) is rotated by 0, 45 or 90 degrees to an angle of at most 22.5 degrees.
template <class L>
INLINE L angle(L y, L x) {
    using F = Float<typename L::scalar>;
    const L rise = absolute(y), run = absolute(x);
    const auto steep = rise > 0x1.3504f333f9de6p1 * run, middle = rise > 0x1.a827999fcef32p-2 * run;
    const L up = where(steep, -run, where(middle, rise - run, rise));
    const L along = where(steep, rise, where(middle, rise + run, run));
    const L t = where(along == 0.0, 0.0, up / along), square = t * t;
    const L start = where(steep, M_PI_2, where(middle, M_PI_4, 0.0));
    const L start_low = where(steep, F::half_pi_low, where(middle, 0.5 * F::half_pi_low, 0.0));
    const L acute = start + (t + (t * (square * polynomial(square, F::atan)) + start_low));
    const L angle = where(x < 0.0, (M_PI - acute) + 2.0 * F::half_pi_low, acute);
    const auto sign_bit = std::numeric_limits<typename L::integer>::min();
    return where(y == y, L::from_bits(angle.as_bits() | (y.as_bits() & L::Bits::all(sign_bit))), y);
}

template <class S>
INLINE Lanes<S> square_root(Lanes<S> x) {
    for (int lane = 0; lane < x.count; ++lane) x.set(lane, std::sqrt(x[lane]));
    return x;
}

template <class S>
INLINE Twin<S> square_root(Twin<S> x) {
    return {square_root(x.a), square_root(x.b)};
}

// numerator / denominator, or 0 if the denominator is 0.
template <class L>
INLINE L quotient(L numerator, L denominator) {
    return where(denominator == 0.0, 0.0, numerator / denominator);
}

// weight * value, or 0 if the weight is 0.
template <class L>
INLINE L weighted(L weight, L value) {
    return weight * where(weight == 0.0, 0.0, value);
}

// a * b as the rounded product and its rounding error (Dekker).
INLINE std::tuple<Lanes<double>, Lanes<double>> exact_product(Lanes<double> a, Lanes<double> b) {
    using Wide = Lanes<double>;
    const auto upper = Wide::Bits::all(-(int64_t(1) << 27));
    const Wide a_high = Wide::from_bits(a.as_bits() & upper), a_low = a - a_high;
    const Wide b_high = Wide::from_bits(b.as_bits() & upper), b_low = b - b_high;
    const Wide product = a * b;
    return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

// The logarithm of a positive number, and its error.
INLINE std::tuple<Lanes<double>, Lanes<double>> log_and_error(Lanes<double> x) {
    using Wide = Lanes<double>;
    using F = Float<double>;
    const auto [f, exponent] = parts(x);
    const Wide k = Wide::converted(exponent), total = 2.0 + f, per_total = 1.0 / total, s = f * per_total;
    const auto [product, error] = exact_product(s, total);
    const Wide s_low = ((f - product) - error - s * (f - (total - 2.0))) * per_total, square = s * s;
    const Wide large = k * F::ln2_high, near = large + 2.0 * s;
    const Wide series = 2.0 * s_low + s * square * polynomial(square, F::atanh) + k * F::ln2_low;
    const Wide missing = (2.0 * s - (near - large)) + series, high = near + missing;
    return {high, missing - (high - near)};
}

// The powers are not inline, since every formula with a power would contain a copy; they are static, since some
// translation units are compiled without contraction.
__attribute__((noinline)) static Lanes<double> general_power(Lanes<double> x, double exponent) {
    const auto [high, low] = log_and_error(x);
    const auto [product, error] = exact_product(high, exponent);
    const Lanes<double> value = exp(minimum(Lanes<double>(800.0), product), error + low * exponent);
    return where((x > 0.0) & (x < infinity), value, x);
}

__attribute__((noinline)) static Lanes<float> general_power(Lanes<float> x, double exponent) {
    using Wide = Lanes<double>;
    float numbers[2 * Wide::count];
    double powers[Wide::count];
    x.store(numbers);
    for (float* half : {numbers, numbers + Wide::count}) {
        exp(minimum(Wide(800.0), exponent * log(Wide::widened(half)))).store(powers);
        for (int lane = 0; lane < Wide::count; ++lane) half[lane] = float(powers[lane]);
    }
    return Lanes<float>::load(numbers);
}

template <class S>
INLINE Twin<S> general_power(Twin<S> x, double exponent) {
    return {general_power(x.a, exponent), general_power(x.b, exponent)};
}

// Whether a power consists of products and a square root: its exponent is 0, 1/2, 1, ... 4.
INLINE bool is_product(double exponent) {
    return exponent >= 0.0 && exponent <= 4.0 && 2.0 * exponent == int(2.0 * exponent);
}

// x^exponent for x >= 0 and one exponent for all lanes.
template <class L>
INLINE L power(L x, L exponent) {
    const double shared = exponent[0];
    if (!is_product(shared)) return general_power(x, shared);
    const int halves = int(2.0 * shared);
    L result = halves & 1 ? square_root(x) : L(1.0);
    if (halves & 2) result = result * x;
    if (halves & 4) result = result * (x * x);
    if (halves & 8) result = (x * x) * (x * x);
    return result;
}

}  // namespace detloss::ISA
