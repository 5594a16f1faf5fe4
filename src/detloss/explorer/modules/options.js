// Sliders: of the options of losses, and of other numbers of the state.

import { OVERLAP } from './catalog.js';
import { element, short } from './dom.js';
import { setOption, state, update } from './state.js';
import { text, titleOf } from './texts.js';

// A slider with its name and value. `scale` maps a position of the slider to a value, and `position` is its inverse.
export function slider({
  label,
  value,
  low,
  high,
  step = 0.01,
  write = short,
  scale = Number,
  position = Number,
  change,
}) {
  const output = element('output', {}, write(value));
  const input = element('input', {
    type: 'range',
    min: position(low),
    max: position(high),
    step,
    value: position(value),
    'aria-label': label,
    'aria-valuetext': write(value),
    oninput: () => change(scale(Number(input.value))),
  });
  const show = (now) => {
    output.textContent = write(now);
    input.setAttribute('aria-valuetext', write(now));
    if (scale(Number(input.value)) !== now) input.value = position(now);
  };
  return { node: element('label', { class: 'slider' }, element('span', {}, label), input, output), show };
}

// A slider of one number of the state.
export function stateSlider(key, label, range) {
  const { node, show } = slider({
    label: text(label),
    value: state[key],
    change: (value) => update({ [key]: value }),
    ...range,
  });
  return { node, show: () => show(state[key]) };
}

export const logarithmic = {
  step: 0.01,
  scale: (position) => Number((10 ** position).toPrecision(2)),
  position: Math.log10,
};

// The controls of the options of some losses, each with the name of its loss if there are several.
export function optionControls(losses, names = losses.length > 1) {
  return losses.flatMap((loss) => {
    const controls = controlsOf(loss);
    if (!controls.length) return [];
    const title = names ? [element('h4', {}, titleOf(loss))] : [];
    return [
      element('div', { class: 'option-group', 'data-loss': loss.name }, ...title, ...controls, resetButton(loss)),
    ];
  });
}

function controlsOf(loss) {
  const given = state.options[loss.name] ?? {};
  const valueOf = ({ name, default: value }) => given[name] ?? value;
  const own = loss.options
    .filter((option) => !Array.isArray(option.default))
    .map((option) => {
      if (typeof option.default === 'boolean')
        return checkbox(option.name, valueOf(option), (value) => setOption(loss.name, option.name, value));
      const value = valueOf(option) ?? loss.formula.parameters.find(({ name }) => name === option.name).default;
      return slider({
        label: option.name,
        value,
        low: option.low,
        high: option.high,
        change: (each) => setOption(loss.name, option.name, each),
      }).node;
    });
  return loss.modified ? [...own, ...overlapControls(loss, given)] : own;
}

function overlapControls(loss, given) {
  const { power, interval, inner } = {
    ...Object.fromEntries(OVERLAP.map((each) => [each.name, each.default])),
    ...given,
  };
  const set = (option) => (value) => setOption(loss.name, option, value);
  const [low, high] = interval;
  return [
    { label: text('option.power'), value: power, low: 0.25, high: 4, step: 0.05, change: set('power') },
    {
      label: text('option.low'),
      value: low,
      low: 0,
      high: 0.95,
      change: (value) => set('interval')([value, Math.max(high, Number((value + 0.05).toFixed(2)))]),
    },
    {
      label: text('option.high'),
      value: high,
      low: 0.05,
      high: 1,
      change: (value) => set('interval')([Math.min(low, Number((value - 0.05).toFixed(2))), value]),
    },
    { label: text('option.inner'), value: inner, low: 0.25, high: 2, step: 0.05, change: set('inner') },
  ].map((each) => slider(each).node);
}

export function checkbox(label, value, change) {
  const input = element('input', { type: 'checkbox', checked: value, onchange: () => change(input.checked) });
  return element('label', { class: 'check' }, input, element('span', {}, label));
}

function resetButton(loss) {
  if (!Object.keys(state.options[loss.name] ?? {}).length) return null;
  const rest = { ...state.options };
  delete rest[loss.name];
  return element('button', { class: 'quiet', type: 'button', onclick: () => update({ options: rest }) }, text('reset'));
}

// Draw controls again while none of them is in use: an element that is dragged must stay.
export function redrawControls(place, controls) {
  if (place.contains(document.activeElement) && document.activeElement.type === 'range') {
    const now = controls();
    const next = element('div', {}, ...now);
    const outputs = [...place.querySelectorAll('output')];
    const values = [...next.querySelectorAll('output')];
    if (outputs.length === values.length) {
      outputs.forEach((output, k) => (output.textContent = values[k].textContent));
      const inputs = [...place.querySelectorAll('input[type=range]')];
      [...next.querySelectorAll('input[type=range]')].forEach((input, k) => {
        inputs[k].setAttribute('aria-valuetext', input.getAttribute('aria-valuetext'));
        if (inputs[k] !== document.activeElement) inputs[k].value = input.value;
      });
      return;
    }
  }
  place.replaceChildren(...controls());
}
