import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addCommands, createProgram } from '../../../src/cli/program.ts';
import { escapeText } from '../../../src/cli/ui/escape.ts';
import { initRepository, openRepository } from '../../../src/index.ts';
import { KIB, randomBytes } from '../../helpers/bytes.ts';
import { type Outcome, start } from '../../helpers/command.ts';
import { describeWith } from '../../helpers/needs.ts';
import { backy } from '../../helpers/repository.ts';
import { scratchForTest } from '../../helpers/scratch.ts';
import { AS_SECOND_USER, NEEDS_OF_SECOND_USER, USER_ID } from '../../helpers/second-user.ts';

/** Whatever steers a terminal, turns the direction of what is read, breaks a line or cannot be seen. */
const STEERING = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/** C0, DEL, C1, two marks of direction, a separator, no width, a tag that nobody sees. */
const NASTY = 'a\u001b[2J\u007f\u0085\u009b31m\u202e\u2066\u061c\u200f\u2028\u200b\u00ad\u{e0041}z';

describe('a line, or a document of JSON', () => {
  it('has nothing that steers, and a document says the same', () => {
    const value = fc.anything({ values: [fc.string({ unit: 'binary' })], withObjectString: true });
    fc.assert(
      fc.property(value, (given) => {
        const text = JSON.stringify(given) ?? 'null';
        const printed = escapeText(text);
        expect(printed).not.toMatch(STEERING);
        expect(printed).not.toContain('\n');
        expect(JSON.parse(printed)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(escapeText(escapeText(text))).toBe(escapeText(text));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Each command, and words that take names of others to its output. */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  init: [
    ['file', NASTY],
    [NASTY, 'x'],
  ],
  backup: [[NASTY], ['--force', NASTY], ['--slot', NASTY]],
  status: [[], ['--all']],
  restore: [['-r', NASTY, 'x'], [`${NASTY}.img`], [`${NASTY}/`], [`rbd:${NASTY}`], ['--abandon', NASTY]],
  find: [[], ['-r', NASTY]],
  verify: [[], ['-r', NASTY], ['--repair']],
  expire: [['-n'], ['--yes']],
  forget: [
    ['-r', NASTY],
    ['-n', '-r', 'last', '--yes-the-last'],
    ['-r', '1'],
  ],
  adopt: [['-n'], [NASTY]],
  undelete: [
    ['-r', NASTY],
    ['-r', 'all'],
  ],
  tags: [
    ['add', '--force', NASTY],
    ['set', '-n', NASTY],
    ['remove', NASTY],
  ],
  hold: [[NASTY], ['--until', NASTY, 'x']],
  release: [[], ['-r', NASTY]],
  distrust: [['-n'], ['-r', NASTY]],
  schedule: [['3'], [NASTY]],
  purge: [['-n'], []],
  retire: [['-n'], []],
  doctor: [[]],
  scheduler: [['-c', NASTY]],
  jobs: [
    ['-c', 'site.conf'],
    ['-c', 'site.conf', NASTY],
    ['-c', NASTY],
  ],
  run: [
    ['-c', 'site.conf', '--all'],
    ['-c', 'site.conf', NASTY],
  ],
  add: [
    ['-c', 'site.conf', NASTY, 'file', NASTY],
    ['-c', 'site.conf', 'new', NASTY, NASTY],
  ],
  pause: [['-c', 'site.conf', NASTY, '--reason', NASTY]],
  resume: [['-c', 'site.conf', NASTY]],
  check: [['-c', 'site.conf'], ['-c', NASTY], ['--all', '.'], []],
  config: [
    ['-c', 'site.conf', 'check'],
    ['-c', NASTY, 'check'],
    ['-c', 'broken.conf', 'check'],
  ],
};

/** The configuration of a service whose source has a nasty name, one with a nasty key, and a status file with both. */
function nastySite(scratch: string): void {
  const base = join(scratch, 'base');
  mkdirSync(base);
  const source = { type: 'file', filename: join(scratch, `${NASTY}.missing`) };
  const site = {
    global: { 'base-dir': base },
    schedules: { [`s${NASTY}`]: { daily: { interval: '1d', keep: 2 } } },
    jobs: { web1: { schedule: `s${NASTY}`, source } },
  };
  writeFileSync(join(scratch, 'site.conf'), JSON.stringify(site));
  writeFileSync(join(scratch, 'broken.conf'), JSON.stringify({ ...site, [NASTY]: 1 }));
  writeFileSync(join(base, 'status'), `- {job: ${JSON.stringify(NASTY)}, sla: TOO OLD, last_time: null}\n`);
}

describe('names, tags, paths and messages of others', () => {
  it('have every command of the program in this test', async () => {
    const program = createProgram('1');
    await addCommands(program, async () => {});
    expect(new Set(program.commands.map((command) => command.name()))).toEqual(
      new Set(Object.keys(COMMANDS)),
    );
  });

  it('reach no terminal, in no command, as text or JSON, nor the log', async () => {
    const { scratch, directory, log } = await nastyRepository();
    nastySite(scratch);
    const runs = Object.entries(COMMANDS).flatMap(([command, all]) => all.map((args) => [command, ...args]));
    const [forPeople, forPrograms] = [runs, runs.map((args) => ['--json', ...args])];
    for (const [at, args] of [...forPeople, ...forPrograms].entries()) {
      const flags = ['--log', log, ...(at % 2 === 0 ? ['-v'] : [])];
      const outcome = await backy(directory, [...flags, ...args], { cwd: scratch });
      expectClean(args, outcome);
      if (args[0] === '--json') expectJson(args, outcome);
    }
    for (const path of [log]) expect(readFileSync(path, 'utf8')).not.toMatch(STEERING);
  });
});

describeWith([...NEEDS_OF_SECOND_USER, 'command flock'], 'a lock that another user holds', () => {
  it.each([
    ['on the target of a restore', (target: string) => ['restore', target]],
    ['on the repository', () => ['backup', 'manual:x']],
  ])('%s is named with process, program and user', async (where, command) => {
    const scratch = scratchForTest();
    chmodSync(scratch, 0o755);
    const [source, target, directory] = [join(scratch, 'a.img'), join(scratch, 'b.img'), join(scratch, 'r')];
    for (const path of [source, target]) writeFileSync(path, randomBytes(64 * KIB));
    await initRepository(directory, { type: 'file', filename: source });
    await (await openRepository(directory)).backup({ tags: ['manual:x'] });
    // As a repository that was made by hand: others may look into it.
    chmodSync(directory, 0o755);
    const locked = where === 'on the repository' ? join(directory, '.backup') : target;
    chmodSync(locked, 0o644);
    await holdAsSecondUser('flock', '--shared', locked, 'sh', '-c', 'echo; exec sleep 600');

    const { exitCode, stderr } = await backy(directory, command(target));

    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(/^backy: [^\n]+\n$/) });
    expect(stderr).toMatch(/\b(flock|sleep)\b/);
    expect(stderr).toMatch(/process \d+/);
    expect(stderr).toContain(`of ${USER_ID}`);
  });
});

/** Starts a command as the second user, and waits until it says something. It ends with the test. */
async function holdAsSecondUser(...command: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const holder = start('env', [...AS_SECOND_USER, ...command], { onOutput: () => resolve() });
    onTestFinished(() => holder.signal('SIGKILL'));
    holder.outcome.then(({ exitCode, stderr }) => {
      reject(new Error(`${command.join(' ')} ended with ${exitCode}: ${stderr}`));
    }, reject);
  });
}

/** A repository in a directory of such a name, with a source, tags, reasons and files of such names. */
async function nastyRepository(): Promise<{ scratch: string; directory: string; log: string }> {
  const scratch = scratchForTest();
  const [source, directory] = [join(scratch, NASTY), join(scratch, `${NASTY}.d`, NASTY)];
  writeFileSync(source, randomBytes(64 * KIB));
  await initRepository(directory, { type: 'file', filename: source });
  const config = join(directory, 'config');
  const text = readFileSync(config, 'utf8').replace(/^( *)type: file\n/m, '$&$1snapshot: off\n');
  // Without its first line it is one of any age, whose tags may be called anything.
  const tag = JSON.stringify(NASTY).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  writeFileSync(config, `${text.slice(text.indexOf('\n') + 1)}  ${tag}: {interval: 1d, keep: 1}\n`);
  const repository = await openRepository(directory);
  const first = await repository.backup();
  expect(first?.record.tags).toContain(NASTY);
  await repository.backup({ tags: ['manual:second'] });
  await repository.hold({ reason: NASTY });
  await repository.backup({ tags: ['manual:unknown\u202e'] }).catch(() => undefined);
  writeFileSync(join(directory, `.tmp-backy-${NASTY}`), '');
  const damaged = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
  writeFileSync(
    join(directory, `${damaged}.rev`),
    `{\n  "formatVersion": 1, "uuid": ${JSON.stringify(NASTY)}}`,
  );
  writeFileSync(join(directory, '.restoring'), JSON.stringify({ restores: [markOf(NASTY)] }));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  return { scratch, directory, log: join(scratch, 'log') };
}

function markOf(target: string): object {
  return { target, places: [], revision: NASTY, startedAt: NASTY, pid: 1 };
}

function expectClean(args: readonly string[], { stdout, stderr }: Outcome): void {
  expect(stdout + stderr, JSON.stringify(args)).not.toMatch(STEERING);
}

function expectJson(args: readonly string[], { stdout, stderr }: Outcome): void {
  const lines = (stdout + stderr).split('\n').filter((line) => line !== '');
  for (const line of lines) expect(() => JSON.parse(line), `${JSON.stringify(args)}: ${line}`).not.toThrow();
}
