// What the listener chose, kept in this browser. The token is kept for the tab only.

/**
 * @typedef {object} Voice
 * @property {boolean} muted
 * @property {boolean} solo
 * @property {number} volume 0 to 1
 *
 * @typedef {object} Settings
 * @property {'fr' | 'en'} language
 * @property {'auto' | 'light' | 'dark'} theme
 * @property {number} volume 0 to 1
 * @property {boolean} muted
 * @property {string} room '' means all of them
 * @property {string} output a device's id, '' means the default one
 * @property {Record<string, Voice>} voices by agent
 * @property {Record<string, string>} say the form's fields, but for the text
 */

const KEY = 'timbre.settings';
const TOKEN_KEY = 'timbre.token';
const LANGUAGES = ['fr', 'en'];
const THEMES = ['auto', 'light', 'dark'];

/** @param {unknown} value */
const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @type {Record<string, (value: any) => boolean>} what may be stored: an older or newer page may have written it */
const FITS = {
  language: (value) => LANGUAGES.includes(value),
  theme: (value) => THEMES.includes(value),
  volume: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  muted: (value) => typeof value === 'boolean',
  room: (value) => typeof value === 'string',
  output: (value) => typeof value === 'string',
  voices: (value) => isTable(value) && Object.values(value).every(isTable),
  say: (value) => isTable(value) && Object.values(value).every((each) => typeof each === 'string'),
};

/** @returns {Record<string, unknown>} */
function stored() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return isTable(kept) ? kept : {};
  } catch {
    // Forbidden storage (to name it throws), or one with something else in it, leaves the defaults.
    return {};
  }
}

/**
 * @param {readonly string[]} languages the browser's, most wanted first
 * @returns {Settings}
 */
export function load(languages) {
  const wanted = languages.map((each) => each.slice(0, 2).toLowerCase()).find((each) => LANGUAGES.includes(each));
  const defaults = /** @type {Settings} */ ({
    language: wanted ?? 'en', theme: 'auto', volume: 0.9, muted: false, room: '', output: '', voices: {}, say: {},
  });
  const kept = stored();
  const fitting = Object.entries(FITS).filter(([name, fits]) => fits(kept[name]));
  return Object.assign(defaults, Object.fromEntries(fitting.map(([name]) => [name, kept[name]])));
}

/** @param {Settings} settings */
export function save(settings) {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that stores nothing still plays.
  }
}

/** @param {Settings} settings @param {string} agentId @returns {Voice} */
export function voiceOf(settings, agentId) {
  return { muted: false, solo: false, volume: 1, ...settings.voices[agentId] };
}

/**
 * The token from the address's fragment, which it is stripped from so that it is neither seen nor shared.
 * @returns {string | undefined}
 */
export function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (token !== null) {
    fragment.delete('token');
    const rest = fragment.toString();
    history.replaceState(history.state, '', location.pathname + location.search + (rest && `#${rest}`));
  }
  try {
    if (token !== null) sessionStorage.setItem(TOKEN_KEY, token);
    return token ?? sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  } catch {
    // Without storage the token lasts until the page is loaded again.
    return token ?? undefined;
  }
}
