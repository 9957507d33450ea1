/** What all parts agree on: positions are samples at this rate, whatever the encoding and the device. */

export const SAMPLE_RATE = 24_000;

/** @param {number} samples @returns {number} milliseconds */
export const msOfSamples = (samples) => (samples * 1000) / SAMPLE_RATE;

/** @param {number} ms @returns {number} whole samples */
export const samplesOfMs = (ms) => Math.round((ms * SAMPLE_RATE) / 1000);

/** @param {Uint8Array} bytes s16le, at an even offset of its buffer @returns {Float32Array} -1 … 1 */
export function floatsOfPcm(bytes) {
  const whole = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const floats = new Float32Array(whole.length);
  for (let i = 0; i < whole.length; i += 1) floats[i] = whole[i] / 32_768;
  return floats;
}
