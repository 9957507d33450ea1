// The sign of each emotion: a small face drawn here rather than an emoji, so that it looks the same everywhere and
// takes the agent's colour.

import { svg } from './dom.js';

const EYES = 'M8.6 9.2v1.2M15.4 9.2v1.2';

/** @type {Record<string, string>} paths on a grid of 24, inside a circle where it is a face */
const FACES = {
  neutral: `${EYES}M8.5 15.2h7`,
  happy: 'M7.6 10.2c.5-1 1.6-1 2.1 0M14.3 10.2c.5-1 1.6-1 2.1 0M7.8 13.8c1.2 3.4 7.2 3.4 8.4 0',
  sad: `${EYES}M8.4 16.4c1-2.4 6.2-2.4 7.2 0`,
  angry: 'M7.2 8.2l2.8 1.6M16.8 8.2l-2.8 1.6M9 10.8v.6M15 10.8v.6M8.6 16.2c1-1.8 5.8-1.8 6.8 0',
  shy: 'M7.8 9.8h1.8M14.4 9.8h1.8M6.6 12.8h1M16.4 12.8h1M10 15.4c.8.9 3.2.9 4 0',
  surprised: `${EYES}M12 13.4a1.9 2.1 0 1 0 .01 0`,
  confused: 'M8.6 9.6v1M15.4 8.8v1.6M14 7.2l2.8-.7M8.2 15.6c1.2-1.6 2.4 1 3.8-.2s2.2-1 3.6-.2',
  thinking: 'M8.6 8.8v1.2M15.4 8.8v1.2M14 6.8h2.8M9.6 15.4l4.6-1',
  glitch: 'M7.4 9l2.4 2M9.8 9l-2.4 2M14.2 9l2.4 2M16.6 9l-2.4 2M7.6 15.2l1.8-1.2 1.8 1.8 1.8-1.8 1.8 1.8 1.8-1.2',
};

/** @type {Record<string, string>} signs that are no faces */
const SIGNS = {
  alert: 'M12 3.6 21 19.4H3zM12 9.4v4.6M12 16.6v.2',
  emergency: 'M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2zM12 7.4v5.8M12 16.4v.2',
};

/** The emotions that messages carry, in the order of the list to choose from. */
export const EMOTIONS = [
  'neutral', 'happy', 'sad', 'angry', 'shy', 'alert', 'surprised', 'confused', 'thinking', 'emergency', 'glitch',
];

/**
 * @param {string} emotion one that is not known looks neutral
 * @param {string} label read to those who do not see it
 * @returns {SVGSVGElement}
 */
export function sign(emotion, label) {
  const face = FACES[emotion] ?? (SIGNS[emotion] ? undefined : FACES.neutral);
  const drawing = face ? `M12 3a9 9 0 1 0 .01 0z${face}` : SIGNS[emotion];
  return svg(drawing, { label, className: 'sign' });
}
