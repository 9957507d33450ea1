/**
 * The player of Timbre: hear agents in any page.
 *
 *     import { Player } from "https://bridge.example/timbre.js";
 *     const player = new Player();                            // of the bridge that served it
 *     player.connect();                                       // captions run
 *     button.onclick = () => player.listen();                 // sound, from a click on
 *     player.addEventListener("word", (event) => (line.textContent += event.detail.text));
 *
 * Times are milliseconds of the utterance's own clock (0 at its first sample) unless said otherwise. "At the ear"
 * means: counted when the sample leaves the loudspeaker, as far as the browser knows its output latency.
 */

export interface PlayerOptions {
  /** The bridge's address (http, https, ws or wss). Default: the origin that served this module. */
  url?: string | URL;
  /** A token, or a function that is asked for one at every connection. */
  token?: string | (() => string | undefined);
  /** Only these agents, and only these rooms. Default: all that the token allows. */
  agents?: string[];
  rooms?: string[];
  /** In order of preference; Opus is left out where WebCodecs does not decode it. Default: ["opus", "s16le"]. */
  encodings?: Encoding[];
  /** Whether captions are wanted. Default: true. */
  captions?: boolean;
  /** Where an utterance that is on air at connection begins: at what is live (default), or at its start. */
  join?: "live" | "start";
  /**
   * Called with the samples of each utterance as they are played, before volume and mute: for recorders, meters and
   * tests. While it is set the samples are copied out of the audio thread about 30 times a second.
   */
  tap?: (played: Tapped) => void;
}

export type Encoding = "opus" | "s16le";

/**
 * - `closed`: not connected, and not trying: before `connect`, after `close`.
 * - `connecting`: the first connection, or a new one for a reason (another token, the bridge asked to move).
 * - `ready`: connected, and `session.ready` came.
 * - `reconnecting`: the connection was lost; the next try comes by itself.
 * - `refused`: the token is missing, bad or expired (4401), or does not allow this (4403). Call `set({token})`, or
 *   `connect`, to try again.
 */
export type State = "closed" | "connecting" | "ready" | "reconnecting" | "refused";

/**
 * - `off`: `listen` was not called, or the browser refused sound; audio counts as missed.
 * - `worklet`: plays through an AudioWorklet.
 * - `scheduled`: plays through scheduled buffers, since this page has no AudioWorklet (an insecure origin).
 * - `interrupted`: the system took the sound away (a call, another app); it comes back by itself, or with `listen`.
 */
export type AudioState = "off" | "worklet" | "scheduled" | "interrupted";

export interface Agent {
  agent_id: string;
  name: string;
  /** "#RRGGBB" */
  colour: string;
  languages: string[];
}

/** Samples of one utterance that went to the loudspeaker, mono at 24 kHz, -1 … 1. */
export interface Tapped {
  contextId: string;
  agentId: string;
  /** Position of the first one in the utterance, in samples. Contiguous, but where silence was skipped to catch up. */
  firstSample: number;
  samples: Float32Array;
  /** Seconds on the AudioContext's clock at which the first one is rendered. */
  time: number;
}

export interface Stats {
  /** Encoding of the session, undefined before `ready`. */
  encoding?: Encoding;
  /** Sample rate of the AudioContext in Hz, and its output latency in ms; undefined while off. */
  sampleRate?: number;
  outputLatencyMs?: number;
  /** Since the player was made. */
  reconnections: number;
  underruns: number;
  /** Samples that never came (a part that could not be resumed), and that were skipped to catch up. */
  lostSamples: number;
  skippedSamples: number;
  /** What the jitter buffer gathers before it begins to play, ms. */
  jitterTargetMs: number;
  /** Utterances that are known now. */
  utterances: {
    contextId: string;
    agentId: string;
    playing: boolean;
    playedMs: number;
    bufferedMs: number;
    underruns: number;
  }[];
}

interface OfUtterance {
  contextId: string;
  agentId: string;
}

/** `detail` of each event. */
export interface PlayerEvents {
  /**
   * `state` or `audio` changed. `retryInMs`: with `reconnecting`, at each try. `code`: with `refused`, the close code.
   * `reason`: why, for people who read logs.
   */
  state: { state: State; audio: AudioState; retryInMs?: number; code?: number; reason?: string };
  /** `session.ready`, at each connection. */
  ready: {
    sessionId: string;
    agents: Agent[];
    rooms: string[];
    encoding: Encoding;
    canSpeak: boolean;
    server: string;
    /** Whether this was a reconnection. */
    resumed: boolean;
  };
  status: {
    agents: Agent[];
    engines: { name: string; ready: boolean }[];
    waiting: { context_id: string; agent_id: string; room: string }[];
    /** Whether the bridge hears what agents publish. */
    redis: boolean;
  };
  /** An utterance's audio begins to arrive; once per utterance. */
  start: OfUtterance & { room: string; emotion: string; firstMs: number; ttfbMs: number };
  /** Its first sample is at the ear (with audio off: would be). */
  playing: OfUtterance;
  /** A piece of its text, as soon as it arrives; pieces in order, together the text as spoken. */
  caption: OfUtterance & { text: string; startMs: number; endMs?: number; estimated: boolean };
  /** The same piece when its time has come at the ear; runs with audio off too. */
  word: OfUtterance & { text: string; startMs: number; endMs?: number; estimated: boolean };
  /** About 30 times a second while it plays. `level`: root mean square since the one before, 0 … 1, before volume. */
  progress: OfUtterance & { playedMs: number; bufferedMs: number; level: number };
  /**
   * It was played to its end. `complete`: each sample was, from where it began here. With audio off: its time is over.
   */
  done: OfUtterance & {
    reason: "finished" | "replaced" | "expired" | "empty" | "failed";
    playedMs: number;
    underruns: number;
    complete: boolean;
  };
  /** It was cut short, by this player or another one. */
  cancelled: OfUtterance & { heardMs: number; heardText: string; estimated: boolean };
  /** Some or all of it was not heard: audio was off when it began, or the system had taken the sound away. */
  missed: OfUtterance & { reason: "off" | "interrupted" };
  /** The buffer ran dry; sound goes on when it is filled to `targetMs`. `underruns`: of this utterance so far. */
  underrun: OfUtterance & { underruns: number; targetMs: number };
  /**
   * How long it took: `ttfbMs` from the message to the bridge's first byte (as the bridge says), `firstAudioMs` from
   * audio.start's arrival to the first sample at the ear. `waited`: behind another utterance of its room.
   */
  latency: OfUtterance & { ttfbMs: number; firstAudioMs: number; waited: boolean };
  /** What the bridge could not do, or the browser (`code`: "audio", "opus"). */
  error: { code: string; message: string; contextId?: string; eventId?: string; retryAfterMs?: number };
}

export type PlayerEvent<K extends keyof PlayerEvents> = CustomEvent<PlayerEvents[K]>;

export class Player extends EventTarget {
  constructor(options?: PlayerOptions);

  /** Connect, and stay connected. Captions run; audio counts as missed until `listen`. Idempotent. */
  connect(): void;
  /**
   * Turn sound on, and connect if need be. Call it in a click or a key press: browsers start no audio without one.
   * What is on air is heard from the live position on. Rejects where the browser refuses; may be called again.
   */
  listen(): Promise<void>;
  /** Disconnect and free the audio device. `connect` and `listen` open them again. */
  close(): Promise<void>;

  /**
   * Barge-in: silent at once (a fade of 8 ms), and the bridge is told what was heard. Without `contextId`: all that
   * sounds or waits in this player. An utterance that waits at the bridge (`status`) is cancelled by its id.
   */
  stop(contextId?: string): void;
  /** Make an agent speak, where allowed. Gives the `eventId` that an `error` would carry; throws while not `ready`. */
  say(agentId: string, text: string, options?: { emotion?: string; language?: string; room?: string }): string;
  /** Change what is heard, or the token. `undefined` fields stay; `null` for agents and rooms means all again. */
  set(change: {
    agents?: string[] | null;
    rooms?: string[] | null;
    token?: string | (() => string | undefined);
  }): void;

  /** 0 … 1, default 1. */
  volume: number;
  muted: boolean;
  /** An agent's own volume (0 … 1), mute, or hear only those with `solo`. At once, and for what it says later. */
  setAgent(agentId: string, change: { muted?: boolean; solo?: boolean; volume?: number }): void;
  /** Play on this output device (`MediaDeviceInfo.deviceId`, "" for the default). Rejects where there is no choice. */
  setOutput(deviceId: string): Promise<void>;
  /** Whether `setOutput` can work in this browser. */
  static readonly canSetOutput: boolean;

  readonly state: State;
  readonly audio: AudioState;
  stats(): Stats;

  addEventListener<K extends keyof PlayerEvents>(
    type: K,
    listener: (event: PlayerEvent<K>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}
