// The form that makes an agent speak.

import { byId, setChoices, setText, sync, element } from './dom.js';
import { EMOTIONS } from './emotions.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 */

const FIELDS = ['agent', 'emotion', 'language', 'room'];

/** @param {string} name @returns {HTMLInputElement} a field; selects are used the same way */
const field = (name) => /** @type {HTMLInputElement} */ (byId(`say-${name}`));

/** @param {App} app @returns {{draw: (state: ViewState) => void, refused: (eventId: string, text: string) => boolean}} */
export function say(app) {
  const text = field('text');
  let lastEvent = '';
  let forbidden = false;
  const hint = (/** @type {string} */ words) => setText(byId('say-hint'), words);

  for (const name of FIELDS) {
    field(name).onchange = () => {
      app.change({ say: { ...app.settings.say, [name]: field(name).value } });
    };
  }
  field('room').value = app.settings.say.room ?? '';
  text.onkeydown = (event) => {
    // Enter speaks, as in a chat; Shift+Enter begins a new line. An input method's Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    text.form?.requestSubmit();
  };
  byId('say').onsubmit = (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (!words) return;
    const [agent, emotion, language, room] = FIELDS.map((name) => field(name).value.trim() || undefined);
    try {
      lastEvent = app.player.say(agent ?? '', words, { emotion, language, room });
      hint(app.t('say.sent', { name: app.agent(agent ?? '').name }));
      text.value = '';
    } catch {
      hint(app.t('say.offline'));
    }
  };

  return {
    draw(state) {
      const { say: chosen } = app.settings;
      const allowed = state.connection !== 'ready' || state.canSpeak;
      byId('say-go').toggleAttribute('disabled', !allowed || state.agents.length === 0);
      text.disabled = !allowed;
      text.placeholder = app.t('say.placeholder');
      if (!allowed) hint(app.t('say.forbidden'));
      else if (forbidden) hint('');
      forbidden = !allowed;
      const agents = /** @type {[string, string][]} */ (state.agents.map((each) => [each.agent_id, each.name]));
      setChoices(field('agent'), agents, chosen.agent ?? '');
      const emotions = EMOTIONS.map((each) => /** @type {[string, string]} */ ([each, app.t(`emotion.${each}`)]));
      setChoices(field('emotion'), emotions, chosen.emotion ?? 'neutral');
      setChoices(field('language'), languages(app, state), chosen.language ?? '');
      field('room').placeholder = 'default';
      sync(byId('say-rooms'), state.rooms, (room) => room, (room) => element('option', { value: room }));
    },
    refused(eventId, words) {
      if (!eventId || eventId !== lastEvent) return false;
      hint(words);
      return true;
    },
  };
}

/** @param {App} app @param {ViewState} state @returns {[string, string][]} what the chosen voice speaks */
function languages(app, state) {
  const agent = state.agents.find((each) => each.agent_id === field('agent').value);
  const names = new Intl.DisplayNames([app.settings.language], { type: 'language' });
  return [['', app.t('say.auto')], ...(agent?.languages ?? []).map((each) => /** @type {[string, string]} */ ([each, names.of(each) ?? each]))];
}
