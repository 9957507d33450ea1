// Barge-in by voice: while somebody here talks, the agents are silent. Sound is measured and forgotten; none is sent.

import { Gate } from './gate.js';

const EVERY_MS = 30;

/** Off until it is turned on, and off again with the page: a microphone is not opened unasked. */
export class Microphone {
  #stream = /** @type {MediaStream | null} */ (null);
  #context = /** @type {AudioContext | null} */ (null);
  #timer = 0;
  #opening = /** @type {Promise<void> | null} */ (null);

  /** Whether there can be one: browsers have none for insecure origins. */
  static get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get on() {
    return this.#stream?.active === true;
  }

  /** @param {() => void} talking somebody began to talk. Rejects where the microphone is refused. */
  start(talking) {
    this.#opening ??= this.#open(talking).finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** @param {() => void} talking */
  async #open(talking) {
    await this.stop(); // what is left of one that was unplugged
    audioSession('play-and-record');
    // The browser takes out what its own loudspeakers play, or agents would interrupt themselves.
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    this.#context = new AudioContext();
    const meter = new AnalyserNode(this.#context, { fftSize: 1024 });
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream }).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const gate = new Gate();
    this.#timer = setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      const energy = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
      if (gate.hear(Math.sqrt(energy), performance.now())) talking();
    }, EVERY_MS);
  }

  async stop() {
    clearInterval(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#stream) audioSession('playback');
    this.#stream = null;
    await this.#context?.close();
    this.#context = null;
  }
}

/** @param {string} type iOS gives no microphone to a page that only plays, and no full sound to one that records. */
function audioSession(type) {
  if (navigator.audioSession) navigator.audioSession.type = type;
}
