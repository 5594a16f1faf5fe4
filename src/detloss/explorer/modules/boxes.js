// The drawing of two boxes: dragging, keyboard, arrows of descent and the terms of the formula.

import { CANVAS } from './catalog.js';
import { bounded, find, rounded, short, svg } from './dom.js';
import { box } from './losses.js';
import { state, update, watch } from './state.js';
import { text } from './texts.js';

const [WIDTH, HEIGHT] = CANVAS.image;
const LIMITS = [WIDTH, HEIGHT, WIDTH, HEIGHT];
const EDGES = [[0], [1], [2], [3]]; // by the coordinates that they move
const CORNERS = [
  [0, 1],
  [2, 1],
  [0, 3],
  [2, 3],
];
const CURSORS = {
  0: 'ew-resize',
  1: 'ns-resize',
  2: 'ew-resize',
  3: 'ns-resize',
  '0,1': 'nwse-resize',
  '2,3': 'nwse-resize',
  '2,1': 'nesw-resize',
  '0,3': 'nesw-resize',
};
const ARROW = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export const middle = (box, axis) => (box[axis] + box[axis + 2]) / 2;
export const optionsOf = (name) => state.options[name] ?? {};

export function rectangle([x1, y1, x2, y2], attributes) {
  const [x, y] = [Math.min(x1, x2), Math.min(y1, y2)];
  return svg('rect', { x, y, width: Math.abs(x2 - x1), height: Math.abs(y2 - y1), ...attributes });
}

export function grid() {
  const lines = [];
  for (let x = 1; x < WIDTH; x += 1) lines.push(`M${x} 0V${HEIGHT}`);
  for (let y = 1; y < HEIGHT; y += 1) lines.push(`M0 ${y}H${WIDTH}`);
  return svg('path', { class: 'grid', d: lines.join('') });
}

// An arrow with its head, if it is long enough to be seen.
export function arrow(x, y, dx, dy, attributes, head = 0.32) {
  const length = Math.hypot(dx, dy);
  if (!(length > 0.02)) return null;
  const [ux, uy] = [dx / length, dy / length];
  const size = Math.min(head, length);
  const [tipX, tipY] = [x + dx, y + dy];
  const wing = (side) => `${tipX - size * ux - side * 0.5 * size * uy} ${tipY - size * uy + side * 0.5 * size * ux}`;
  return svg('path', { ...attributes, d: `M${x} ${y}L${tipX} ${tipY}M${wing(1)}L${tipX} ${tipY}L${wing(-1)}` });
}

// The length of an arrow for a derivative: its root, so that small derivatives are visible.
export function arrowLength(derivative, unit = 2.6, longest = 3) {
  return Math.sign(derivative) * Math.min(longest, unit * Math.sqrt(Math.abs(derivative)));
}

// The terms of a formula as drawings; each is drawn faintly if the loss reads it, and strongly while it is pointed at.
export function termDrawings(pred, target) {
  const both = [
    Math.max(pred[0], target[0]),
    Math.max(pred[1], target[1]),
    Math.min(pred[2], target[2]),
    Math.min(pred[3], target[3]),
  ];
  const around = [0, 1, 2, 3].map((k) =>
    (k < 2 ? Math.min : Math.max)(pred[k], target[k], pred[(k + 2) % 4], target[(k + 2) % 4]),
  );
  const overlaps = both[2] > both[0] && both[3] > both[1];
  const centers = [pred, target].map((each) => [middle(each, 0), middle(each, 1)]);
  const line = ([x1, y1], [x2, y2]) => svg('line', { x1, y1, x2, y2 });
  const dots = centers.map(([cx, cy]) => svg('circle', { cx, cy, r: 0.14 }));
  return {
    union: [rectangle(pred, {}), rectangle(target, {})],
    intersection: overlaps ? [rectangle(both, {})] : [],
    enclosure: [rectangle(around, {})],
    diagonal: [line([around[0], around[1]], [around[2], around[3]])],
    distance: [line(...centers), ...dots],
    aspect: [line([pred[0], pred[3]], [pred[2], pred[1]]), line([target[0], target[3]], [target[2], target[1]])],
    sides: [pred, target].map((each) => svg('path', { d: `M${each[0]} ${each[3]}H${each[2]}V${each[1]}` })),
  };
}

function draw() {
  const { pred, target, loss } = state;
  const { gradient } = box(loss, pred, target, optionsOf(loss));
  const terms = Object.entries(termDrawings(pred, target)).map(([term, shapes]) =>
    svg('g', { class: `term ${term}`, 'data-term': term }, ...shapes),
  );
  find('#canvas .terms').replaceChildren(...terms);
  for (const name of ['target', 'pred']) place(name);
  const [cx, cy] = [middle(pred, 0), middle(pred, 1)];
  const starts = [
    [pred[0], cy, 1, 0],
    [cx, pred[1], 0, 1],
    [pred[2], cy, 1, 0],
    [cx, pred[3], 0, 1],
  ];
  const arrows = starts.map(([x, y, ax, ay], k) => {
    const length = -arrowLength(gradient[k]);
    return arrow(x, y, ax * length, ay * length, { class: 'pull' });
  });
  find('#canvas .pulls').replaceChildren(...arrows.filter(Boolean));
}

// Move the parts of a box to its place; they stay the same elements, so that focus and pointer are kept.
function place(name) {
  const [x1, y1, x2, y2] = state[name];
  const group = find(`#canvas .${name}`);
  const names = { name: text(name === 'pred' ? 'prediction' : 'target') };
  group.setAttribute(
    'aria-label',
    text('box.name', { ...names, x1: short(x1), y1: short(y1), x2: short(x2), y2: short(y2) }),
  );
  const body = rectangle(state[name], {});
  for (const key of ['x', 'y', 'width', 'height']) find('.body', group).setAttribute(key, body.getAttribute(key));
  for (const handle of group.querySelectorAll('.edge')) {
    const k = Number(handle.dataset.moves);
    const value = state[name][k];
    const ends = k % 2 ? { x1, x2, y1: value, y2: value } : { x1: value, x2: value, y1, y2 };
    for (const [key, each] of Object.entries(ends)) handle.setAttribute(key, each);
  }
  for (const handle of group.querySelectorAll('.corner')) {
    const [kx, ky] = handle.dataset.moves.split(',');
    handle.setAttribute('cx', state[name][kx]);
    handle.setAttribute('cy', state[name][ky]);
  }
}

function parts(name) {
  return svg(
    'g',
    { class: `box ${name}`, tabindex: 0, role: 'group', 'data-box': name },
    svg('rect', { class: 'body', 'data-moves': '0,1,2,3' }),
    ...EDGES.map((moves) => svg('line', { class: 'edge', 'data-moves': moves, style: `cursor: ${CURSORS[moves]}` })),
    ...CORNERS.map((moves) =>
      svg('circle', { class: 'corner', r: 0.26, 'data-moves': moves, style: `cursor: ${CURSORS[moves]}` }),
    ),
  );
}

// A box after its coordinates `moves` have moved; it stays on the canvas, and an edge stops at the opposite one.
export function moved(from, moves, dx, dy) {
  const box = [...from];
  if (moves.length === 4) {
    const shift = [
      bounded(dx, -Math.min(box[0], box[2]), WIDTH - Math.max(box[0], box[2])),
      bounded(dy, -Math.min(box[1], box[3]), HEIGHT - Math.max(box[1], box[3])),
    ];
    return box.map((value, k) => rounded(value + shift[k % 2]));
  }
  for (const k of moves) {
    const opposite = box[(k + 2) % 4];
    const [low, high] = k < 2 ? [0, Math.max(opposite, 0)] : [opposite, LIMITS[k]];
    box[k] = rounded(bounded(box[k] + (k % 2 ? dy : dx), low, high));
  }
  return box;
}

// The place of a pointer in units of the canvas.
export function pointIn(drawing, event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
  return [x, y];
}

function dragging(canvas) {
  let drag = null;
  canvas.addEventListener('pointerdown', (event) => {
    const moves = event.target.dataset?.moves;
    if (!moves) return;
    const group = event.target.closest('[data-box]');
    canvas.setPointerCapture(event.pointerId);
    group.focus({ preventScroll: true });
    drag = {
      name: group.dataset.box,
      moves: moves.split(',').map(Number),
      from: [...state[group.dataset.box]],
      start: pointIn(canvas, event),
    };
    event.preventDefault();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const [x, y] = pointIn(canvas, event);
    change(drag.name, moved(drag.from, drag.moves, x - drag.start[0], y - drag.start[1]));
  });
  for (const end of ['pointerup', 'pointercancel']) canvas.addEventListener(end, () => (drag = null));
}

function keyboard(canvas) {
  canvas.addEventListener('keydown', (event) => {
    const group = event.target.closest('[data-box]');
    const direction = ARROW[event.key];
    if (!group || !direction || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const name = group.dataset.box;
    const [dx, dy] = direction.map((each) => each * 0.1);
    change(name, moved(state[name], event.shiftKey ? [2, 3] : [0, 1, 2, 3], dx, dy));
  });
}

export function change(name, box) {
  update({ [name]: box, step: 0, preset: '' });
}

export function startBoxes() {
  const canvas = find('#canvas');
  canvas.append(grid(), svg('g', { class: 'terms' }), parts('target'), parts('pred'), svg('g', { class: 'pulls' }));
  dragging(canvas);
  keyboard(canvas);
  watch(['pred', 'target', 'loss', 'options'], draw);
}
