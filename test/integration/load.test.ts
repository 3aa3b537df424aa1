import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectSameBytes, MIB, makeSparseFile, randomBytes, writeAt } from '../helpers/bytes.ts';
import { cleanUpWith } from '../helpers/clean-up.ts';
import { mustRun, type Running, start } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { describeWith } from '../helpers/needs.ts';
import { createLiveRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

/** In two parts of an image, so that there is more than one thread at work. */
const places = [0, 33 * MIB];
const sourceBytes = 8 * MIB;
const rate = '4MiB';
/** The shortest time at that rate. The first MiB passes without a wait, and a quarter of a second is made up for. */
const leastMs = ((sourceBytes - MIB) / (4 * MIB)) * 1000 - 250;
/** sched(7) */
const SCHED_IDLE = '5';

describe('--rate', () => {
  it('makes everything that reads take its time', async () => {
    const repository = await filledRepository();
    const outside = scratchForTest();
    const file = (name: string): string => join(outside, name);
    writeFileSync(file('existing'), randomBytes(sourceBytes));
    const commands = [
      ['verify', '--rate', rate],
      ['restore', '--rate', rate, file('new')],
      ['restore', '--rate', rate, file('existing')],
      // Through a pipe go the holes, too: five times as much.
      ['restore', '--rate', '20MiB', '-'],
      ['backup', '--rate', rate, 'manual:slow'],
    ];

    const durations = await Promise.all(commands.map((args) => durationOf(repository, args)));

    for (const durationMs of durations) expect(durationMs).toBeGreaterThan(leastMs);
    for (const name of ['new', 'existing']) await expectSameBytes(file(name), repository.source);
  });

  it('is taken from the configuration by backups alone, unless they are told otherwise', async () => {
    const repository = await filledRepository();
    writeFileSync(
      repository.path('config'),
      `${readFileSync(repository.path('config'), 'utf8')}rate: ${rate}\n`,
    );

    expect(await durationOf(repository, ['backup', 'manual:slow'])).toBeGreaterThan(leastMs);
    writeFileSync(
      repository.path('config'),
      readFileSync(repository.path('config'), 'utf8').replace(rate, '1B'),
    );
    // At one byte a second these would take months.
    await durationOf(repository, ['backup', '--rate', '1GiB', 'manual:fast']);
    await durationOf(repository, ['verify']);
  });

  it('lets holes go through for nothing', async () => {
    const repository = await filledRepository();
    makeSparseFile(repository.source, 2 ** 30);
    writeAt(repository.source, 2 ** 29, randomBytes(MIB));
    // 1 GiB would take as long as a test may, and longer.
    await durationOf(repository, ['backup', '--rate', '2MiB', 'manual:sparse']);
    await durationOf(repository, ['verify', '-r', 'last', '--rate', '2MiB']);
  });

  it.runIf(process.platform === 'linux')('is cancelled at once however slow it is', async () => {
    const repository = await filledRepository();
    const running = await startSlow(repository, 'verify', '--rate', '1B');
    running.signal('SIGINT');
    const { exitCode, stderr } = await running.outcome;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/^backy: The verification was cancelled: .+\n$/);
  });

  it.each(['0', '50', '0MiB', '-5MiB', '5MB', 'fast', ''])('refuses "%s"', async (text) => {
    const repository = {
      backy: (...args: readonly string[]) => start(process.execPath, [PROGRAM, ...args]).outcome,
    };
    for (const command of ['backup', 'verify', 'restore'])
      await expectFailure(
        repository.backy,
        [command, `--rate=${text}`, ...(command === 'restore' ? ['x'] : [])],
        {
          code: 'BACKY_USAGE',
          says: [`"${text}" is not a rate`, '50MiB'],
        },
      );
  });

  it('refuses one of the configuration, by line and column', async () => {
    const repository = await filledRepository();
    const config = readFileSync(repository.path('config'), 'utf8');
    writeFileSync(repository.path('config'), `rate: 50\n${config}`);
    await expectFailure(repository.backy, ['backup', 'manual:x'], {
      code: 'BACKY_CONFIG_INVALID',
      says: [`${repository.path('config')}:1:7`, 'rate is 50', '50MiB'],
    });
  });
});

describeWith(['command ionice'], '--idle', () => {
  it('lets everything else go before the threads that do the work, and before these alone', async () => {
    const repository = await filledRepository();
    const running = await startSlow(repository, 'verify', '--idle', '--rate', '1B');
    const threads = threadsOf(running.pid);
    const working = threads.filter(({ name }) => name.startsWith('backy-verify'));
    const disk = await Promise.all(working.map(({ id }) => mustRun('ionice', ['--pid', id])));
    running.signal('SIGINT');
    await running.outcome;

    expect(working.length).toBeGreaterThan(0);
    expect(working.map(({ policy }) => policy)).toEqual(working.map(() => SCHED_IDLE));
    expect(disk).toEqual(working.map(() => 'idle\n'));
    const others = threads.filter((thread) => !working.includes(thread));
    expect(new Set(others.map(({ policy }) => policy))).toEqual(new Set([ownPolicy()]));
  });

  it('is taken from the configuration, and back with --no-idle', async () => {
    const repository = await filledRepository();
    const config = readFileSync(repository.path('config'), 'utf8');
    writeFileSync(repository.path('config'), `${config}idle: true\nrate: 1B\n`);
    const policies = async (...args: readonly string[]): Promise<ReadonlySet<string>> => {
      const running = await startSlow(repository, 'backup', ...args, 'manual:slow');
      const working = threadsOf(running.pid).filter(({ name }) => name.startsWith('backy-write'));
      running.signal('SIGINT');
      await running.outcome;
      return new Set(working.map(({ policy }) => policy));
    };

    expect(await policies()).toEqual(new Set([SCHED_IDLE]));
    expect(await policies('--no-idle')).toEqual(new Set([ownPolicy()]));
  });
});

async function filledRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 40 * MIB);
  for (const place of places) writeAt(source, place, randomBytes(sourceBytes / places.length));
  const repository = await createLiveRepository(join(scratch, 'repository'), source);
  await repository.backup();
  return repository;
}

/** Measures the time of a command that must succeed. */
async function durationOf({ directory }: TestRepository, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await mustRun(process.execPath, [PROGRAM, '-b', directory, ...args]);
  return performance.now() - startedMs;
}

/** Starts a command that will not end by itself, and waits until its engine has begun. */
async function startSlow(
  { directory }: TestRepository,
  command: string,
  ...args: readonly string[]
): Promise<Running> {
  const running = start(process.execPath, [PROGRAM, '-b', directory, command, ...args]);
  const cleanUp = cleanUpWith('kill -KILL "-$1" 2>/dev/null || true', String(running.pid));
  onTestFinished(() => cleanUp.now());
  let hasEnded = false;
  void running.outcome.then(() => {
    hasEnded = true;
  });
  // Several threads at work: by then the first of them has long done what it does at its beginning.
  const hasBegun = () => threadsOf(running.pid).filter(({ name }) => name.startsWith('backy-')).length > 1;
  while (!hasEnded && !hasBegun()) await sleep(10);
  expect(hasEnded).toBe(false);
  return running;
}

interface Thread {
  readonly id: string;
  readonly name: string;
  /** Number of its scheduling policy: proc_pid_stat(5). */
  readonly policy: string;
}

/** The scheduling policy of the tests, which their children inherit. */
function ownPolicy(): string {
  return threadsOf(process.pid).find(({ id }) => id === String(process.pid))?.policy ?? '';
}

/** Those that end while they are listed are left out. */
function threadsOf(pid: number): readonly Thread[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    const [, name = '', fields = ''] = /\((.*)\) (.*)/s.exec(statOf(pid, id)) ?? [];
    return name === '' ? [] : [{ id, name, policy: fields.split(' ')[38] ?? '' }];
  });
}

function statOf(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  } catch {
    return '';
  }
}
