/** Renders a mixer at a device's sample rate: as it is at 24 kHz, through a resampler otherwise. */

import { MAX_BLOCK } from "./mixer.js";
import { Resampler } from "./resampler.js";
import { SAMPLE_RATE } from "./units.js";

export class Source {
  #mixer;
  #resampler;
  #block = new Float32Array(MAX_BLOCK);

  /** @param {import("./mixer.js").Mixer} mixer @param {number} rate Hz */
  constructor(mixer, rate) {
    this.#mixer = mixer;
    this.rate = rate;
    this.#resampler = rate === SAMPLE_RATE ? null : new Resampler(SAMPLE_RATE, rate);
  }

  /**
   * @param {Float32Array} out zeros before
   * @param {number} time seconds at which its first sample is played
   */
  render(out, time) {
    if (this.#resampler === null) return this.#native(out, time);
    const missing = this.#resampler.missing(out.length);
    for (let done = 0; done < missing; done += MAX_BLOCK) {
      const block = this.#block.subarray(0, Math.min(MAX_BLOCK, missing - done)).fill(0);
      this.#mixer.render(block, time + done / SAMPLE_RATE);
      this.#resampler.push(block);
    }
    return this.#resampler.pull(out);
  }

  #native(out, time) {
    for (let done = 0; done < out.length; done += MAX_BLOCK) {
      this.#mixer.render(out.subarray(done, done + MAX_BLOCK), time + done / SAMPLE_RATE);
    }
  }
}
