/** Keeps the screen on while someone speaks, where the browser can, and the page is in front. */

/** A pause between two utterances does not let it go. */
const LINGER_MS = 5_000;

export class WakeLock {
  #lock = null;
  #asking = false;
  #wanted = false;
  #timer;

  /** Someone speaks now. */
  keep() {
    this.#wanted = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), LINGER_MS);
    if (!this.#lock && !this.#asking && !document.hidden) this.#ask();
  }

  release() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#lock?.release();
    this.#lock = null;
  }

  async #ask() {
    if (!navigator.wakeLock) return;
    this.#asking = true;
    try {
      const lock = await navigator.wakeLock.request("screen");
      // The system takes it back when the page is hidden.
      lock.addEventListener("release", () => {
        if (this.#lock === lock) this.#lock = null;
      });
      this.#lock = lock;
      if (!this.#wanted) this.release();
    } catch {
      // Refused, e.g. to save the battery: the sound does not depend on it.
    } finally {
      this.#asking = false;
    }
  }
}
