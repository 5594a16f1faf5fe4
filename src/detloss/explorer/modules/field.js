// The field: the selected loss and its descent for predictions of many positions, or of many sizes.

import { BY_NAME, CANVAS, NAMES } from './catalog.js';
import { arrow, arrowLength, middle, optionsOf, pointIn, rectangle } from './boxes.js';
import { bounded, element, find, rounded, shown, svg } from './dom.js';
import { boxFunction } from './losses.js';
import { state, update, watch } from './state.js';
import { text, titleOf } from './texts.js';

const [WIDTH, HEIGHT] = CANVAS.image;
const CELLS = 64;
const STRIDE = 4; // cells from one arrow to the next
const CEILING = 6; // of the colors: -log IoU is 87 for disjoint boxes
const values = new Float64Array(CELLS * CELLS);

// The prediction whose center, or whose sides, are those of a point of the canvas.
function predictionAt(x, y) {
  const { pred, field } = state;
  const isPosition = field === 'position';
  const [cx, cy] = isPosition ? [x, y] : [middle(pred, 0), middle(pred, 1)];
  const [w, h] = isPosition ? [pred[2] - pred[0], pred[3] - pred[1]] : [x, y];
  return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];
}

// The derivatives by the center, or by the sides, from those by the edges.
function derivatives(result) {
  const [, , x1, y1, x2, y2] = result;
  return state.field === 'position' ? [x1 + x2, y1 + y2] : [(x2 - x1) / 2, (y2 - y1) / 2];
}

// The values at the centers of all cells, and the arrows.
function computed() {
  const evaluate = boxFunction(state.loss, optionsOf(state.loss));
  const arrows = [];
  for (let row = 0; row < CELLS; row += 1) {
    for (let column = 0; column < CELLS; column += 1) {
      const [x, y] = [((column + 0.5) / CELLS) * WIDTH, ((row + 0.5) / CELLS) * HEIGHT];
      const result = evaluate(predictionAt(x, y), state.target);
      values[row * CELLS + column] = result[0];
      if (row % STRIDE === STRIDE / 2 && column % STRIDE === STRIDE / 2) {
        const [dx, dy] = derivatives(result);
        const size = Math.hypot(dx, dy);
        const length = size ? arrowLength(size, 1.6, 1.1) / size : 0;
        arrows.push(arrow(x, y, -dx * length, -dy * length, { class: 'flow' }, 0.26));
      }
    }
  }
  return arrows.filter(Boolean);
}

function paint(low, high) {
  const canvas = find('#heat');
  const [from, to] = ['--heat-low', '--heat-high'].map(colorOf);
  const image = new ImageData(CELLS, CELLS);
  for (let k = 0; k < values.length; k += 1) {
    const part = bounded((values[k] - low) / (high - low || 1), 0, 1);
    for (let channel = 0; channel < 3; channel += 1)
      image.data[4 * k + channel] = from[channel] + part * (to[channel] - from[channel]);
    image.data[4 * k + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

// The channels of a color of the style sheet in the current color scheme.
const probe = document.createElement('span');
function colorOf(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe)
    .color.match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
}

function draw() {
  performance.clearMeasures('field');
  const started = performance.now();
  const arrows = computed();
  const finite = values.filter(Number.isFinite);
  const [low, highest] = [Math.min(...finite), Math.max(...finite)];
  const high = Math.min(highest, CEILING);
  paint(low, high);
  find('#field .flows').replaceChildren(...arrows);
  const { pred, target, field } = state;
  const mark = field === 'position' ? [middle(pred, 0), middle(pred, 1)] : [pred[2] - pred[0], pred[3] - pred[1]];
  const goal =
    field === 'position' ? [middle(target, 0), middle(target, 1)] : [target[2] - target[0], target[3] - target[1]];
  find('#field .marks').replaceChildren(
    ...(field === 'position'
      ? [rectangle(target, { class: 'outline target' }), rectangle(pred, { class: 'outline pred' })]
      : []),
    svg('path', { class: 'goal', d: `M${goal[0] - 0.3} ${goal[1]}h.6M${goal[0]} ${goal[1] - 0.3}v.6` }),
    svg('circle', { class: 'mark', cx: mark[0], cy: mark[1], r: 0.3 }),
  );
  const title = titleOf(BY_NAME.get(state.loss));
  const here = boxFunction(state.loss, optionsOf(state.loss))(pred, target);
  const [dx, dy] = derivatives(here).map((each) => shown(each));
  find('#field-mark').textContent = text(`field.${field}.mark`, { value: shown(here[0]), dx, dy });
  find('#field').setAttribute('aria-label', text('field.canvas', { title }));
  find('#field-caption').textContent = [
    text(`field.${field}.caption`),
    highest > CEILING ? text('field.capped', { value: CEILING }) : '',
  ].join(' ');
  find('#field-low').textContent = shown(low);
  find('#field-high').textContent = shown(high);
  find('#field-loss').value = state.loss;
  for (const button of document.querySelectorAll('#field-modes button'))
    button.setAttribute('aria-pressed', String(button.value === field));
  performance.measure('field', { start: started });
}

function follow(event) {
  const [x, y] = pointIn(find('#field'), event);
  const placed = predictionAt(bounded(x, 0, WIDTH), bounded(y, 0, HEIGHT));
  update({ pred: placed.map((value) => rounded(value)), step: 0, preset: '' });
}

export function startField() {
  const select = find('#field-loss');
  select.addEventListener('change', () => update({ loss: select.value }));
  watch([], () =>
    select.replaceChildren(...NAMES.box.map((name) => element('option', { value: name }, titleOf(BY_NAME.get(name))))),
  );
  document.body.append(probe);
  probe.hidden = true;
  const heat = find('#heat');
  heat.width = heat.height = CELLS;
  const drawing = find('#field');
  drawing.append(svg('g', { class: 'flows' }), svg('g', { class: 'marks' }));
  drawing.addEventListener('pointerdown', (event) => {
    drawing.setPointerCapture(event.pointerId);
    follow(event);
  });
  drawing.addEventListener('pointermove', (event) => drawing.hasPointerCapture(event.pointerId) && follow(event));
  for (const button of document.querySelectorAll('#field-modes button')) {
    button.addEventListener('click', () => update({ field: button.value }));
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => update({ theme: state.theme }));
  watch(['pred', 'target', 'loss', 'options', 'field', 'theme'], draw);
}
