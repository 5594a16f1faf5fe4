// Elements, and numbers as text.

const SVG = 'http://www.w3.org/2000/svg';

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

export function find(selector, root = document) {
  return root.querySelector(selector);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// A number with three significant digits.
export function shown(x, digits = 3) {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const size = Math.abs(x);
  if (size === 0) return '0';
  const [text, exponent] = (size >= 1e4 || size < 1e-3 ? size.toExponential(1) : size.toPrecision(digits)).split('e');
  return (x < 0 ? '−' : '') + text + (exponent ? ` × 10${raised(exponent)}` : '');
}

function raised(exponent) {
  return [...exponent.replace('+', '')].map((sign) => (sign === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[sign])).join('');
}

// A number as short as possible.
export function short(x) {
  return String(Number(x.toPrecision(6))).replace('-', '−');
}

export function rounded(x, step = 0.05) {
  return Number((Math.round(x / step) * step).toFixed(4));
}

export function bounded(x, low, high) {
  return Math.min(Math.max(x, low), high);
}
