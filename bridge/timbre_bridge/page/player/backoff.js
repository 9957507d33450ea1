/** How long to wait before the next try: exponential, fully jittered, capped. */

export class Backoff {
  #tries = 0;

  /**
   * @param {object} [bounds] seconds
   * @param {number} [bounds.first] upper bound of the first wait
   * @param {number} [bounds.cap] upper bound of any wait
   * @param {number} [bounds.floor] lower bound of any wait, so that a refused connection never becomes a busy loop
   * @param {() => number} [bounds.random] 0 … 1
   */
  constructor({ first = 0.5, cap = 10, floor = 0.2, random = Math.random } = {}) {
    Object.assign(this, { first, cap, floor, random });
  }

  /** @returns {number} seconds to wait before the next try */
  next() {
    const bound = Math.min(this.cap, this.first * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    return Math.max(this.floor, this.random() * bound);
  }

  /** Start over, after a success. */
  reset() {
    this.#tries = 0;
  }
}
