// A batch of a dense detector: the share of negatives and positives in the loss and in the gradient.

import { classFunction, isSoftmax, logitOf } from './classes.js';
import { element, find } from './dom.js';
import { logarithmic, stateSlider } from './options.js';
import { swatch } from './series.js';
import { state, watch } from './state.js';
import { text } from './texts.js';

const CONTROLS = [
  ['negatives', 'batch.negatives', { low: 100, high: 100000, ...logarithmic }],
  [
    'positives',
    'batch.positives',
    { low: 1, high: 1000, ...logarithmic, scale: (position) => Math.round(10 ** position) },
  ],
  ['easy', 'batch.easy', { low: 0.001, high: 0.5, ...logarithmic }],
  ['hard', 'batch.hard', { low: 0.01, high: 0.99 }],
];

// The parts of the negatives in the total loss and in the sum of the absolute derivatives by the logits.
export function sharesOfNegatives(name) {
  const evaluate = classFunction(name);
  // The target of a softmax at a negative is the background, with the rest of the probability.
  const negative = evaluate(logitOf(isSoftmax(name) ? 1 - state.easy : state.easy), 0);
  const positive = evaluate(logitOf(state.hard), 1);
  return [0, 1].map((part) => {
    const [easy, hard] = [state.negatives * Math.abs(negative[part]), state.positives * Math.abs(positive[part])];
    return easy + hard ? easy / (easy + hard) : 0;
  });
}

function percent(part) {
  return part > 0 && part < 0.001 ? '< 0.1 %' : part < 1 && part > 0.999 ? '> 99.9 %' : `${(100 * part).toFixed(1)} %`;
}

function bar(part, what) {
  const groups = [
    ['negatives', part],
    ['positives', 1 - part],
  ].map(([group, share]) =>
    element(
      'span',
      {
        class: group,
        style: `width: ${100 * share}%`,
        title: text('batch.share', {
          group: text(`batch.${group}`),
          share: percent(share),
          part: text(`batch.${what}`),
        }),
      },
      share > 0.2 ? percent(share) : '',
    ),
  );
  return element(
    'div',
    { class: 'shares' },
    element('small', {}, text(`batch.${what}`)),
    element('div', { class: 'stack' }, ...groups),
  );
}

function draw() {
  const rows = state.classes.map((name) => {
    const [ofLoss, ofGradient] = sharesOfNegatives(name);
    return element(
      'div',
      { class: 'batch-row', 'data-loss': name },
      element('b', {}, swatch(name), name),
      bar(ofLoss, 'loss'),
      bar(ofGradient, 'gradient'),
    );
  });
  find('#batch').replaceChildren(...rows);
  find('#batch-caption').textContent = text('batch.caption', {
    negatives: state.negatives,
    positives: state.positives,
  });
}

export function startBatch() {
  let sliders = [];
  watch([], () => {
    sliders = CONTROLS.map((control) => stateSlider(...control));
    find('#batch-sliders').replaceChildren(...sliders.map(({ node }) => node));
  });
  watch(
    CONTROLS.map(([key]) => key),
    () => sliders.forEach(({ show }) => show()),
  );
  watch([...CONTROLS.map(([key]) => key), 'classes', 'count', 'quality', 'weight', 'options'], draw);
}
