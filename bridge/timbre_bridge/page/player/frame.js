/** The binary audio message of `timbre.v1`: a 16-byte little-endian header and a payload. */

const VERSION = 1;
const KIND_AUDIO = 1;
const HEADER_BYTES = 16;
const MAX_SAMPLES = 7_680; // 320 ms
const ENCODINGS = { 0: "s16le", 2: "opus" };
const FIRST = 1;
const LAST = 2;
const DISCONTINUITY = 4;

/** A frame that breaks the protocol's bounds. */
export class FrameError extends Error {}

/**
 * @typedef {object} Frame
 * @property {number} streamId
 * @property {number} firstSample position in the utterance, samples
 * @property {number} samples how many it adds to the utterance
 * @property {number} epoch
 * @property {"s16le" | "opus"} encoding
 * @property {boolean} first of its stream
 * @property {boolean} last of its stream
 * @property {boolean} discontinuity before it
 * @property {Uint8Array} payload
 */

/**
 * The frame in a message; null for a version or kind that this code does not know, which clients ignore.
 *
 * @param {ArrayBuffer} message
 * @returns {Frame | null}
 */
export function decodeFrame(message) {
  if (message.byteLength < HEADER_BYTES) throw new FrameError(`${message.byteLength} bytes are shorter than a header`);
  const view = new DataView(message);
  if (view.getUint8(0) !== VERSION || view.getUint8(1) !== KIND_AUDIO) return null;
  const encoding = ENCODINGS[view.getUint8(2)];
  const flags = view.getUint8(3);
  const frame = {
    streamId: view.getUint32(4, true),
    firstSample: view.getUint32(8, true),
    samples: view.getUint16(12, true),
    epoch: view.getUint16(14, true),
    encoding,
    first: Boolean(flags & FIRST),
    last: Boolean(flags & LAST),
    discontinuity: Boolean(flags & DISCONTINUITY),
    payload: new Uint8Array(message, HEADER_BYTES),
  };
  if (encoding === undefined) throw new FrameError(`encoding ${view.getUint8(2)} is unknown`);
  if (frame.samples > MAX_SAMPLES) throw new FrameError(`${frame.samples} samples are over 320 ms`);
  if (frame.samples === 0 && !frame.last) throw new FrameError("no samples, and not the last");
  if (encoding === "s16le" && frame.payload.length !== frame.samples * 2) {
    throw new FrameError(`${frame.samples} samples are ${frame.samples * 2} bytes, not ${frame.payload.length}`);
  }
  return frame;
}
