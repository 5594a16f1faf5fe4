// Gradient descent of a box, as in the experiment of the DIoU paper, and of a single number.

import { boxFunction, numberFunction } from './losses.js';

export const STEPS = 200;
const decay = (step) => (step < 160 ? 1 : step < 180 ? 0.1 : 0.01);

const centerAndSides = ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
const corners = ([cx, cy, w, h]) => [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];

// The box before the first step and after every step, with its IoU and its error |dcx| + |dcy| + |dw| + |dh|.
export function boxDescent(name, pred, target, { rate, factor, options = {} }) {
  const evaluate = boxFunction(name, { format: 'cxcywh', ...options });
  const overlap = boxFunction('iou', { format: 'cxcywh' });
  const goal = centerAndSides(target);
  const frames = [];
  for (let row = centerAndSides(pred); frames.length <= STEPS;) {
    const iou = overlap(row, goal)[1];
    const [, , ...gradient] = evaluate(row, goal);
    const error = row.reduce((total, each, k) => total + Math.abs(each - goal[k]), 0);
    frames.push({ box: corners(row), iou, error });
    const length = rate * decay(frames.length - 1) * (factor ? 2 - iou : 1);
    row = row.map((each, k) => each - length * gradient[k]);
  }
  return frames;
}

// A number before the first step and after every step, on its descent to 0.
export function numberDescent(name, start, rate, steps, options = {}) {
  const evaluate = numberFunction(name, options);
  const found = [start];
  while (found.length <= steps) found.push(found.at(-1) - rate * evaluate(found.at(-1), 0)[1]);
  return found;
}
