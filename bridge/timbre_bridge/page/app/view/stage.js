// The stage: who speaks now, with which feeling, and the words as they are heard; or why there is nothing to hear.

import { page, unbroken } from '../captions.js';
import { paint } from '../colour.js';
import { condition, speaking } from '../state.js';
import { avatar } from './avatar.js';
import { byId, element, setText, sync } from './dom.js';
import { sign } from './emotions.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 * @typedef {import('../state.js').Utterance} Utterance
 */

const SHORT = 280; // letters that fit in one piece

/** @param {App} app @returns {(state: ViewState) => void} */
export function stage(app) {
  const root = byId('stage');
  const air = byId('air');
  const idle = byId('idle');

  return (state) => {
    const now = condition(state);
    // While all is well the last words stay in sight; when something is wrong, that is what one wants to read.
    const shown = speaking(state) ? state.air.filter((each) => each.over === null) : now === 'quiet' ? state.air : [];
    if (shown.length) paint(root, app.agent(shown.at(-1).agentId).colour);
    document.title = speaking(state) ? `${app.agent(shown.at(-1).agentId).name} · Timbre` : 'Timbre';
    root.toggleAttribute('data-idle', shown.length === 0);
    setText(idle, shown.length ? '' : app.t(`idle.${now}`));
    sync(air, shown, (each) => each.contextId, (each) => line(app, each), (made, each) => update(app, made, each));
  };
}

/** @param {App} app @param {Utterance} utterance */
function line(app, utterance) {
  const agent = app.agent(utterance.agentId);
  const made = element(
    'article',
    { className: 'line', 'data-agent': agent.agent_id },
    element(
      'header',
      { className: 'who' },
      avatar(agent),
      element('div', {}, element('b', {}, agent.name), element('p', { className: 'about' })),
    ),
    element('p', { className: 'words' }),
  );
  paint(made, agent.colour);
  return made;
}

/** @param {App} app @param {HTMLElement} made @param {Utterance} utterance */
function update(app, made, utterance) {
  made.toggleAttribute('data-over', utterance.over !== null);
  about(app, made.querySelector('.about'), utterance);
  const [from, to] = inSight(utterance);
  const pieces = utterance.pieces.slice(from, to).map((piece, at) => ({ text: piece.text, at: from + at }));
  sync(
    made.querySelector('.words'),
    pieces,
    (piece) => String(piece.at),
    (piece) => word(piece.text),
    (span, piece) => {
      const current = piece.at === utterance.spoken - 1 && utterance.over === null;
      span.className = current ? 'now' : piece.at < utterance.spoken ? 'said' : '';
    },
  );
}

/** @param {Utterance} utterance @returns {[number, number]} the pieces from, to; all of a short speech once it is over */
function inSight({ pieces, spoken, over }) {
  const letters = pieces.reduce((sum, each) => sum + each.text.length, 0);
  return over !== null && letters <= SHORT ? [0, pieces.length] : page(pieces, spoken);
}

/** @param {string} text the space behind it is not part of what is highlighted */
function word(text) {
  const core = text.trimEnd();
  return element('span', {}, element('span', {}, unbroken(core)), text.slice(core.length));
}

/** @param {App} app @param {HTMLElement} target @param {Utterance} utterance */
function about(app, target, utterance) {
  const { emotion, room, missed, over } = utterance;
  const feeling = app.t(`emotion.${emotion}`).replace(/^emotion\./, '');
  const manyRooms = app.state().rooms.length > 1;
  const parts = [feeling, missed, over, manyRooms].join(' ');
  if (target.dataset.parts === parts) return;
  target.dataset.parts = parts;
  target.replaceChildren(element('span', { className: 'feeling' }, sign(emotion, ''), feeling));
  if (manyRooms) target.append(element('span', {}, room));
  if (over !== null && over !== 'finished') target.append(element('span', { className: 'badge' }, app.t(`reason.${over}`)));
  else if (missed) target.append(element('span', { className: 'badge' }, app.t('unheard')));
}
