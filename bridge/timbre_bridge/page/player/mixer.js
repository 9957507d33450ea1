/**
 * All utterances that play, as one stream of samples at 24 kHz. The same code runs in the audio thread, behind
 * scheduled buffers, and silently while sound is off: only who calls `render`, and when, is different.
 *
 * Commands are plain objects, so that they can travel to the audio thread; so are the reports that come back.
 *
 * @typedef {{type: "open", id: string, position: number, after: string | null, gain: number}
 *   | {type: "write", id: string, position: number, samples: Float32Array}
 *   | {type: "finish", id: string, position?: number}
 *   | {type: "stop", id: string}
 *   | {type: "gain", id: string, gain: number}
 *   | {type: "excess", id: string, samples: number}
 *   | {type: "skip", id: string, position: number}
 *   | {type: "tap", on: boolean}} Command
 *
 * @typedef {{type: "position", id: string, time: number, position: number, available: number, level: number,
 *     underruns: number, skipped: number, first: boolean, over: boolean, stopped: boolean, targetMs: number}
 *   | {type: "underrun", id: string, time: number, underruns: number, targetMs: number}
 *   | {type: "tap", id: string, time: number, position: number, samples: Float32Array}} Report
 */

import { Jitter } from "./jitter.js";
import { SAMPLE_RATE } from "./units.js";
import { Voice } from "./voice.js";

/** 32 ms between two reports of a voice's position: words and meters are as exact as that. */
const REPORT_SAMPLES = 768;
/** The largest piece rendered at once. */
export const MAX_BLOCK = 1_024;

/** What has happened to a voice since it was reported last. */
class Since {
  samples = 0;
  energy = 0;
  first = true;
  /** Pieces for the tap: [position, samples, time]. */
  taps = [];
}

export class Mixer {
  jitter = new Jitter();
  #voices = new Map();
  #since = new Map();
  /** Where in the block that is rendered now a voice ended. */
  #ends = new Map();
  #tap = false;
  #out = new Float32Array(MAX_BLOCK);
  #report;

  /** @param {(report: Report) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /** Whether there is nothing to play, now or later. */
  get empty() {
    return this.#voices.size === 0;
  }

  /** Whether a voice sounds now. */
  plays(id) {
    return this.#voices.get(id)?.playing === true;
  }

  /** @param {Command} command */
  handle(command) {
    if (command.type === "tap") this.#tap = command.on;
    else if (command.type === "open") this.#open(command);
    else if (this.#voices.has(command.id)) this.#change(this.#voices.get(command.id), command);
  }

  /** The commands that make another mixer go on where this one is, which is empty afterwards. */
  handOver() {
    const commands = [];
    for (const voice of this.#voices.values()) {
      const { id, position, after, gain, end } = voice;
      commands.push({ type: "open", id, position, after, gain });
      for (const [at, samples] of voice.takeAll()) commands.push({ type: "write", id, position: at, samples });
      if (end !== Infinity) commands.push({ type: "finish", id, position: end });
    }
    this.#voices.clear();
    this.#since.clear();
    return commands;
  }

  /**
   * Mix what plays now.
   *
   * @param {Float32Array} mix at most MAX_BLOCK samples, zeros before
   * @param {number} time seconds at which its first sample is played, on any clock; comes back in reports
   */
  render(mix, time) {
    this.#ends.clear();
    for (const voice of [...this.#voices.values()]) {
      if (voice.after !== null && this.#voices.has(voice.after)) {
        if (voice.stopped) this.#end(voice, time);
        continue;
      }
      // The next one follows on the very sample at which the one before it ended.
      const from = this.#ends.get(voice.after) ?? 0;
      const done = from + this.#play(voice, mix.subarray(from), time + from / SAMPLE_RATE);
      if (voice.over) this.#ends.set(voice.id, done);
    }
  }

  #open({ id, position, after, gain }) {
    this.#voices.set(id, new Voice(id, position, after, gain));
    this.#since.set(id, new Since());
  }

  #change(voice, command) {
    if (command.type === "write") voice.write(command.position, command.samples);
    else if (command.type === "finish") voice.finish(command.position);
    else if (command.type === "stop") voice.stop();
    else if (command.type === "gain") voice.gain = command.gain;
    else if (command.type === "excess") voice.excess = command.samples;
    else if (command.type === "skip") voice.skipTo(command.position);
  }

  #play(voice, mix, time) {
    const since = this.#since.get(voice.id);
    const { underruns } = voice;
    let done = 0;
    while (done < mix.length) {
      const out = this.#out.subarray(done, mix.length);
      const taken = voice.render(out, mix.subarray(done), this.jitter.target);
      if (taken === 0) break;
      this.#note(voice, since, out.subarray(0, taken), time + done / SAMPLE_RATE);
      done += taken;
    }
    if (voice.underruns > underruns) this.#dry(voice, time + done / SAMPLE_RATE);
    else this.jitter.played(done);
    if (voice.over) this.#end(voice, time + done / SAMPLE_RATE);
    else if (since.samples >= REPORT_SAMPLES || (since.first && done > 0)) this.#tell(voice, time + done / SAMPLE_RATE);
    return done;
  }

  #note(voice, since, samples, time) {
    since.samples += samples.length;
    for (const sample of samples) since.energy += sample * sample;
    if (this.#tap) since.taps.push([voice.position - samples.length, samples.slice(), time]);
  }

  #dry(voice, time) {
    this.jitter.underrun();
    this.#tell(voice, time);
    const { id, underruns } = voice;
    this.#report({ type: "underrun", id, time, underruns, targetMs: this.jitter.targetMs });
  }

  #end(voice, time) {
    voice.over = true;
    this.#tell(voice, time);
    this.#voices.delete(voice.id);
    this.#since.delete(voice.id);
  }

  #tell(voice, time) {
    const { id, position, available, underruns, skipped, over, stopped } = voice;
    const since = this.#since.get(id);
    for (const each of joined(since.taps)) this.#report({ type: "tap", id, ...each });
    this.#report({
      type: "position",
      id,
      time,
      position,
      available,
      level: since.samples ? Math.sqrt(since.energy / since.samples) : 0,
      underruns,
      skipped,
      first: since.first && voice.begun,
      over,
      stopped,
      targetMs: this.jitter.targetMs,
    });
    since.first &&= !voice.begun;
    Object.assign(since, { samples: 0, energy: 0, taps: [] });
  }
}

/** Contiguous pieces as one. */
function joined(pieces) {
  const runs = [];
  for (const [position, samples, time] of pieces) {
    const run = runs[runs.length - 1];
    if (run && run.position + run.count === position) {
      run.parts.push(samples);
      run.count += samples.length;
    } else runs.push({ position, time, count: samples.length, parts: [samples] });
  }
  return runs.map(({ position, time, count, parts }) => {
    const samples = new Float32Array(count);
    let at = 0;
    for (const part of parts) {
      samples.set(part, at);
      at += part.length;
    }
    return { position, time, samples };
  });
}
