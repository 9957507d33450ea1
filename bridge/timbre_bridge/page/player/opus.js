/** Opus through WebCodecs, one stream at a time, to samples with their positions. */

import { OpusTrim } from "./opus_trim.js";
import { Resampler } from "./resampler.js";
import { SAMPLE_RATE } from "./units.js";

const CONFIG = { codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: 1 };
const PACKET_US = 20_000;

/** @returns {Promise<boolean>} whether this browser decodes Opus */
export async function decodesOpus() {
  if (typeof AudioDecoder === "undefined") return false;
  try {
    return (await AudioDecoder.isConfigSupported(CONFIG)).supported === true;
  } catch {
    return false;
  }
}

export class OpusStream {
  #decoder;
  #trim;
  #resampler = null;
  #time = 0;
  #closed;
  #write;

  /**
   * @param {number} firstSample position
   * @param {number} preSkip samples at 24 kHz to drop
   * @param {(position: number, samples: Float32Array) => void} write
   * @param {(error: Error) => void} fail
   * @param {OpusStream} [before] the stream that this one goes on from: its last samples come first
   */
  constructor(firstSample, preSkip, write, fail, before) {
    const ready = before?.close();
    this.#trim = new OpusTrim(firstSample, preSkip);
    this.#write = ready ? (position, samples) => ready.then(() => write(position, samples)) : write;
    this.#decoder = new AudioDecoder({ output: (data) => this.#decoded(data), error: fail });
    this.#decoder.configure(CONFIG);
  }

  /** @param {import("./frame.js").Frame} frame */
  decode(frame) {
    this.#trim.packet(frame.samples);
    if (frame.payload.length === 0 || this.#decoder.state !== "configured") return;
    const chunk = { type: "key", timestamp: this.#time, data: frame.payload };
    this.#time += PACKET_US;
    this.#decoder.decode(new EncodedAudioChunk(chunk));
  }

  /** Nothing more comes; what was given is still decoded. @returns {Promise<void>} when it was */
  close() {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close() {
    try {
      await this.#decoder.flush();
      this.#decoder.close();
      if (this.#resampler) this.#keep(this.#resampled(this.#resampler.tail));
    } catch {
      // It was closed by an error, which `fail` has told.
    }
  }

  #decoded(data) {
    let samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    const rate = data.sampleRate;
    data.close();
    // Chromium decodes all Opus at 48 kHz, whatever is asked for.
    if (rate !== SAMPLE_RATE) this.#resampler ??= new Resampler(rate, SAMPLE_RATE);
    if (this.#resampler) samples = this.#resampled(samples);
    this.#keep(samples);
  }

  #keep(samples) {
    const [position, kept] = this.#trim.decoded(samples);
    if (kept.length > 0) this.#write(position, kept);
  }

  #resampled(samples) {
    this.#resampler.push(samples);
    const out = new Float32Array(this.#resampler.ready);
    this.#resampler.pull(out);
    return out;
  }
}
