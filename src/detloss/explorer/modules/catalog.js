// The losses of the page, which Python writes into it.

const data = JSON.parse(document.getElementById('data').textContent);

export const LOSSES = data.losses;
export const OMITTED = data.omitted;
export const OVERLAP = data.overlap;
export const CANVAS = data.canvas;
export const PRESETS = data.presets;
export const BY_NAME = new Map(LOSSES.map((loss) => [loss.name, loss]));

// The names of the losses of each kind of operand.
export const NAMES = Object.fromEntries(
  ['box', 'logit', 'row', 'number'].map((list) => [
    list,
    LOSSES.filter((loss) => loss.list === list).map((loss) => loss.name),
  ]),
);
