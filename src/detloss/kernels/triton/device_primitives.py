"""Primitives of the formulas for Triton, with the same bits on every device.

Triton's `/`, exp and log are approximations on a GPU. These primitives consist of sums, products, correctly rounded
quotients and bit operations, for which the interpreter and a GPU agree.
"""

from typing import NamedTuple

import triton
import triton.language as tl


class Float(NamedTuple):
    """Constants of a floating dtype for exp, log, angle and power."""

    integer: tl.dtype
    mantissa: int
    bias: int
    rounder: float  # adding it rounds to an integer
    low_bits: int  # of the mantissa: numbers without them have exact products
    ln2_high: float  # an integer times this is exact
    ln2_low: float
    lowest: float  # the range of exp; outside are 0 and infinity
    highest: float
    exp_series: tuple[float, ...]  # 1 / 2!, 1 / 3!, ...
    # 2 atanh(x) = 2 x + x^3 polynomial(x^2) up to 1/3, atan(x) = x + x^3 polynomial(x^2) up to 22.5 degrees: minimax.
    log_series: tuple[float, ...]
    angle_series: tuple[float, ...]
    half_pi_low: float


def inverse_factorials(count: int) -> tuple[float, ...]:
    """1 / 2!, 1 / 3! and so on."""
    factorials = [2.0]
    while len(factorials) < count:
        factorials.append(factorials[-1] * (len(factorials) + 2))
    return tuple(1.0 / factorial for factorial in factorials)


SINGLE = Float(
    integer=tl.int32,
    mantissa=23,
    bias=127,
    rounder=float.fromhex("0x1.8p23"),
    low_bits=12,
    ln2_high=float.fromhex("0x1.62e4p-1"),
    ln2_low=float.fromhex("0x1.7f7d1cf79abcap-20"),
    lowest=-104.0,
    highest=89.0,
    exp_series=inverse_factorials(6),
    log_series=(
        0.666666673205274125,
        0.399997063319297174,
        0.285923579943028388,
        0.2170657580088036,
        0.232243292240233995,
    ),
    angle_series=(-0.333333317597, 0.199995401462, -0.142639439077, 0.107436051489, -0.0645150951865),
    half_pi_low=float.fromhex("-0x1.777a5cf72cecep-25"),
)
DOUBLE = Float(
    integer=tl.int64,
    mantissa=52,
    bias=1023,
    rounder=float.fromhex("0x1.8p52"),
    low_bits=27,
    ln2_high=float.fromhex("0x1.62e42feep-1"),
    ln2_low=float.fromhex("0x1.a39ef35793c76p-33"),
    lowest=-746.0,
    highest=710.0,
    exp_series=inverse_factorials(12),
    log_series=(
        0.666666666666666669,
        0.399999999999995225,
        0.285714285716000993,
        0.222222221982367706,
        0.181818198979627144,
        0.153845439648605493,
        0.13335178631449256,
        0.117342790613031958,
        0.108451783948800267,
        0.0749214379555071979,
        0.15630577800922932,
    ),
    angle_series=(
        -0.333333333333333332,
        0.199999999999998041,
        -0.142857142856597279,
        0.111111111051457253,
        -0.0909090875301717832,
        0.0769229636104821778,
        -0.0666642463459933669,
        0.0587892611052810061,
        -0.0523043300748289122,
        0.0455149623749492663,
        -0.0345680680149687908,
        0.0162829932389244001,
    ),
    half_pi_low=float.fromhex("0x1.1a62633145c07p-54"),
)
PI: tl.constexpr = tl.constexpr(3.141592653589793)
INFINITY: tl.constexpr = tl.constexpr(float("inf"))  # Triton takes a global NaN for a changed value


@triton.constexpr_function
def float_of(dtype: tl.dtype) -> Float:
    """The constants of a dtype."""
    return DOUBLE if dtype == tl.float64 else SINGLE


# ------------------------------------------------------------------------------------------ elementary operations


@triton.jit
def where(condition, yes, no):
    """yes if the condition is true, else no."""
    return tl.where(condition, yes, no)


@triton.jit
def minimum(a, b):
    """The smaller number; NaN if either is NaN."""
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def maximum(a, b):
    """The larger number; NaN if either is NaN."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def relu(x):
    """x if it is positive, else 0; NaN of NaN."""
    return maximum(x, 0.0)


@triton.jit
def absolute(x):
    """The absolute value of x."""
    return tl.abs(x)


@triton.jit
def sign(x):
    """-1, 0 or 1; NaN of NaN."""
    return tl.where(x > 0.0, 1.0, tl.where(x < 0.0, -1.0, 0.0 * x))


@triton.jit
def constant(x):
    """x: there is no autograd here."""
    return x


@triton.jit
def divide(numerator, denominator):
    """The correctly rounded quotient; `/` is rounded correctly in float64 only."""
    return numerator / denominator if denominator.dtype == tl.float64 else tl.div_rn(numerator, denominator)


@triton.jit
def inverse(x):
    """1 / x, or 0 if x is 0."""
    return tl.where(x == 0.0, 0.0, divide(1.0, x))


@triton.jit
def quotient(numerator, denominator):
    """numerator / denominator, or 0 if the denominator is 0."""
    return tl.where(denominator == 0.0, 0.0, divide(numerator, denominator))


@triton.jit
def weighted(weight, value):
    """weight * value, or 0 if the weight is 0, even if the value is infinite or NaN."""
    return weight * tl.where(weight == 0.0, 0.0, value)


@triton.jit
def difference(a, b):
    """a - b as the rounded difference and its rounding error (Knuth); their sum is exact."""
    high = a - b
    b_part = a - high
    low = (a - (high + b_part)) + (b_part - b)
    return high, tl.where(low == low, low, 0.0)


# ------------------------------------------------------------------------------- exponentials, logarithms, angles


@triton.jit
def bits_of(x):
    """The bits of a float as an integer."""
    return x.to(float_of(x.dtype).integer, bitcast=True)


@triton.jit
def power_of_two(exponent, dtype: tl.constexpr):
    """2^exponent for an integer in the exponent range of normal numbers."""
    kind: tl.constexpr = float_of(dtype)
    return ((exponent + kind.bias) << kind.mantissa).to(dtype, bitcast=True)


@triton.jit
def scale(size, dimensions: tl.constexpr):
    """The power of two that scales `size` so that squared products of that many lengths are in range."""
    kind: tl.constexpr = float_of(size.dtype)
    goal: tl.constexpr = (kind.bias - 7) // (2 * (dimensions if dimensions > 2 else 2)) - 2
    exponent = goal + kind.bias - (bits_of(size) >> kind.mantissa)
    return power_of_two(tl.minimum(tl.maximum(exponent, 1 - kind.bias), kind.bias), size.dtype)


@triton.jit
def polynomial(x, coefficients: tl.constexpr):
    """coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ..."""
    total = coefficients[len(coefficients) - 1]
    for k in tl.static_range(len(coefficients) - 2, -1, -1):
        total = total * x + coefficients[k]
    return total


@triton.jit
def exp_of_sum(x, low):
    """e^(x + low) for a rounding error `low` of x: 2^k times a polynomial in x - k log 2."""
    kind: tl.constexpr = float_of(x.dtype)
    within = tl.where(x < kind.lowest, kind.lowest, tl.where(x > kind.highest, kind.highest, x))
    rounded = within * 1.4426950408889634 + kind.rounder
    whole = rounded - kind.rounder
    rest = (within - whole * kind.ln2_high) - (whole * kind.ln2_low - tl.where(x < kind.lowest, 0.0, low))
    power = 1.0 + (rest + rest * rest * polynomial(rest, kind.exp_series))
    k = bits_of(rounded) - bits_of(tl.full((), kind.rounder, x.dtype))
    half = k >> 1  # two factors, both in range if the product is
    return power * power_of_two(half, x.dtype) * power_of_two(k - half, x.dtype)


@triton.jit
def exp(x):
    """e^x."""
    return exp_of_sum(x, 0.0)


@triton.jit
def expm1(x):
    """e^x - 1 for x <= 0; below -64 it is -1."""
    kind: tl.constexpr = float_of(x.dtype)
    within = tl.where(x < -64.0, -64.0, x)
    rounded = within * 1.4426950408889634 + kind.rounder
    whole = rounded - kind.rounder
    rest = (within - whole * kind.ln2_high) - whole * kind.ln2_low
    growth = rest + rest * rest * polynomial(rest, kind.exp_series)
    scale = power_of_two(bits_of(rounded) - bits_of(tl.full((), kind.rounder, x.dtype)), x.dtype)
    return scale * growth + (scale - 1.0)


@triton.jit
def square_root(x):
    """The correctly rounded square root of x >= 0."""
    return tl.sqrt(x) if x.dtype == tl.float64 else tl.sqrt_rn(x)


@triton.jit
def nearest_power_of_two(x):
    """The k with x / 2^k in [sqrt(1/2), sqrt(2)]."""
    return (bits_of(x) - bits_of(tl.full((), 0.7071067811865476, x.dtype))) >> float_of(x.dtype).mantissa


@triton.jit
def parts(x):
    """f and k with x = (1 + f) 2^k for positive x; f is small and exact."""
    kind: tl.constexpr = float_of(x.dtype)
    small = x < 2.0 ** (1 - kind.bias)
    normal = tl.where(small, x * 2.0**kind.mantissa, x)
    k = nearest_power_of_two(normal)
    f = (bits_of(normal) - (k << kind.mantissa)).to(x.dtype, bitcast=True) - 1.0
    return f, k - tl.where(small, kind.mantissa, 0)


@triton.jit
def less_in_log(f, below):
    """f - log(1 + f) - below, from 2 atanh(f / (2 + f)): f itself is not rounded."""
    s = divide(f, 2.0 + f)
    square, half_square = s * s, 0.5 * f * f
    return half_square - (s * (half_square + square * polynomial(square, float_of(f.dtype).log_series)) + below)


@triton.jit
def log_of_parts(f, k):
    """log((1 + f) 2^k) for 1 + f in [sqrt(1/2), sqrt(2)]."""
    kind: tl.constexpr = float_of(f.dtype)
    exponent = k.to(f.dtype)
    return exponent * kind.ln2_high + (f - less_in_log(f, exponent * kind.ln2_low))


@triton.jit
def log1p_of_fraction(x):
    """log(1 + x) for x in [0, 1]."""
    return x - less_in_log(x, 0.0)


@triton.jit
def log(x):
    """The natural logarithm."""
    f, k = parts(x)
    beyond = tl.where(x == 0.0, -INFINITY, tl.where(x < 0.0, float("nan"), x))
    return tl.where((x > 0.0) & (x < INFINITY), log_of_parts(f, k), beyond)


@triton.jit
def log1p(x):
    """log(1 + x) for x >= 0, including the rounding error of 1 + x."""
    kind: tl.constexpr = float_of(x.dtype)
    total = 1.0 + x
    part = total - 1.0
    lost = (1.0 - (total - part)) + (x - part)
    k = nearest_power_of_two(total)
    f = (bits_of(total) - (k << kind.mantissa)).to(x.dtype, bitcast=True) - 1.0
    shrink = power_of_two(1 - k, x.dtype)  # twice 2^-k, so that it is 0 at the largest k
    return tl.where(x < INFINITY, log_of_parts(f + 0.5 * (lost * shrink), k), x)


@triton.jit
def angle(y, x):
    """atan2(y, x) with one division: (x, y) is rotated by 0, 45 or 90 degrees to an angle of at most 22.5 degrees."""
    kind: tl.constexpr = float_of(x.dtype)
    rise, run = tl.abs(y), tl.abs(x)
    steep = rise > 2.414213562373095 * run
    middle = rise > 0.4142135623730951 * run
    up = tl.where(steep, -run, tl.where(middle, rise - run, rise))
    along = tl.where(steep, rise, tl.where(middle, rise + run, run))
    t = quotient(up, along)
    square = t * t
    quarters = tl.where(steep, 1.0, tl.where(middle, 0.5, 0.0)).to(x.dtype)  # of the circle
    series = t * (square * polynomial(square, kind.angle_series))
    acute = PI / 2 * quarters + (t + (series + kind.half_pi_low * quarters))
    positive = tl.where(x < 0.0, (PI - acute) + 2.0 * kind.half_pi_low, acute)
    return tl.where(y == y, tl.where(y < 0.0, -positive, positive), y)


# ------------------------------------------------------------ powers, from logarithms in twice the precision


@triton.jit
def exact_product(a, b):
    """a * b as the rounded product and its rounding error (Dekker)."""
    mask: tl.constexpr = -(1 << float_of(a.dtype).low_bits)
    a_high = (bits_of(a) & mask).to(a.dtype, bitcast=True)
    b_high = (bits_of(b) & mask).to(b.dtype, bitcast=True)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@triton.jit
def log_and_error(x):
    """The natural logarithm of a positive number, as a float and its error."""
    kind: tl.constexpr = float_of(x.dtype)
    f, k = parts(x)
    exponent = k.to(x.dtype)
    total = 2.0 + f
    s = divide(f, total)
    product, error = exact_product(s, total)
    s_low = divide((((f - product) - error) - s * (f - (total - 2.0))), total)
    square = s * s
    large = exponent * kind.ln2_high
    near = large + 2.0 * s
    missing = 2.0 * s - (near - large)
    missing += 2.0 * s_low + s * square * polynomial(square, kind.log_series) + exponent * kind.ln2_low
    high = near + missing
    return high, missing - (high - near)


@triton.jit
def general_power(x, exponent):
    """x^exponent for x >= 0; 0, infinity and NaN are their own powers."""
    high, low = log_and_error(x)
    product, error = exact_product(high, exponent)
    return tl.where((x > 0.0) & (x < INFINITY), exp_of_sum(product, error + low * exponent), x)


@triton.jit
def power(x, exponent):
    """x^exponent for x >= 0 and one exponent for all: products and a square root for 0, 1/2, 1, ... 4."""
    k = (2.0 * exponent).to(tl.int32)
    if (k >= 0) & (k <= 8) & (k == 2.0 * exponent):
        result = tl.full(x.shape, 1.0, x.dtype)
        if k & 1:
            result = square_root(x)
        if k & 2:
            result *= x
        if k & 4:
            result *= x * x
        if k & 8:
            result = (x * x) * (x * x)
    else:
        result = general_power(x, exponent)
    return result
