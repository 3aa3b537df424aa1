/** The generated pages of docs/reference, one function each. */

import { errorTable } from '../../../dist/errors.js';
import { errnoTable } from '../../../dist/io-error.js';
import { declarationsOf } from './api-model.mjs';
import { TEST_VARIABLES, VARIABLES } from './environment.mjs';
import { DOCUMENTS, partsOf, readShapes } from './json-model.mjs';
import { EXIT_CODES } from './man-page.mjs';
import { code, page, table, terms } from './markdown.mjs';

export function commandPage(/** @type {import('./tree.mjs').Tree} */ tree, /** @type {string} */ origin) {
  return page('Command line', origin, [
    tree.description,
    code('backy [options] COMMAND [arguments]'),
    'These options go before or after the name of any command. `backy` alone prints help.',
    options(tree.options),
    ...tree.commands.flatMap(commandParts),
    '## Output and exit codes',
    'Results go to standard output; progress (on a terminal only), warnings and errors go to standard error. With `--json` a result is one JSON document, and a warning or error one JSON object on one line: [JSON documents](json.md) has the keys. Colours are for terminals only, and `NO_COLOR` or `TERM=dumb` turns them off: [environment variables](environment.md).',
    table(['exit code', 'meaning'], EXIT_CODES),
    'The words of errors and what to do about them: [errors](errors.md).',
  ]);
}

function commandParts(/** @type {import('./tree.mjs').Command} */ command) {
  const operands = command.arguments.map(
    ({ name, description }) => /** @type {const} */ ([name, description]),
  );
  const lines = command.examples.map(([line, purpose]) => `${line}\n    ${purpose}`);
  return [
    `## ${command.name}`,
    code(`backy ${command.name} ${command.usage}`),
    command.description,
    ...(operands.length > 0 ? [terms(operands)] : []),
    ...(command.options.length > 0 ? [options(command.options)] : []),
    'Examples:',
    code(lines.join('\n')),
  ];
}

function options(/** @type {readonly import('./tree.mjs').Option[]} */ list) {
  return terms(
    list.map(({ flags, description, defaultValue }) => [
      flags,
      description + (defaultValue === undefined ? '' : `; default: \`${defaultValue}\``),
    ]),
  );
}

export function errorPage(/** @type {string} */ origin) {
  const rows = (/** @type {ReadonlyMap<string, object>} */ entries) =>
    [...entries].map(([name, texts]) => [`\`${name}\``, ...Object.values(texts).map(asPlaceholders)]);
  return page('Errors', origin, [
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

export function environmentPage(/** @type {string} */ origin) {
  const rows = (/** @type {readonly import('./environment.mjs').Variable[]} */ variables) =>
    table(
      ['variable', 'read by', 'when it is not set', 'meaning'],
      variables.map(({ name, reader, unset, meaning }) => [`\`${name}\``, reader, unset, meaning]),
    );
  return page('Environment variables', origin, [
    'backy needs none of them. What belongs to a repository is in its configuration.',
    rows(VARIABLES),
    '## Tests and development',
    rows(TEST_VARIABLES),
  ]);
}

export function jsonPage(/** @type {string} */ origin) {
  const shapes = readShapes();
  const documents = new Set(DOCUMENTS.values());
  const parts = new Set([...documents].flatMap((name) => [...partsOf(name, shapes)]));
  const others = [...parts].filter((name) => !documents.has(name)).sort();
  const section = (/** @type {string} */ name) => shapeParts(shapes.get(name));
  return page('JSON documents', origin, [
    'With `--json` a command prints one document on one line. These are the keys of each; a key with a question mark may be absent. New versions may add keys, and rename or remove none. Times are ISO 8601 in UTC, sizes are bytes.',
    'With `-q`, too, a command with `--json` prints its document. `restore -` prints it on standard error, because the image takes standard output.',
    ...[...DOCUMENTS].flatMap(([command, name]) => [
      `## backy ${command}`,
      ...([...DOCUMENTS].find(([, other]) => other === name)?.[0] === command
        ? section(name)
        : [`As of \`backy ${[...DOCUMENTS].find(([, other]) => other === name)?.[0]}\`.`]),
    ]),
    '## Parts',
    'Objects within these documents, by the names of their types in the [API](api.md).',
    ...others.flatMap((name) => [`### ${name}`, ...section(name)]),
    '## Warnings and errors',
    'They are objects on lines of their own, on standard error.',
    terms([
      ['messageType', '`info` and `warning`; `exitError` for the error that ends the command'],
      ['message', 'text for people'],
      ['code', 'of an error: see [errors](errors.md)'],
      ['remedy', 'of an error: what to do'],
      ['details', 'of an error: the facts, such as `path`'],
    ]),
  ]);
}

function shapeParts(/** @type {import('./json-model.mjs').Shape | undefined} */ shape) {
  if (shape === undefined) return [];
  const fields = shape.fields.map(({ name, isOptional, type, meaning }) => {
    const term = `${name}${isOptional ? '?' : ''}: ${type}`;
    return /** @type {const} */ ([term, meaning]);
  });
  return [...(shape.meaning === '' ? [] : [shape.meaning]), terms(fields)];
}

export function apiPage(/** @type {string} */ origin) {
  return page('TypeScript API', origin, [
    "`import { … } from 'backy'` has these names; CommonJS has them as well. Failures are a `BackyError` with a `code`: [errors](errors.md).",
    ...declarationsOf().flatMap(({ name, meaning, text }) => [
      `## ${name}`,
      ...(meaning === '' ? [] : [meaning]),
      code(text, 'ts'),
    ]),
  ]);
}
