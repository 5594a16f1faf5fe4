// The state as the part of the address after #, which names what differs from the defaults.

import { BY_NAME, PRESETS } from './catalog.js';
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

// The state that a fragment describes; what it does not name has its default, and what makes no sense is left out.
export function stateOf(text) {
  const found = structuredClone(DEFAULTS);
  for (const word of text.split('&').filter(Boolean)) {
    const [key, given] = word.split('=').map(decodeURIComponent);
    const option = OPTION.exec(key);
    if (option && BY_NAME.has(option[1])) {
      found.options[option[1]] = { ...found.options[option[1]], [option[2]]: valueOf(given) };
    } else if (key in found) {
      const value = typed(given ?? '', DEFAULTS[key]);
      if (value != null) found[key] = value;
    }
  }
  if (!PRESETS.some((preset) => preset.name === found.preset)) found.preset = '';
  return found;
}

function valueOf(text) {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text.includes(',')) return text.split(',').map(Number);
  return text === 'null' ? null : Number(text);
}

function typed(text, like) {
  if (typeof like === 'boolean') return text === 'true';
  if (typeof like === 'string') return text;
  if (typeof like === 'number') return text !== '' && Number.isFinite(Number(text)) ? Number(text) : null;
  const parts = text.split(',').filter(Boolean);
  if (typeof like[0] !== 'number') return parts.filter((name) => BY_NAME.has(name));
  const numbers = parts.map(Number);
  return numbers.length === like.length && numbers.every(Number.isFinite) ? numbers : null;
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
