// Colors and dashes of losses in charts, and the buttons that choose losses.

import { BY_NAME, NAMES } from './catalog.js';
import { element, svg } from './dom.js';
import { titleOf } from './texts.js';

const COLORS = 5;
const DASHES = ['', '6 3', '2 2'];

// The style of a loss: its position among the losses of its kind.
export function styleOf(name) {
  const { list } = BY_NAME.get(name);
  const names = ['logit', 'row'].includes(list) ? [...NAMES.logit, ...NAMES.row] : NAMES[list];
  const k = names.indexOf(name);
  return { color: `var(--series-${k % COLORS})`, dash: DASHES[Math.floor(k / COLORS)] };
}

// The width of a line: those that are drawn first are wider, so that lines that coincide are all visible.
export function widthOf(k, count, width, growth) {
  return width + growth * Math.min(count - 1 - k, 3);
}

export function swatch(name) {
  const { color, dash } = styleOf(name);
  const line = svg('line', { x1: 1, x2: 23, y1: 5, y2: 5, stroke: color, 'stroke-width': 3, 'stroke-dasharray': dash });
  return svg('svg', { class: 'swatch', viewBox: '0 0 24 10', 'aria-hidden': 'true' }, line);
}

// Buttons of losses of which any number may be chosen; `note` is a text beside a chosen one.
export function lossButtons(names, chosen, choose, note = () => null) {
  return names.map((name) => {
    const isChosen = chosen.includes(name);
    const next = () => names.filter((each) => (each === name ? !isChosen : chosen.includes(each)));
    return element(
      'button',
      {
        type: 'button',
        class: 'chip',
        'aria-pressed': String(isChosen),
        'data-loss': name,
        title: titleOf(BY_NAME.get(name)),
        onclick: () => choose(next()),
      },
      swatch(name),
      name,
      isChosen ? note(name) : null,
    );
  });
}
