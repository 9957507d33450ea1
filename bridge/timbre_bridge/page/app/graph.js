// How fast the voices are, utterance by utterance: when the first sound was sent, and when it was heard.

import uPlot from './vendor/uPlot.esm.js';

import { paint } from './colour.js';
import { byId, element, setText, sync } from './view/dom.js';

/**
 * @typedef {import('./main.js').App} App
 * @typedef {import('./state.js').ViewState} ViewState
 * @typedef {import('./state.js').Latency} Latency
 */

const HEIGHT = 170;
const LEAST_MS = 400; // the scale's top, at least: small differences are not blown up
const LEAST_POINTS = 12;

/** A point each for what was sent and heard, in the voice's colour, joined by a line. */
export class Graph {
  /** @param {App} app @param {HTMLElement} place */
  constructor(app, place) {
    this.app = app;
    this.place = place;
    /** @type {any} a uPlot */
    this.plot = null;
    this.drawn = '';
    /** @type {Latency[]} */
    this.latencies = [];
    new ResizeObserver(() => this.plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw(app.state()));
  }

  /** @param {ViewState} state */
  draw(state) {
    const { app } = this;
    const last = state.latencies.at(-1);
    const values = last && { sent: Math.round(last.sent), heard: Math.round(last.heard) };
    setText(byId('latency-figure'), values ? app.t('latency.heard', values) : app.t('latency.none'));
    this.place.hidden = !last;
    if (!last) return;
    // Colours change with the theme: the canvas has to be drawn anew, which CSS does for all else.
    const ink = getComputedStyle(this.place).color;
    const voices = [...new Set(state.latencies.map((each) => each.agentId))];
    const shape = [ink, ...voices.map((id) => app.agent(id).colour)].join(' ');
    if (this.drawn === shape && this.latencies === state.latencies) return;
    this.latencies = state.latencies;
    if (this.drawn !== shape) {
      this.drawn = shape;
      this.plot?.destroy();
      this.plot = new uPlot(this.#options(ink), this.#data(), this.place);
    } else {
      this.plot?.setData(this.#data());
    }
    this.#legend(voices);
  }

  /** @param {string} ink */
  #options(ink) {
    const axis = {
      stroke: ink,
      font: `12px ${getComputedStyle(this.place).fontFamily}`,
      ticks: { show: false },
      grid: { stroke: `color-mix(in srgb, ${ink} 16%, transparent)`, width: 1 },
    };
    const hidden = { paths: () => null, points: { show: false } };
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_plot, _min, max) => [0.4, Math.max(max ?? 0, LEAST_POINTS) + 0.6] },
        y: { range: (_plot, _min, max) => [0, Math.max(LEAST_MS, (max ?? 0) * 1.1)] },
      },
      axes: [{ show: false }, { ...axis, size: 56, values: (_plot, ticks) => ticks.map((tick) => `${tick} ms`) }],
      series: [{}, hidden, hidden],
      hooks: { draw: [(plot) => this.#points(plot)] },
    };
  }

  #data() {
    const { latencies } = this;
    return [latencies.map((_, at) => at + 1), latencies.map((each) => each.sent), latencies.map((each) => each.heard)];
  }

  /** @param {uPlot} plot */
  #points(plot) {
    const { ctx } = plot;
    const size = 4 * devicePixelRatio;
    ctx.save();
    ctx.lineWidth = size / 2;
    this.latencies.forEach(({ agentId, sent, heard }, at) => {
      const x = plot.valToPos(at + 1, 'x', true);
      const [low, high] = [plot.valToPos(sent, 'y', true), plot.valToPos(heard, 'y', true)];
      ctx.strokeStyle = ctx.fillStyle = this.app.agent(agentId).colour;
      ctx.beginPath();
      ctx.moveTo(x, low);
      ctx.lineTo(x, Math.min(low, high + size));
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, low, size, 0, 2 * Math.PI);
      ctx.fill();
      ctx.beginPath();
      ctx.arc(x, high, size, 0, 2 * Math.PI);
      ctx.stroke();
    });
    ctx.restore();
  }

  /** @param {string[]} voices */
  #legend(voices) {
    const { app } = this;
    const entries = [...voices.map((id) => ({ id, label: app.agent(id).name })), { id: '', label: app.t('latency.key') }];
    sync(
      byId('latency-legend'),
      entries,
      (each) => each.id,
      ({ id }) => element('span', {}, ...(id ? [element('i', { className: 'dot' })] : []), element('span')),
      (made, { id, label }) => {
        paint(made, app.agent(id).colour);
        setText(made.querySelector('span'), label);
      },
    );
  }
}
