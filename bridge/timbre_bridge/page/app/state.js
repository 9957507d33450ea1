// What the page shows, as plain data: each event of the player gives a new state, and views draw the state. Pure, so
// that it can be tested without a browser.

/**
 * @typedef {object} Piece a word or so of a caption
 * @property {string} text
 * @property {number} startMs
 *
 * @typedef {object} Utterance
 * @property {string} contextId
 * @property {string} agentId
 * @property {string} room
 * @property {string} emotion
 * @property {Piece[]} pieces all that is known of the text
 * @property {number} spoken how many of the pieces have been said; the last of them is being said now
 * @property {boolean} missed it was not heard, or not all of it
 * @property {string | null} over why it ended, null while it goes on
 *
 * @typedef {object} Latency
 * @property {string} agentId
 * @property {number} sent milliseconds from the message to the first byte sent
 * @property {number} heard … to the first sample at the ear
 *
 * @typedef {object} ViewState
 * @property {import('../timbre.js').State} connection
 * @property {import('../timbre.js').AudioState} audio
 * @property {boolean} known whether the bridge has told its state yet
 * @property {import('../timbre.js').Agent[]} agents
 * @property {{name: string, ready: boolean}[]} engines
 * @property {{context_id: string, agent_id: string, room: string}[]} waiting
 * @property {boolean} redis whether the bridge hears what agents publish
 * @property {string[]} waited contexts that had to wait for the floor
 * @property {string[]} rooms those that were heard of, sorted
 * @property {boolean} canSpeak
 * @property {Utterance[]} air what is said now, and the last one that was
 * @property {string[]} missed contexts that went by unheard, and have not been replayed
 * @property {Latency[]} latencies the oldest first
 *
 * @typedef {{type: string, detail: any}} Happening an event of the player, or `room`, `replayed`
 */

const LATENCIES = 60;
const MISSED = 100;
const WAITED = 100;

/** @type {ViewState} */
export const INITIAL = {
  connection: 'closed',
  audio: 'off',
  known: false,
  agents: [],
  engines: [],
  waiting: [],
  redis: true,
  waited: [],
  rooms: [],
  canSpeak: false,
  air: [],
  missed: [],
  latencies: [],
};

/** @param {readonly string[]} rooms @param {readonly string[]} more @returns {string[]} */
function withRooms(rooms, more) {
  return more.every((room) => rooms.includes(room)) ? [...rooms] : [...new Set([...rooms, ...more])].sort();
}

/** @param {ViewState} state @param {string} contextId @param {(utterance: Utterance) => Utterance} change */
function onAir(state, contextId, change) {
  return { ...state, air: state.air.map((each) => (each.contextId === contextId ? change(each) : each)) };
}

/** @param {ViewState} state @param {any} detail what ended; of what is over only this one stays in sight */
function ended(state, detail) {
  const changed = onAir(state, detail.contextId, (each) => ({ ...each, over: detail.reason ?? 'cancelled' }));
  return { ...changed, air: changed.air.filter((each) => each.over === null || each.contextId === detail.contextId) };
}

/** @type {Record<string, (state: ViewState, detail: any) => ViewState>} */
const CHANGES = {
  state: (state, { state: connection, audio }) => ({ ...state, connection, audio }),
  ready: (state, { agents, rooms, canSpeak }) => ({ ...state, agents, canSpeak, rooms: withRooms(state.rooms, rooms) }),
  status: (state, { agents, engines, waiting, redis }) => ({
    ...state,
    known: true,
    agents,
    engines,
    waiting,
    redis,
    waited: [...new Set([...state.waited, ...waiting.map((each) => each.context_id)])].slice(-WAITED),
    rooms: withRooms(state.rooms, waiting.map((each) => each.room)),
  }),
  start: (state, { contextId, agentId, room, emotion }) => ({
    ...state,
    rooms: withRooms(state.rooms, [room]),
    waiting: state.waiting.filter((each) => each.context_id !== contextId),
    air: [
      // What is said now comes first; what is over makes room for it.
      ...state.air.filter((each) => each.over === null && each.contextId !== contextId),
      { contextId, agentId, room, emotion, pieces: [], spoken: 0, missed: state.missed.includes(contextId), over: null },
    ],
  }),
  caption: (state, { contextId, text, startMs }) =>
    onAir(state, contextId, (each) => ({ ...each, pieces: [...each.pieces, { text, startMs }] })),
  word: (state, { contextId, startMs }) =>
    onAir(state, contextId, (each) => ({
      ...each,
      spoken: Math.max(each.spoken, each.pieces.filter((piece) => piece.startMs <= startMs).length),
    })),
  done: (state, detail) =>
    ended(onAir(state, detail.contextId, (each) => ({ ...each, spoken: each.pieces.length })), detail),
  cancelled: ended,
  missed: (state, { contextId }) => ({
    ...onAir(state, contextId, (each) => ({ ...each, missed: true })),
    missed: state.missed.includes(contextId) ? state.missed : [...state.missed, contextId].slice(-MISSED),
  }),
  replayed: (state, { contextId }) => ({ ...state, missed: state.missed.filter((each) => each !== contextId) }),
  latency: (state, { contextId, agentId, ttfbMs, firstAudioMs, waited }) =>
    // The time behind another speaker says nothing about how fast voices are.
    waited || state.waited.includes(contextId)
      ? state
      : {
          ...state,
          latencies: [...state.latencies, { agentId, sent: ttfbMs, heard: ttfbMs + firstAudioMs }].slice(-LATENCIES),
        },
  // Another room is listened to ('' means all): what is on air elsewhere is no longer heard to its end.
  room: (state, { room }) => ({
    ...state,
    air: state.air.filter((each) => each.over !== null || room === '' || each.room === room),
  }),
};

/**
 * @param {ViewState} state
 * @param {Happening} happening one that is not known changes nothing
 * @returns {ViewState}
 */
export function reduce(state, { type, detail }) {
  return CHANGES[type]?.(state, detail) ?? state;
}

/** @param {ViewState} state @returns {boolean} whether something is being said */
export function speaking(state) {
  return state.air.some((each) => each.over === null);
}

/**
 * What is wrong, most important first, or what there is.
 * @param {ViewState} state
 * @returns {'connecting' | 'reconnecting' | 'closed' | 'refused' | 'engineDown' | 'redisAway' | 'noAgents' | 'quiet'}
 */
export function condition(state) {
  if (state.connection !== 'ready') return state.connection;
  if (state.known && state.engines.some((engine) => !engine.ready)) return 'engineDown';
  if (state.known && !state.redis) return 'redisAway';
  if (state.known && state.agents.length === 0) return 'noAgents';
  return 'quiet';
}
