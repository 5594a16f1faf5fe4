// Calls of the library with the numbers on screen.

import { BY_NAME, OVERLAP } from './catalog.js';
import { optionsOf } from './boxes.js';
import { classOptions, isSoftmax, softmaxLogits, softmaxOptions } from './classes.js';
import { box, logit, number, row } from './losses.js';
import { state } from './state.js';

// A value as Python writes it; a number of a tensor has a decimal point.
function literal(value) {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return `(${value.map(literal).join(', ')})`;
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function tensor(numbers) {
  return `torch.tensor([[${numbers.map(literal).join(', ')}]], dtype=torch.float64)`;
}

function keywords(loss, given) {
  const overlap = OVERLAP.map(({ name }) => name).filter((name) => name in given);
  const own = Object.entries({ ...required(loss), ...loss.fixed, ...given }).filter(
    ([name]) => !overlap.includes(name) && name !== 'quality',
  );
  const words = own.map(([name, value]) => `, ${name}=${literal(value)}`);
  if (overlap.length)
    words.push(`, overlap=detloss.Overlap(${overlap.map((name) => `${name}=${literal(given[name])}`).join(', ')})`);
  return words.join('');
}

// Options without a default in the library, which follow the canvas here.
function required(loss) {
  const names = ['mpdiou', 'nwd'].includes(loss.name) ? ['image_size', 'scale'] : [];
  return Object.fromEntries(
    loss.options.filter(({ name }) => names.includes(name)).map(({ name, default: value }) => [name, value]),
  );
}

function program(lines, call, operand, { loss, gradient }) {
  return [
    'import torch, detloss',
    '',
    ...lines,
    `loss = ${call}`,
    'loss.backward()',
    `print(loss.item())  # ${loss}`,
    `print(${operand}.grad.tolist())  # ${JSON.stringify([gradient])}`,
    '',
  ].join('\n');
}

export function boxProgram() {
  const loss = BY_NAME.get(state.loss);
  const given = optionsOf(loss.name);
  const lines = [`pred = ${tensor(state.pred)}.requires_grad_()`, `target = ${tensor(state.target)}`];
  return program(
    lines,
    `detloss.${loss.function}(pred, target${keywords(loss, given)})`,
    'pred',
    box(loss.name, state.pred, state.target, given),
  );
}

// The first of the chosen class losses at the mark.
export function classProgram() {
  return state.classes.map((name) => (isSoftmax(name) ? softmaxProgram(name) : logitProgram(name))).join('\n');
}

function logitProgram(name) {
  const loss = BY_NAME.get(name);
  const options = classOptions(name);
  const lines = [`logits = ${tensor([state.logit])}.requires_grad_()`, `target = ${tensor([state.label])}`];
  if (loss.has_quality) lines.push(`quality = ${tensor([state.quality])}`);
  const quality = loss.has_quality ? ', quality=quality' : '';
  const { loss: value, gradient } = logit(name, state.logit, state.label, options);
  return program(lines, `detloss.${loss.function}(logits, target${quality}${keywords(loss, options)})`, 'logits', {
    loss: value,
    gradient: [gradient],
  });
}

function softmaxProgram(name) {
  const loss = BY_NAME.get(name);
  const options = softmaxOptions(name);
  const logits = softmaxLogits(state.logit);
  const lines = [`logits = ${tensor(logits)}.requires_grad_()`, 'target = torch.tensor([0])'];
  return program(
    lines,
    `detloss.${loss.function}(logits, target${keywords(loss, options)})`,
    'logits',
    row(name, logits, 0, options),
  );
}

export function numberProgram() {
  return state.numbers
    .map((name) => {
      const loss = BY_NAME.get(name);
      const options = state.options[name] ?? {};
      const { loss: value, gradient } = number(name, state.error, 0, options);
      const lines = [`pred = ${tensor([state.error])}.requires_grad_()`, `target = ${tensor([0])}`];
      return program(lines, `detloss.${loss.function}(pred, target${keywords(loss, options)})`, 'pred', {
        loss: value,
        gradient: [gradient],
      });
    })
    .join('\n');
}
