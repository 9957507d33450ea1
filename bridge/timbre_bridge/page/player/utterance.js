/** What is known of one utterance in this page, from its audio.start to the last sample at the ear. */

import { Captions } from "./captions.js";
import { Playout } from "./playout.js";
import { msOfSamples, samplesOfMs } from "./units.js";

/** Behind the live position by less than this, beyond what the jitter buffer holds, nothing is done about it. */
const TOLERATED = samplesOfMs(300);

export class Utterance {
  captions = new Captions();
  /** Position at the ear, samples, and samples that wait to be played. */
  position;
  available = 0;
  underruns = 0;
  skipped = 0;
  /** Samples that never came. */
  lost = 0;
  /** Its first sample is at the ear; `reported`: the bridge was told. */
  begun = false;
  firstAudioMs;
  reported = false;
  /** How the bridge ended it: {reason, samples}. */
  ended = null;
  /** Position behind the last sample that arrived. */
  received;
  /** Played to its end; stopped by this page; gone on with after a lost connection. */
  over = false;
  stopping = false;
  resumed = false;

  /**
   * @param {object} start audio.start
   * @param {number} now milliseconds, when it arrived
   * @param {Utterance | null} before the one that is to be played first
   */
  constructor(start, now, before) {
    this.contextId = start.context_id;
    this.agentId = start.agent_id;
    this.room = start.room;
    this.emotion = start.emotion;
    this.ttfbMs = start.ttfb_ms;
    this.firstSample = start.first_sample;
    this.position = start.first_sample;
    this.received = start.first_sample;
    this.startedAt = now;
    this.waited = before !== null;
    this.playout = new Playout(start.first_sample);
  }

  /** What every event says. */
  get names() {
    return { contextId: this.contextId, agentId: this.agentId };
  }

  get playing() {
    return this.begun && !this.over && !this.stopping;
  }

  get playedMs() {
    return msOfSamples(this.position);
  }

  get bufferedMs() {
    return msOfSamples(this.available);
  }

  /** Whether each sample from its first one on was played. */
  get complete() {
    return this.ended !== null && this.position >= this.ended.samples && this.skipped + this.lost === 0;
  }

  /** Samples up to `position` have arrived at `now`, ms. */
  arrived(position, now) {
    this.received = Math.max(this.received, position);
    this.playout.arrived(position, now / 1000);
  }

  /** Samples by which it is further behind the live position than the jitter buffer and the device explain. */
  excess(now, targetMs, latencyMs) {
    const behind = this.playout.at(now / 1000) - this.position - samplesOfMs(targetMs + latencyMs);
    return behind > TOLERATED ? behind : 0;
  }

  /** Take over what the mixer reports. */
  take(report) {
    this.position = report.position;
    this.available = report.available;
    this.underruns = report.underruns;
    this.skipped = report.skipped;
  }
}
