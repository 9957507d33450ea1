// Agents bring colours of their own. As text such a colour may be too pale or too dark to read, so this finds the
// nearest shade of it that contrasts enough with what it stands on.

/** @typedef {number[]} Rgb red, green, blue, 0 to 255 */

const FALLBACK = '#7A7F87';
const ENOUGH = 5; // WCAG's AA asks for 4.5; tinted backgrounds take some of it away.

/** @param {string} hex @returns {Rgb} */
export function parse(hex) {
  const digits = /^#([0-9a-f]{6})$/i.exec(hex)?.[1] ?? FALLBACK.slice(1);
  return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
}

/** @param {Rgb} rgb relative luminance as WCAG defines it */
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Rgb} a @param {Rgb} b @returns {number} 1 to 21 */
export function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** @param {Rgb} a @param {Rgb} b @param {number} share of b @returns {Rgb} */
function mix(a, b, share) {
  return a.map((value, at) => Math.round(value + (b[at] - value) * share));
}

/**
 * The shade of a colour that can be read on a background.
 * @param {string} hex
 * @param {string} background
 * @returns {string}
 */
export function readable(hex, background) {
  const paper = parse(background);
  const end = luminance(paper) > 0.4 ? [0, 0, 0] : [255, 255, 255];
  let shade = parse(hex);
  for (let share = 0; contrast(shade, paper) < ENOUGH && share <= 1; share += 0.04) shade = mix(parse(hex), end, share);
  return `#${shade.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

/**
 * Gives an element an agent's colours; style.css picks the one for the theme. Set through the CSSOM, which the
 * Content-Security-Policy allows where style attributes are not.
 * @param {HTMLElement} element
 * @param {string} hex
 */
export function paint(element, hex) {
  element.style.setProperty('--agent', `rgb(${parse(hex).join(' ')})`);
  element.style.setProperty('--agent-on-light', readable(hex, '#f3f1ed'));
  element.style.setProperty('--agent-on-dark', readable(hex, '#23272d'));
}
