import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { cleanUpWith } from '../helpers/clean-up.ts';
import { run, start } from '../helpers/command.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, PROGRAM, readLive, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

/** The command as npm installs it. */
const COMMAND = fileURLToPath(new URL('../../bin/backy', import.meta.url));
/** Backups of 8 MiB at these rates take two seconds, and more than a minute, so that something can happen in their middle. */
const SLOWLY = ['--rate', '8MiB'];
const FOREVER = ['--rate', '100KiB'];

describeWith(['command script', 'command setsid'], 'a terminal that goes away', () => {
  it.each([
    { name: 'and leaves its callers without SIGHUP', before: 'setsid --wait' },
    { name: 'and sends a SIGHUP that its callers ignore', before: "trap '' HUP;" },
  ])('lets a backup finish ($name)', async ({ before }) => {
    const repository = await makeRepository();
    const result = repository.path('../result');
    await inLostTerminal(
      repository,
      `${before} sh -c '${backup(repository, SLOWLY)}; echo $? >${result}; mv ${result} ${result}.complete'`,
    );
    expect(await eventually(() => readFileSync(`${result}.complete`, 'utf8'))).toBe('0\n');
    expect((await repository.status()).revisions).toHaveLength(1);
  });

  it('cancels the backup that runs on it', async () => {
    const repository = await makeRepository();
    await inLostTerminal(repository, `exec ${backup(repository, FOREVER)}`);
    await eventually(() =>
      expect(readFileSync(repository.path('backy.log'), 'utf8')).toContain('The backup was cancelled'),
    );
    expect(repository.revisionFiles()).toEqual([]);
  });
});

describeWith([], 'a signal that the caller ignores', () => {
  it.each(['SIGHUP', 'SIGINT', 'SIGTERM'] as const)('%s is ignored by a backup, too', async (signal) => {
    const repository = await makeRepository();
    const trap = `trap '' ${signal.replace('SIG', '')}; exec "$@"`;
    const backup = [COMMAND, '-b', repository.directory, 'backup', 'manual:ignoring', ...SLOWLY];
    const running = start('sh', ['-c', trap, 'sh', ...backup]);
    await untilReading(repository);
    running.signal(signal);
    expect(await running.outcome).toMatchObject({ exitCode: 0 });
  });

  it('one that it does not ignore cancels the backup', async () => {
    const repository = await makeRepository();
    const running = start(COMMAND, ['-b', repository.directory, 'backup', 'manual:not', ...FOREVER]);
    await untilReading(repository);
    running.signal('SIGHUP');
    expect(await running.outcome).toMatchObject({ exitCode: 129 });
  });
});

describeWith([], 'an old Node', () => {
  it.each(['18.20.4', '20.18.3', '21.7.3', '22.11.0'])('%s is refused in one line', async (version) => {
    expect(await withNode(version, '--version')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `backy: Node ${version} is too old for backy. Install Node 20.19, 22.12, or any newer version.\n`,
    });
    const { exitCode, stderr } = await withNode(version, '--json', 'status');
    expect({ exitCode, ...JSON.parse(stderr) }).toMatchObject({
      exitCode: 1,
      code: 'BACKY_NODE_UNSUPPORTED',
    });
  });

  it.each(['20.19.0', '22.12.0', '24.0.0', '26.1.0'])('%s is none', async (version) => {
    expect(await withNode(version, '--version')).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

async function makeRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(8 * MIB));
  const repository = await createRepository(join(scratch, 'repository'), source);
  readLive(repository);
  return repository;
}

function backup(repository: TestRepository, rate: readonly string[]): string {
  return [COMMAND, '-b', repository.directory, 'backup', 'manual:terminal', ...rate].join(' ');
}

/** Runs a command line that takes a backup on a terminal of its own, and destroys that while the backup reads. */
async function inLostTerminal(repository: TestRepository, commandLine: string): Promise<void> {
  const terminal = start('script', ['--quiet', '--command', commandLine, '/dev/null']);
  const cleanUp = cleanUpWith('kill -KILL "-$1" 2>/dev/null || true', String(terminal.pid));
  onTestFinished(() => cleanUp.now());
  await untilReading(repository);
  process.kill(terminal.pid, 'SIGKILL');
}

/** The log says so at the start. */
function untilReading(repository: TestRepository): Promise<void> {
  return eventually(() => {
    expect(readFileSync(repository.path('backy.log'), 'utf8')).toContain('backing up');
  });
}

/** Waits for as long as a busy machine may take. */
function eventually<Result>(look: () => Result): Promise<Result> {
  return vi.waitFor(look, { timeout: 120_000, interval: 50 });
}

/** Runs the command on a Node that calls itself by another version. */
async function withNode(version: string, ...args: readonly string[]) {
  const disguise = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`;
  const script = join(scratchForTest(), 'disguise.cjs');
  writeFileSync(script, disguise);
  return run(process.execPath, ['--require', script, PROGRAM, ...args]);
}
