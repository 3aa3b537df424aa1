import { VARIABLES } from './environment.mjs';

/** The man page, for groff and mandoc: macros of man(7). */
export function manPage(/** @type {import('./tree.mjs').Tree} */ tree, /** @type {string} */ origin) {
  return `${[
    `.\\" ${origin}`,
    '.TH BACKY 1 "" "backy" "User Commands"',
    section('NAME'),
    'backy \\- block-level backup of virtual machine disks into plain raw images',
    section('SYNOPSIS'),
    '.B backy',
    text('[options] COMMAND [arguments]'),
    section('DESCRIPTION'),
    text(tree.description),
    '.PP',
    text(
      'Every revision is a complete raw image: dd, mount, kpartx, qemu and cmp read it without backy. Unchanged blocks are shared through the filesystem.',
    ),
    section('OPTIONS'),
    text('These options go before or after the name of any command.'),
    ...tree.options.flatMap(optionLines),
    section('COMMANDS'),
    ...tree.commands.flatMap(commandLines),
    section('EXIT STATUS'),
    ...EXIT_CODES.flatMap(([code, meaning]) => entry(code, meaning)),
    section('ENVIRONMENT'),
    ...VARIABLES.flatMap(({ name, meaning, unset }) => entry(name, plain(`${meaning} Default: ${unset}.`))),
    section('FILES'),
    ...FILES.flatMap(([path, meaning]) => entry(path, meaning)),
    section('SEE ALSO'),
    '.BR dd (1),',
    '.BR mount (8),',
    '.BR qemu\\-img (1),',
    '.BR rbd (8),',
    '.BR lvm (8)',
  ].join('\n')}\n`;
}

/** Exit codes and their meanings. */
export const EXIT_CODES = [
  ['0', 'It worked; also when a reader of the output has seen enough.'],
  ['1', 'An error: one line on standard error says what failed and what to do about it.'],
  ['130, 143, 129', 'Cancelled by SIGINT, SIGTERM or SIGHUP. The second signal ends backy at once.'],
];

const FILES = [
  ['config', 'The source and the schedule of a repository, YAML.'],
  ['UUID', 'The raw image of a revision.'],
  ['UUID.hashes', 'Its index: a hash of each block.'],
  ['UUID.rev', 'Its record, JSON.'],
  ['last, latest', 'Links to the image of the newest good revision.'],
  ['backy.log', 'A line for each event.'],
];

function commandLines(/** @type {import('./tree.mjs').Command} */ command) {
  return [
    `.SS ${quoted(`backy ${command.name} ${command.usage}`)}`,
    text(command.description),
    ...command.arguments.flatMap(({ name, description }) => entry(name, description)),
    ...command.options.flatMap(optionLines),
    '.PP',
    'Examples:',
    ...command.examples.flatMap(([line, purpose]) => entry(line, purpose)),
  ];
}

function optionLines(/** @type {import('./tree.mjs').Option} */ { flags, description, defaultValue }) {
  return entry(flags, description + (defaultValue === undefined ? '' : `; default: ${defaultValue}`));
}

function entry(/** @type {string} */ name, /** @type {string} */ meaning) {
  return ['.TP', `\\fB${roff(name)}\\fR`, text(meaning)];
}

function section(/** @type {string} */ title) {
  return `.SH ${title}`;
}

/** A sentence on each line, as man-pages(7) asks for. */
function text(/** @type {string} */ words) {
  return words
    .split(/(?<=\.) (?=[A-Z])/)
    .map(roff)
    .map((line) => line.replace(/^(?=[.'])/, '\\&'))
    .join('\n');
}

function roff(/** @type {string} */ words) {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq');
}

function quoted(/** @type {string} */ words) {
  return `"${roff(words).replaceAll('"', '\\(dq')}"`;
}

/** Without the marks of Markdown. */
function plain(/** @type {string} */ words) {
  return words.replaceAll('`', '');
}
