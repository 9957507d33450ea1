/** A ring buffer of samples that know their position in the utterance. It grows rather than lose any. */

export class Ring {
  #data;
  #mask;
  /** Running numbers of the oldest sample held, and of the next to come: not positions, since positions may jump. */
  #read = 0;
  #write = 0;
  /** What to add to a running number to get a position: [from which running number on, offset], in order. */
  #offsets;

  /**
   * @param {number} position of the first sample
   * @param {number} capacity samples; a power of two
   */
  constructor(position, capacity = 1 << 16) {
    this.#data = new Float32Array(capacity);
    this.#mask = capacity - 1;
    this.#offsets = [[0, position]];
  }

  /** Samples held. */
  get available() {
    return this.#write - this.#read;
  }

  /** Position of the next sample to be read. */
  get position() {
    return this.#read + this.#offsets[0][1];
  }

  /** Position after the last sample held. */
  get end() {
    return this.#write + this.#offsets[this.#offsets.length - 1][1];
  }

  /** Add samples; where `position` is not the end, positions jump there. */
  write(position, samples) {
    if (position !== this.end) {
      this.#offsets.push([this.#write, position - this.#write]);
      this.#settle();
    }
    while (this.available + samples.length > this.#data.length) this.#grow();
    const at = this.#write & this.#mask;
    const straight = Math.min(samples.length, this.#data.length - at);
    this.#data.set(samples.subarray(0, straight), at);
    this.#data.set(samples.subarray(straight), 0);
    this.#write += samples.length;
  }

  /**
   * Samples that can be read without a jump of position in between.
   *
   * @param {number} most
   * @returns {number}
   */
  contiguous(most) {
    const limit = this.#offsets.length > 1 ? this.#offsets[1][0] : this.#write;
    return Math.min(most, limit - this.#read);
  }

  /** Copy the next `count` samples to `out` without taking them; there have to be as many. */
  peek(out, count) {
    const at = this.#read & this.#mask;
    const straight = Math.min(count, this.#data.length - at);
    out.set(this.#data.subarray(at, at + straight), 0);
    out.set(this.#data.subarray(0, count - straight), straight);
  }

  /** Take `count` samples off; there have to be as many. */
  skip(count) {
    this.#read += count;
    this.#settle();
  }

  #settle() {
    while (this.#offsets.length > 1 && this.#offsets[1][0] <= this.#read) this.#offsets.shift();
  }

  #grow() {
    const held = this.available;
    const data = new Float32Array(this.#data.length * 2);
    this.peek(data, held);
    this.#offsets = this.#offsets.map(([from, offset]) => [Math.max(0, from - this.#read), offset + this.#read]);
    this.#data = data;
    this.#mask = data.length - 1;
    this.#read = 0;
    this.#write = held;
  }
}
