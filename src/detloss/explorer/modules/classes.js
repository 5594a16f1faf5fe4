// Class losses: value and slope over the logit or the probability of a class.

import { BY_NAME, NAMES } from './catalog.js';
import { dragIn, drawChart, rangeOf } from './chart.js';
import { bounded, element, find, shown } from './dom.js';
import { logitFunction, row } from './losses.js';
import { logarithmic, optionControls, redrawControls, stateSlider } from './options.js';
import { lossButtons } from './series.js';
import { state, update, watch } from './state.js';
import { text } from './texts.js';

export const CLASS_LOSSES = [...NAMES.logit, ...NAMES.row];
const POINTS = 241;
const LIMIT = 8; // of the logits
const VALUE_CEILING = 6;
const SLOPE_CEILING = 2;

export const isSoftmax = (name) => BY_NAME.get(name).list === 'row';
export const logitOf = (probability) => Math.log(probability) - Math.log1p(-probability);
const probabilityOf = (logit) => 1 / (1 + Math.exp(-logit));

// The options of a loss as they are set on the page, with the quality where the loss has one.
export function classOptions(name) {
  const given = state.options[name] ?? {};
  return BY_NAME.get(name).has_quality ? { ...given, quality: state.quality } : given;
}

// The options of a softmax loss, whose target is the first class.
export function softmaxOptions(name, label = 1) {
  const given = state.options[name] ?? {};
  if (!BY_NAME.get(name).has_class_weight || label === 0) return given;
  return { ...given, class_weight: [state.weight, ...Array(state.count - 1).fill(1)] };
}

// The logits of a softmax with log p/(1 - p) of the first class; all others are 0.
export function softmaxLogits(logit) {
  return [logit + Math.log(state.count - 1), ...Array(state.count - 1).fill(0)];
}

// A function of a logit and a label that returns value and slope. With a softmax, the logit is that of the target's
// class, and the target of label 0 is the background, which has no weight.
export function classFunction(name) {
  if (!isSoftmax(name)) return logitFunction(name, classOptions(name));
  return (logit, label) => {
    const { loss, gradient } = row(name, softmaxLogits(logit), 0, softmaxOptions(name, label));
    return [loss, gradient[0]];
  };
}

// The losses that have a value for the chosen label.
const withLabel = () => state.classes.filter((name) => state.label === 1 || !isSoftmax(name));

function points() {
  return Array.from({ length: POINTS }, (_, k) => {
    const part = k / (POINTS - 1);
    if (state.axis === 'logit') return [LIMIT * (2 * part - 1), LIMIT * (2 * part - 1)];
    const probability = bounded(part, 1e-4, 1 - 1e-4);
    return [probability, logitOf(probability)];
  });
}

function draw() {
  const places = points();
  const curves = withLabel().map((name) => {
    const evaluate = classFunction(name);
    return [name, places.map(([x, logit]) => [x, evaluate(logit, state.label)])];
  });
  const lines = (part) => curves.map(([name, found]) => [name, found.map(([x, result]) => [x, result[part]])]);
  const isLogit = state.axis === 'logit';
  const x = { low: isLogit ? -LIMIT : 0, high: isLogit ? LIMIT : 1, label: text(`axis.${state.axis}`) };
  const mark = isLogit ? state.logit : probabilityOf(state.logit);
  for (const [chart, part, ceiling] of [
    ['#class-value', 0, VALUE_CEILING],
    ['#class-slope', 1, SLOPE_CEILING],
  ]) {
    const all = lines(part);
    const y = rangeOf(
      all.flatMap(([, found]) => found.map(([, value]) => value)),
      ceiling,
    );
    drawChart(find(chart), { lines: all, x, y, mark });
  }
  const note = (name) => {
    if (!withLabel().includes(name)) return null;
    const [loss, slope] = classFunction(name)(state.logit, state.label);
    return element('small', {}, `${shown(loss)}, ${shown(slope)}`);
  };
  find('#class-losses').replaceChildren(
    ...lossButtons(CLASS_LOSSES, state.classes, (classes) => update({ classes }), note),
  );
  find('#class-mark').textContent =
    `${text('axis.logit')} ${shown(state.logit)}, ${text('axis.probability')} ${shown(probabilityOf(state.logit))}`;
  find('#softmax-note').hidden = !state.classes.some(isSoftmax);
  for (const button of document.querySelectorAll('#class-axis button'))
    button.setAttribute('aria-pressed', String(button.value === state.axis));
  for (const button of document.querySelectorAll('#class-label button'))
    button.setAttribute('aria-pressed', String(Number(button.value) === state.label));
}

function drawOptions() {
  const losses = () => state.classes.map((name) => BY_NAME.get(name));
  const shared = () => [
    ...(losses().some((loss) => loss.has_quality)
      ? [stateSlider('quality', 'classes.quality', { low: 0, high: 1 }).node]
      : []),
    ...(state.classes.some(isSoftmax)
      ? [stateSlider('count', 'classes.count', { low: 2, high: 100, step: 1 }).node]
      : []),
    ...(losses().some((loss) => loss.has_class_weight)
      ? [stateSlider('weight', 'classes.weight', { low: 0.1, high: 10, ...logarithmic }).node]
      : []),
  ];
  redrawControls(find('#class-options'), () => [
    element('div', { class: 'option-group' }, ...shared()),
    ...optionControls(losses(), true),
  ]);
}

export function startClasses() {
  for (const button of document.querySelectorAll('#class-axis button'))
    button.addEventListener('click', () => update({ axis: button.value }));
  for (const button of document.querySelectorAll('#class-label button'))
    button.addEventListener('click', () => update({ label: Number(button.value) }));
  const valueAt = (chart) => (pixel) => {
    const { width } = find(chart).viewBox.baseVal;
    const part = bounded((pixel - 44) / (width - 56), 0, 1);
    return state.axis === 'logit' ? LIMIT * (2 * part - 1) : logitOf(bounded(part, 1e-4, 1 - 1e-4));
  };
  for (const chart of ['#class-value', '#class-slope'])
    dragIn(chart, valueAt(chart), (logit) => update({ logit: Number(logit.toFixed(2)) }));
  watch(['classes', 'label', 'axis', 'logit', 'count', 'quality', 'weight', 'options'], draw);
  watch(['classes', 'count', 'quality', 'weight', 'options'], drawOptions);
}
