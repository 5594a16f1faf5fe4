// The formula of the selected box loss with its numbers; pointing at a term shows it in the drawing.

import { BY_NAME } from './catalog.js';
import { element, find, shown } from './dom.js';
import { box, measuresOf } from './losses.js';
import { optionsOf } from './boxes.js';
import { optionControls, redrawControls } from './options.js';
import { state, watch } from './state.js';
import { text, titleOf } from './texts.js';

// The terms of the measures that a loss reads, and the symbols of the formulas.
const TERMS = {
  intersection: ['intersection'],
  symmetric_difference: ['union'],
  enclosure_excess: ['enclosure'],
  distance: ['distance'],
  diagonal: ['diagonal'],
  aspect_angle: ['aspect'],
  axes: ['sides'],
  plane: ['sides'],
};
const ORDER = ['iou', 'intersection', 'union', 'enclosure', 'distance', 'diagonal', 'aspect', 'sides'];
const SYMBOLS = { IoU: 'iou', C: 'enclosure', ρ: 'distance', c: 'diagonal', v: 'aspect' };
const DRAWN = { iou: ['intersection', 'union'] };

function numbersOf() {
  const { pred, target } = state;
  const found = measuresOf(pred, target);
  const sides = [0, 1].map((k) => pred[k + 2] - pred[k] - (target[k + 2] - target[k]));
  return { ...found, aspect: found.angle, sides };
}

function termsOf(loss) {
  const read = new Set(loss.reads.flatMap((measure) => TERMS[measure] ?? []));
  return ORDER.filter((term) => read.has(term) || (term === 'iou' && read.has('union')));
}

// 1 - IoU and the terms that a loss adds, as a sum of numbers.
function sumOf(loss, total, numbers) {
  const rest = [];
  const isPlain = !['power', 'interval', 'inner'].some((option) => option in optionsOf(loss.name));
  if (loss.terms != null && isPlain) {
    const byDistance =
      loss.reads.includes('distance') && loss.terms > 0 ? (numbers.distance / numbers.diagonal || 0) ** 2 : null;
    if (byDistance != null) rest.push(byDistance);
    if (loss.terms > rest.length) rest.push(total - (1 - numbers.iou) - (byDistance ?? 0));
    return [
      'L',
      '=',
      '1',
      '−',
      shown(numbers.iou),
      ...rest.flatMap((each) => ['+', shown(Math.max(each, 0))]),
      '=',
      shown(total),
    ];
  }
  return ['L', '=', shown(total)];
}

function mathRow(tokens) {
  const MATH = 'http://www.w3.org/1998/Math/MathML';
  const math = document.createElementNS(MATH, 'math');
  math.setAttribute('display', 'block');
  for (const token of tokens) {
    const name = token === 'L' ? 'mi' : /^[=+−]$/.test(token) ? 'mo' : 'mn';
    const node = document.createElementNS(MATH, name);
    node.textContent = token;
    math.append(node);
  }
  return math;
}

let pointed = null;

// Show a term, or none; it stays while the drawing changes.
function point(term) {
  pointed = term;
  const terms = term ? (DRAWN[term] ?? [term]) : [];
  for (const node of document.querySelectorAll('#canvas .term'))
    node.classList.toggle('pointed', terms.includes(node.dataset.term));
  for (const node of document.querySelectorAll('#formula [data-term]'))
    node.classList.toggle('pointed', node.dataset.term === term);
}

function draw() {
  const loss = BY_NAME.get(state.loss);
  const { loss: total } = box(loss.name, state.pred, state.target, optionsOf(loss.name));
  const numbers = numbersOf();
  const place = find('#formula .mathematics');
  if (place.dataset.loss !== loss.name) {
    place.innerHTML = loss.mathml.join('');
    place.dataset.loss = loss.name;
    for (const node of place.querySelectorAll('mi')) {
      const term = SYMBOLS[node.textContent];
      if (termsOf(loss).includes(term)) node.dataset.term = term;
    }
  }
  find('#formula h3').textContent = titleOf(loss);
  find('#formula .numbers').replaceChildren(mathRow(sumOf(loss, total, numbers)));
  const chips = termsOf(loss).map((term) => {
    const value = term === 'sides' ? numbers.sides.map((each) => shown(each)).join(', ') : shown(numbers[term]);
    return element(
      'button',
      { type: 'button', class: 'term-chip', 'data-term': term },
      element('span', {}, text(`term.${term}`)),
      element('b', {}, value),
    );
  });
  const list = find('#formula .terms');
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.term : null;
  list.replaceChildren(...chips);
  if (focused) find(`[data-term="${focused}"]`, list)?.focus();
  const links = loss.sources.map((address) =>
    element('a', { href: address, rel: 'noopener', target: '_blank' }, text('source')),
  );
  find('#formula .sources').replaceChildren(...links);
  for (const node of document.querySelectorAll('#canvas .term'))
    node.classList.toggle('read', termsOf(loss).includes(node.dataset.term));
  point(pointed);
  redrawControls(find('#box-options'), () => optionControls([loss]));
  find('#box-options-panel').hidden = !optionControls([loss]).length;
}

export function startFormula() {
  const panel = find('#formula');
  for (const event of ['pointerover', 'focusin'])
    panel.addEventListener(event, ({ target }) => point(target.closest('[data-term]')?.dataset.term));
  for (const event of ['pointerleave', 'focusout']) panel.addEventListener(event, () => point(null));
  watch(['pred', 'target', 'loss', 'options'], draw);
}
