/** Which of an Opus decoder's samples belong to the utterance: without pre_skip, and not past the packets' samples. */

export class OpusTrim {
  #position;
  #skip;
  #end;

  /** @param {number} firstSample position @param {number} preSkip samples */
  constructor(firstSample, preSkip) {
    this.#position = firstSample;
    this.#end = firstSample;
    this.#skip = preSkip;
  }

  /** A packet was given to the decoder that adds `samples`. */
  packet(samples) {
    this.#end += samples;
  }

  /**
   * @param {Float32Array} samples the decoder's next ones
   * @returns {[number, Float32Array]} the position of those that are kept, and they
   */
  decoded(samples) {
    const skip = Math.min(this.#skip, samples.length);
    this.#skip -= skip;
    const position = this.#position;
    const kept = samples.slice(skip, skip + this.#end - position);
    this.#position += kept.length;
    return [position, kept];
  }
}
