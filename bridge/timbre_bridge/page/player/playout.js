/**
 * Where a listener would be that plays each sample as soon as it arrives: the live position. The bridge keeps the same
 * clock. A device whose clock is slow, or a buffer that filled up again after a stall, falls behind it.
 */

import { SAMPLE_RATE } from "./units.js";

export class Playout {
  #end = 0;
  #position;

  /** @param {number} position of the first sample */
  constructor(position) {
    this.#position = position;
  }

  /** Samples up to `position` have arrived at `now`, seconds. */
  arrived(position, now) {
    if (position <= this.#position) return;
    this.#end = Math.max(this.#end, now) + (position - this.#position) / SAMPLE_RATE;
    this.#position = position;
  }

  /** @param {number} now seconds @returns {number} the live position */
  at(now) {
    return this.#position - Math.round(Math.max(0, this.#end - now) * SAMPLE_RATE);
  }
}
