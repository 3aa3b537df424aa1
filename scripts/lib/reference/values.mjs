/** The kinds of values that completions know. */

import { SOURCE_TYPES } from '../../../dist/config/config.js';

/** Words that a revision may be named by, beside its id. */
export const SPEC_WORDS = ['last', 'first', 'all', 'clean'];

/**
 * The completion of a value: `directory`, `file`, `revision`, `command`, a list of words, or undefined for none.
 *
 * @param {string} placeholder such as DIR, as the help shows it
 * @param {readonly string[]} words what the command line allows, if it is a list
 * @returns {'directory' | 'file' | 'revision' | 'command' | readonly string[] | undefined}
 */
export function kindOf(placeholder, words = []) {
  if (words.length > 0) return words;
  switch (placeholder) {
    case 'DIR':
      return 'directory';
    case 'FILE':
    case 'SOURCE':
    case 'TARGET':
      return 'file';
    case 'SPEC':
      return 'revision';
    case 'COMMAND':
      return 'command';
    case 'TYPE':
      return SOURCE_TYPES;
    default:
      return undefined;
  }
}

/** All options that take a value, each once, with what completes it. */
export function valueOptions(/** @type {import('./tree.mjs').Tree} */ { options, commands }) {
  const found = new Map();
  for (const { names, value } of [options, ...commands.map((command) => command.options)].flat()) {
    if (value === undefined) continue;
    const before = found.get(names.join());
    if (before && before.value !== value)
      throw new Error(`${names.join()} takes both ${before.value} and ${value}`);
    found.set(names.join(), { names, value, kind: kindOf(value) });
  }
  return [...found.values()];
}
