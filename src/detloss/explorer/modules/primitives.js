// The primitives of the formulas for numbers; those of `Math` have the names of the vocabulary.

const {
  abs: absolute,
  atan2: angle,
  exp,
  expm1,
  log,
  log1p,
  log1p: log1p_of_fraction,
  pow: power,
  sign,
  sqrt: square_root,
} = Math;

export { absolute, angle, exp, expm1, log, log1p, log1p_of_fraction, power, sign, square_root };

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer); // browsers are little-endian: the second word has the exponent

export function where(condition, value, otherwise) {
  return condition ? value : otherwise;
}

// The primitives below keep the sign of a zero as torch does.

export function relu(x) {
  return x < 0 ? 0 : x;
}

export function maximum(a, b) {
  return a > b || a !== a ? a : b;
}

export function minimum(a, b) {
  return a < b || a !== a ? a : b;
}

export function constant(x) {
  return x;
}

// 1 / x, or 0 if x is 0.
export function inverse(x) {
  return x === 0 ? 0 : 1 / x;
}

// numerator / denominator, or 0 if the denominator is 0.
export function quotient(numerator, denominator) {
  return denominator === 0 ? 0 : numerator / denominator;
}

// weight * value, or 0 if the weight is 0, even if the value is infinite or NaN.
export function weighted(weight, value) {
  return weight === 0 ? 0 : weight * value;
}

// a - b as the rounded difference and its rounding error (Knuth).
export function difference(a, b) {
  const high = a - b;
  const part = a - high;
  const low = a - (high + part) + (part - b);
  return [high, low === low ? low : 0];
}

// The power of two that scales a size so that squared products of that many lengths are in range.
export function scale(size, dimensions) {
  float[0] = size;
  const exponent = ((words[1] >>> 20) & 0x7ff) - 1023;
  const goal = Math.floor(1016 / (2 * Math.max(dimensions, 2))) - 2;
  words[0] = 0;
  words[1] = (Math.min(Math.max(goal - exponent, -1022), 1023) + 1023) << 20;
  return float[0];
}
