// The few helpers that views build elements with. Text goes in as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [fields] properties; `aria-…`, `data-…` and `role` are set as attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, fields = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, String(value));
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** @param {string} id @returns {HTMLElement} an element of index.html */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/**
 * A drawing of one stroke on a grid of 24.
 * @param {string} path
 * @param {{label?: string, className?: string}} [options] without a label it is decoration
 * @returns {SVGSVGElement}
 */
export function svg(path, { label = '', className = 'icon' } = {}) {
  const root = document.createElementNS(SVG, 'svg');
  root.setAttribute('viewBox', '0 0 24 24');
  root.setAttribute('class', className);
  if (label) {
    root.setAttribute('role', 'img');
    root.setAttribute('aria-label', label);
    const title = document.createElementNS(SVG, 'title');
    title.textContent = label;
    root.append(title);
  } else {
    root.setAttribute('aria-hidden', 'true');
  }
  const drawn = document.createElementNS(SVG, 'path');
  drawn.setAttribute('d', path);
  root.append(drawn);
  return root;
}

/**
 * Puts a list on the page with as little change as possible, so that focus, selection and animations stay.
 * @template T
 * @param {HTMLElement} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} make
 * @param {(made: HTMLElement, item: T) => void} [update]
 */
export function sync(parent, items, key, make, update = () => {}) {
  const children = /** @type {HTMLElement[]} */ ([...parent.children]);
  const present = new Map(children.map((child) => [child.dataset.key, child]));
  items.forEach((item, at) => {
    const name = key(item);
    let child = present.get(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    present.delete(name);
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
    update(child, item);
  });
  for (const gone of present.values()) gone.remove();
}

export const ICONS = {
  play: 'M8 5.5v13l10.5-6.5z',
  close: 'M8 8l8 8M16 8l-8 8',
  stop: 'M7 7h10v10H7z',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.6 7.6 0 0 1 0 11',
  muted: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  microphone: 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  solo: 'M4 14.5v-2a8 8 0 0 1 16 0v2M4 14.5h3.5V20H5.6A1.6 1.6 0 0 1 4 18.4zM20 14.5h-3.5V20h1.9a1.6 1.6 0 0 0 1.6-1.6z',
};

/**
 * Sets a text only where it changed, so that screen readers do not read it again.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Names a button by an icon.
 * @param {HTMLElement} button
 * @param {string} path
 * @param {string} label
 */
export function setIcon(button, path, label) {
  if (button.dataset.icon !== path) {
    button.dataset.icon = path;
    button.replaceChildren(svg(path));
  }
  if (button.getAttribute('aria-label') !== label) {
    button.setAttribute('aria-label', label);
    button.title = label;
  }
}

/**
 * Fills a select, and keeps what is chosen where it is still there.
 * @param {HTMLElement} target
 * @param {readonly [value: string, label: string][]} choices
 * @param {string} chosen
 */
export function setChoices(target, choices, chosen) {
  const select = /** @type {HTMLSelectElement} */ (target);
  sync(
    select,
    choices,
    ([value]) => value,
    ([value]) => element('option', { value }),
    (option, [, label]) => setText(option, label),
  );
  const value = choices.some(([each]) => each === chosen) ? chosen : (choices[0]?.[0] ?? '');
  if (select.value !== value) select.value = value;
}
