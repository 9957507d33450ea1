// Who speaks, drawn: a fennec, a panther and a red fox for the three first voices, an initial for whoever comes later.

import { element } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @type {Record<string, [string, string][]>} [kind of fill, path] on a grid of 64, the lowest first */
const PORTRAITS = {
  lisa: [
    ['fur', 'M13 4C6 17 10 32 21 39l9-9C26 19 20 9 13 4zM51 4c7 13 3 28-8 35l-9-9C38 19 44 9 51 4z'],
    ['pale', 'M15.5 12C11 21 15 29 21 34l4.5-4.5C23 22 20 16 15.5 12zM48.5 12C53 21 49 29 43 34l-4.5-4.5C41 22 44 16 48.5 12z'],
    ['fur', 'M14 39c4-10 11-13 18-13s14 3 18 13c-2 9-9 15-18 20C23 54 16 48 14 39z'],
    ['pale', 'M14 39.5c8 0 14.5 5 18 13 3.5-8 10-13 18-13C48 48 41 54 32 59 23 54 16 48 14 39.5z'],
    ['ink', 'M24 35.5a2.5 2.8 0 1 0 .01 0zM40 35.5a2.5 2.8 0 1 0 .01 0zM28.8 51h6.4L32 55.5z'],
  ],
  electra: [
    ['night', 'M10 12c7-3 12 0 16 5L13 29C9 23 8 17 10 12zM54 12c-7-3-12 0-16 5l13 12c4-6 5-12 3-17z'],
    ['fur', 'M14 16c3-1 5 .5 7 3l-6 5.5C13.5 21 13 18.5 14 16zM50 16c-3-1-5 .5-7 3l6 5.5C50.5 21 51 18.5 50 16z'],
    ['night', 'M11 34c0-12 10-18 21-18s21 6 21 18c0 7-3 12-8 16-4 3.5-8 7-13 7s-9-3.5-13-7c-5-4-8-9-8-16z'],
    ['fur', 'M17.5 31l11 4.5c-1 2-3 3-5 2.8C20.5 38 18.5 35 17.5 31zM46.5 31l-11 4.5c1 2 3 3 5 2.8 3-.3 5-3.3 6-7.3zM28.5 45h7L32 49z'],
    ['wire', 'M32 16v7l-3 3M38 17v4l4 4v3M48 41h-4l-3 3M16 41h4l3 3'],
  ],
  renarde: [
    ['fur', 'M9 6l4 30 20-12zM55 6l-4 30-20-12z'],
    ['ink', 'M13 14l3 16 10-6zM51 14l-3 16-10-6z'],
    ['fur', 'M8 36c5-11 14-15 24-15s19 4 24 15c-5 9-13 16-24 23C21 52 13 45 8 36z'],
    ['pale', 'M8 36c11-1 20 6 24 16 4-10 13-17 24-16-5 9-13 16-24 23C21 52 13 45 8 36z'],
    ['ink', 'M19 37c2.5-4 6-4 8 0-3 1.3-5.5 1.3-8 0zM45 37c-2.5-4-6-4-8 0 3 1.3 5.5 1.3 8 0zM32 51a3.6 3 0 1 0 .01 0z'],
  ],
};

/**
 * Decoration: the name stands beside it.
 * @param {{agent_id: string, name: string}} agent
 * @returns {HTMLElement}
 */
export function avatar(agent) {
  const shapes = PORTRAITS[agent.agent_id];
  const frame = element('span', { className: 'avatar', 'aria-hidden': 'true' });
  if (!shapes) {
    frame.append(element('span', { className: 'initial' }, [...agent.name][0]?.toUpperCase() ?? '·'));
    return frame;
  }
  const root = document.createElementNS(SVG, 'svg');
  root.setAttribute('viewBox', '0 0 64 64');
  for (const [kind, path] of shapes) {
    const drawn = document.createElementNS(SVG, 'path');
    drawn.setAttribute('class', kind);
    drawn.setAttribute('d', path);
    root.append(drawn);
  }
  frame.append(root);
  return frame;
}
