// Sentences of the server that have something of somebody's in them: a name, a path, a number, or another sentence.

/** @typedef {{english: RegExp, words: string}} Pattern */

/**
 * Patterns by what is said: `{}` stands for what differs, in both.
 * @param {Record<string, string>} words
 * @returns {Pattern[]}
 */
export function patterns(words) {
  return Object.entries(words).map(([english, translated]) => {
    const fixed = english.split('{}').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return { english: new RegExp(`^${fixed.join('(.+)')}$`, 's'), words: translated };
  });
}

/**
 * What the first pattern that fits says; `inner` says each thing that differs. `null` if none fits.
 * @param {Pattern[]} known
 * @param {string} text
 * @param {(part: string) => string} inner
 * @returns {string|null}
 */
export function saidBy(known, text, inner) {
  for (const { english, words } of known) {
    const found = text.match(english);
    if (!found) continue;
    const parts = found.slice(1).map(inner);
    return words.replaceAll('{}', () => parts.shift() ?? '');
  }
  return null;
}
