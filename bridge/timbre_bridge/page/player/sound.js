/** The browser's sound: an AudioContext opened by a gesture, kept alive, and the output that plays there. */

import { ScheduledOutput, SilentOutput, WorkletOutput } from "./outputs.js";
import { SAMPLE_RATE } from "./units.js";

const START_TIMEOUT_MS = 3_000;
const RAMP_S = 0.01;

/**
 * @typedef {object} Hooks
 * @property {(report: import("./mixer.js").Report) => void} report at its time at the ear
 * @property {(report: object) => void} tap at once
 * @property {() => void} changed `state` is another one
 */

export class Sound {
  #hooks;
  #output;
  #context = null;
  #gain = null;
  #volume = 1;
  #muted = false;
  #device = "";
  #tapping;
  #opening = null;
  #pending = [];
  #timer;
  /** A browser that refuses without a gesture gets one later: by `open`. */
  #revive = () => this.#resume().catch(() => {});

  /** @param {Hooks} hooks @param {boolean} tapping */
  constructor(hooks, tapping) {
    this.#hooks = hooks;
    this.#tapping = tapping;
    this.#silence();
  }

  /** "off", "worklet", "scheduled" or "interrupted". */
  get state() {
    if (this.#output.kind !== "off" && this.#context.state !== "running") return "interrupted";
    return this.#output.kind;
  }

  get sampleRate() {
    return this.#context?.sampleRate;
  }

  /** Seconds from rendering to the ear. */
  get latency() {
    return this.#output.latency;
  }

  /** @param {import("./mixer.js").Command} command */
  send(command) {
    this.#output.handle([command]);
  }

  /** Start sound, in a gesture. Rejects where the browser refuses. */
  open() {
    if (this.#output.kind !== "off") return this.#resume();
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    if (navigator.audioSession) navigator.audioSession.type = "playback";
    const context = newContext();
    try {
      await started(context);
      await this.#choose(context);
      const gain = new GainNode(context, { gain: this.#level });
      gain.connect(context.destination);
      const report = (each) => this.#reported(each);
      const output = context.audioWorklet
        ? await WorkletOutput.open(context, gain, report)
        : new ScheduledOutput(context, gain, report);
      this.#context = context;
      this.#gain = gain;
      this.#take(output);
    } catch (error) {
      await context.close();
      throw error;
    }
    context.onstatechange = () => this.#hooks.changed();
    document.addEventListener("visibilitychange", this.#revive);
    this.#hooks.changed();
  }

  /** The device that was asked for; the default one where it is away, or not allowed any more. */
  async #choose(context) {
    try {
      if (this.#device) await context.setSinkId(this.#device);
    } catch {
      this.#device = "";
    }
  }

  /** Turn sound off. */
  async close() {
    await this.#opening?.catch(() => {});
    const context = this.#context;
    document.removeEventListener("visibilitychange", this.#revive);
    this.#output.close();
    this.#silence();
    this.#context = null;
    if (context) {
      context.onstatechange = null;
      await context.close();
    }
  }

  set volume(volume) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#ramp();
  }

  get volume() {
    return this.#volume;
  }

  set muted(muted) {
    this.#muted = Boolean(muted);
    this.#ramp();
  }

  get muted() {
    return this.#muted;
  }

  /** @param {string} device id */
  async setOutput(device) {
    if (!("setSinkId" in AudioContext.prototype)) throw new Error("this browser has no choice of output devices");
    await this.#context?.setSinkId(device);
    this.#device = device;
  }

  get #level() {
    return this.#muted ? 0 : this.#volume;
  }

  #ramp() {
    this.#gain?.gain.setTargetAtTime(this.#level, this.#context.currentTime, RAMP_S);
  }

  #silence() {
    this.#gain = null;
    this.#output = new SilentOutput((each) => this.#reported(each));
  }

  /** Go on in another output where the silent one is. */
  #take(output) {
    if (this.#tapping) output.handle([{ type: "tap", on: true }]);
    const commands = this.#output.handOver();
    output.handle(commands);
    for (const report of this.#pending.splice(0)) this.#hooks.report(report);
    this.#output = output;
  }

  async #resume() {
    const context = this.#context;
    if (!context || context.state === "running" || document.hidden) return;
    await started(context);
  }

  /** Reports are held back until what they tell of is at the ear. */
  #reported(report) {
    if (report.type === "tap") return this.#hooks.tap(report);
    this.#pending.push(report);
    this.#tell();
  }

  #tell() {
    clearTimeout(this.#timer);
    const heard = this.#output.now() - this.#output.latency;
    while (this.#pending.length && this.#pending[0].time <= heard) this.#hooks.report(this.#pending.shift());
    if (this.#pending.length) {
      this.#timer = setTimeout(() => this.#tell(), Math.max(1, (this.#pending[0].time - heard) * 1000));
    }
  }
}

function newContext() {
  const options = { latencyHint: "interactive", sampleRate: SAMPLE_RATE };
  try {
    return new AudioContext(options);
  } catch {
    // A browser that insists on the device's rate: outputs resample.
    return new AudioContext({ latencyHint: "interactive" });
  }
}

/** Until the context runs. Without a gesture `resume` waits for ever, so it is given a time. */
async function started(context) {
  let timer;
  const late = new Promise((_, reject) => {
    const refusal = new DOMException("the browser wants a click before there is sound", "NotAllowedError");
    timer = setTimeout(() => reject(refusal), START_TIMEOUT_MS);
  });
  try {
    await Promise.race([context.resume(), late]);
  } finally {
    clearTimeout(timer);
  }
}
