// Line charts.

import { find, short, svg } from './dom.js';
import { styleOf, widthOf } from './series.js';

const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };

// Numbers of the form 1, 2 or 5 times a power of ten that divide a range.
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((each) => each * unit >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1)
    found.push(Number((k * step).toPrecision(12)));
  return found;
}

// Draw lines into an SVG element: `lines` are [name, points], `x` and `y` have a range and a label. `mark` is a value of
// x with a line across the chart. The pixel is the unit, so texts and lines have the same size on every screen.
export function drawChart(chart, { lines, x, y, mark = null, dots = false }) {
  const width = Math.max(chart.parentElement.clientWidth, 240);
  const height = Math.round(Math.min(Math.max(width * 0.62, 190), 300));
  const across = (value) => MARGIN.left + ((value - x.low) / (x.high - x.low)) * (width - MARGIN.left - MARGIN.right);
  const up = (value) =>
    height - MARGIN.bottom - ((value - y.low) / (y.high - y.low)) * (height - MARGIN.top - MARGIN.bottom);
  const [left, right, top, bottom] = [across(x.low), across(x.high), up(y.high), up(y.low)];
  const clip = `clip-${chart.id}`;
  const label = (text, attributes) => svg('text', attributes, text);
  chart.setAttribute('viewBox', `0 0 ${width} ${height}`);
  chart.replaceChildren(
    svg('clipPath', { id: clip }, svg('rect', { x: left, y: top - 2, width: right - left, height: bottom - top + 4 })),
    ...ticks(x.low, x.high, width > 420 ? 8 : 5).flatMap((value) => [
      svg('line', { class: value === 0 ? 'zero' : 'rule', x1: across(value), x2: across(value), y1: top, y2: bottom }),
      label(short(value), { x: across(value), y: bottom + 15, 'text-anchor': 'middle' }),
    ]),
    ...ticks(y.low, y.high, 4).flatMap((value) => [
      svg('line', { class: value === 0 ? 'zero' : 'rule', x1: left, x2: right, y1: up(value), y2: up(value) }),
      label(short(value), { x: left - 6, y: up(value) + 4, 'text-anchor': 'end' }),
    ]),
    label(x.label, { class: 'axis', x: right, y: height - 3, 'text-anchor': 'end' }),
    mark == null ? '' : svg('line', { class: 'marker', x1: across(mark), x2: across(mark), y1: top, y2: bottom }),
    svg(
      'g',
      { 'clip-path': `url(#${clip})` },
      ...lines.flatMap(([name, points], k) =>
        line(
          name,
          widthOf(k, lines.length, 2, 0.6),
          points.map(([a, b]) => [across(a), up(b)]),
          dots,
        ),
      ),
    ),
    ...(mark == null ? [] : lines.map(([name, points]) => markOn(name, points, mark, across, up, y)).filter(Boolean)),
  );
  return (pixel) => x.low + ((pixel - left) / (right - left)) * (x.high - x.low);
}

function line(name, width, points, dots) {
  const { color, dash } = styleOf(name);
  const far = 1e5;
  const place = ([a, b]) => `${a.toFixed(2)} ${Math.min(Math.max(b, -far), far).toFixed(2)}`;
  const path = svg('path', {
    class: 'line',
    'data-loss': name,
    d: `M${points.map(place).join('L')}`,
    stroke: color,
    'stroke-dasharray': dash,
    'stroke-width': width,
  });
  const circles = dots
    ? points.map(([cx, cy]) => svg('circle', { cx, cy: Math.min(Math.max(cy, -far), far), r: 2.5, fill: color }))
    : [];
  return [path, ...circles];
}

function markOn(name, points, mark, across, up, y) {
  const nearest = points.reduce((best, point) => (Math.abs(point[0] - mark) < Math.abs(best[0] - mark) ? point : best));
  if (!(nearest[1] <= y.high && nearest[1] >= y.low)) return null;
  return svg('circle', { class: 'dot', cx: across(nearest[0]), cy: up(nearest[1]), r: 4, fill: styleOf(name).color });
}

// The range of some values that has round ends and contains 0.
export function rangeOf(values, ceiling = Infinity) {
  const finite = values.filter(Number.isFinite);
  const low = Math.max(Math.min(0, ...finite), -ceiling);
  const high = Math.min(Math.max(0, ...finite), ceiling);
  const space = 0.05 * (high - low) || 1;
  return { low: low < 0 ? low - space : 0, high: high > 0 ? high + space : 0 };
}

// Call `choose` with the value of x under the pointer while it drags in a chart.
export function dragIn(selector, valueAt, choose) {
  const chart = find(selector);
  const follow = (event) => {
    const { left, width } = chart.getBoundingClientRect();
    choose(valueAt(((event.clientX - left) / width) * chart.viewBox.baseVal.width));
  };
  chart.addEventListener('pointerdown', (event) => {
    chart.setPointerCapture(event.pointerId);
    follow(event);
  });
  chart.addEventListener('pointermove', (event) => chart.hasPointerCapture(event.pointerId) && follow(event));
}
