/**
 * The utterances of this page: the session's events go to the mixer as commands, and what becomes of each utterance
 * (played to its end, cut short, missed) is told as the player's events.
 */

import { Ear } from "./ear.js";
import { Gains } from "./gains.js";
import { OpusStream } from "./opus.js";
import { floatsOfPcm, msOfSamples } from "./units.js";
import { Utterance } from "./utterance.js";

/**
 * @typedef {object} Hooks
 * @property {(type: string, detail: object) => void} emit
 * @property {(message: object) => boolean} send to the bridge
 * @property {import("./session.js").Session} session
 * @property {import("./sound.js").Sound} sound
 */

export class Desk {
  #hooks;
  #utterances = new Map();
  #decoders = new Map();
  #gains = new Gains();
  #handlers;
  /** Samples that never came. */
  lost = 0;

  /** @param {Hooks} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    this.ear = new Ear(hooks);
    this.#handlers = {
      "audio.start": (event) => this.#begin(event),
      stream: (event) => this.#stream(event),
      audio: (event) => this.#audio(event),
      caption: (event) => this.#caption(event),
      "audio.done": (event) => this.#done(event),
      "context.cancelled": (event) => this.#cancelled(event),
      unwanted: (event) => this.#hooks.send({ type: "context.cancel", context_id: event.context_id }),
      error: (event) => this.#error(event),
    };
  }

  /** @param {object} event of the session @returns {boolean} whether it was for the desk */
  handle(event) {
    const handler = this.#handlers[event.type];
    handler?.(event);
    return handler !== undefined;
  }

  [Symbol.iterator]() {
    return this.#utterances.values();
  }

  #begin(start) {
    const before = this.#before(start.room);
    const utterance = new Utterance(start, performance.now(), before);
    this.#utterances.set(utterance.contextId, utterance);
    this.#hooks.sound.send({
      type: "open",
      id: utterance.contextId,
      position: start.first_sample,
      after: before?.contextId ?? null,
      gain: this.#gains.of(start.agent_id),
    });
    const { names, room, emotion, ttfbMs } = utterance;
    this.#hooks.emit("start", { ...names, room, emotion, firstMs: msOfSamples(start.first_sample), ttfbMs });
    if (this.#hooks.sound.state === "off") this.missed(utterance, "off");
  }

  /** The utterance of a room to be played before a new one; null where a room's agents speak all at once. */
  #before(room) {
    const same = [...this.#utterances.values()].filter((each) => each.room === room && !each.over && !each.stopping);
    const last = same.at(-1);
    return last && (last.ended || last.resumed) ? last : null;
  }

  #stream({ context_id: id, encoding, first_sample: first, pre_skip: preSkip }) {
    const utterance = this.#utterances.get(id);
    if (!utterance) return;
    utterance.resumed = first > utterance.firstSample;
    if (encoding !== "opus") return;
    const fail = (error) => {
      this.#hooks.emit("error", { code: "opus", message: error.message, contextId: id });
      this.#finish(utterance);
    };
    const write = (position, samples) => this.#write(id, position, samples);
    this.#decoders.set(id, new OpusStream(first, preSkip, write, fail, this.#decoders.get(id)));
  }

  #audio({ context_id: id, frame }) {
    const utterance = this.#utterances.get(id);
    if (!utterance) return;
    const end = frame.firstSample + frame.samples;
    const gap = Math.max(0, frame.firstSample - utterance.received);
    this.lost += gap;
    utterance.lost += gap;
    utterance.arrived(end, performance.now());
    if (frame.encoding === "opus") this.#decoders.get(id)?.decode(frame);
    else if (frame.samples > 0) this.#write(id, frame.firstSample, floatsOfPcm(frame.payload));
    if (!frame.last) return;
    this.#decoders.get(id)?.close();
    this.#finish(utterance, end);
  }

  #write(id, position, samples) {
    this.#hooks.sound.send({ type: "write", id, position, samples });
  }

  /** Until all that arrived is with the mixer. */
  async #decoded(id) {
    await this.#decoders.get(id)?.close();
  }

  #finish(utterance, position) {
    this.#hooks.sound.send({ type: "finish", id: utterance.contextId, position });
  }

  #caption({ context_id: id, text, start_ms: startMs, end_ms: endMs, estimated }) {
    const utterance = this.#utterances.get(id);
    if (!utterance) return;
    const piece = { text, startMs, endMs, estimated };
    utterance.captions.add(piece);
    this.#hooks.emit("caption", { ...utterance.names, ...piece });
    this.ear.words(utterance);
  }

  #done({ context_id: id, samples, reason }) {
    const utterance = this.#utterances.get(id);
    if (!utterance) return;
    utterance.ended = { samples, reason };
    if (reason === "replaced") this.#hooks.sound.send({ type: "stop", id });
    else this.#decoded(id).then(() => this.#finish(utterance));
    if (utterance.stopping) this.#cutShort(utterance);
    else if (utterance.over) this.#end(utterance);
  }

  #cancelled({ context_id: id, heard_ms: heardMs, heard_text: heardText, estimated }) {
    const utterance = this.#utterances.get(id);
    if (!utterance) return;
    this.#hooks.sound.send({ type: "stop", id });
    this.#forget(utterance);
    this.#hooks.emit("cancelled", { ...utterance.names, heardMs, heardText, estimated });
  }

  #error({ code, message, event_id: eventId, context_id: contextId, retry_after_ms: retryAfterMs }) {
    const utterance = this.#utterances.get(contextId);
    if (code === "resume_gone" && utterance) {
      const finished = utterance.stopping || utterance.over;
      this.#done({ context_id: contextId, samples: utterance.received, reason: finished ? "finished" : "failed" });
    } else if (utterance?.stopping) this.#cutShort(utterance);
    else this.#hooks.emit("error", { code, message, eventId, contextId, retryAfterMs });
  }

  /**
   * Barge-in.
   *
   * @param {string} [contextId] default: all that sounds or waits here
   */
  stop(contextId) {
    const own = [...this.#utterances.values()].filter((each) => !each.stopping && !each.over);
    const meant = contextId === undefined ? own : own.filter((each) => each.contextId === contextId);
    for (const utterance of meant) this.#stop(utterance);
    if (contextId !== undefined && !this.#utterances.has(contextId)) {
      this.#hooks.send({ type: "context.cancel", context_id: contextId });
    }
  }

  #stop(utterance) {
    utterance.stopping = true;
    this.#hooks.sound.send({ type: "stop", id: utterance.contextId });
    this.#hooks.session.drop(utterance.contextId);
    const message = { type: "context.cancel", context_id: utterance.contextId, played_ms: utterance.playedMs };
    // The bridge answers what was heard; of an utterance that it has done with, or while it is away, only we know.
    if (utterance.ended || !this.#hooks.send(message)) this.#cutShort(utterance);
  }

  #cutShort(utterance) {
    this.#forget(utterance);
    const { names, playedMs, captions } = utterance;
    this.#hooks.emit("cancelled", { ...names, heardMs: playedMs, heardText: captions.heard, estimated: true });
  }

  /** The connection is lost: nobody answers a barge-in any more. */
  disconnected() {
    for (const utterance of [...this]) if (utterance.stopping) this.#cutShort(utterance);
  }

  /** Silence, and forget, what is no longer wanted. @param {(utterance: Utterance) => boolean} unwanted */
  remove(unwanted) {
    for (const utterance of [...this].filter(unwanted)) {
      this.#hooks.sound.send({ type: "stop", id: utterance.contextId });
      this.#hooks.session.forget(utterance.contextId);
      this.#forget(utterance);
    }
  }

  /** It was not heard: say so, once, and forget it. */
  miss(utterance) {
    this.#hooks.sound.send({ type: "stop", id: utterance.contextId });
    this.missed(utterance, "interrupted");
    utterance.over = true;
    if (utterance.ended) this.#end(utterance);
  }

  /** Some of it was not heard. */
  missed(utterance, reason) {
    this.#hooks.emit("missed", { ...utterance.names, reason });
  }

  /** @param {string} agentId @param {{muted?: boolean, solo?: boolean, volume?: number}} change */
  setAgent(agentId, change) {
    this.#gains.set(agentId, change);
    for (const { contextId: id, agentId: who } of this) {
      this.#hooks.sound.send({ type: "gain", id, gain: this.#gains.of(who) });
    }
  }

  /** @param {import("./mixer.js").Report} report whose time has come at the ear */
  report(report) {
    const utterance = this.#utterances.get(report.id);
    if (!utterance || utterance.stopping) return;
    this.ear.report(utterance, report);
    if (!report.over) return;
    utterance.over = true;
    if (utterance.ended) this.#end(utterance);
  }

  #end(utterance) {
    this.#forget(utterance);
    const { names, ended, playedMs, underruns, complete } = utterance;
    this.#hooks.emit("done", { ...names, reason: ended.reason, playedMs, underruns, complete });
  }

  #forget(utterance) {
    this.#decoders.get(utterance.contextId)?.close();
    this.#decoders.delete(utterance.contextId);
    this.#utterances.delete(utterance.contextId);
  }
}
