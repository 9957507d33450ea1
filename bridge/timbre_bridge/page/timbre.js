/**
 * The player of Timbre: hear agents in any page. The API is documented in timbre.d.ts and docs/player.md.
 */

import { Desk } from "./player/desk.js";
import { decodesOpus } from "./player/opus.js";
import { Session } from "./player/session.js";
import { PROBE, Socket } from "./player/socket.js";
import { Sound } from "./player/sound.js";
import { keepUpdated, skipToLive } from "./player/updates.js";
import { WakeLock } from "./player/wake_lock.js";

/** In order of preference; what this browser does not decode is left out. */
const BEST = ["opus", "s16le"];

export class Player extends EventTarget {
  #token;
  #tap;
  #session;
  #socket;
  #sound;
  #desk;
  #wakeLock = new WakeLock();
  #encodings;
  #state = "closed";
  #audio = "off";
  #encoding;
  #connections = 0;
  #says = 0;
  #stopUpdates = null;

  /** @param {import("./timbre.js").PlayerOptions} [options] */
  constructor({ url, token, agents, rooms, encodings = BEST, captions = true, join = "live", tap } = {}) {
    super();
    this.#token = token;
    this.#tap = tap;
    this.#encodings = encodings;
    this.#session = new Session({ agents, rooms, encodings, captions, join });
    const report = (each) => this.#desk.report(each);
    this.#sound = new Sound({ report, tap: (each) => this.#tapped(each), changed: () => this.#soundChanged() }, !!tap);
    this.#socket = new Socket(addressOf(url), {
      hello: () => this.#session.open(this.#currentToken()),
      message: (message) => this.#received(message),
      state: (state, detail) => this.#stateIs(state, detail),
    });
    this.#desk = new Desk({
      emit: (type, detail) => this.#emit(type, detail),
      send: (message) => this.#socket.send(message),
      session: this.#session,
      sound: this.#sound,
    });
  }

  static get canSetOutput() {
    return typeof AudioContext !== "undefined" && "setSinkId" in AudioContext.prototype;
  }

  get state() {
    return this.#state;
  }

  get audio() {
    return this.#audio;
  }

  connect() {
    this.#stopUpdates ??= keepUpdated(this.#desk, this.#sound, (message) => this.#socket.send(message));
    this.#open();
  }

  async listen() {
    this.connect();
    try {
      await this.#sound.open();
    } catch (error) {
      this.#emit("error", { code: "audio", message: error.message });
      throw error;
    }
  }

  async close() {
    this.#stopUpdates?.();
    this.#stopUpdates = null;
    this.#socket.close();
    this.#desk.remove(() => true);
    this.#wakeLock.release();
    await this.#sound.close();
    this.#soundChanged();
  }

  stop(contextId) {
    this.#desk.stop(contextId);
  }

  say(agentId, text, { emotion, language, room } = {}) {
    this.#says += 1;
    const eventId = `say-${this.#says}`;
    const message = { type: "text.speak", agent_id: agentId, text, emotion, language, room, event_id: eventId };
    if (this.#state !== "ready" || !this.#socket.send(message)) throw new Error("not connected to the bridge");
    return eventId;
  }

  set({ agents, rooms, token }) {
    if (token !== undefined) this.#token = token;
    if (agents !== undefined) this.#session.change({ agents: agents ?? undefined });
    if (rooms !== undefined) this.#session.change({ rooms: rooms ?? undefined });
    const away = ({ agentId, room }) => (agents && !agents.includes(agentId)) || (rooms && !rooms.includes(room));
    this.#desk.remove(away);
    // The protocol has no word for "all again" on a connection that named some.
    if (this.#state === "refused" || agents === null || rooms === null) this.#socket.renew();
    else this.#socket.send({ type: "session.start", agents, rooms, token: this.#currentToken() });
  }

  get volume() {
    return this.#sound.volume;
  }

  set volume(volume) {
    this.#sound.volume = volume;
  }

  get muted() {
    return this.#sound.muted;
  }

  set muted(muted) {
    this.#sound.muted = muted;
  }

  setAgent(agentId, change) {
    this.#desk.setAgent(agentId, change);
  }

  setOutput(deviceId) {
    return this.#sound.setOutput(deviceId);
  }

  stats() {
    const { ear, lost } = this.#desk;
    return {
      encoding: this.#encoding,
      sampleRate: this.#sound.sampleRate,
      outputLatencyMs: this.#audio === "off" ? undefined : this.#sound.latency * 1000,
      reconnections: Math.max(0, this.#connections - 1),
      underruns: ear.underruns,
      lostSamples: lost,
      skippedSamples: ear.skipped,
      jitterTargetMs: ear.targetMs,
      utterances: [...this.#desk].map(({ names, playing, playedMs, bufferedMs, underruns }) => ({
        ...names,
        playing,
        playedMs,
        bufferedMs,
        underruns,
      })),
    };
  }

  async #open() {
    const opus = await decodesOpus();
    const encodings = this.#encodings.filter((each) => opus || each !== "opus");
    this.#session.change({ encodings: encodings.length ? encodings : ["s16le"] });
    // It may have been closed meanwhile.
    if (this.#stopUpdates) this.#socket.open();
  }

  #currentToken() {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  #received(message) {
    let events;
    try {
      events = this.#session.receive(message);
    } catch (error) {
      this.#emit("error", { code: "invalid", message: `the bridge sent what cannot be read: ${error.message}` });
      return;
    }
    for (const event of events) if (event.event_id !== PROBE && !this.#desk.handle(event)) this.#news(event);
  }

  #news(event) {
    if (event.type === "session.ready") this.#ready(event);
    else if (event.type === "status") {
      const { agents, engines, waiting, redis = true } = event;
      this.#emit("status", { agents, engines, waiting, redis });
    } else if (event.type === "session.going_away") this.#socket.move(event.deadline_ms);
  }

  #ready({ session_id: sessionId, agents, rooms, encoding, can_speak: canSpeak, server }) {
    const resumed = this.#state === "ready" || this.#connections > 0;
    if (this.#state !== "ready") this.#connections += 1;
    this.#encoding = encoding;
    this.#socket.settled();
    this.#stateIs("ready");
    this.#emit("ready", { sessionId, agents, rooms, encoding, canSpeak, server, resumed });
  }

  #stateIs(state, detail = {}) {
    const changed = state !== this.#state;
    this.#state = state;
    if (state !== "ready") this.#desk.disconnected();
    if (changed || detail.retryInMs !== undefined) this.#emit("state", { state, audio: this.#audio, ...detail });
  }

  #soundChanged() {
    const before = this.#audio;
    this.#audio = this.#sound.state;
    if (before === this.#audio) return;
    if (before === "interrupted") skipToLive(this.#desk, this.#sound);
    this.#emit("state", { state: this.#state, audio: this.#audio });
  }

  #tapped({ id: contextId, position: firstSample, samples, time }) {
    for (const { contextId: known, agentId } of this.#desk) {
      if (known === contextId) this.#tap({ contextId, agentId, firstSample, samples, time });
    }
  }

  #emit(type, detail) {
    if (type === "progress" && this.#audio !== "off") this.#wakeLock.keep();
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The WebSocket of a bridge at `url`. */
function addressOf(url = new URL("/", import.meta.url)) {
  const address = new URL(url, globalThis.location?.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.pathname = address.pathname.replace(/\/(ws)?$/, "") + "/ws";
  address.hash = address.search = "";
  return address;
}
