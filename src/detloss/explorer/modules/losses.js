// Losses with their derivatives, as the eager backend evaluates them in float64.

import { FORMULAS } from './formulas.js';
import { completed, formulaOf, lossNamed, parametersOf } from './parameters.js';
import { difference, weighted } from './primitives.js';

const FORMATS = {
  xyxy: [FORMULAS.corners, FORMULAS.by_corners],
  xywh: [FORMULAS.corner_and_size, FORMULAS.by_corner_and_size],
  cxcywh: [FORMULAS.center_and_size, FORMULAS.by_center_and_size],
  ltrb: [FORMULAS.distances_from_a_point, FORMULAS.by_distances_from_a_point],
};

// A function of two boxes that returns an array: the loss, a similarity, and the four derivatives by the prediction.
export function boxFunction(name, { format = 'xyxy', ...given } = {}) {
  const loss = lossNamed(name, 'box');
  const options = completed(loss, given);
  if (!(format in FORMATS))
    throw new RangeError(`format: expected one of ${Object.keys(FORMATS).join(', ')}, got ${format}`);
  const [differencesOf, derivativesBy] = FORMATS[format];
  const { power = 1, interval = [0, 1], inner = 1 } = options;
  const isModified = power !== 1 || interval[0] !== 0 || interval[1] !== 1 || inner !== 1;
  const formula = formulaOf(loss, options);
  const ofOverlap = isModified ? [power, interval[0], 1 - interval[1], interval[1] - interval[0], inner] : [];
  const parameters = [...ofOverlap, ...parametersOf(formula, options)];
  const penalty = FORMULAS[isModified ? `modified_${formula.name}` : formula.name];
  const geometry = FORMULAS[isModified ? loss.modified[inner === 1 ? 'plain' : 'inner'] : formula.geometry];
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0, p6 = 0] = parameters;
  return (a, b) =>
    geometry(
      penalty,
      differencesOf,
      derivativesBy,
      a[0],
      a[1],
      a[2],
      a[3],
      b[0],
      b[1],
      b[2],
      b[3],
      0,
      p0,
      p1,
      p2,
      p3,
      p4,
      p5,
      p6,
    );
}

export function box(name, pred, target, options = {}) {
  const result = boxFunction(name, options)(pred, target);
  return { loss: result[0], gradient: result.slice(2) };
}

// The measures of a pair, in units of the canvas: what the formulas read, before any penalty.
export function measuresOf(pred, target) {
  let found;
  const capture = (...measures) => {
    found = measures;
    return [0, 0, ...Array(14).fill(0)];
  };
  const inputs = [...pred, ...target];
  FORMULAS.axis_aligned_2_with_inner_boxes(capture, ...FORMATS.xyxy, ...inputs, 0, 1, 0, 0, 1, 1, 0, 0);
  const [difference, intersection, , excess, distance, diagonal, angle, , , unit] = found;
  const area = unit * unit;
  const union = (difference + intersection) / area;
  return {
    intersection: intersection / area,
    union,
    iou: union ? intersection / area / union : 0,
    enclosure: (difference + intersection + excess) / area,
    distance: Math.sqrt(distance) / unit,
    diagonal: Math.sqrt(diagonal) / unit,
    angle,
  };
}

// A function of a logit and a target that returns an array: the loss and its derivative by the logit.
export function logitFunction(name, given = {}) {
  const loss = lossNamed(name, 'logit');
  const options = completed(loss, given);
  const formula = formulaOf(loss, options);
  const [evaluate, parameters] = [FORMULAS[formula.name], parametersOf(formula, options)];
  const smoothing = options.label_smoothing ?? 0;
  const keep = 1 - smoothing;
  return (logit, target) =>
    evaluate(logit, target * keep + 0.5 * smoothing, (1 - target) * keep + 0.5 * smoothing, keep, ...parameters);
}

export function logit(name, value, target, options = {}) {
  const [loss, gradient] = logitFunction(name, options)(value, target);
  return { loss, gradient };
}

// A function of a prediction and a target that returns an array: the loss and its derivative by the prediction.
export function numberFunction(name, given = {}) {
  const loss = lossNamed(name, 'number');
  const options = completed(loss, given);
  const formula = formulaOf(loss, options);
  const [evaluate, parameters] = [FORMULAS[formula.name], parametersOf(formula, options)];
  return (pred, target) => evaluate(pred, target, ...parameters);
}

export function number(name, pred, target, options = {}) {
  const [loss, gradient] = numberFunction(name, options)(pred, target);
  return { loss, gradient };
}

// A softmax loss of logits and a class index, or probabilities, with its derivatives by the logits.
export function row(name, logits, target, given = {}) {
  const loss = lossNamed(name, 'row');
  const options = completed(loss, given, { class_weight: null, logit_offset: null, margin: null });
  const formula = formulaOf(loss, options);
  const parameters = parametersOf(formula, options);
  const soft = typeof target === 'number' ? logits.map((_, j) => Number(j === target)) : target;
  const weight = (j) => (options.class_weight ? options.class_weight[j] : 1);
  const smoothing = options.label_smoothing ?? 0;
  const share = soft.map((t, j) => t * ((1 - smoothing) * weight(j)) + (smoothing / logits.length) * weight(j));
  const each = softmax(...adjusted(logits, soft, options)).map(([nll, probability, complement]) => {
    const [value, rate] = FORMULAS[formula.name](nll, probability, complement, ...parameters);
    return { value, rate, probability, complement };
  });
  const rates = each.map(({ rate }, j) => weighted(share[j], rate));
  const total = sum(rates);
  return {
    loss: sum(each.map(({ value }, j) => weighted(share[j], value))),
    gradient: each.map((one, j) => one.probability * (total - rates[j]) - one.complement * rates[j]),
  };
}

// The logits with an offset per class and without the margin of the target's class, and their rounding errors.
function adjusted(logits, target, { logit_offset: offset, margin }) {
  if (offset == null && margin == null) return [logits, null];
  const marginOf = (j) => (Array.isArray(margin) ? margin[j] : (margin ?? 0));
  const pairs = logits.map((logit, j) => {
    const [high, low] = difference(logit, -(offset ? offset[j] : 0));
    const [value, lower] = difference(high, marginOf(j) * target[j]);
    return [value, low + lower];
  });
  return [pairs.map(([value]) => value), pairs.map(([, low]) => low)];
}

// -log p, p and 1 - p of every class; the sum of exponentials leaves out the largest logit, so 1 - p is accurate.
function softmax(logits, rounding) {
  const top = logits.reduce((best, logit, j) => (logit > logits[best] || logit !== logit ? j : best), 0);
  const classes = logits.map((logit, j) => {
    if (j === top) return { high: 0, low: 0, others: 0 };
    let [high, low] = difference(logit, logits[top]);
    if (rounding) [high, low] = difference(high, -(low + rounding[j] - rounding[top]));
    const growth = Math.exp(high);
    return { high, low, others: growth + growth * low };
  });
  const rest = logits[top] === logits[top] ? sum(classes.map(({ others }) => others)) : NaN;
  const total = 1 + rest;
  return classes.map(({ high, low, others }, j) => [
    -high + (Math.log1p(rest) - low),
    (j === top ? 1 : others) / total,
    (j === top ? rest : total - others) / total,
  ]);
}

// The sum of numbers, with the rounding errors added last (Neumaier).
function sum(numbers) {
  let total = 0;
  let lost = 0;
  for (const each of numbers) {
    const next = total + each;
    lost += Math.abs(total) >= Math.abs(each) ? total - next + each : each - next + total;
    total = next;
  }
  return lost === lost ? total + lost : total;
}
