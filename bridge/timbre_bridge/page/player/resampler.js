/**
 * From one sample rate to another by a windowed sinc, streaming. For the rare browser that does not open an
 * AudioContext at 24 kHz; the others resample in the system, which costs nothing here.
 */

/** Zero crossings of the sinc on each side: stop band below -80 dB with this window. */
const REACH = 24;
/** Steps between two input samples for which the kernel is tabulated; in between it is interpolated linearly. */
const STEPS = 512;

export class Resampler {
  #kernel;
  #reach;
  #ratio;
  #held;
  #count;
  /** Where the next output sample lies, in input samples from the start of `#held`. */
  #at;

  /** @param {number} from Hz @param {number} to Hz */
  constructor(from, to) {
    this.#ratio = from / to;
    // Going down, the kernel is stretched, so that what the lower rate cannot hold is filtered out.
    const cutoff = Math.min(1, to / from) * 0.95;
    this.#reach = Math.ceil(REACH / cutoff);
    this.#kernel = kernel(this.#reach, cutoff);
    this.#held = new Float32Array(4 * this.#reach);
    // Silence before the first sample, so that the first output sample is aligned with the first input sample.
    this.#count = this.#reach;
    this.#at = this.#reach;
  }

  /** Input samples to push before `count` output samples can be pulled. */
  missing(count) {
    return Math.max(0, Math.floor(this.#at + (count - 1) * this.#ratio) + this.#reach + 1 - this.#count);
  }

  /** Output samples that can be pulled now. */
  get ready() {
    return Math.max(0, Math.ceil((this.#count - this.#reach - this.#at) / this.#ratio));
  }

  /** Silence to push behind the last sample, so that it too can be pulled. */
  get tail() {
    return new Float32Array(this.#reach + 1);
  }

  /** @param {Float32Array} samples */
  push(samples) {
    if (this.#count + samples.length > this.#held.length) this.#makeRoom(samples.length);
    this.#held.set(samples, this.#count);
    this.#count += samples.length;
  }

  /** Fill `out`. @param {Float32Array} out */
  pull(out) {
    for (let i = 0; i < out.length; i += 1) {
      out[i] = this.#value(this.#at);
      this.#at += this.#ratio;
    }
  }

  #value(at) {
    const whole = Math.floor(at);
    const fraction = at - whole;
    let sum = 0;
    for (let k = 1 - this.#reach; k <= this.#reach; k += 1) {
      const where = Math.abs(k - fraction) * STEPS;
      const step = Math.floor(where);
      const low = this.#kernel[step];
      sum += this.#held[whole + k] * (low + (this.#kernel[step + 1] - low) * (where - step));
    }
    return sum;
  }

  #makeRoom(more) {
    const used = Math.max(0, Math.floor(this.#at) - this.#reach);
    const rest = this.#held.subarray(used, this.#count);
    const size = Math.max(this.#held.length, 2 * (rest.length + more));
    const held = size > this.#held.length ? new Float32Array(size) : this.#held;
    held.set(rest, 0);
    this.#held = held;
    this.#count = rest.length;
    this.#at -= used;
  }
}

/** One half of a sinc under a Blackman-Harris window, tabulated. */
function kernel(reach, cutoff) {
  const table = new Float32Array((reach + 1) * STEPS + 2);
  for (let i = 0; i < reach * STEPS; i += 1) {
    const x = i / STEPS;
    const angle = Math.PI * (1 + x / reach);
    const window =
      0.35875 - 0.48829 * Math.cos(angle) + 0.14128 * Math.cos(2 * angle) - 0.01168 * Math.cos(3 * angle);
    const phase = Math.PI * x * cutoff;
    table[i] = cutoff * (i === 0 ? 1 : Math.sin(phase) / phase) * window;
  }
  return table;
}
