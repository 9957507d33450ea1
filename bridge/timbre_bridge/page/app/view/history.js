// The list of what was said, with replay and download.

import { paint } from '../colour.js';
import { byId, element, ICONS, setIcon, setText, sync } from './dom.js';
import { sign } from './emotions.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 * @typedef {import('../history.js').History} History
 * @typedef {import('../history.js').Said} Said
 */

const SHORT = 40; // letters of a text that name a button

/** @param {App} app @param {History} history @returns {(state: ViewState) => void} */
export function historyList(app, history) {
  return (state) => {
    const radio = /** @type {HTMLAnchorElement} */ (byId('radio'));
    radio.hidden = !history.radio;
    if (history.radio) radio.href = history.radio;
    byId('history-empty').hidden = history.said.length > 0;
    sync(byId('history'), history.said, (said) => said.context_id, (said) => entry(history, said), (made, said) => {
      update(app, state, history, made, said);
    });
  };
}

/** @param {History} history @param {Said} said */
function entry(history, said) {
  return element(
    'li',
    {},
    element('p', { className: 'head' }, element('b'), element('time', { dateTime: said.started_at }), element('span')),
    element('button', {
      type: 'button',
      className: 'round',
      onclick: () => history.toggle(history.said.find((each) => each.context_id === said.context_id) ?? said),
    }),
    element('a', { className: 'round', download: `${said.agent_id}-${said.context_id.slice(0, 8)}.wav` }),
    element('p', { className: 'text' }, said.text),
  );
}

/** @param {App} app @param {ViewState} state @param {History} history @param {HTMLElement} made @param {Said} said */
function update(app, state, history, made, said) {
  const { name, colour } = app.agent(said.agent_id);
  const values = { name, text: said.text.slice(0, SHORT) };
  paint(made, colour);
  const who = made.querySelector('b');
  const feeling = app.t(`emotion.${said.emotion}`).replace(/^emotion\./, '');
  const key = `${name} ${said.emotion} ${feeling}`;
  if (who.dataset.key !== key) {
    who.dataset.key = key;
    who.replaceChildren(name, ...(said.emotion === 'neutral' ? [] : [sign(said.emotion, feeling)]));
  }
  setText(made.querySelector('time'), clock(app, said));
  badge(made.querySelector('.head > span'), marks(app, state, said));
  const playing = history.playing === said.context_id;
  const button = made.querySelector('button');
  setIcon(button, playing ? ICONS.stop : ICONS.play, app.t(playing ? 'history.stop' : 'history.play', values));
  const link = made.querySelector('a');
  link.href = said.wav; // signed links expire: each listing brings new ones
  setIcon(link, ICONS.download, app.t('history.download', values));
}

/** @param {App} app @param {Said} said @returns {string} time of day, and how long */
function clock(app, { started_at: startedAt, duration_ms: durationMs }) {
  const time = new Date(startedAt).toLocaleTimeString(app.settings.language, { hour: '2-digit', minute: '2-digit' });
  const seconds = (durationMs / 1000).toLocaleString(app.settings.language, { maximumFractionDigits: 1 });
  return `${time} · ${seconds} s`;
}

/** @param {App} app @param {ViewState} state @param {Said} said @returns {string} what was not as it should be */
function marks(app, state, said) {
  if (said.reason !== 'finished') return app.t(`reason.${said.reason}`);
  return state.missed.includes(said.context_id) ? app.t('unheard') : '';
}

/** @param {Element} target @param {string} text */
function badge(target, text) {
  target.className = text ? 'badge' : '';
  setText(target, text);
}
