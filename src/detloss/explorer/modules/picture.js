// Drawings as SVG files.

import { find } from './dom.js';
import { state } from './state.js';

// A drawing with the styles of the page, in the color scheme of the page.
export function pictureOf(drawing) {
  const copy = drawing.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const { width, height } = drawing.viewBox.baseVal;
  const scale = width < 100 ? 40 : 1;
  copy.setAttribute('width', width * scale);
  copy.setAttribute('height', height * scale);
  if (state.theme !== 'auto') copy.setAttribute('data-theme', state.theme);
  copy.classList.add('picture');
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
  style.textContent = find('style').textContent;
  copy.prepend(style);
  if (drawing.id === 'field') copy.insertBefore(heatOf(drawing), style.nextSibling);
  return new XMLSerializer().serializeToString(copy);
}

function heatOf(drawing) {
  const { width, height } = drawing.viewBox.baseVal;
  const image = document.createElementNS('http://www.w3.org/2000/svg', 'image');
  const attributes = { href: find('#heat').toDataURL(), width, height, preserveAspectRatio: 'none' };
  for (const [name, value] of Object.entries(attributes)) image.setAttribute(name, value);
  return image;
}

export function savePicture(drawing, name) {
  const address = URL.createObjectURL(new Blob([pictureOf(drawing)], { type: 'image/svg+xml' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
