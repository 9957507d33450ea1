// What was said before, from the bridge: the list, kept fresh, and replays of it.

/**
 * @typedef {object} Said
 * @property {string} context_id
 * @property {string} agent_id
 * @property {string} room
 * @property {string} emotion
 * @property {string} text
 * @property {string} started_at ISO 8601
 * @property {number} duration_ms
 * @property {string} reason
 * @property {number | null} ttfb_ms
 * @property {string} wav
 * @property {string} opus
 */

const KEPT = 100;
const RENEW_MS = 600_000; // links expire after an hour, and what is said is forgotten in time: here too
const SOON_MS = 400; // an utterance is listed when its last sample was due, about when it was heard
const DEFAULT_ROOM = 'default';

/** Tells `change` when there is something new to draw. */
export class History extends EventTarget {
  /** @param {import('./main.js').App} app */
  constructor(app) {
    super();
    this.app = app;
    /** @type {Said[]} the newest first */
    this.said = [];
    /** @type {string | null} the context that is replayed */
    this.playing = null;
    /** @type {string} the room as an endless MP3, for media players */
    this.radio = '';
    this.audio = new Audio();
    this.audio.onended = () => this.stop();
    this.timer = 0;
    setInterval(() => this.refresh(), RENEW_MS);
  }

  /** Replays are as loud as the voices, and on the same device. */
  async tune() {
    const { volume, output } = this.app.settings;
    this.audio.volume = volume;
    // Where that device is away, or there is no choice, the default one plays.
    await this.audio.setSinkId?.(output).catch(() => {});
  }

  /** Lists again in a moment. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), SOON_MS);
  }

  /** Lists again; what cannot be reached now stays as it was. */
  async refresh() {
    const { settings, state } = this.app;
    const rooms = settings.room ? [settings.room] : [...new Set([DEFAULT_ROOM, ...state().rooms])];
    try {
      const all = (await Promise.all(rooms.map((room) => this.#list(room)))).flat();
      this.said = all.sort((a, b) => b.started_at.localeCompare(a.started_at)).slice(0, KEPT);
    } catch {
      return;
    }
    this.dispatchEvent(new Event('change'));
  }

  /** @param {string} room @returns {Promise<Said[]>} none where the token does not allow this room */
  async #list(room) {
    const token = this.app.token();
    const answer = await fetch(`/v1/utterances?${new URLSearchParams({ room, limit: String(KEPT) })}`, {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
    });
    if (!answer.ok) return [];
    const { utterances, listen } = await answer.json();
    if (room === (this.app.settings.room || DEFAULT_ROOM)) this.radio = listen;
    return utterances;
  }

  /**
   * Replays an utterance; a second time stops it.
   * @param {Said} said
   */
  async toggle(said) {
    const again = this.playing === said.context_id;
    this.stop();
    if (again) return;
    this.playing = said.context_id;
    this.audio.src = this.audio.canPlayType('audio/ogg; codecs=opus') ? said.opus : said.wav;
    this.dispatchEvent(new Event('change'));
    try {
      await this.audio.play();
      this.app.happen({ type: 'replayed', detail: { contextId: said.context_id } });
      this.dispatchEvent(new Event('change'));
    } catch (error) {
      // Stopping while it loads rejects too, and is no failure.
      if (this.playing !== said.context_id || (error instanceof DOMException && error.name === 'AbortError')) return;
      this.stop();
      this.app.say(this.app.t('history.failed'));
      this.refresh();
    }
  }

  /** Stops a replay. */
  stop() {
    if (this.playing === null) return;
    this.playing = null;
    this.audio.pause();
    this.dispatchEvent(new Event('change'));
  }
}
