/**
 * Three places where a mixer runs. Each takes commands (`handle`), tells the time of its reports' clock (`now`), and
 * how long a sample takes from there to the ear (`latency`), both in seconds.
 *
 * @typedef {import("./mixer.js").Command} Command
 * @typedef {import("./mixer.js").Report} Report
 */

import { MAX_BLOCK, Mixer } from "./mixer.js";
import { Source } from "./source.js";
import { SAMPLE_RATE } from "./units.js";

const TICK_MS = 20;
/** Seconds scheduled ahead: what the page's thread may be late by. */
const AHEAD = 0.1;
/** A hidden page's timers may come only once a second. */
const AHEAD_HIDDEN = 1.3;
const FADE = 0.008;

/** Seconds from rendering to the ear, as far as the browser knows. */
const latencyOf = (context) => context.outputLatency || context.baseLatency || 0;

/** Plays in the audio thread. */
export class WorkletOutput {
  kind = "worklet";
  #context;
  #node;

  /** @param {AudioContext} context @param {AudioNode} destination @param {(report: Report) => void} report */
  static async open(context, destination, report) {
    await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    return new WorkletOutput(context, destination, report);
  }

  constructor(context, destination, report) {
    this.#context = context;
    this.#node = new AudioWorkletNode(context, "timbre", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }) => report(data);
    this.#node.connect(destination);
  }

  /** @param {Command[]} commands */
  handle(commands) {
    const moved = commands.filter((command) => command.type === "write").map((command) => command.samples.buffer);
    this.#node.port.postMessage(commands, [...new Set(moved)]);
  }

  now = () => this.#context.currentTime;

  get latency() {
    return latencyOf(this.#context);
  }

  close() {
    this.#node.port.onmessage = null;
    this.#node.disconnect();
  }
}

/** Plays through buffers that are scheduled a little ahead: for pages without AudioWorklet. */
export class ScheduledOutput {
  kind = "scheduled";
  #context;
  #bus;
  #mixer;
  #source;
  /** When the next buffer begins, seconds on the context's clock. */
  #next = 0;
  #timer;

  /** @param {AudioContext} context @param {AudioNode} destination @param {(report: Report) => void} report */
  constructor(context, destination, report) {
    this.#context = context;
    this.#bus = new GainNode(context);
    this.#bus.connect(destination);
    this.#mixer = new Mixer(report);
    this.#source = new Source(this.#mixer, context.sampleRate);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {Command[]} commands */
  handle(commands) {
    for (const command of commands) {
      if (command.type === "stop" && this.#mixer.plays(command.id)) this.#hush();
      this.#mixer.handle(command);
    }
  }

  /** Fade out what is scheduled already: it cannot be taken back, nor told apart by voices. */
  #hush() {
    const { gain } = this.#bus;
    const now = this.#context.currentTime;
    gain.setValueAtTime(1, now);
    gain.linearRampToValueAtTime(0, now + FADE);
    // The mixer's own fade comes behind what is scheduled; nobody needs to hear that either.
    gain.setValueAtTime(1, Math.max(this.#next, now) + FADE);
  }

  now = () => this.#context.currentTime;

  get latency() {
    return latencyOf(this.#context);
  }

  close() {
    clearInterval(this.#timer);
    this.#bus.disconnect();
  }

  #tick() {
    const { currentTime, sampleRate, state } = this.#context;
    if (state !== "running") return;
    const frames = Math.round((sampleRate * TICK_MS) / 1000);
    // After a pause there is no use in playing what should have been played before now.
    if (this.#next < currentTime) this.#next = currentTime + 0.005;
    const until = currentTime + (document.hidden ? AHEAD_HIDDEN : AHEAD);
    while (this.#next < until && !this.#mixer.empty) {
      const buffer = this.#context.createBuffer(1, frames, sampleRate);
      this.#source.render(buffer.getChannelData(0), this.#next);
      const node = new AudioBufferSourceNode(this.#context, { buffer });
      node.connect(this.#bus);
      node.start(this.#next);
      this.#next += frames / sampleRate;
    }
  }
}

/** Plays to nobody, in real time: so that captions run, and sound can begin at what is live. */
export class SilentOutput {
  kind = "off";
  latency = 0;
  #mixer;
  #rendered = this.now();
  #timer;
  #block = new Float32Array(MAX_BLOCK);

  /** @param {(report: Report) => void} report */
  constructor(report) {
    this.#mixer = new Mixer(report);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {Command[]} commands */
  handle(commands) {
    for (const command of commands) this.#mixer.handle(command);
  }

  now() {
    return performance.now() / 1000;
  }

  /** Stop, and give the commands that make another output go on here. */
  handOver() {
    this.close();
    return this.#mixer.handOver();
  }

  close() {
    clearInterval(this.#timer);
  }

  #tick() {
    const until = this.now();
    if (this.#mixer.empty) this.#rendered = until;
    while (this.#rendered < until) {
      const count = Math.min(MAX_BLOCK, Math.ceil((until - this.#rendered) * SAMPLE_RATE));
      this.#mixer.render(this.#block.subarray(0, count), this.#rendered);
      this.#rendered += count / SAMPLE_RATE;
    }
  }
}
