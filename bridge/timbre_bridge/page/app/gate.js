// Tells a voice from the noise of a room by its energy. Pure: levels in, yes or no out.

const MARGIN_DB = 14; // a voice is louder than the room by at least this
const LEAST_DB = -50; // and is never quieter than this
const HOLD_MS = 180; // it lasts at least this: a cough or a door does not
const GAP_MS = 120; // syllables are apart by less than this
const REST_MS = 1500; // after a yes nothing is said for this long
const FLOOR_UP = 0.02; // how fast the room may become louder, and quieter, in shares of the difference
const FLOOR_DOWN = 0.2;

/** One voice is told once. */
export class Gate {
  #floor = -60;
  #since = -1;
  #last = -1;
  #quietUntil = 0;

  /**
   * @param {number} rms 0 to 1
   * @param {number} now milliseconds
   * @returns {boolean} whether somebody has just begun to talk
   */
  hear(rms, now) {
    const level = Math.max(-100, 20 * Math.log10(rms || 1e-5));
    const loud = level > LEAST_DB && level > this.#floor + MARGIN_DB;
    if (!loud) this.#floor += (level - this.#floor) * (level > this.#floor ? FLOOR_UP : FLOOR_DOWN);
    if (loud) {
      if (this.#since < 0 || now - this.#last > GAP_MS) this.#since = now;
      this.#last = now;
    }
    const talking = loud && now - this.#since >= HOLD_MS && now >= this.#quietUntil;
    if (talking) this.#quietUntil = now + REST_MS;
    return talking;
  }
}
