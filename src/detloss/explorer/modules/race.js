// The race: boxes that descend on several losses at once, with curves of IoU and error.

import { BY_NAME, NAMES, PRESETS } from './catalog.js';
import { grid, optionsOf, rectangle } from './boxes.js';
import { drawChart, rangeOf } from './chart.js';
import { boxDescent, STEPS } from './descent.js';
import { element, find, shown, svg } from './dom.js';
import { checkbox, logarithmic, stateSlider } from './options.js';
import { lossButtons, styleOf } from './series.js';
import { startPreset, state, update, watch } from './state.js';
import { text, titleOf } from './texts.js';

const PER_SECOND = 30; // steps at speed 1
let courses = [];
let playing = null;

function compute() {
  const settings = { rate: state.rate, factor: state.factor };
  courses = state.racers.map((name) => [
    name,
    boxDescent(name, state.pred, state.target, { ...settings, options: optionsOf(name) }),
  ]);
  drawStep();
}

// The dashes of a box: boxes that coincide alternate, so that all colors are visible.
function dashesOf(name, dash) {
  const boxOf = (frames) => frames[state.step].box;
  const own = boxOf(courses.find(([each]) => each === name)[1]);
  const together = courses
    .filter(([, frames]) => boxOf(frames).every((value, k) => Math.abs(value - own[k]) < 0.03))
    .map(([each]) => each);
  if (together.length === 1) return { 'stroke-dasharray': dash && '0.35 0.2' };
  const length = 0.4;
  return {
    'stroke-dasharray': `${length} ${length * (together.length - 1)}`,
    'stroke-dashoffset': -length * together.indexOf(name),
  };
}

function drawStep() {
  const { step, target } = state;
  const drawn = courses.map(([name, frames]) => {
    const { color, dash } = styleOf(name);
    const trail = frames
      .slice(0, step + 1)
      .map(({ box }) => `${((box[0] + box[2]) / 2).toFixed(3)} ${((box[1] + box[3]) / 2).toFixed(3)}`);
    return svg(
      'g',
      { 'data-loss': name },
      svg('path', { class: 'trail', d: `M${trail.join('L')}`, stroke: color }),
      rectangle(frames[step].box, { class: 'racer', stroke: color, ...dashesOf(name, dash) }),
      svg('title', {}, titleOf(BY_NAME.get(name))),
    );
  });
  find('#race .racers').replaceChildren(rectangle(target, { class: 'outline target' }), ...drawn);
  const curve = (key) => courses.map(([name, frames]) => [name, frames.map((frame, k) => [k, frame[key]])]);
  const x = { low: 0, high: STEPS, label: text('race.steps') };
  drawChart(find('#race-iou'), { lines: curve('iou'), x, y: { low: 0, high: 1.05 }, mark: step });
  const errors = curve('error');
  const first = Math.max(1, ...errors.map(([, points]) => points[0][1]));
  drawChart(find('#race-error'), {
    lines: errors,
    x,
    y: rangeOf(
      errors.flatMap(([, points]) => points.map(([, error]) => error)),
      2 * first,
    ),
    mark: step,
  });
  find('#race-step').textContent = text('race.step', { step, steps: STEPS });
  find('#race-position').value = step;
  const rows = courses.map(([name, frames]) =>
    element(
      'span',
      {},
      element('b', { style: `color: ${styleOf(name).color}` }, name),
      ` IoU ${shown(frames[step].iou)}`,
    ),
  );
  find('#race-results').replaceChildren(...rows);
}

function drawControls() {
  const choose = (racers) => update({ racers, preset: '' });
  find('#racers').replaceChildren(...lossButtons(NAMES.box, state.racers, choose));
  const buttons = PRESETS.map(({ name }) =>
    element(
      'button',
      { type: 'button', value: name, 'aria-pressed': String(state.preset === name), onclick: () => start(name) },
      text(`preset.${name}`),
    ),
  );
  find('#presets').replaceChildren(...buttons);
  find('#watch').textContent = state.preset ? text(`watch.${state.preset}`) : '';
  find('#watch').hidden = !state.preset;
  const button = find('#race-play');
  button.textContent = text(playing ? 'race.pause' : 'race.play');
  button.setAttribute('aria-pressed', String(Boolean(playing)));
}

function start(name) {
  startPreset(name);
  if (!matchMedia('(prefers-reduced-motion: reduce)').matches) play();
}

function play() {
  if (playing) return;
  if (state.step >= STEPS) update({ step: 0 });
  playing = { from: performance.now(), step: state.step };
  requestAnimationFrame(advance);
  drawControls();
}

function pause() {
  playing = null;
  drawControls();
}

function advance(now) {
  if (!playing) return;
  const step = Math.min(
    STEPS,
    Math.floor(playing.step + Math.max(0, (now - playing.from) / 1000) * PER_SECOND * state.speed),
  );
  if (step !== state.step) update({ step });
  if (step >= STEPS) pause();
  else requestAnimationFrame(advance);
}

function goTo(step) {
  pause();
  update({ step: Math.min(Math.max(step, 0), STEPS) });
}

export function startRace() {
  find('#race').append(grid(), svg('g', { class: 'racers' }));
  find('#race-play').addEventListener('click', () => (playing ? pause() : play()));
  find('#race-next').addEventListener('click', () => goTo(state.step + 1));
  find('#race-restart').addEventListener('click', () => goTo(0));
  const position = find('#race-position');
  position.max = STEPS;
  position.addEventListener('input', () => goTo(Number(position.value)));
  let sliders = [];
  watch([], () => {
    sliders = [
      stateSlider('rate', 'race.rate', { low: 0.01, high: 10, ...logarithmic }),
      stateSlider('speed', 'race.speed', { low: 0.25, high: 4, step: 0.25 }),
    ];
    find('#race-sliders').replaceChildren(...sliders.map(({ node }) => node));
  });
  watch(['rate', 'speed'], () => {
    sliders.forEach(({ show }) => show());
    if (playing) playing = { from: performance.now(), step: state.step };
  });
  watch(['factor'], () =>
    find('#race-factor').replaceChildren(checkbox(text('race.factor'), state.factor, (factor) => update({ factor }))),
  );
  watch(['racers', 'preset'], drawControls);
  watch(['pred', 'target', 'racers', 'rate', 'factor', 'options'], compute);
  watch(['step'], drawStep);
}
