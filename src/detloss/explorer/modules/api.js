// The global name `detloss`: the arithmetic of the page for scripts and tests.

import { NAMES, OMITTED } from './catalog.js';
import { box, logit, number, row } from './losses.js';

globalThis.detloss = Object.freeze({
  box,
  logit,
  row,
  number,
  names: NAMES,
  omitted: Object.fromEntries(OMITTED.map(({ name, reason }) => [name, reason])),
});
