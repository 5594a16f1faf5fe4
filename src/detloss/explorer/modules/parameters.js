// From the options of a loss to its formula and the parameters of the formula, as the loss functions convert them.

import { BY_NAME, NAMES, OVERLAP } from './catalog.js';

// Parameters that are not options. Those of a margin are the logit with this probability, as the sum of two numbers.
const DERIVED = {
  positive_weight: ({ alpha }) => alpha ?? 1,
  negative_weight: ({ alpha }) => (alpha == null ? 1 : 1 - alpha),
  leading: ({ poly }) => 1 + poly,
  rate: ({ alpha, gamma, beta }) => Math.expm1(gamma / alpha) / beta,
  length: ({ image_size: size }) => Math.hypot(...size),
  threshold: ({ margin }) => logitOf(margin)[0],
  threshold_low: ({ margin }) => logitOf(margin)[1],
};

function logitOf(probability) {
  if (probability === 1) return [2 ** 127, 0];
  const logit =
    probability < 0.25 ? Math.log(probability) - Math.log1p(-probability) : 2 * Math.atanh(2 * probability - 1);
  const shifted = (2 ** 29 + 1) * logit; // Dekker's split of the 53 bits
  const first = shifted - (shifted - logit);
  return [first, logit - first];
}

// A loss of a list by its name.
export function lossNamed(name, list) {
  if (!NAMES[list].includes(name)) throw new RangeError(`name: expected one of ${NAMES[list].join(', ')}, got ${name}`);
  return BY_NAME.get(name);
}

// All options of a loss: the given ones and the defaults of the others. `extra` are options of every loss of the list.
export function completed(loss, given, extra = {}) {
  const defaults = { ...Object.fromEntries(loss.options.map((each) => [each.name, each.default])), ...extra };
  if (loss.has_quality) defaults.quality = null;
  if (loss.modified) for (const each of OVERLAP) defaults[each.name] = each.default;
  for (const option of Object.keys(given)) {
    if (!(option in defaults)) {
      throw new RangeError(`${loss.name}: expected options among ${Object.keys(defaults).join(', ')}, got ${option}`);
    }
  }
  return { ...defaults, ...given };
}

// The formula of a loss with these options.
export function formulaOf(loss, options) {
  const variant = loss.variants.find((each) => (options[each.option] === each.value) === each.is_value);
  return variant ? variant.formula : loss.formula;
}

// The parameters of a formula: options, numbers derived from them, or those of the defaults.
export function parametersOf(formula, options) {
  return formula.parameters.map(({ name, default: value }) => {
    if (name in options) return options[name] ?? value;
    return name in DERIVED ? DERIVED[name](options) : value;
  });
}
