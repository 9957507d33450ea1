/** The pieces of an utterance's text, and which of them have been heard. */

import { msOfSamples } from "./units.js";

export class Captions {
  #waiting = [];
  #heard = "";

  /** All pieces so far whose time has come. */
  get heard() {
    return this.#heard;
  }

  /** @param {{text: string, startMs: number}} piece in order */
  add(piece) {
    this.#waiting.push(piece);
  }

  /** @param {number} position samples at the ear @returns {object[]} the pieces whose time has come */
  due(position) {
    const ms = msOfSamples(position);
    let count = 0;
    while (count < this.#waiting.length && this.#waiting[count].startMs <= ms) count += 1;
    const pieces = this.#waiting.splice(0, count);
    for (const piece of pieces) this.#heard += piece.text;
    return pieces;
  }
}
