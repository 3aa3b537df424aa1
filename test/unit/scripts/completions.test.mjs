import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCommands, createProgram } from '../../../src/cli/program.ts';

const ID = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
const BASH = pathOf('completions/backy.bash');

let scratch;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'backy-completions-'));
  mkdirSync(join(scratch, 'repository'));
  mkdirSync(join(scratch, 'two words'));
  writeFileSync(join(scratch, 'repository', `${ID}.rev`), '');
  writeFileSync(join(scratch, 'repository', 'last.rev'), '');
  writeFileSync(join(scratch, 'disk.img'), '');
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('completion in bash', () => {
  it.each([
    ['a command', ['sta'], ['status']],
    ['several', ['re'], ['restore', 'release', 'retire', 'resume']],
    ['a command behind a directory', ['-b', 'repository', 'ver'], ['verify']],
    ['what help explains', ['help', 'und'], ['undelete']],
    ['options of a command', ['restore', '--a'], ['--abandon']],
    ['options of all commands', ['verify', '--j'], ['--json']],
    ['no option of another command', ['find', '--cl'], []],
    ['an action', ['tags', ''], ['set', 'add', 'remove']],
    ['a type', ['init', 'f'], ['file']],
    ['a type, with options before it', ['init', '--force', 'l'], ['lvm']],
    ['a source', ['init', 'file', 'di'], ['disk.img']],
    ['a target', ['restore', '-r', '0', 'di'], ['disk.img']],
    ['directories only', ['-b', ''], ['repository', 'two words']],
    ['a file of the log', ['status', '-l', 'disk'], ['disk.img']],
    ['a revision by its id', ['-b', 'repository', 'restore', '-r', '01'], [ID]],
    ['a revision by a word', ['-b', 'repository', 'find', '--revision', 'l'], ['last']],
    ['nothing for a free value', ['backup', '--rate', ''], []],
  ])('offers %s', (_, words, expected) => {
    // bash gives files in the order of the directory, and sorts when it shows them.
    expect(complete(...words).sort()).toEqual([...expected].sort());
  });

  it('offers every command and option that there is', async () => {
    const program = createProgram('');
    await addCommands(program, async () => {});
    expect(complete('')).toEqual([...program.commands.map((command) => command.name()), 'help']);
    for (const command of program.commands) {
      const names = [...program.options, ...command.options].flatMap(({ short, long }) => [short, long]);
      const wanted = names.filter((name) => name !== undefined);
      expect(complete(command.name(), '-'), command.name()).toEqual(expect.arrayContaining(wanted));
    }
  });

  it('starts no program', () => {
    // With an empty PATH any program would fail, and say so on standard error.
    const { stderr, status } = runBash(['-b', 'repository', 'restore', '-r', '']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});

describe.each([
  ['bash', ['-n', BASH]],
  ['zsh', ['-n', pathOf('completions/_backy')]],
  ['fish', ['-n', pathOf('completions/backy.fish')]],
  ['man', ['--warnings', '-E', 'UTF-8', '-l', pathOf('man/backy.1')]],
  ['mandoc', ['-Tlint', '-W', 'error', pathOf('man/backy.1')]],
])('%s', (program, args) => {
  it.skipIf(!isInstalled(program))('finds no fault in the file that is for it', () => {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe.skipIf(!isInstalled('fish'))('completion in fish', () => {
  it.each([
    ['backy sta', ['status']],
    ['backy -b repository ver', ['verify']],
    ['backy -b repository restore -r 01', [ID]],
    ['backy tags ', ['add', 'remove', 'set']],
    ['backy restore --aban', ['--abandon']],
  ])('completes "%s"', (line, expected) => {
    const script = `source ${pathOf('completions/backy.fish')}; complete -C '${line}'`;
    const output = execFileSync('fish', ['-c', script], { cwd: scratch, encoding: 'utf8' });
    const words = output.split('\n').map((row) => row.split('\t')[0]);
    expect(words.filter((word) => word !== '').sort()).toEqual(expected);
  });
});

/** Returns the completions of bash for a command line whose last word is incomplete. */
function complete(...words) {
  const { stdout, stderr } = runBash(words);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

function runBash(words) {
  const script = `source "$1"; shift
[[ $(complete -p backy) == 'complete -F _backy backy' ]] || exit 9
COMP_WORDS=(backy "$@") COMP_CWORD=$#
_backy
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return spawnSync('/bin/bash', ['--norc', '-c', script, 'bash', BASH, ...words], {
    cwd: scratch,
    encoding: 'utf8',
    env: { PATH: '/nowhere' },
  });
}

function isInstalled(program) {
  return spawnSync('which', [program]).status === 0;
}

function pathOf(path) {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
