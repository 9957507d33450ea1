/**
 * How much sound to gather before playing: little at first, more after each underrun, slowly less while all goes well.
 * One for all utterances, since what makes frames late (the network, a busy engine) is common to them.
 */

import { SAMPLE_RATE, samplesOfMs } from "./units.js";

export const START_MS = 80;
export const LEAST_MS = 60;
export const MOST_MS = 800;
const GROWTH = 1.5;
const SHRINK = 0.9;
const SHRINK_AFTER = 20 * SAMPLE_RATE;

export class Jitter {
  #ms = START_MS;
  #calm = 0;

  /** Milliseconds to gather. */
  get targetMs() {
    return this.#ms;
  }

  /** Samples to gather. */
  get target() {
    return samplesOfMs(this.#ms);
  }

  /** The buffer ran dry. */
  underrun() {
    this.#ms = Math.min(MOST_MS, this.#ms * GROWTH);
    this.#calm = 0;
  }

  /** `samples` were played without trouble. */
  played(samples) {
    this.#calm += samples;
    if (this.#calm < SHRINK_AFTER) return;
    this.#calm = 0;
    this.#ms = Math.max(LEAST_MS, this.#ms * SHRINK);
  }
}
