import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { expectSameBytes, KIB, MIB, makeSparseFile, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { attachDevice, withMounted } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { callsNeeds, compileCalls } from '../torture/tracer/calls.ts';

const blockBytes = 256 * KIB;
const diskBytes = 32 * MIB;
/** The upper limit of bytes that each run samples of such a disk. */
const sampleBytes = Math.ceil(diskBytes / blockBytes / 30) * blockBytes;
const pages = [1, 5000, 5001, 7000, 8000];

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith([...needsOf('btrfs', 'xfs'), ...callsNeeds, 'command strace'], `a file on ${type}`, () => {
    const sources = useFilesystem(type);
    const repositories = useFilesystem(type === 'btrfs' ? 'xfs' : 'btrfs');
    /** A dense disk and a repository on another filesystem. */
    const apart = (): Promise<TestRepository> => repositoryOf(sources.scratch(), repositories.scratch());

    it('is read where it changed, and a little more', async () => {
      const repository = await apart();
      const first = await repository.backup();
      expect(first.stats).toMatchObject({ method: 'full', bytesRead: diskBytes, sampleRun: 0 });
      for (const page of pages) writeAt(repository.source, page * 4 * KIB, randomBytes(4 * KIB));
      const changedBytes = new Set(pages.map((page) => Math.floor((page * 4) / 256))).size * blockBytes;

      const second = await repository.backup();

      expect(second.stats).toMatchObject({ method: 'extent-map', bytesChanged: changedBytes, sampleRun: 1 });
      expect(second.stats).not.toHaveProperty('fallback');
      expect(second.stats.bytesRead).toBeGreaterThanOrEqual(changedBytes);
      expect(second.stats.bytesRead).toBeLessThanOrEqual(changedBytes + sampleBytes);
      await expectSameBytes(repository.path(second.uuid), repository.source);
      expect(snapshotsOf(repository)).toEqual([expect.stringMatching(new RegExp(`-${second.uuid}$`))]);
      expect((await repository.backy('status', '-v')).stdout).toMatch(
        / {2}full {8}reflink {2}-\n.* {2}extent-map {2}reflink {2}-\n/,
      );
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('costs only its changes, whatever its size', async () => {
      const costs = [];
      for (const gibibytes of [4, 64]) {
        const source = join(sources.scratch(), 'disk.img');
        makeSparseFile(source, gibibytes * 1024 * MIB);
        for (let n = 0; n < 24; n += 1) writeAt(source, n * 128 * MIB, randomBytes(256 * KIB));
        const repository = await createRepository(join(repositories.scratch(), 'repository'), source);
        await repository.backup();
        for (let n = 0; n < 24; n += 3) writeAt(source, n * 128 * MIB + 5000, randomBytes(20 * KIB));
        const { uuid, stats } = await repository.backup();
        const { method, bytesRead, bytesWritten, bytesChanged } = stats;
        costs.push({ method, bytesRead, bytesWritten, bytesChanged });
        expect(readAt(repository.path(uuid), 3 * 128 * MIB, 256 * KIB)).toEqual(
          readAt(source, 3 * 128 * MIB, 256 * KIB),
        );
      }
      const expected = { method: 'extent-map', bytesChanged: 8 * blockBytes, bytesWritten: 8 * 32 * KIB };
      expect(costs).toEqual(costs.map(({ bytesRead }) => ({ ...expected, bytesRead })));
      expect(new Set(costs.map(({ bytesRead }) => bytesRead)).size).toBe(1);
      expect(costs[0]?.bytesRead).toBeLessThanOrEqual(9 * blockBytes);
    });

    it('is cloned, and nothing copied, where the repository is on the same filesystem', async () => {
      const scratch = sources.scratch();
      const repository = await repositoryOf(scratch, scratch);
      const first = await repository.backup();
      writeAt(repository.source, 7 * MIB, randomBytes(MIB));

      const { uuid, stats } = await repository.backup();

      // The snapshots have become the images, and nobody else has a name of them.
      expect(snapshotsOf(repository)).toEqual([]);
      for (const each of [first.uuid, uuid]) expect(statSync(repository.path(each)).nlink).toBe(1);
      expect(stats).toMatchObject({
        method: 'clone',
        sharing: 'reflink',
        bytesWritten: 0,
        bytesChanged: MIB,
      });
      expect(stats.bytesRead).toBeLessThanOrEqual(MIB + sampleBytes);
      expect((await repository.backy('status', '-v')).stdout).toContain(
        'clone   reflink: with the source, as both live on one disk',
      );
      await expectSameBytes(repository.path(uuid), repository.source);
      writeAt(repository.source, 0, randomBytes(MIB));
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('is backed up as it was at one instant, whatever is written meanwhile', async () => {
      const repository = await apart();
      writeAt(repository.source, 0, Buffer.alloc(8));
      writeAt(repository.source, diskBytes - 8, Buffer.alloc(8));
      await countAtBothEnds(repository.source);
      for (let n = 0; n < 4; n += 1) {
        const image = repository.path((await repository.backup()).uuid);
        const [head, tail] = [0, diskBytes - 8].map((at) => readAt(image, at, 8).readBigUInt64LE());
        expect([head, (head ?? 0n) - 1n]).toContain(tail);
      }
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('is read in full, and says so, without the previous snapshot', async () => {
      const repository = await apart();
      await repository.backup();
      for (const path of snapshotsOf(repository)) rmSync(path, { recursive: true });

      const { exitCode, stderr } = await repository.backy('backup', 'manual:again');

      expect(exitCode).toBe(0);
      expect(stderr).toMatch(/^backy: warning: .*the snapshot of the revision before is gone\n$/);
      const [, second] = (await repository.status()).revisions;
      expect(second?.stats).toMatchObject({
        method: 'full',
        fallback: 'the snapshot of the revision before is gone',
      });
    });

    it('is read in full if one block disproves the hints', async () => {
      const repository = await apart();
      configure(repository, 'sample-runs: 1');
      await repository.backup();
      const [snapshot = ''] = snapshotsOf(repository);
      writeAt(repository.source, 3 * blockBytes, randomBytes(5));
      writeAt(repository.source, 100 * blockBytes - 1, randomBytes(2));
      // From now on the snapshot of the parent is that of a later state, from which nothing differs.
      await mustRun('cp', ['--reflink=always', repository.source, fileIn(snapshot)]);

      const { exitCode, stderr } = await repository.backy('backup', 'manual:again');

      expect(exitCode).toBe(0);
      expect(stderr).toContain('warning: the source did not tell of changes in bytes');
      const [, second] = (await repository.status()).revisions;
      expect(second?.stats).toMatchObject({
        method: 'full',
        fallback: expect.stringContaining('not all of it'),
        bytesChanged: 3 * blockBytes,
        hintFailures: [
          { offset: 3 * blockBytes, length: blockBytes },
          { offset: 99 * blockBytes, length: 2 * blockBytes },
        ],
      });
      await expectSameBytes(repository.path(second?.uuid ?? ''), repository.source);
    });

    it.each(['another', 'the same'] as const)(
      'is distrusted with all that rests on hints when one was wrong before, on %s filesystem',
      async (place) => {
        const scratch = sources.scratch();
        const repository = place === 'another' ? await apart() : await repositoryOf(scratch, scratch);
        configure(repository, 'sample-runs: 1000');
        const full = await repository.backup();
        await repository.backup();
        const parent = (await repository.status()).revisions[1]?.uuid ?? '';
        const [snapshot = ''] = snapshotsOf(repository);
        const file = place === 'another' ? fileIn(snapshot) : repository.path(parent);
        // The snapshot of the parent is that of a later state, so what changed in block 50 is not seen.
        writeAt(repository.source, 50 * blockBytes, randomBytes(5));
        await mustRun('cp', ['--reflink=always', repository.source, file]);
        const wrong = await repository.backup();
        expect(wrong.stats).toMatchObject({ method: place === 'another' ? 'extent-map' : 'clone' });
        const config = repository.path('config');
        writeFileSync(config, readFileSync(config, 'utf8').replace('sample-runs: 1000', 'sample-runs: 1'));

        const { exitCode, stderr } = await repository.backy('backup', 'manual:again');

        expect(exitCode).toBe(0);
        expect(stderr).toContain(`2 revisions may lack changes and cannot be trusted any more: ${parent}, `);
        expect(stderr).toContain(
          `${wrong.uuid} is wrong: it differs from its snapshot in bytes ${50 * blockBytes}-`,
        );
        const { revisions } = await repository.status();
        const [, suspect, lacking, good] = revisions;
        expect(revisions.map(({ trust }) => trust)).toEqual([
          'trusted',
          'distrusted',
          'distrusted',
          'trusted',
        ]);
        expect(suspect?.distrustedBecause).toContain(good?.uuid);
        expect(lacking?.distrustedBecause).toContain('differs from its snapshot');
        expect(good?.stats.fullRead).toBe(good?.uuid);
        expect(lacking?.stats.fullRead).toBe(full.uuid);
        await expectSameBytes(repository.path('last'), repository.source);
        expect((await repository.backy('status')).stdout).toMatch(/distrusted: it differs from its snapshot/);
        await repository.backy('verify');
        expect((await repository.status()).revisions[2]?.trust).toBe('distrusted');
      },
    );

    it('keeps the snapshot it needs when a backup fails, and loses the one of a backup that was killed', async () => {
      const repository = await apart();
      const attempt = [
        'env',
        process.execPath,
        PROGRAM,
        '-b',
        repository.directory,
        'backup',
        'manual:x',
      ] as const;
      await repository.backup();
      const calls = await compileCalls(sources.scratch());
      const whole = await calls.run(repository.directory, attempt);
      const { uuid } = (await repository.status()).revisions[1] ?? {};
      const kept = snapshotsOf(repository);
      const failing = ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=pwrite64:error=EIO'];
      writeAt(repository.source, 0, randomBytes(KIB));

      expect(await run('strace', [...failing, ...attempt])).toMatchObject({ exitCode: 1 });
      expect(snapshotsOf(repository)).toEqual(kept);
      const killAt = 1 + whole.calls.findLastIndex((call) => /^clone .*[0-9a-f]\.partial$/.test(call));
      await calls.run(repository.directory, attempt, { killAt });
      expect(snapshotsOf(repository)).toHaveLength(2);

      const next = await repository.backup();

      expect(next).toMatchObject({ parent: uuid, stats: { method: 'extent-map' } });
      expect(snapshotsOf(repository)).toEqual([expect.stringContaining(next.uuid)]);
    });

    it('may be backed up by two repositories, each with its own snapshot', async () => {
      const one = await apart();
      const two = await createRepository(join(repositories.scratch(), 'repository'), one.source);
      for (const repository of [one, two, one, two]) {
        writeAt(one.source, 30 * MIB, randomBytes(100));
        await repository.backup();
      }
      for (const repository of [one, two]) {
        const [, second] = (await repository.status()).revisions;
        expect(second?.stats.method).toBe('extent-map');
      }
      expect(snapshotsOf(one)).toHaveLength(2);
    });

    it('is read live when that is wished, and its snapshots go', async () => {
      const repository = await apart();
      await repository.backup();
      configure(repository, 'snapshot: off');

      const { uuid, stats } = await repository.backup();

      expect(stats).toMatchObject({
        method: 'full',
        fallback: 'snapshots are switched off',
        bytesRead: diskBytes,
      });
      expect(snapshotsOf(repository)).toEqual([]);
      await expectSameBytes(repository.path(uuid), repository.source);
    });
  });
}

describeWith(needsOf('ext4', 'xfs'), 'a device that is mounted', () => {
  const filesystem = useFilesystem('xfs');

  /** A device with an ext4 on it, and the file behind it. */
  async function repositoryOfDevice() {
    const scratch = filesystem.scratch();
    const disk = join(scratch, 'disk');
    makeSparseFile(disk, 16 * MIB);
    await mustRun('mkfs.ext4', ['-q', '-F', disk]);
    const device = await attachDevice(disk);
    return { disk, device, repository: await createRepository(join(scratch, 'repository'), device) };
  }

  it('is refused, unless one insists', async () => {
    const { device, repository } = await repositoryOfDevice();
    await withMounted(device, 'ro,noload', async () => {
      await expectFailure(repository.backy, ['backup'], {
        code: 'BACKY_SOURCE_MOUNTED',
        says: [device, 'mounted or otherwise in use', 'allow-mounted'],
      });
      expect(await repository.backy('backup', '--force', 'manual:1')).toMatchObject({
        exitCode: 0,
        stderr: '',
      });
      configure(repository, 'allow-mounted: true');
      await repository.backup();
    });
    const { revisions } = await repository.status();
    expect(revisions).toMatchObject([
      { stats: { method: 'full', fallback: 'a block device has no snapshot of its own' } },
      { stats: { method: 'full' } },
    ]);
    await expectSameBytes(repository.path('last'), device);
  });

  it('is read from the disk, because its filesystem bypasses the cache of the device', async () => {
    const { disk, device, repository } = await repositoryOfDevice();
    configure(repository, 'allow-mounted: true');
    await withMounted(device, 'rw', async (directory) => {
      writeFileSync(join(directory, 'file'), randomBytes(4 * MIB));
      await mustRun('sync', ['-f', directory]);
      // Fills the cache of the device.
      await mustRun('cat', [device]);
      writeFileSync(join(directory, 'file'), randomBytes(4 * MIB), { flag: 'r+' });
      await mustRun('sync', ['-f', directory]);
      await mustRun('fsfreeze', ['--freeze', directory]);
      try {
        await repository.backup();
        await mustRun('cmp', [repository.path('last'), disk]);
      } finally {
        await mustRun('fsfreeze', ['--unfreeze', directory]);
      }
    });
  });
});

async function repositoryOf(sources: string, repositories: string): Promise<TestRepository> {
  const source = join(sources, 'disk.img');
  writeFileSync(source, randomBytes(diskBytes));
  return createRepository(join(repositories, 'repository'), source);
}

/** The paths of the hidden snapshots beside a source. */
function snapshotsOf({ source }: TestRepository): readonly string[] {
  const directory = dirname(source);
  return readdirSync(directory)
    .filter((name) => name.startsWith(`.${basename(source)}.backy-`))
    .map((name) => join(directory, name))
    .sort();
}

/** The snapshot in its directory. */
function fileIn(directory: string): string {
  return join(directory, directory.slice(-36));
}

function configure({ path }: TestRepository, setting: string): void {
  const config = readFileSync(path('config'), 'utf8');
  writeFileSync(path('config'), config.replace(/^( *)type: file\n/m, `$&$1${setting}\n`));
}

/** Has a process count up at the start of a file, then at its end, and so on until the test ends. */
async function countAtBothEnds(path: string): Promise<void> {
  const script = `
    const fs = require('node:fs');
    const file = fs.openSync(process.argv[1], 'r+');
    for (let count = 1n; ; count += 1n) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(count);
      fs.writeSync(file, bytes, 0, 8, 0);
      fs.writeSync(file, bytes, 0, 8, ${diskBytes - 8});
      if (count === 1n) process.stdout.write('counting');
    }`;
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await new Promise((resolve) => {
    child.stdout.once('data', resolve);
  });
}
