/** The wire: frames against the published vectors, and a session across connections. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { decodeFrame, FrameError } from "../../../../bridge/timbre_bridge/page/player/frame.js";
import { OpusTrim } from "../../../../bridge/timbre_bridge/page/player/opus_trim.js";
import { Session } from "../../../../bridge/timbre_bridge/page/player/session.js";
import { floatsOfPcm } from "../../../../bridge/timbre_bridge/page/player/units.js";

const vectors = new URL("../../../../common/timbre_common/vectors/", import.meta.url);
const frames = JSON.parse(readFileSync(new URL("frames.json", vectors)));
const messages = JSON.parse(readFileSync(new URL("messages.json", vectors)));
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16)).buffer;
const hex = (data) => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");

for (const vector of frames.valid) {
  test(`frame: ${vector.name}`, () => {
    const frame = decodeFrame(bytes(vector.hex));
    assert.equal(frame.streamId, vector.stream_id);
    assert.equal(frame.firstSample, vector.first_sample);
    assert.equal(frame.samples, vector.n_samples);
    assert.equal(frame.epoch, vector.epoch);
    assert.equal(frame.encoding, vector.encoding);
    for (const flag of ["first", "last", "discontinuity"]) assert.equal(frame[flag], vector.flags.includes(flag));
    assert.equal(hex(frame.payload), vector.payload_hex);
  });
}
for (const vector of frames.invalid) {
  test(`frame refused: ${vector.name}`, () => assert.throws(() => decodeFrame(bytes(vector.hex)), FrameError));
}
for (const vector of frames.ignored) {
  test(`frame ignored: ${vector.name}`, () => assert.equal(decodeFrame(bytes(vector.hex)), null));
}

test("samples of s16le come back exactly", () => {
  const whole = new Int16Array([0, 1, -1, 32_767, -32_768]);
  const floats = floatsOfPcm(new Uint8Array(whole.buffer));
  assert.deepEqual([...floats].map((sample) => sample * 32_768), [...whole]);
});

const wish = { encodings: ["s16le"], captions: true, join: "live" };
const start = messages.server.find((message) => message.type === "audio.start");
const receive = (session, message) => session.receive(JSON.stringify(message));

function frame(streamId, firstSample, samples, epoch = 1) {
  const view = new DataView(new ArrayBuffer(16 + samples * 2));
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint32(4, streamId, true);
  view.setUint32(8, firstSample, true);
  view.setUint16(12, samples, true);
  view.setUint16(14, epoch, true);
  return view.buffer;
}

test("each message of the server is an event, and unknown ones do no harm", () => {
  for (const message of [...messages.server, { type: "newer", than: "this" }]) {
    receive(new Session(wish), message);
  }
});

test("a connection of many hours holds nothing of what is over", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const heap = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const session = new Session(wish);
  session.open();
  const speak = (stream_id) => {
    const context_id = `${start.context_id}-${stream_id}`;
    receive(session, { ...start, context_id, stream_id });
    receive(session, { type: "audio.done", context_id, samples: 0, reason: "finished" });
  };
  for (let id = 0; id < 1_000; id += 1) speak(id);
  const before = heap();
  for (let id = 1_000; id < 51_000; id += 1) speak(id);
  const grown = heap() - before;
  assert.ok(grown < 1_000_000, `${grown} bytes more after 50,000 utterances`);
});

test("a new connection resumes behind the last sample, and repeated captions are left out", () => {
  const session = new Session(wish);
  const began = { ...start, stream_id: 1, first_sample: 0, epoch: 1 };
  const caption = { type: "caption", context_id: start.context_id, text: "la ", start_ms: 0, estimated: false };
  session.open();
  assert.deepEqual(receive(session, began).map((event) => event.type), ["audio.start", "stream"]);
  session.receive(frame(1, 0, 480));
  session.receive(frame(1, 480, 480));
  for (let i = 0; i < 2; i += 1) assert.equal(receive(session, caption).length, 1);
  const { resume, token } = session.open("t");
  assert.deepEqual(resume, [{ context_id: start.context_id, next_sample: 960 }]);
  assert.equal(token, "t");
  assert.deepEqual(session.receive(frame(1, 960, 480)), [], "the old connection's streams are gone");
  const again = { ...began, stream_id: 1, first_sample: 960 };
  assert.deepEqual(receive(session, again).map((event) => event.type), ["stream"]);
  const repeats = [1, 2, 3].map(() => receive(session, caption).length);
  assert.deepEqual(repeats, [0, 0, 1]);
  assert.equal(session.receive(frame(1, 960, 480, 0)).length, 0, "an older epoch is over");
  receive(session, { type: "audio.done", context_id: start.context_id, samples: 960, reason: "finished" });
  assert.equal(session.open().resume, undefined);
});

test("what was stopped is unwanted, should it come again; what was only forgotten is new", () => {
  const session = new Session(wish);
  receive(session, start);
  session.forget(start.context_id);
  assert.equal(receive(session, start)[0].type, "audio.start");
  session.drop(start.context_id);
  assert.deepEqual(receive(session, start), [{ type: "unwanted", context_id: start.context_id }]);
  assert.equal(session.open().resume, undefined);
});

test("Opus: pre_skip is dropped, and the last packet ends with the audio", () => {
  const trim = new OpusTrim(1_000, 156);
  const decoded = (value) => new Float32Array(480).fill(value);
  trim.packet(324);
  let [position, samples] = trim.decoded(decoded(1));
  assert.deepEqual([position, samples.length], [1_000, 324]);
  trim.packet(480);
  trim.packet(7);
  [position, samples] = trim.decoded(decoded(2));
  assert.deepEqual([position, samples.length], [1_324, 480]);
  [position, samples] = trim.decoded(decoded(3));
  assert.deepEqual([position, samples.length, samples[0]], [1_804, 7, 3]);
});
