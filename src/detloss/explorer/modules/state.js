// The state of the page, and the parts that are drawn again when a part of it changes.

import { PRESETS } from './catalog.js';

export const DEFAULTS = {
  language: '', // that of the browser
  theme: 'auto',
  loss: 'ciou',
  pred: [3, 6.5, 9, 12],
  target: [7, 3, 14, 9],
  options: {}, // by the name of the loss
  field: 'position',
  preset: '',
  racers: ['iou', 'giou', 'diou', 'ciou'],
  rate: 0.5,
  factor: false,
  step: 0,
  speed: 1,
  classes: ['bce', 'focal', 'qfl'],
  label: 1,
  axis: 'logit',
  logit: 1,
  count: 10, // of classes of a softmax
  quality: 0.8,
  weight: 2, // of the target's class
  negatives: 10000,
  positives: 20,
  easy: 0.01,
  hard: 0.3,
  numbers: ['l1', 'l2', 'smooth_l1'],
  error: 1.5,
  start: 4,
  length: 1.05,
};

export const state = structuredClone(DEFAULTS);

const watchers = [];
const changed = new Set();

// Draw a part now and whenever one of these keys changes.
export function watch(keys, draw) {
  watchers.push({ keys: new Set([...keys, 'language']), draw });
}

export function update(changes) {
  Object.assign(state, changes);
  if (!changed.size) requestAnimationFrame(draw);
  for (const key of Object.keys(changes)) changed.add(key);
}

export function drawAll() {
  update(state);
}

function draw() {
  const keys = [...changed];
  changed.clear();
  for (const watcher of watchers) if (keys.some((key) => watcher.keys.has(key))) watcher.draw();
}

export function setOption(loss, option, value) {
  update({ options: { ...state.options, [loss]: { ...state.options[loss], [option]: value } } });
}

export function startPreset(name) {
  const { pred, target, losses, rate } = PRESETS.find((preset) => preset.name === name);
  update({ preset: name, pred: [...pred], target: [...target], racers: [...losses], rate, factor: false, step: 0 });
}
