// Losses of numbers: value and slope over the error, and the descent of one number.

import { BY_NAME, NAMES } from './catalog.js';
import { dragIn, drawChart, rangeOf } from './chart.js';
import { numberDescent } from './descent.js';
import { bounded, element, find, shown } from './dom.js';
import { numberFunction } from './losses.js';
import { optionControls, redrawControls, stateSlider } from './options.js';
import { lossButtons } from './series.js';
import { state, update, watch } from './state.js';
import { text } from './texts.js';

const LIMIT = 4; // of the errors
const POINTS = 321;
const STEPS = 30;
const optionsOf = (name) => state.options[name] ?? {};

function draw() {
  const errors = Array.from({ length: POINTS }, (_, k) => LIMIT * ((2 * k) / (POINTS - 1) - 1));
  errors.splice((POINTS + 1) / 2, 0, 1e-9); // a slope may jump at 0
  errors.splice((POINTS - 1) / 2, 0, -1e-9);
  const curves = state.numbers.map((name) => [
    name,
    errors.map((error) => [error, numberFunction(name, optionsOf(name))(error, 0)]),
  ]);
  const x = { low: -LIMIT, high: LIMIT, label: text('numbers.error') };
  for (const [chart, part, ceiling] of [
    ['#number-value', 0, 6],
    ['#number-slope', 1, 3],
  ]) {
    const lines = curves.map(([name, found]) => [name, found.map(([error, result]) => [error, result[part]])]);
    drawChart(find(chart), {
      lines,
      x,
      y: rangeOf(
        lines.flatMap(([, found]) => found.map(([, value]) => value)),
        ceiling,
      ),
      mark: state.error,
    });
  }
  const note = (name) => {
    const [loss, slope] = numberFunction(name, optionsOf(name))(state.error, 0);
    return element('small', {}, `${shown(loss)}, ${shown(slope)}`);
  };
  find('#number-losses').replaceChildren(
    ...lossButtons(NAMES.number, state.numbers, (numbers) => update({ numbers }), note),
  );
  find('#number-mark').textContent = `${text('numbers.error')} ${shown(state.error)}`;
}

function drawDescent() {
  const lines = state.numbers.map((name) => {
    const found = numberDescent(name, state.start, state.length, STEPS, optionsOf(name));
    return [name, found.map((value, step) => [step, value])];
  });
  const size = 1.5 * state.start;
  const x = { low: 0, high: STEPS, label: text('race.steps') };
  drawChart(find('#number-descent'), { lines, x, y: { low: -size, high: size }, dots: true });
}

export function startNumbers() {
  const valueAt = (chart) => (pixel) =>
    LIMIT * (2 * bounded((pixel - 44) / (find(chart).viewBox.baseVal.width - 56), 0, 1) - 1);
  for (const chart of ['#number-value', '#number-slope'])
    dragIn(chart, valueAt(chart), (error) => update({ error: Number(error.toFixed(2)) }));
  let sliders = [];
  watch([], () => {
    sliders = [
      stateSlider('start', 'descent.start', { low: 0.5, high: 10, step: 0.1 }),
      stateSlider('length', 'descent.rate', { low: 0.05, high: 2.5, step: 0.05 }),
    ];
    find('#descent-sliders').replaceChildren(...sliders.map(({ node }) => node));
  });
  watch(['start', 'length'], () => sliders.forEach(({ show }) => show()));
  watch(['numbers', 'options'], () =>
    redrawControls(find('#number-options'), () =>
      optionControls(
        state.numbers.map((name) => BY_NAME.get(name)),
        true,
      ),
    ),
  );
  watch(['numbers', 'error', 'options'], draw);
  watch(['numbers', 'start', 'length', 'options'], drawDescent);
}
