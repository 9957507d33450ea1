/**
 * A listener's side of `timbre.v1`, without sockets: messages in, events out. One session outlives its connections:
 * `open` for each new one, then `receive` what arrives. A frame that came already is told from what is new by whoever
 * writes its samples down, since each knows its position; `next` is what is asked for after a lost connection.
 */

import { decodeFrame } from "./frame.js";

/** Utterances followed at a time; past it the oldest is forgotten. Keeps session.start below its 4 kB. */
const MAX_CONTEXTS = 32;
const MAX_DROPPED = 256;

/** What is known of an utterance on its way. */
class Context {
  /** Pieces of caption that came, by start and text, and how many of each an old connection has brought. */
  captions = new Map();
  repeatable = new Map();

  constructor(next, epoch) {
    this.next = next;
    this.epoch = epoch;
  }
}

export class Session {
  #wish;
  #contexts = new Map();
  #streams = new Map();
  #dropped = new Set();

  /** @param {{agents?: string[], rooms?: string[], encodings: string[], captions: boolean, join: string}} wish */
  constructor(wish) {
    this.#wish = wish;
  }

  /** Change what is asked for. */
  change(wish) {
    this.#wish = { ...this.#wish, ...wish };
  }

  /** @param {string | undefined} token @returns {object} the `session.start` of a new connection */
  open(token) {
    this.#streams.clear();
    const resume = [];
    for (const [id, context] of this.#contexts) {
      context.repeatable = new Map(context.captions);
      resume.push({ context_id: id, next_sample: context.next });
    }
    return { type: "session.start", token, ...this.#wish, resume: resume.length ? resume : undefined };
  }

  /** This utterance is not followed any more; should it be announced again, it is a new one. */
  forget(id) {
    this.#contexts.delete(id);
    for (const [stream, each] of this.#streams) if (each === id) this.#streams.delete(stream);
  }

  /** This utterance was stopped: should it be announced again, it is unwanted. */
  drop(id) {
    this.forget(id);
    this.#dropped.add(id);
    if (this.#dropped.size > MAX_DROPPED) this.#dropped.delete(this.#dropped.values().next().value);
  }

  /**
   * What a message means. What is newer than this code means nothing; throws where the message is malformed.
   *
   * @param {string | ArrayBuffer} message
   * @returns {object[]} events, each with a `type`
   */
  receive(message) {
    if (typeof message !== "string") return this.#audio(decodeFrame(message));
    const json = JSON.parse(message);
    if (json.type === "audio.start") return this.#start(json);
    if (json.type === "caption") return this.#caption(json);
    if (json.type === "audio.done" || json.type === "context.cancelled") this.forget(json.context_id);
    if (json.type === "error" && json.code === "resume_gone") this.forget(json.context_id);
    return [json];
  }

  #start(start) {
    const id = start.context_id;
    if (this.#dropped.has(id)) return [{ type: "unwanted", context_id: id }];
    this.#streams.set(start.stream_id, id);
    const known = this.#contexts.get(id);
    if (known) {
      known.epoch = Math.max(known.epoch, start.epoch);
      return [{ ...start, type: "stream" }];
    }
    if (this.#contexts.size >= MAX_CONTEXTS) this.forget(this.#contexts.keys().next().value);
    this.#contexts.set(id, new Context(start.first_sample, start.epoch));
    return [start, { ...start, type: "stream" }];
  }

  #audio(frame) {
    const id = frame && this.#streams.get(frame.streamId);
    const context = id && this.#contexts.get(id);
    if (!context || frame.epoch < context.epoch) return [];
    context.next = Math.max(context.next, frame.firstSample + frame.samples);
    return [{ type: "audio", context_id: id, frame }];
  }

  #caption(caption) {
    const context = this.#contexts.get(caption.context_id);
    if (!context) return [];
    const key = `${caption.start_ms} ${caption.text}`;
    const repeats = context.repeatable.get(key) ?? 0;
    if (repeats > 0) {
      context.repeatable.set(key, repeats - 1);
      return [];
    }
    context.captions.set(key, (context.captions.get(key) ?? 0) + 1);
    return [caption];
  }
}
