#!/usr/bin/env node
/**
 * `npm run docs`: writes docs/reference/cli.md from the tree of commands and docs/reference/errors.md from the
 * table of errors, as they are in dist. With --check it writes nothing and fails when a file is not current.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addCommands, createProgram } from '../dist/cli/program.js';
import { errorTable } from '../dist/errors.js';
import { errnoTable } from '../dist/io-error.js';
import { fail, ROOT, say } from './lib/run.mjs';

const FILES = new Map([
  ['docs/reference/cli.md', await cliReference()],
  ['docs/reference/errors.md', errorReference()],
]);

const isCheck = process.argv.includes('--check');
for (const [path, text] of FILES) {
  if (!isCheck) writeFileSync(join(ROOT, path), text);
  else if (current(path) !== text) fail(`${path} is not current: run "npm run build:ts && npm run docs"`);
  say(`${path} is ${isCheck ? 'current' : 'written'}`);
}

function current(/** @type {string} */ path) {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}

async function cliReference() {
  const program = createProgram('');
  await addCommands(program, async () => {});
  return document('Command line', [
    program.description(),
    '```\nbacky [options] COMMAND [arguments]\n```',
    'These options go before or after the name of any command. `backy` alone prints help.',
    optionTable(program),
    ...program.commands.flatMap((command) => commandReference(command)),
    '## Output and exit codes',
    'Results go to standard output; progress (on a terminal only), warnings and errors go to standard error. With `--json` a result is one JSON document, and a warning or error one JSON object on one line.',
    table(
      ['exit code', 'meaning'],
      [
        ['0', 'it worked; also when a reader of the output has seen enough'],
        ['1', 'an error, said in one line with what to do about it: see [errors](errors.md)'],
        ['130, 143, 129', 'cancelled by SIGINT, SIGTERM or SIGHUP; the second signal ends backy at once'],
      ],
    ),
  ]);
}

function commandReference(/** @type {import('commander').Command} */ command) {
  const parameters = command.registeredArguments.map((argument) => [
    `\`${argument.name()}\``,
    argument.description,
  ]);
  return [
    `## ${command.name()}`,
    `\`\`\`\nbacky ${command.name()} ${command.usage()}\n\`\`\``,
    command.description(),
    ...(parameters.length > 0 ? [table(['argument', 'meaning'], parameters)] : []),
    ...(command.options.length > 0 ? [optionTable(command)] : []),
  ];
}

function optionTable(/** @type {import('commander').Command} */ command) {
  const rows = command.options.map(({ flags, description, defaultValue }) => [
    `\`${flags}\``,
    description + (defaultValue === undefined ? '' : `; default: \`${defaultValue}\``),
  ]);
  return table(['option', 'meaning'], rows);
}

function errorReference() {
  const rows = (/** @type {ReadonlyMap<string, object>} */ entries) =>
    [...entries].map(([code, texts]) => [`\`${code}\``, ...Object.values(texts).map(asPlaceholders)]);
  return document('Errors', [
    'Every error has a code, a message that says what failed on which object, and a remedy. The code is a contract, the words are not. Words in angle brackets are the facts of the case; programs find them under `details`.',
    'The command line prints `backy: <message>. <remedy>.` and exits with 1; with `--json` it prints `{"messageType":"exitError","code":…,"message":…,"remedy":…,"details":{…}}`. The library throws a `BackyError` with the same fields.',
    table(['code', 'message', 'remedy'], rows(errorTable())),
    '## Reasons of BACKY_IO',
    'The error number of the system call that failed is in `details.errno`.',
    table(['number', 'reason', 'advice'], rows(errnoTable())),
  ]);
}

function asPlaceholders(/** @type {string} */ text) {
  return text.replace(/\{(\w+)\}/g, '&lt;$1&gt;');
}

function document(/** @type {string} */ title, /** @type {readonly string[]} */ parts) {
  const origin =
    '<!-- Written by scripts/generate-reference.mjs: change the sources it reads, not this file. -->';
  return `${[origin, `# ${title}`, ...parts].join('\n\n')}\n`;
}

function table(/** @type {readonly string[]} */ head, /** @type {readonly (readonly string[])[]} */ rows) {
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
