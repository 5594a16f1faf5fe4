// The state as the part of the address after #, which names what differs from the defaults.

import { BY_NAME, NAMES, PRESETS } from './catalog.js';
import { STEPS } from './descent.js';
import { DEFAULTS, state, update, watch } from './state.js';

const OPTION = /^(\w+)\.(\w+)$/;

export function fragment() {
  const words = [];
  for (const [key, value] of Object.entries(state)) {
    if (key === 'options' || String(value) === String(DEFAULTS[key])) continue;
    words.push(`${key}=${encodeURIComponent(String(value)).replaceAll('%2C', ',')}`);
  }
  for (const [loss, options] of Object.entries(state.options)) {
    for (const [option, value] of Object.entries(options)) words.push(`${loss}.${option}=${value}`);
  }
  return words.join('&');
}

// The values that a key may have; a number has bounds, a list of names has those of its losses.
const ALLOWED = {
  language: ['', 'en', 'zh'],
  theme: ['auto', 'light', 'dark'],
  loss: NAMES.box,
  field: ['position', 'size'],
  preset: ['', ...PRESETS.map((preset) => preset.name)],
  racers: NAMES.box,
  classes: [...NAMES.logit, ...NAMES.row],
  numbers: NAMES.number,
  axis: ['logit', 'probability'],
};
const BOUNDS = {
  rate: [0.01, 10],
  speed: [0.25, 4],
  step: [0, STEPS],
  logit: [-10, 10],
  label: [0, 1],
  count: [2, 100],
  quality: [0, 1],
  weight: [0.1, 10],
  negatives: [100, 1e5],
  positives: [1, 1000],
  easy: [0.001, 0.5],
  hard: [0.01, 0.99],
  error: [-4, 4],
  start: [0.5, 10],
  length: [0.05, 2.5],
};
const WHOLE = ['step', 'label', 'count', 'positives'];

// The state that a fragment describes; what it does not name, or names wrongly, has its default.
export function stateOf(text) {
  const found = structuredClone(DEFAULTS);
  for (const [key, given] of new URLSearchParams(text)) {
    const [, name, option] = OPTION.exec(key) ?? [];
    const value = name ? optionOf(BY_NAME.get(name), option, given) : valueOf(key, given);
    if (value == null) continue;
    if (name) found.options[name] = { ...found.options[name], [option]: value };
    else found[key] = value;
  }
  return found;
}

function valueOf(key, text) {
  const like = DEFAULTS[key];
  const parts = text.split(',').filter(Boolean);
  if (key in BOUNDS) return numberIn(text, BOUNDS[key], WHOLE.includes(key));
  if (Array.isArray(like) && key in ALLOWED) return parts.filter((name) => ALLOWED[key].includes(name));
  if (key in ALLOWED) return ALLOWED[key].includes(text) ? text : null;
  if (key === 'factor') return text === 'true';
  if (key !== 'pred' && key !== 'target') return null;
  const numbers = parts.map(Number);
  return numbers.length === 4 && numbers.every(Number.isFinite) ? numbers : null;
}

function numberIn(text, [low, high], isWhole = false) {
  const value = Number(text);
  return text !== '' && value >= low && value <= high && (!isWhole || Number.isInteger(value)) ? value : null;
}

function optionOf(loss, name, text) {
  const option = loss?.options.find((each) => each.name === name);
  if (option && typeof option.default === 'boolean') return text === 'true';
  if (option?.low != null) return numberIn(text, [option.low, option.high]);
  if (!loss?.modified) return null;
  if (name === 'power' || name === 'inner') return numberIn(text, [0.05, 10]);
  const ends = text.split(',').map(Number);
  return name === 'interval' && ends.length === 2 && ends[0] >= 0 && ends[0] < ends[1] && ends[1] <= 1 ? ends : null;
}

export function address() {
  return `${location.href.split('#')[0]}#${fragment()}`;
}

// Keep the address current, and follow it.
export function followAddress() {
  let timer;
  watch(Object.keys(DEFAULTS), () => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, '', `#${fragment()}`), 200);
  });
  addEventListener('hashchange', () => update(stateOf(location.hash.slice(1))));
}
