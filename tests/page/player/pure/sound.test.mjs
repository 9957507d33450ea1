/** What plays: ring, jitter buffer, mixer, resampler, and the clocks beside them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../../bridge/timbre_bridge/page/player/backoff.js";
import { Captions } from "../../../../bridge/timbre_bridge/page/player/captions.js";
import { Gains } from "../../../../bridge/timbre_bridge/page/player/gains.js";
import { Jitter, LEAST_MS, MOST_MS, START_MS } from "../../../../bridge/timbre_bridge/page/player/jitter.js";
import { Mixer } from "../../../../bridge/timbre_bridge/page/player/mixer.js";
import { Playout } from "../../../../bridge/timbre_bridge/page/player/playout.js";
import { Resampler } from "../../../../bridge/timbre_bridge/page/player/resampler.js";
import { Ring } from "../../../../bridge/timbre_bridge/page/player/ring.js";
import { Source } from "../../../../bridge/timbre_bridge/page/player/source.js";
import { msOfSamples } from "../../../../bridge/timbre_bridge/page/player/units.js";
import { Utterance } from "../../../../bridge/timbre_bridge/page/player/utterance.js";
import { FADE_SAMPLES } from "../../../../bridge/timbre_bridge/page/player/voice.js";

const BLOCK = 128;
/** Samples that differ from each other and are exact in 32 bits. */
const ramp = (count, from = 1) => Float32Array.from({ length: count }, (_, i) => (from + i) / 2 ** 20);

/** A mixer with its reports, rendered block by block. */
class Bench {
  reports = [];
  mixer = new Mixer((report) => this.reports.push(report));
  time = 0;

  do(...commands) {
    commands.forEach((command) => this.mixer.handle(command));
    return this;
  }

  open(id, position = 0, after = null) {
    return this.do({ type: "open", id, position, after, gain: 1 });
  }

  write(id, position, samples) {
    return this.do({ type: "write", id, position, samples });
  }

  render(samples) {
    const all = new Float32Array(samples);
    for (let at = 0; at < samples; at += BLOCK) {
      this.mixer.render(all.subarray(at, at + BLOCK), this.time);
      this.time += BLOCK / 24_000;
    }
    return all;
  }

  of(type) {
    return this.reports.filter((report) => report.type === type);
  }
}

test("ring: wraps, grows, and tells where positions jump", () => {
  const ring = new Ring(100, 8);
  ring.write(100, ramp(6));
  ring.skip(5);
  ring.write(106, ramp(5, 7));
  assert.deepEqual([ring.position, ring.available, ring.end], [105, 6, 111]);
  ring.write(111, ramp(20, 12));
  const out = new Float32Array(26);
  ring.peek(out, 26);
  assert.deepEqual(out, ramp(26, 6));
  ring.write(500, ramp(4));
  assert.equal(ring.contiguous(100), 26);
  ring.skip(26);
  assert.deepEqual([ring.position, ring.contiguous(100), ring.end], [500, 4, 504]);
});

test("mixer: plays each sample once, in order, whatever the cut, and what came twice only once", () => {
  const bench = new Bench().do({ type: "tap", on: true }).open("a");
  const all = ramp(10_000);
  for (let at = 0; at < all.length; at += 700) {
    const again = Math.max(0, at - 50);
    bench.write("a", again, all.slice(again, at + 700));
  }
  bench.do({ type: "finish", id: "a", position: all.length });
  const out = bench.render(10_240);
  assert.deepEqual(out.subarray(0, all.length), all);
  assert.ok(out.subarray(all.length).every((sample) => sample === 0));
  const taps = bench.of("tap");
  assert.deepEqual(taps.flatMap(({ samples }) => [...samples]), [...all]);
  assert.ok(taps.every(({ position, samples }) => samples[0] === all[position]));
  assert.deepEqual(bench.of("position").at(-1).over, true);
  assert.equal(bench.of("underrun").length, 0);
  assert.ok(bench.mixer.empty);
});

test("mixer: gathers before it plays, counts an underrun, and gathers more after it", () => {
  const bench = new Bench().open("a");
  const target = bench.mixer.jitter.target;
  bench.write("a", 0, ramp(target - 1));
  assert.ok(bench.render(BLOCK).every((sample) => sample === 0));
  bench.write("a", target - 1, ramp(1, target));
  assert.deepEqual(bench.render(target).subarray(0, target), ramp(target));
  bench.render(10 * BLOCK);
  assert.equal(bench.of("underrun").length, 1);
  assert.ok(bench.mixer.jitter.target > target);
  bench.write("a", target, ramp(target));
  assert.ok(bench.render(BLOCK).every((sample) => sample === 0), "more is gathered now");
  bench.write("a", 2 * target, ramp(target)).do({ type: "finish", id: "a", position: 3 * target });
  bench.render(2 * target + BLOCK);
  assert.equal(bench.of("underrun").length, 1);
  assert.equal(bench.of("position").at(-1).over, true);
});

test("mixer: a stop is silent within 8 ms, fading", () => {
  const bench = new Bench().open("a").write("a", 0, new Float32Array(24_000).fill(0.5));
  bench.render(1_024);
  bench.do({ type: "stop", id: "a" });
  const out = bench.render(1_024);
  assert.equal(FADE_SAMPLES, 192);
  assert.ok(out.subarray(FADE_SAMPLES).every((sample) => sample === 0));
  assert.ok(out.subarray(0, FADE_SAMPLES).every((sample, i, all) => i === 0 || sample < all[i - 1]));
  assert.deepEqual([bench.mixer.empty, bench.of("position").at(-1).stopped], [true, true]);
});

test("mixer: one after the other in a room, at once in two; a gain is no cut", () => {
  const bench = new Bench();
  const half = new Float32Array(4_800).fill(0.25);
  for (const [id, after] of [["a", null], ["b", "a"], ["c", null]]) {
    bench.open(id, 0, after).write(id, 0, half.slice()).do({ type: "finish", id, position: 4_800 });
  }
  bench.do({ type: "gain", id: "c", gain: 0 });
  const out = bench.render(9_728);
  assert.ok(out[0] > 0.49 && out[100] < 0.4, "c fades away");
  assert.ok(out.subarray(FADE_SAMPLES + 1, 9_600).every((sample) => sample === 0.25), "no gap");
  assert.ok(out.subarray(9_600).every((sample) => sample === 0));
});

test("mixer: stopping the one that waits does not touch the one that plays", () => {
  const bench = new Bench().open("a").write("a", 0, new Float32Array(4_800).fill(0.5)).open("b", 0, "a");
  bench.write("b", 0, new Float32Array(4_800).fill(0.5)).do({ type: "stop", id: "b" });
  assert.ok(bench.render(2_048).every((sample) => sample === 0.5));
  assert.deepEqual(bench.of("position").filter(({ over }) => over).map(({ id }) => id), ["b"]);
});

test("mixer: goes on in another mixer where it was", () => {
  const bench = new Bench().open("a", 1_000).write("a", 1_000, ramp(9_600));
  bench.do({ type: "finish", id: "a", position: 10_600 });
  const first = bench.render(2_560);
  const other = new Bench().do(...bench.mixer.handOver());
  assert.ok(bench.mixer.empty);
  const rest = other.render(7_168);
  assert.deepEqual([...first, ...rest.subarray(0, 7_040)], [...ramp(9_600)]);
});

test("mixer: what lags behind shortens pauses, and nothing else", () => {
  const speech = new Float32Array(12_000).fill(0.25);
  const pause = new Float32Array(12_000);
  const play = (excess) => {
    const bench = new Bench().do({ type: "tap", on: true }).open("a");
    [speech, pause, speech].forEach((samples, i) => bench.write("a", i * 12_000, samples));
    bench.do({ type: "finish", id: "a", position: 36_000 }, { type: "excess", id: "a", samples: excess });
    bench.render(36_864);
    return bench.of("tap").flatMap(({ samples }) => [...samples]);
  };
  assert.equal(play(0).length, 36_000);
  const shorter = play(4_800);
  assert.equal(shorter.length, 36_000 - 4_800);
  assert.equal(shorter.filter((sample) => sample > 0).length, 24_000);
});

for (const [slow, mayLag] of [[0.0003, 80 + 300], [0.002, 80 + 300 + 600], [-0.0003, 80]]) {
  test(`ten minutes on a clock that is ${slow * 1e6} ppm slow: no speech lost, ${mayLag} ms behind at most`, () => {
    const bench = new Bench().open("a");
    const utterance = new Utterance({ context_id: "a", agent_id: "x", first_sample: 0 }, 0, null);
    let [written, rendered, speech, worst] = [0, 0, 0, 0];
    for (let now = 0; now < 600_000; now += 80) {
      // A second and a half of speech, half a second of pause; made a little ahead of time, as engines do.
      const samples = Float32Array.from({ length: 1_920 }, (_, i) => ((written + i) % 48_000 < 36_000 ? 0.25 : 0));
      bench.write("a", written, samples);
      written += samples.length;
      utterance.arrived(written, now);
      for (; rendered < (now * 24 + 1_920) * (1 - slow); rendered += BLOCK) {
        speech += bench.render(BLOCK).filter((sample) => sample > 0).length;
      }
      bench.of("position").forEach((report) => utterance.take(report));
      bench.reports = bench.reports.filter(({ type }) => type === "underrun");
      const lag = msOfSamples(utterance.playout.at(now) - utterance.position);
      worst = Math.max(worst, lag);
      if (now % 480 === 0) bench.do({ type: "excess", id: "a", samples: utterance.excess(now, 80, 0) });
    }
    bench.do({ type: "finish", id: "a" });
    while (!bench.mixer.empty) speech += bench.render(BLOCK).filter((sample) => sample > 0).length;
    assert.equal(speech, (written / 48_000) * 36_000);
    assert.ok(worst < mayLag + 80, `${worst} ms behind, ${utterance.skipped} samples of pauses skipped`);
    assert.equal(utterance.skipped > 0, slow > 0.001);
  });
}

test("jitter: grows at once, shrinks slowly, within its bounds", () => {
  const jitter = new Jitter();
  assert.equal(jitter.targetMs, START_MS);
  for (let i = 0; i < 20; i += 1) jitter.underrun();
  assert.equal(jitter.targetMs, MOST_MS);
  jitter.played(24_000);
  assert.equal(jitter.targetMs, MOST_MS);
  for (let i = 0; i < 3_600; i += 1) jitter.played(24_000);
  assert.equal(jitter.targetMs, LEAST_MS);
});

for (const rate of [44_100, 48_000, 16_000]) {
  test(`resampler: 24 kHz to ${rate} Hz is aligned, and clean to -70 dB`, () => {
    const frequency = 1_000;
    const resampler = new Resampler(24_000, rate);
    const input = Float32Array.from({ length: 24_000 }, (_, i) => Math.sin((2 * Math.PI * frequency * i) / 24_000));
    const out = new Float32Array(Math.floor(rate / 2 / BLOCK) * BLOCK);
    let pushed = 0;
    for (let at = 0; at < out.length; at += BLOCK) {
      const missing = resampler.missing(BLOCK);
      resampler.push(input.subarray(pushed, pushed + missing));
      pushed += missing;
      resampler.pull(out.subarray(at, at + BLOCK));
    }
    let worst = 0;
    for (let i = 1_000; i < out.length; i += 1) {
      worst = Math.max(worst, Math.abs(out[i] - Math.sin((2 * Math.PI * frequency * i) / rate)));
    }
    assert.ok(worst < 10 ** (-70 / 20), `${20 * Math.log10(worst)} dB`);
  });
}

test("resampler: gives all that was pushed, with its tail", () => {
  const resampler = new Resampler(48_000, 24_000);
  let pulled = 0;
  for (const samples of [...Array.from({ length: 50 }, () => new Float32Array(960)), resampler.tail]) {
    resampler.push(samples);
    const out = new Float32Array(resampler.ready);
    resampler.pull(out);
    pulled += out.length;
  }
  assert.ok(pulled >= 24_000 && pulled < 24_010, `${pulled}`);
});

test("source: at 24 kHz samples pass as they are, at 48 kHz there are twice as many", () => {
  for (const [rate, expected] of [[24_000, 4_800], [48_000, 9_600]]) {
    const bench = new Bench().open("a").write("a", 0, new Float32Array(4_800).fill(0.5));
    bench.do({ type: "finish", id: "a", position: 4_800 });
    const source = new Source(bench.mixer, rate);
    let loud = 0;
    for (let i = 0; i < 200; i += 1) {
      const out = new Float32Array(BLOCK);
      source.render(out, i);
      loud += out.filter((sample) => sample > 0.25).length;
    }
    assert.ok(Math.abs(loud - expected) <= (rate === 24_000 ? 0 : 2), `${loud} at ${rate}`);
  }
});

test("backoff: grows, is jittered, has a floor and a cap, and starts over", () => {
  const highest = new Backoff({ random: () => 1 });
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => highest.next()), [0.5, 1, 2, 4, 8, 10]);
  highest.reset();
  assert.equal(highest.next(), 0.5);
  assert.equal(new Backoff({ random: () => 0 }).next(), 0.2);
});

test("playout: the live position stands still while nothing arrives", () => {
  const playout = new Playout(100);
  playout.arrived(24_100, 10);
  assert.equal(playout.at(10), 100);
  assert.equal(playout.at(10.5), 12_100);
  assert.equal(playout.at(15), 24_100);
  playout.arrived(48_100, 15);
  assert.equal(playout.at(15.25), 30_100);
});

test("captions: a piece is due when its time has come", () => {
  const captions = new Captions();
  captions.add({ text: "Bon", startMs: 0 });
  captions.add({ text: "jour", startMs: 200 });
  assert.deepEqual(captions.due(2_400).map(({ text }) => text), ["Bon"]);
  assert.equal(captions.heard, "Bon");
  assert.deepEqual(captions.due(4_800).map(({ text }) => text), ["jour"]);
  assert.deepEqual(captions.due(9_999), []);
});

test("gains: solo is louder than all, mute than solo, and each agent has its volume", () => {
  const gains = new Gains();
  gains.set("a", { solo: true });
  assert.deepEqual(["a", "b"].map((id) => gains.of(id)), [1, 0]);
  gains.set("a", { muted: true });
  assert.equal(gains.of("a"), 0);
  gains.set("b", { volume: 0.25 });
  gains.set("a", { solo: false, muted: false });
  assert.deepEqual(["a", "b"].map((id) => gains.of(id)), [1, 0.25]);
  gains.set("b", { volume: 7 });
  assert.equal(gains.of("b"), 1);
});
