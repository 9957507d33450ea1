/** One utterance as it is played: gathers samples, plays them in order, fades out when it is stopped. */

import { Ring } from "./ring.js";
import { SAMPLE_RATE } from "./units.js";

/** 8 ms: short enough to be silent at once, long enough not to click. */
export const FADE_SAMPLES = 192;
/** Below this magnitude (-54 dBFS) a sample counts as silence that may be skipped to catch up. */
const SILENCE = 0.002;
const SILENCE_WINDOW = (SAMPLE_RATE * 30) / 1000;
const SILENCE_SKIP = (SAMPLE_RATE * 20) / 1000;

export class Voice {
  /** Whether it has begun to play since the last gathering. */
  playing = false;
  /** Whether a sample of it was ever played. */
  begun = false;
  over = false;
  stopped = false;
  underruns = 0;
  skipped = 0;
  /** Samples of silence that may be skipped, so as to catch up with what is live. */
  excess = 0;
  /** 0 … 1, where the gain is going, and where it is. */
  gain = 1;
  #gainNow = 1;
  #ring;
  #end = Infinity;
  #fadeLeft = FADE_SAMPLES;
  #window = new Float32Array(SILENCE_WINDOW);

  /**
   * @param {string} id
   * @param {number} position of its first sample
   * @param {string | null} after the voice that has to be over before this one begins
   * @param {number} gain 0 … 1
   */
  constructor(id, position, after, gain) {
    this.id = id;
    this.after = after;
    this.gain = gain;
    this.#gainNow = gain;
    this.#ring = new Ring(position);
  }

  /** Position of the next sample to be played. */
  get position() {
    return this.#ring.position;
  }

  /** Samples that wait to be played. */
  get available() {
    return this.#ring.available;
  }

  /** Position at which it ends; Infinity while that is not known. */
  get end() {
    return this.#end;
  }

  /** More samples; those before the end of what is held came already and are left out. */
  write(position, samples) {
    const known = Math.max(0, this.#ring.end - position);
    if (!this.stopped && known < samples.length) this.#ring.write(position + known, samples.subarray(known));
  }

  /** Nothing comes from this position on; without one: nothing but what is held. */
  finish(position = this.#ring.end) {
    this.#end = position;
  }

  /** Be silent after a short fade. */
  stop() {
    this.stopped = true;
  }

  /** Jump ahead to a position, or as near to it as there are samples. */
  skipTo(position) {
    while (this.position < position && this.available > 0) {
      const count = this.#ring.contiguous(position - this.position);
      this.#ring.skip(count);
      this.skipped += count;
    }
  }

  /** Take out all that is held: [position, samples] in order, for a move to another mixer. */
  takeAll() {
    const parts = [];
    while (this.available > 0) {
      const samples = new Float32Array(this.#ring.contiguous(this.available));
      this.#ring.peek(samples, samples.length);
      parts.push([this.position, samples]);
      this.#ring.skip(samples.length);
    }
    return parts;
  }

  /**
   * Play up to `out.length` samples.
   *
   * @param {Float32Array} out gets the samples as they are, before any gain
   * @param {Float32Array} mix the same with gain and fade is added to this
   * @param {number} target samples to gather before it begins
   * @returns {number} how many; fewer before a jump in position, 0 where it has nothing to play now
   */
  render(out, mix, target) {
    if (this.stopped && !this.playing) this.over = true;
    if (this.over || !this.#ready(target)) return 0;
    this.#catchUp();
    const taken = this.#ring.contiguous(out.length);
    if (taken === 0) {
      this.playing = false;
      this.over = this.stopped;
      this.underruns += this.over ? 0 : 1;
      return 0;
    }
    this.#ring.peek(out, taken);
    this.#ring.skip(taken);
    this.begun = true;
    this.#mix(out, mix, taken);
    this.over = this.stopped ? this.#fadeLeft === 0 : this.position >= this.#end;
    return taken;
  }

  #ready(target) {
    if (this.position >= this.#end) this.over = true;
    else if (!this.playing) this.playing = this.available >= target || this.#ring.end >= this.#end;
    return this.playing && !this.over;
  }

  #mix(samples, mix, count) {
    const step = 1 / FADE_SAMPLES;
    for (let i = 0; i < count; i += 1) {
      if (this.#gainNow < this.gain) this.#gainNow = Math.min(this.gain, this.#gainNow + step);
      else if (this.#gainNow > this.gain) this.#gainNow = Math.max(this.gain, this.#gainNow - step);
      if (this.stopped && this.#fadeLeft > 0) this.#fadeLeft -= 1;
      mix[i] += samples[i] * this.#gainNow * (this.#fadeLeft / FADE_SAMPLES);
    }
  }

  #catchUp() {
    if (this.excess < SILENCE_SKIP || this.#ring.contiguous(SILENCE_WINDOW) < SILENCE_WINDOW) return;
    this.#ring.peek(this.#window, SILENCE_WINDOW);
    if (this.#window.some((sample) => Math.abs(sample) > SILENCE)) return;
    this.#ring.skip(SILENCE_SKIP);
    this.skipped += SILENCE_SKIP;
    this.excess -= SILENCE_SKIP;
  }
}
