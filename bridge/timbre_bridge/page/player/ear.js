/** What reaches the ear: the mixer's reports, at their time, as the player's events. */

import { tellPlayed } from "./updates.js";

export class Ear {
  underruns = 0;
  skipped = 0;
  /** What the jitter buffer gathers, ms. */
  targetMs = 0;
  #hooks;

  /** @param {import("./desk.js").Hooks} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
  }

  /**
   * @param {import("./utterance.js").Utterance} utterance
   * @param {import("./mixer.js").Report} report
   */
  report(utterance, report) {
    this.targetMs = report.targetMs;
    if (report.type === "underrun") this.#underrun(utterance, report);
    else this.#position(utterance, report);
  }

  /** Pieces of the text whose time has come. */
  words(utterance) {
    if (!utterance.begun || utterance.stopping) return;
    for (const piece of utterance.captions.due(utterance.position)) {
      this.#hooks.emit("word", { ...utterance.names, ...piece });
    }
  }

  #underrun(utterance, { underruns, targetMs }) {
    this.underruns += 1;
    this.#hooks.emit("underrun", { ...utterance.names, underruns, targetMs });
  }

  #position(utterance, report) {
    this.skipped += report.skipped - utterance.skipped;
    utterance.take(report);
    if (report.first) this.#first(utterance);
    this.words(utterance);
    const { names, playedMs, bufferedMs } = utterance;
    if (utterance.begun) this.#hooks.emit("progress", { ...names, playedMs, bufferedMs, level: report.level });
  }

  #first(utterance) {
    // Sound turned on in its midst: that tells nothing of how long it took.
    if (utterance.begun) return;
    utterance.begun = true;
    this.#hooks.emit("playing", utterance.names);
    if (this.#hooks.sound.state === "off") return;
    utterance.firstAudioMs = performance.now() - utterance.startedAt;
    const { names, ttfbMs, firstAudioMs, waited } = utterance;
    this.#hooks.emit("latency", { ...names, ttfbMs, firstAudioMs, waited });
    tellPlayed(utterance, this.#hooks.send);
  }
}
