/** The files of the product, without their tests. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ROOT } from '../run.mjs';

/** @typedef {{ path: string, text: string, isRust: boolean }} Source */

const RUST_TESTS = /^(fault_tests\/|sys\/faults\.rs$)/;

/** @returns {readonly Source[]} */
export function typeScriptSources() {
  return sourcesIn('src', /\.ts$/);
}

/** @returns {readonly Source[]} */
export function rustSources(/** @type {string} */ crate) {
  return sourcesIn(`crates/${crate}/src`, /\.rs$/).filter(({ path }) => !RUST_TESTS.test(path));
}

/** @returns {readonly Source[]} with paths below the directory */
function sourcesIn(/** @type {string} */ directory, /** @type {RegExp} */ ending) {
  const home = join(ROOT, directory);
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => ending.test(name));
  return names.sort().map((name) => ({
    path: name.split(sep).join('/'),
    text: withoutTests(readFileSync(join(home, name), 'utf8')),
    isRust: name.endsWith('.rs'),
  }));
}

function withoutTests(/** @type {string} */ text) {
  return text.split(/^#\[cfg\((?:all\()?test\b[^\n]*\]\nmod tests/m)[0];
}

const COMMENT = /^\s*(\/\/[/!]?|\/?\*+\/?)/;

/** The lines of comments, without their marks. */
export function commentLines(/** @type {Source} */ { text }) {
  const lines = text.split('\n').filter((line) => COMMENT.test(line));
  return lines.map((line) => line.replace(COMMENT, '').trim()).filter((line) => line !== '');
}

/** The number of lines that are neither blank nor a comment. */
export function countCode(/** @type {Source} */ { text }) {
  return text.split('\n').filter((line) => line.trim() !== '' && !COMMENT.test(line)).length;
}
