// The page A2UI: joins the player's events, the state and the views.

import { Player } from '/timbre.js';

import { Graph } from './graph.js';
import { History } from './history.js';
import { translate, translatePage } from './i18n.js';
import { load, save, takeToken, voiceOf } from './settings.js';
import { INITIAL, reduce } from './state.js';
import { agents } from './view/agents.js';
import { deck } from './view/deck.js';
import { byId, setText } from './view/dom.js';
import { header } from './view/header.js';
import { historyList } from './view/history.js';
import { Levels } from './view/levels.js';
import { live } from './view/live.js';
import { say } from './view/say.js';
import { stage } from './view/stage.js';
import { waiting } from './view/waiting.js';

const EVENTS = ['state', 'ready', 'status', 'start', 'caption', 'word', 'done', 'cancelled', 'missed', 'latency'];
const NOTICE_MS = 8000;

/**
 * What views are given.
 * @typedef {ReturnType<typeof createApp>} App
 */
function createApp() {
  const settings = load(navigator.languages);
  let token = takeToken();
  const player = new Player({ token, rooms: settings.room ? [settings.room] : undefined });
  let state = INITIAL;
  let hiding = 0;

  return {
    player,
    settings,
    token: () => token,
    canSetOutput: Player.canSetOutput,
    state: () => state,
    /** @param {string} key @param {Record<string, string | number>} [values] */
    t: (key, values) => translate(settings.language, key, values),
    /** @param {string} id @returns {import('../timbre.js').Agent} also one that is gone, or not known yet */
    agent: (id) =>
      state.agents.find((each) => each.agent_id === id) ?? { agent_id: id, name: id, colour: '#7A7F87', languages: [] },
    /** A link with a new token was opened in this tab. */
    renewToken() {
      token = takeToken() ?? token;
      player.set({ token });
    },
    /** @param {import('./state.js').Happening} happening */
    happen(happening) {
      state = reduce(state, happening);
    },
    /** @param {Partial<import('./settings.js').Settings>} change */
    change(change) {
      Object.assign(settings, change);
      save(settings);
      apply(change);
    },
    /** @param {string} agentId @param {Partial<import('./settings.js').Voice>} change */
    setVoice(agentId, change) {
      const voice = { ...voiceOf(settings, agentId), ...change };
      player.setAgent(agentId, voice);
      this.change({ voices: { ...settings.voices, [agentId]: voice } });
    },
    /** Stops all that sounds: voices on air, and a replay. */
    interrupt() {
      player.stop();
      history.stop();
    },
    draw,
    /** @param {string} text shown for a while */
    say(text) {
      const notice = byId('notice');
      setText(notice, text);
      notice.hidden = false;
      clearTimeout(hiding);
      hiding = setTimeout(() => (notice.hidden = true), NOTICE_MS);
    },
  };
}

const app = createApp();
const { player, settings } = app;
const history = new History(app);
const graph = new Graph(app, byId('latency'));
const levels = new Levels(app);
const read = live(app);
const form = say(app);
const views = [header(app), stage(app), deck(app), agents(app), waiting(app), form.draw, historyList(app, history)];

let due = false;
/** Draws once for all that happens at a time. */
function draw() {
  if (due) return;
  due = true;
  queueMicrotask(() => {
    due = false;
    for (const view of views) view(app.state());
    graph.draw(app.state());
  });
}

/** @param {Partial<import('./settings.js').Settings>} change makes the page and the player follow the settings */
function apply(change) {
  if ('language' in change) translatePage(settings.language);
  if ('theme' in change) document.documentElement.dataset.theme = settings.theme;
  if ('volume' in change) player.volume = settings.volume;
  if ('volume' in change || 'output' in change) history.tune();
  if ('muted' in change) player.muted = settings.muted;
  if ('output' in change && app.canSetOutput) {
    // A device that is unplugged by now: the default one plays.
    player.setOutput(settings.output).catch(() => Object.assign(settings, { output: '' }));
  }
  if ('room' in change) {
    player.set({ rooms: settings.room ? [settings.room] : null });
    app.happen({ type: 'room', detail: { room: settings.room } });
    history.refresh();
  }
  draw();
}

for (const type of EVENTS) {
  player.addEventListener(type, (/** @type {CustomEvent} */ { detail }) => {
    app.happen({ type, detail });
    read(type, detail);
    if (type === 'start') history.stop();
    if (type === 'ready' || type === 'done' || type === 'cancelled') history.refreshSoon();
    draw();
  });
}
player.addEventListener('progress', ({ detail }) => levels.feed(detail.agentId, detail.level));
player.addEventListener('error', ({ detail: { code, message, eventId, retryAfterMs } }) => {
  const known = app.t(`error.${code}`, { seconds: Math.ceil((retryAfterMs ?? 1000) / 1000) });
  const text = known.startsWith('error.') ? app.t('error.other', { message }) : known;
  if (!form.refused(eventId ?? '', text)) app.say(text);
});
history.addEventListener('change', draw);
addEventListener('hashchange', () => app.renewToken());

for (const agentId of Object.keys(settings.voices)) player.setAgent(agentId, voiceOf(settings, agentId));
const { room: _, output, ...rest } = settings;
apply(output ? { ...rest, output } : rest);
player.connect();
