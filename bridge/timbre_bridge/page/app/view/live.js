// Captions for screen readers while the sound is off or muted: whole sentences, since single words are not understood.
// With sound on they would talk over the voice.

import { endsSentence } from '../captions.js';
import { byId } from './dom.js';

/** @typedef {import('../main.js').App} App */

/** @param {App} app @returns {(type: string, detail: any) => void} */
export function live(app) {
  /** @type {Map<string, string>} what has been said of each utterance and not been read yet */
  const pending = new Map();
  let speaker = '';

  return (type, { contextId, agentId, text }) => {
    if (!['word', 'done', 'cancelled'].includes(type)) return;
    const words = (pending.get(contextId) ?? '') + (type === 'word' ? text : '');
    pending.set(contextId, words);
    if (type === 'word' && !endsSentence(words)) return;
    pending.delete(contextId);
    const silent = app.state().audio === 'off' || app.settings.muted;
    if (!silent || !words.trim()) return;
    const name = agentId === speaker ? '' : `${app.agent(agentId).name} : `;
    speaker = agentId;
    byId('live').textContent = name + words.trim();
  };
}
