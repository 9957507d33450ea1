// The head of the page: is it connected, which room, which language, light or dark.

import { condition } from '../state.js';
import { byId, setChoices, setText } from './dom.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 */

/** @type {Record<string, 'good' | 'wait' | 'bad'>} */
const TONES = {
  connecting: 'wait',
  reconnecting: 'wait',
  engineDown: 'bad',
  redisAway: 'bad',
  refused: 'bad',
  closed: 'bad',
};

/** @param {App} app @returns {(state: ViewState) => void} */
export function header(app) {
  const { settings } = app;
  const room = /** @type {HTMLSelectElement} */ (byId('room'));
  const language = /** @type {HTMLSelectElement} */ (byId('language'));
  const theme = /** @type {HTMLSelectElement} */ (byId('theme'));
  room.onchange = () => app.change({ room: room.value });
  language.onchange = () => app.change({ language: /** @type {'fr' | 'en'} */ (language.value) });
  theme.onchange = () => app.change({ theme: /** @type {'auto'} */ (theme.value) });

  return (state) => {
    const now = condition(state);
    const pill = byId('connection');
    pill.dataset.tone = TONES[now] ?? 'good';
    setText(pill, app.t(`connection.${now in TONES ? now : 'open'}`));
    const rooms = settings.room && !state.rooms.includes(settings.room) ? [settings.room, ...state.rooms] : state.rooms;
    byId('room-tool').hidden = rooms.length < 2;
    const choices = /** @type {[string, string][]} */ (rooms.map((each) => [each, each]));
    setChoices(room, [['', app.t('room.all')], ...choices], settings.room);
    language.value = settings.language;
    theme.value = settings.theme;
  };
}
