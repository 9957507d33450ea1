// Which part of a caption is in sight: a long speech is shown a page at a time, and a page does not change while it
// is read.

const FULL = 200; // letters after which a page ends at the next word
const ENOUGH = 90; // … and at the next end of a sentence

const SENTENCE_END = /[.!?…]["'»”’)\]]*\s*$/;

/** @param {string} text @returns {boolean} whether a sentence ends with it */
export function endsSentence(text) {
  return SENTENCE_END.test(text);
}

/**
 * @param {readonly {text: string}[]} pieces
 * @param {number} spoken how many have been said
 * @returns {[number, number]} the page being said: from, to
 */
export function page(pieces, spoken) {
  let from = 0;
  let letters = 0;
  for (let at = 0; at < pieces.length; at++) {
    letters += pieces[at].text.length;
    const ends = letters > FULL || (letters > ENOUGH && endsSentence(pieces[at].text));
    if (!ends) continue;
    if (at + 1 >= spoken) return [from, at + 1];
    from = at + 1;
    letters = 0;
  }
  return [from, pieces.length];
}

/**
 * French puts a space before some marks, where no line may break.
 * @param {string} text
 * @returns {string}
 */
export function unbroken(text) {
  return text.replace(/ (?=[!?:;»])/g, '\u00a0');
}
