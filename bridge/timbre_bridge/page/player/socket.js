/** A WebSocket that comes back: jittered backoff, a move when the bridge goes away, and a probe after a silence. */

import { Backoff } from "./backoff.js";

const SUBPROTOCOL = "timbre.v1";
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;
const OPEN_TIMEOUT_MS = 10_000;
/** A connection that has been silent this long is probed; one that does not answer is given up. */
const SILENCE_MS = 20_000;
const ANSWER_MS = 4_000;

/**
 * @typedef {object} Hooks
 * @property {() => object} hello the first message of a connection
 * @property {(message: string | ArrayBuffer) => void} message
 * @property {(state: string, detail?: object) => void} state "connecting", "reconnecting", "refused", "closed"
 */

export class Socket {
  #url;
  #hooks;
  #backoff = new Backoff();
  #socket = null;
  #wanted = false;
  #retry;
  #watch;
  #heardAt = 0;
  #probedAt = 0;
  #wake = () => this.#woken();

  /** @param {URL} url @param {Hooks} hooks */
  constructor(url, hooks) {
    this.#url = url;
    this.#hooks = hooks;
  }

  /** Connect and stay connected. */
  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#hooks.state("connecting");
    this.#watch = setInterval(() => this.#check(), 1_000);
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  /** Disconnect for good. */
  close() {
    if (!this.#wanted) return;
    this.#end();
    this.#hooks.state("closed");
  }

  /** Connect anew, e.g. with another token. */
  renew() {
    if (!this.#wanted) return this.open();
    this.#drop();
    this.#hooks.state("connecting");
    this.#connect();
  }

  /** @param {object} message @returns {boolean} whether it left */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** The session works: the next loss starts the backoff over. */
  settled() {
    this.#backoff.reset();
  }

  /** The bridge goes away in `deadlineMs`: move before that, at a moment of our own, so that not all come at once. */
  move(deadlineMs) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.renew(), Math.random() * deadlineMs * 0.8);
  }

  #connect() {
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = performance.now();
    const late = setTimeout(() => this.#socket === socket && this.#lost("no answer"), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(late);
      this.send(this.#hooks.hello());
    };
    socket.onmessage = ({ data }) => {
      this.#heardAt = performance.now();
      this.#probedAt = 0;
      this.#hooks.message(data);
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      if (this.#socket !== socket) return;
      if (code === UNAUTHORIZED || code === FORBIDDEN) {
        this.#end();
        this.#hooks.state("refused", { code, reason });
      } else this.#lost(reason || `closed (${code})`);
    };
  }

  #lost(reason) {
    this.#drop();
    const wait = this.#backoff.next() * 1000;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#hooks.state("reconnecting", { retryInMs: wait, reason });
  }

  #end() {
    this.#wanted = false;
    clearInterval(this.#watch);
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#probedAt = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** The page is in front again, or the network back: no need to wait any longer. */
  #woken() {
    if (globalThis.document?.hidden) return;
    if (this.#socket) return this.#probe();
    clearTimeout(this.#retry);
    this.#connect();
  }

  #check() {
    const now = performance.now();
    if (this.#probedAt && now - this.#probedAt > ANSWER_MS) this.#lost("the network is silent");
    else if (now - this.#heardAt > SILENCE_MS) this.#probe();
  }

  /** An empty session.start changes nothing and is answered: browsers do not let a page send pings. */
  #probe() {
    if (this.#probedAt || !this.send({ type: "session.start", event_id: PROBE })) return;
    this.#probedAt = performance.now();
  }
}

/** The `event_id` of probes; their answers are no news. */
export const PROBE = "probe";
