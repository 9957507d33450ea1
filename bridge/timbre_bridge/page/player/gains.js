/** How loud each agent is heard: those not muted, only those with solo where any has it, each at its volume. */

export class Gains {
  #muted = new Set();
  #solo = new Set();
  /** @type {Map<string, number>} */
  #volumes = new Map();

  /** @param {string} agentId @param {{muted?: boolean, solo?: boolean, volume?: number}} change volume: 0 … 1 */
  set(agentId, { muted, solo, volume }) {
    if (volume !== undefined) this.#volumes.set(agentId, Math.min(1, Math.max(0, volume)));
    if (muted !== undefined) toggle(this.#muted, agentId, muted);
    if (solo !== undefined) toggle(this.#solo, agentId, solo);
  }

  /** @param {string} agentId @returns {number} 0 … 1 */
  of(agentId) {
    const alone = this.#solo.size === 0 || this.#solo.has(agentId);
    return alone && !this.#muted.has(agentId) ? (this.#volumes.get(agentId) ?? 1) : 0;
  }
}

function toggle(set, key, on) {
  if (on) set.add(key);
  else set.delete(key);
}
