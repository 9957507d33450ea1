// A card for each voice: its face, what it does now, a level meter, and a hand on it (volume, mute, solo).

import { paint } from '../colour.js';
import { voiceOf } from '../settings.js';
import { avatar } from './avatar.js';
import { byId, element, ICONS, setIcon, setText, sync } from './dom.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 * @typedef {import('../../timbre.js').Agent} Agent
 */

const BARS = 17;

/** @param {App} app @returns {(state: ViewState) => void} */
export function agents(app) {
  const list = byId('agents');
  return (state) => {
    byId('no-agents').hidden = !state.known || state.agents.length > 0;
    sync(list, state.agents, (agent) => agent.agent_id, (agent) => card(app, agent), (made, agent) => {
      update(app, state, made, agent);
    });
  };
}

/** @param {App} app @param {Agent} agent */
function card(app, agent) {
  const toggle = (/** @type {'muted' | 'solo'} */ what) =>
    element('button', {
      type: 'button',
      className: `round ${what}`,
      onclick: () => app.setVoice(agent.agent_id, { [what]: !voiceOf(app.settings, agent.agent_id)[what] }),
    });
  return element(
    'li',
    { className: 'card', 'data-agent': agent.agent_id },
    avatar(agent),
    element('div', {}, element('h3', { className: 'name' }, agent.name), element('p', { className: 'doing' })),
    element(
      'div',
      { className: 'hands' },
      element('div', { className: 'meter', 'aria-hidden': 'true' }, ...Array.from({ length: BARS }, () => element('i'))),
      toggle('solo'),
      toggle('muted'),
    ),
    element('input', {
      type: 'range',
      className: 'loudness',
      min: '0',
      max: '100',
      value: String(Math.round(voiceOf(app.settings, agent.agent_id).volume * 100)),
      oninput: (/** @type {Event} */ event) => {
        const { value } = /** @type {HTMLInputElement} */ (event.target);
        app.setVoice(agent.agent_id, { volume: Number(value) / 100, muted: false });
      },
    }),
  );
}

/** @param {App} app @param {ViewState} state @param {HTMLElement} made @param {Agent} agent */
function update(app, state, made, agent) {
  const id = agent.agent_id;
  const voice = voiceOf(app.settings, id);
  const solos = state.agents.filter((each) => voiceOf(app.settings, each.agent_id).solo);
  const on = state.air.some((each) => each.agentId === id && each.over === null);
  const waits = state.waiting.some((each) => each.agent_id === id);
  paint(made, agent.colour);
  made.toggleAttribute('data-on', on);
  made.toggleAttribute('data-silent', voice.muted || (solos.length > 0 && !voice.solo));
  setText(made.querySelector('.name'), agent.name);
  setText(made.querySelector('.doing'), app.t(on ? 'agent.speaking' : waits ? 'agent.waiting' : 'agent.quiet'));
  const [solo, mute] = made.querySelectorAll('button');
  setIcon(solo, ICONS.solo, app.t('agent.solo', { name: agent.name }));
  setIcon(mute, voice.muted ? ICONS.muted : ICONS.sound, app.t('agent.mute', { name: agent.name }));
  made.querySelector('.loudness')?.setAttribute('aria-label', app.t('agent.volume', { name: agent.name }));
  solo.setAttribute('aria-pressed', String(voice.solo));
  mute.setAttribute('aria-pressed', String(voice.muted));
}
