/** The generated pages of docs/reference, one function each. */

import { errorTable } from '../../../dist/errors.js';
import { errnoTable } from '../../../dist/io-error.js';
import { TEST_VARIABLES, VARIABLES } from './environment.mjs';
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
