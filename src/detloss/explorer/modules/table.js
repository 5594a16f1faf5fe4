// The table of all box losses of the two boxes.

import { BY_NAME, NAMES } from './catalog.js';
import { element, find, shown } from './dom.js';
import { box } from './losses.js';
import { optionsOf } from './boxes.js';
import { swatch } from './series.js';
import { state, update, watch } from './state.js';
import { text, titleOf } from './texts.js';

const FULL = 2; // the value of a full bar
let timer;

function bar(fraction) {
  return element('span', { class: 'bar' }, element('span', { style: `width: ${100 * Math.min(fraction || 0, 1)}%` }));
}

function draw() {
  const results = NAMES.box.map((name) => {
    const { loss, gradient } = box(name, state.pred, state.target, optionsOf(name));
    return { name, loss, size: Math.hypot(...gradient) };
  });
  const steepest = Math.max(...results.map(({ size }) => size)) || 1;
  const rows = results.map(({ name, loss, size }) => {
    const radio = element('input', {
      type: 'radio',
      name: 'loss',
      id: `loss-${name}`,
      value: name,
      checked: state.loss === name,
      onchange: () => update({ loss: name }),
    });
    const label = element(
      'label',
      { for: `loss-${name}` },
      swatch(name),
      element('b', {}, name),
      element('small', {}, titleOf(BY_NAME.get(name))),
    );
    return element(
      'tr',
      { 'data-loss': name, class: state.loss === name ? 'chosen' : '', onclick: () => update({ loss: name }) },
      element('th', { scope: 'row' }, radio, label),
      element('td', { class: 'value' }, bar(loss / FULL), shown(loss)),
      element('td', { class: 'size' }, bar(size / steepest), shown(size)),
    );
  });
  const body = find('#table tbody');
  const focused = document.activeElement?.id;
  body.replaceChildren(...rows);
  if (focused?.startsWith('loss-')) find(`#${focused}`)?.focus();
  const chosen = results.find(({ name }) => name === state.loss);
  clearTimeout(timer); // a screen reader hears the result after a movement, not during it
  timer = setTimeout(() => {
    const values = {
      title: titleOf(BY_NAME.get(chosen.name)),
      value: shown(chosen.loss),
      gradient: shown(chosen.size),
    };
    find('#announcement').textContent = text('table.announcement', values);
  }, 600);
}

export function startTable() {
  watch(['pred', 'target', 'loss', 'options'], draw);
}
