import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load-config.ts';
import { parseDuration } from '../../src/domain/duration.ts';
import { parseSpec } from '../../src/domain/revision-spec/parse-spec.ts';
import { ShapeError } from '../../src/domain/shape.ts';
import { isBackyError } from '../../src/errors.ts';
import { loadEngine } from '../../src/native/load-engine.ts';
import { parseRecord } from '../../src/repository/record.ts';
import { formatRecord } from '../../src/repository/sealed-record.ts';
import { MIB, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun, type Outcome, run } from '../helpers/command.ts';
import { testSeed } from '../helpers/random.ts';
import { backy, createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';
import { makeRecord } from '../unit/records.ts';
import { isLong, PATIENCE_MS, pointsOr, report, spread } from './scale.ts';

/** Names that shells, options, paths, objects and terminals take for something else. */
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

/** Standard output and error in one, with what a person's terminal gets. */
function said({ stdout, stderr }: Outcome): string {
  return stdout + stderr;
}

/** Whatever is not a line feed and steers a terminal, or turns the direction of what is read. */
const STEERING = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u;

function isFileName(name: string): boolean {
  return !name.includes('/') && name.length < 200;
}

async function smallRepository(): Promise<{
  readonly scratch: string;
  readonly repository: TestRepository;
}> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(MIB));
  return { scratch, repository: await createRepository(join(scratch, 'repository'), source) };
}

describe('names that mean something else elsewhere (F15)', () => {
  it(
    'are data at every entry of the command line: refused in one line, or taken as they are',
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
        // In the short form two of them.
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

  it('are reasons of a hold like any other, and never more than one line', async () => {
    const { repository } = await smallRepository();
    await repository.backup();
    for (const name of NAMES) {
      const outcome = await repository.backy('hold', '--', name);
      // Nothing but space is no reason.
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
    'are sources and targets like any other',
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

describe('what was planted in a repository (F16)', () => {
  it('as the trash, or a batch in it, leads nowhere', async () => {
    const { scratch, repository } = await smallRepository();
    const [first] = [await repository.backup(), await repository.backup()];
    const elsewhere = join(scratch, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, `${first.uuid}.rev`), 'of somebody else');
    symlinkSync(elsewhere, repository.path('.trash'));

    expect(await repository.backy('forget', '-r', first.uuid)).toMatchObject({ exitCode: 1 });
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });

    expect(readdirSync(elsewhere)).toEqual([`${first.uuid}.rev`]);
    expect((await repository.status()).revisions.length).toBe(2);
    renameSync(repository.path('.trash'), join(scratch, 'link'));
    mkdirSync(repository.path('.trash'), { mode: 0o700 });
    symlinkSync(elsewhere, repository.path('.trash/20260101T000000000Z'));
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(elsewhere, `${first.uuid}.rev`), 'utf8')).toBe('of somebody else');
  });

  it('as the quarantine, or a report in it, is not written to', async () => {
    const { scratch, repository } = await smallRepository();
    const { uuid } = await repository.backup();
    const elsewhere = join(scratch, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, repository.path('quarantine'));
    chmodSync(repository.path(uuid), 0o600);
    const [byte = 0] = readAt(repository.path(uuid), 0, 1);
    writeAt(repository.path(uuid), 0, Buffer.of(byte ^ 1));

    // What cannot be kept is not healed.
    for (const args of [['verify'], ['verify', '--repair']])
      expect(await repository.backy(...args)).toMatchObject({ exitCode: 1 });

    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readAt(repository.path(uuid), 0, 1)).toEqual(Buffer.of(byte ^ 1));
  });

  it('as the cache of totals is neither read nor written through', async () => {
    const { scratch, repository } = await smallRepository();
    await repository.backup();
    const victim = join(scratch, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, repository.path('.revisions'));
    const { exitCode, stdout } = await backy(scratch, ['--json', 'status', '--all']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).repositories).toMatchObject([{ name: 'repository', totals: { revisions: 1 } }]);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it.each(['.revisions', 'backy.log', '.trash', 'last', 'quarantine'])(
    'as a pipe in the place of %s keeps nobody waiting',
    async (name) => {
      const { scratch, repository } = await smallRepository();
      const { uuid } = await repository.backup();
      rmSync(repository.path(name), { force: true, recursive: true });
      await mustRun('mkfifo', [repository.path(name)]);
      const limited = (directory: string, ...args: readonly string[]): Promise<Outcome> =>
        run('timeout', ['--signal', 'KILL', '60', process.execPath, PROGRAM, '-b', directory, ...args]);
      const outcomes = [
        await limited(scratch, 'status', '--all'),
        await limited(repository.directory, 'status'),
        await limited(repository.directory, 'verify'),
        await limited(repository.directory, 'backup', 'manual:x'),
      ];

      expect(
        outcomes.map(({ exitCode }) => exitCode),
        outcomes.map(said).join(''),
      ).toEqual([0, 0, 0, 0]);
      expect(repository.revisionFiles()).toContain(uuid);
    },
  );

  it('as the repository itself is the directory that it leads to, and nothing beside it', async () => {
    const { scratch, repository } = await smallRepository();
    const link = join(scratch, 'link');
    symlinkSync(repository.directory, link);
    const before = readdirSync(scratch).sort();
    expect(await backy(link, ['backup', 'manual:x', '--force'])).toMatchObject({ exitCode: 0 });
    const others = readdirSync(scratch).filter((name) => !name.startsWith('.disk.img.backy-'));
    expect(others.sort()).toEqual(before.filter((name) => !name.startsWith('.disk.img.backy-')));
    expect((await repository.status()).revisions.length).toBe(1);
  });
});

describe('files', () => {
  it.each(['000', '022', '077'])('are for their owner alone under umask %s', async (umask) => {
    const scratch = scratchForTest();
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(MIB), { mode: 0o600 });
    const command = `umask ${umask}; exec "$@"`;
    const umasked = (...args: readonly string[]): Promise<Outcome> =>
      run('sh', ['-c', command, 'sh', process.execPath, PROGRAM, '-b', join(scratch, 'r'), ...args]);
    const [backup, ...others] = [
      ['backup', 'manual:x', '--force'],
      ['status'],
      ['verify', '--repair'],
      ['tags', 'add', 'manual:y'],
      ['hold', '-r', '0', 'x'],
      ['release', '-r', '0'],
      ['forget', '-r', '1'],
      ['undelete', '-r', 'all'],
      ['purge'],
      ['restore', join(scratch, 'restored')],
    ] as const;
    const init = ['init', 'file', source];
    for (const args of [init, backup, backup, ...others]) {
      expect(await umasked(...args), args.join(' ')).toMatchObject({ exitCode: 0 });
      const open = (await run('find', [scratch, '-mindepth', '1', '-perm', '/077', '!', '-type', 'l']))
        .stdout;
      expect(open, args.join(' ')).toBe('');
    }
    expect(existsSync(join(scratch, 'restored'))).toBe(true);
    expect(lstatSync(join(scratch, 'r')).mode & 0o777).toBe(0o700);
  });
});

describe('bytes (F8)', () => {
  it(
    'of a record: every truncation and every substitution gives the record or one of two errors',
    () => {
      const record = makeRecord();
      const cases = substitutions(formatRecord(record), (text) => {
        try {
          expect(parseRecord(text, record.uuid).uuid).toBe(record.uuid);
        } catch (error) {
          if (!(error instanceof ShapeError || error instanceof SyntaxError)) throw error;
        }
      });
      report('hostile', { what: 'bytes of a record', cases, violations: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'of a configuration: likewise',
    () => {
      const seed =
        'source:\n  type: file\n  filename: /dev/vg0/vm\nschedule:\n  daily: {interval: 1d, keep: 9}\n';
      const cases = substitutions(seed, (text) => {
        try {
          parseConfig(text, 'config');
        } catch (error) {
          if (!isBackyError(error, 'BACKY_CONFIG_INVALID')) throw error;
        }
      });
      report('hostile', { what: 'bytes of a configuration', cases, violations: 0 });
    },
    PATIENCE_MS,
  );

  it('of an index: truncations and substitutions in a repository condemn that revision, and no other', async () => {
    const { repository } = await smallRepository();
    const [first, second] = [await repository.backup(), await repository.backup()];
    const index = repository.path(`${first.uuid}.hashes`);
    const good = readFileSync(index);
    chmodSync(index, 0o600);
    const engine = await loadEngine();
    const options = {
      image: repository.path(first.uuid),
      index,
      size: first.size,
      digest: first.digest ?? '',
    };
    const places = isLong ? good.length : 300;
    let cases = 0;
    for (const place of spread(good.length, places)) {
      const byte = good.readUInt8(place - 1);
      for (const bad of [good.subarray(0, place - 1), withByte(good, place - 1, byte ^ 0xff)]) {
        writeFileSync(index, bad);
        await expect(engine.verifyImage(options), `at ${place}`).rejects.toMatchObject({
          code: 'BACKY_INDEX_DAMAGED',
        });
        cases += 1;
      }
    }
    // A size of 16 EiB, and one of 8 PiB, under a header that is otherwise what it was.
    for (const size of [0xffff_ffff_ffff_ffffn, (1n << 53n) - 1n, 1n << 62n]) {
      const header = Buffer.from(good);
      header.writeBigUInt64LE(size, 16);
      writeFileSync(index, header);
      await expect(engine.verifyImage(options)).rejects.toMatchObject({ code: 'BACKY_INDEX_DAMAGED' });
      cases += 1;
    }
    const { verdicts } = await repository.verify();
    expect(verdicts).toMatchObject([{ verdict: 'bad' }, { uuid: second.uuid, verdict: 'good' }]);
    report('hostile', { what: 'bytes of an index', cases, violations: 0 });
  });

  it(
    'of specs and durations: a value or an error, never a crash, and never for long',
    () => {
      const alphabet = fc.constantFrom(
        ...'()&,.:-"\\ 0129dhmsy\n\u0000é',
        'first',
        'last',
        'not',
        'tag:',
        '..',
      );
      const text = fc.array(alphabet, { maxLength: 200 }).map((parts) => parts.join(''));
      const numRuns = pointsOr(2000);
      fc.assert(
        fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (candidate) => {
          const duration = parseDuration(candidate);
          expect(duration === undefined || (Number.isFinite(duration) && duration >= 0)).toBe(true);
          try {
            parseSpec(candidate);
          } catch (error) {
            if (!isBackyError(error)) throw error;
          }
        }),
        { numRuns, seed: testSeed | 0 },
      );
      report('hostile', { what: 'specs and durations', cases: numRuns, violations: 0 });
    },
    PATIENCE_MS,
  );
});

/** Every truncation and, in the long form every, else every 16th, substitution of a byte. Returns how many. */
function substitutions(seed: string, take: (text: string) => void): number {
  const bytes = Buffer.from(seed);
  const step = isLong ? 1 : 16;
  let count = 0;
  for (let place = 0; place < bytes.length; place += 1) {
    take(bytes.toString('utf8', 0, place));
    for (let byte = place % step; byte < 256; byte += step) {
      take(withByte(bytes, place, byte).toString('utf8'));
      count += 1;
    }
  }
  return count + bytes.length;
}

function withByte(bytes: Buffer, place: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(byte, place);
  return changed;
}
