// What moves with the sound: the meters on the cards, the rings around the faces, and the ribbon behind the words.

import { byId } from './dom.js';

/** @typedef {import('../main.js').App} App */

const QUIET_DB = -46; // shown as nothing
const LOUD_DB = -14; // shown as full
const FALL = 0.94; // what is left of a level one frame after its sound
const RIBBON = 600; // levels that the ribbon remembers
const STEP = 7; // pixels from one bar of it to the next
const STILL_MS = 300; // with reduced motion, the meters move no more often than this

/** @param {number} rms 0 to 1 @returns {number} 0 to 1, as loud as it seems */
function loudness(rms) {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

/** Follows the levels of who speaks. It draws only while something moves. */
export class Levels {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<string, number[]>} the last levels of each agent, the newest first */
    this.recent = new Map();
    /** @type {{level: number, colour: string}[]} */
    this.trail = [];
    this.canvas = /** @type {HTMLCanvasElement} */ (byId('ribbon'));
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.drawing = false;
    this.drawnAt = 0;
    new ResizeObserver(() => this.#ribbon()).observe(this.canvas);
  }

  /** @param {string} agentId @param {number} rms */
  feed(agentId, rms) {
    const level = loudness(rms);
    const recent = this.recent.get(agentId) ?? [];
    this.recent.set(agentId, [level, ...recent].slice(0, 24));
    this.trail.push({ level, colour: this.app.agent(agentId).colour });
    if (this.trail.length > RIBBON) this.trail.shift();
    if (!this.drawing) {
      this.drawing = true;
      requestAnimationFrame((now) => this.#frame(now));
    }
  }

  /** @param {number} now */
  #frame(now) {
    if (!this.calm.matches || now - this.drawnAt > STILL_MS) {
      this.drawnAt = now;
      this.recent.forEach((levels, agentId) => this.#meters(agentId, levels));
      this.#ribbon();
      this.recent.forEach((levels) => levels.forEach((level, at) => (levels[at] = level < 0.01 ? 0 : level * FALL)));
    }
    this.drawing = [...this.recent.values()].some((levels) => levels.some((level) => level > 0));
    if (this.drawing) requestAnimationFrame((next) => this.#frame(next));
    else this.recent.forEach((_, agentId) => this.#meters(agentId, []));
  }

  /** @param {string} agentId @param {number[]} levels */
  #meters(agentId, levels) {
    for (const place of document.querySelectorAll(`[data-agent="${CSS.escape(agentId)}"]`)) {
      const ring = this.calm.matches ? 0 : (levels[0] ?? 0);
      /** @type {HTMLElement} */ (place).style.setProperty('--level', ring.toFixed(3));
      const bars = place.querySelectorAll('.meter i');
      // The newest level stands in the middle and runs outwards.
      bars.forEach((bar, at) => {
        const away = Math.abs(at - (bars.length - 1) / 2);
        const level = (levels[Math.round(away / 2)] ?? 0) * (1 - away / bars.length);
        /** @type {HTMLElement} */ (bar).style.setProperty('--bar', level.toFixed(3));
      });
    }
  }

  #ribbon() {
    const scale = Math.min(2, devicePixelRatio);
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const paper = this.canvas.getContext('2d');
    if (!paper) return;
    paper.setTransform(scale, 0, 0, scale, 0, 0);
    paper.clearRect(0, 0, width, height);
    for (let back = 0; back < this.trail.length && back * STEP < width; back++) {
      const { level, colour } = this.trail[this.trail.length - 1 - back];
      const tall = Math.max(2, level * height * 0.9);
      paper.fillStyle = colour;
      paper.globalAlpha = Math.max(0.1, 1 - (back * STEP) / width);
      paper.beginPath();
      paper.roundRect(width - back * STEP - 4, (height - tall) / 2, 3.5, tall, 2);
      paper.fill();
    }
  }
}
