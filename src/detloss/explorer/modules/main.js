// The page: every part is started, and drawn in the state of the address.

import { startBatch } from './batch.js';
import { change, startBoxes } from './boxes.js';
import { OMITTED } from './catalog.js';
import { startClasses } from './classes.js';
import { element, find } from './dom.js';
import { startField } from './field.js';
import { startFormula } from './formula.js';
import { address, followAddress, stateOf } from './link.js';
import { startNumbers } from './numbers.js';
import { savePicture } from './picture.js';
import { boxProgram, classProgram, numberProgram } from './python.js';
import { startRace } from './race.js';
import { drawAll, state, update, watch } from './state.js';
import { startTable } from './table.js';
import { fillTexts, language, text, titleOf } from './texts.js';

const PROGRAMS = { boxes: boxProgram, classes: classProgram, numbers: numberProgram, link: address };

function startHeader() {
  for (const button of document.querySelectorAll('#languages button'))
    button.addEventListener('click', () => update({ language: button.value }));
  const theme = find('#theme');
  theme.addEventListener('change', () => update({ theme: theme.value }));
  watch(['theme'], () => {
    fillTexts();
    document.documentElement.dataset.theme = state.theme;
    theme.value = state.theme;
    for (const button of document.querySelectorAll('#languages button'))
      button.setAttribute('aria-pressed', String(button.value === language()));
    const rows = OMITTED.map((loss) =>
      element('li', {}, element('b', {}, loss.name), ` ${titleOf(loss)}: ${text(`reason.${loss.kind}`)}`),
    );
    find('#omitted').replaceChildren(...rows);
  });
}

// Links to the parts: the address holds the state, so they scroll instead of changing it.
function startNavigation() {
  for (const link of document.querySelectorAll('a[href="#"]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      const part = find(`#${link.dataset.part}-section, #${link.dataset.part}`) ?? document.body;
      part.scrollIntoView();
    });
  }
}

// The fields with the numbers of both boxes.
function startCoordinates() {
  for (const input of document.querySelectorAll('#coordinates input')) {
    const [name, k] = input.name.split(' ');
    input.addEventListener('input', () => {
      if (Number.isFinite(input.valueAsNumber))
        change(
          name,
          state[name].map((value, at) => (at === Number(k) ? input.valueAsNumber : value)),
        );
    });
    watch([name], () => {
      if (input !== document.activeElement) input.value = state[name][k];
    });
  }
}

function startButtons() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      const done = await navigator.clipboard.writeText(PROGRAMS[button.dataset.copy]()).then(
        () => 'copied',
        () => 'not.copied',
      );
      button.textContent = text(done);
      setTimeout(() => (button.textContent = text(button.dataset.text)), 1500);
    });
  }
  for (const button of document.querySelectorAll('[data-save]')) {
    button.addEventListener('click', () =>
      savePicture(find(button.dataset.save), `${button.dataset.save.slice(1)}.svg`),
    );
  }
}

Object.assign(state, stateOf(location.hash.slice(1)));
startHeader();
startNavigation();
startBoxes();
startCoordinates();
startTable();
startFormula();
startField();
startRace();
startClasses();
startBatch();
startNumbers();
startButtons();
followAddress();
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth !== width) drawAll();
  width = innerWidth;
});
drawAll();
