// Texts of the page in the chosen language.

import { state } from './state.js';
import { en } from './texts-en.js';
import { zh } from './texts-zh.js';

export const LANGUAGES = { en, zh };

export function language() {
  if (state.language in LANGUAGES) return state.language;
  return navigator.languages.map((tag) => tag.split('-')[0]).find((tag) => tag in LANGUAGES) ?? 'en';
}

// A text with values in braces.
export function text(key, values = {}) {
  return LANGUAGES[language()][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The title of a loss; a loss without a translation has that of the catalog.
export function titleOf(loss) {
  return LANGUAGES[language()][`loss.${loss.name}`] ?? loss.title;
}

// Fill the elements whose text and whose name never change.
export function fillTexts() {
  document.documentElement.lang = { en: 'en', zh: 'zh-CN' }[language()];
  document.title = text('title');
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll('[data-label]'))
    node.setAttribute('aria-label', text(node.dataset.label));
}
