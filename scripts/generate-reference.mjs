#!/usr/bin/env node
/**
 * `npm run docs`: writes what is generated from the tree of commands, the table of errors, the table of environment
 * variables and the types: pages of docs/reference, the man page and the completions. With --check it writes nothing and fails when a
 * file is not current.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bashCompletion } from './lib/reference/bash-completion.mjs';
import { fishCompletion } from './lib/reference/fish-completion.mjs';
import { manPage } from './lib/reference/man-page.mjs';
import { apiPage, commandPage, environmentPage, errorPage, jsonPage } from './lib/reference/pages.mjs';
import { readTree } from './lib/reference/tree.mjs';
import { zshCompletion } from './lib/reference/zsh-completion.mjs';
import { fail, ROOT, say } from './lib/run.mjs';

const ORIGIN = 'Written by scripts/generate-reference.mjs: change the sources it reads, not this file.';

const tree = await readTree();
const FILES = new Map([
  ['docs/reference/cli.md', commandPage(tree, ORIGIN)],
  ['docs/reference/errors.md', errorPage(ORIGIN)],
  ['docs/reference/environment.md', environmentPage(ORIGIN)],
  ['docs/reference/json.md', jsonPage(ORIGIN)],
  ['docs/reference/api.md', apiPage(ORIGIN)],
  ['man/backy.1', manPage(tree, ORIGIN)],
  ['completions/backy.bash', bashCompletion(tree, ORIGIN)],
  ['completions/_backy', zshCompletion(tree, ORIGIN)],
  ['completions/backy.fish', fishCompletion(tree, ORIGIN)],
]);

const isCheck = process.argv.includes('--check');
for (const [path, text] of FILES) {
  if (!isCheck) write(path, text);
  else if (current(path) !== text) fail(`${path} is not current: run "npm run build:ts && npm run docs"`);
  say(`${path} is ${isCheck ? 'current' : 'written'}`);
}

function write(/** @type {string} */ path, /** @type {string} */ text) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function current(/** @type {string} */ path) {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}
