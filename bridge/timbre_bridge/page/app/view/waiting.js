// Who waits for the floor; each can be called off before it speaks.

import { paint } from '../colour.js';
import { avatar } from './avatar.js';
import { byId, element, ICONS, setIcon, setText, sync } from './dom.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 */

const SHOWN = 4;

/** @param {App} app @returns {(state: ViewState) => void} */
export function waiting(app) {
  return (state) => {
    const more = state.waiting.length - SHOWN;
    byId('waiting-panel').hidden = state.waiting.length === 0;
    setText(byId('waiting-more'), more > 0 ? app.t('waiting.more', { count: more }) : '');
    sync(byId('waiting'), state.waiting.slice(0, SHOWN), (each) => each.context_id, (each) => place(app, each), (made, each) => {
      const agent = app.agent(each.agent_id);
      setText(made.querySelector('span:not(.avatar, .initial)'), agent.name);
      setText(made.querySelector('small'), state.rooms.length > 1 ? each.room : '');
      setIcon(made.querySelector('button'), ICONS.close, app.t('waiting.stop', { name: agent.name }));
    });
  };
}

/** @param {App} app @param {{context_id: string, agent_id: string}} each */
function place(app, each) {
  const agent = app.agent(each.agent_id);
  const made = element(
    'li',
    {},
    avatar(agent),
    element('span'),
    element('small'),
    element('button', { type: 'button', className: 'round', onclick: () => app.player.stop(each.context_id) }),
  );
  paint(made, agent.colour);
  return made;
}
