import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLong, PATIENCE_MS, report } from '../scale.ts';
import { filesOf, type Outcome, PROGRAM, randomBytes, run, scratchForTest } from '../tests.ts';
import { said, smallRepository } from './small-repository.ts';

/** A shell, an option parser, a path, an object or a terminal mistakes each of these names for something else. */
const NAMES = [
  'line\nfeed',
  '-rf',
  '--help',
  '$(touch pwned)',
  '`touch pwned`',
  ';touch pwned;',
  '../x',
  '../../../../etc/passwd',
  '__proto__',
  'constructor',
  '\u202egnp.exe',
  '\u001b[2J',
  'a'.repeat(255),
  '%s%n',
  ' ',
  '*',
] as const;

/** Control and bidirectional characters, other than a line feed. */
const STEERING = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u;

function isFileName(name: string): boolean {
  return !name.includes('/') && name.length < 200;
}

describe('hostile names (F15)', () => {
  it(
    'are refused in one line, or taken literally, by every argument of the command line',
    async () => {
      const { scratch, repository } = await smallRepository();
      const { uuid } = await repository.backup();
      const listing = (): readonly string[] => readdirSync(scratch).sort();
      const before = listing();
      let runs = 0;
      for (const [number, name] of NAMES.entries()) {
        const entries: readonly (readonly string[])[] = [
          ['backup', '--', name],
          ['find', `--revision=${name}`],
          ['verify', `--revision=${name}`],
          ['forget', `--revision=${name}`],
          ['tags', 'add', '--', name],
          ['hold', `--revision=${name}`, '--', 'x'],
          ['init', '--', name, name],
        ];
        // The short form tries two of them.
        const chosen = isLong ? entries : [entries[number % 7], entries[(number + 3) % 7]];
        for (const args of chosen.filter((each) => each !== undefined)) {
          const outcome = await repository.backy(...args);
          runs += 1;
          const what = `${JSON.stringify(args)}: ${said(outcome)}`;
          expect(outcome.exitCode, what).toBe(1);
          expect(outcome.stderr, what).toMatch(/^backy: [^\n]+\n$/);
          expect(said(outcome), what).not.toMatch(STEERING);
          expect(said(outcome), what).not.toMatch(/BACKY_PANIC|TypeError| at .*\.[jt]s:/);
        }
      }
      expect(repository.revisionFiles()).toEqual(filesOf({ uuid }));
      expect(listing()).toEqual(before);
      report('hostile', { what: 'names at the command line', cases: runs, violations: 0 });
    },
    PATIENCE_MS,
  );

  it('are ordinary reasons of a hold, and are printed on one line', async () => {
    const { repository } = await smallRepository();
    await repository.backup();
    for (const name of NAMES) {
      const outcome = await repository.backy('hold', '--', name);
      // White space alone is not a reason.
      expect(outcome.exitCode, JSON.stringify(name)).toBe(name.trim() === '' ? 1 : 0);
      expect(said(outcome), JSON.stringify(name)).not.toMatch(STEERING);
      if (outcome.exitCode !== 0) continue;
      expect((await repository.status()).revisions).toMatchObject([{ hold: { reason: name } }]);
      const refusal = await repository.backy('forget', '-r', 'last', '--yes-the-last');
      expect(refusal.exitCode).toBe(1);
      expect(refusal.stderr, JSON.stringify(name)).toMatch(/^backy: [^\n]+ is held: [^\n]+\n$/);
      for (const shown of [refusal, await repository.backy('status')])
        expect(said(shown), JSON.stringify(name)).not.toMatch(STEERING);
    }
  });

  it(
    'are ordinary names of sources and targets',
    async () => {
      const scratch = scratchForTest();
      let runs = 0;
      for (const name of NAMES.filter(isFileName).slice(0, isLong ? NAMES.length : 6)) {
        const home = join(scratch, String(runs));
        mkdirSync(home);
        writeFileSync(join(home, name), randomBytes(4096));
        const inHome = (...args: readonly string[]): Promise<Outcome> =>
          run(process.execPath, [PROGRAM, ...args], { cwd: home });
        const steps = [
          await inHome('-b', 'r', 'init', '--', 'file', name),
          await inHome('-b', 'r', 'backup', 'manual:x', '--force'),
          await inHome('-b', 'r', 'restore', '--', `${name}.2`),
          await inHome('-b', 'r', 'status'),
        ];
        for (const step of steps) expect(step, JSON.stringify(name)).toMatchObject({ exitCode: 0 });
        expect(steps.map(said).join(''), JSON.stringify(name)).not.toMatch(STEERING);
        const names = readdirSync(home).filter((each) => !each.startsWith(`.${name}.backy-`));
        expect(new Set(names)).toEqual(new Set([name, `${name}.2`, 'r']));
        expect(readFileSync(join(home, `${name}.2`)).equals(readFileSync(join(home, name)))).toBe(true);
        runs += 1;
      }
      report('hostile', { what: 'names of sources and targets', cases: runs, violations: 0 });
    },
    PATIENCE_MS,
  );
});
