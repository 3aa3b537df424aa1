import { closeSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { initRepository, isBackyError, type Repository } from '../../src/index.ts';
import { isLong, PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import {
  describeWith,
  KIB,
  MIB,
  needsOf,
  randomBytes,
  run,
  scratchForTest,
  useFilesystem,
  writeAt,
} from './tests.ts';

const diskBytes = 6 * MIB;
const disks = [
  { type: 'btrfs', sizeMib: 128 },
  { type: 'xfs', sizeMib: 300 },
] as const;
/** On one filesystem. */
const moments = Math.ceil(pointsOr(8) / disks.length);

for (const { type, sizeMib } of disks) {
  describeWith(needsOf(type), `a small ${type} that fills up at random moments`, () => {
    const filesystem = useFilesystem(type, sizeMib);

    it(
      'loses no revision, and forgets and purges when not one byte is left (I32, F9)',
      async () => {
        const random = randomFor(`full-disk ${type}`);
        const scratch = filesystem.scratch();
        const source = join(scratchForTest(), 'disk.img');
        writeFileSync(source, randomBytes(diskBytes));
        const repository = await initRepository(join(scratch, 'repository'), {
          type: 'file',
          filename: source,
        });
        const counts = { moments: 0, failed: 0, behind: 0, succeeded: 0, forgotten: 0 };
        await repository.backup({ tags: ['manual:0'], force: true });
        await withoutSpace(scratch, 0, async () => {});
        while (counts.moments < moments) {
          counts.moments += 1;
          // btrfs keeps a whole extent for any part of it that is needed: what is left of many takes all room in time.
          if (freeBytes(scratch) < 4 * diskBytes) await beginAnew(repository);
          const tag = `manual:${counts.moments}`;
          change(source, random);
          const before = await digests(repository);

          const leave = Math.floor(random() * diskBytes * 1.2);
          const failed = await withoutSpace(scratch, leave, () => fails(repository, tag));
          counts[failed ? 'failed' : 'succeeded'] += 1;

          const after = await digests(repository);
          for (const [uuid, digest] of before) expect(after.get(uuid), uuid).toBe(digest);
          // I5: what fails behind the record is reported, and is a revision all the same.
          const added = after.size - before.size;
          expect(failed ? [0, 1] : [1], tag).toContain(added);
          counts.behind += failed ? added : 0;
          expect(await repository.verify(), tag).toMatchObject({ good: true });

          // With space again the next backup just works; then there is enough to be forgotten.
          change(source, random);
          expect(await repository.backup({ tags: [`${tag}:again`], force: true }), tag).toBeDefined();
          await withoutSpace(scratch, 0, async () => {
            const { revisions } = await repository.status();
            expect(revisions.length).toBeGreaterThan(1);
            const freeBefore = freeBytes(scratch);
            const { removed } = await repository.forget({ revisions: 'not(0)' });
            expect(removed.length).toBe(revisions.length - 1);
            await repository.purge();
            expect(await filesystem.freeBytes(), tag).toBeGreaterThan(freeBefore);
            counts.forgotten += removed.length;
          });
        }
        // A few random moments may all leave enough.
        if (isLong) expect(counts.failed, 'there were full disks').toBeGreaterThan(0);
        report('full-disk', { filesystem: type, ...counts, violations: 0 });
      },
      PATIENCE_MS,
    );
  });
}

async function beginAnew(repository: Repository): Promise<void> {
  await repository.forget({ revisions: 'all', evenTheLast: true });
  await repository.purge();
  await repository.backup({ tags: ['manual:anew'], force: true });
}

/** Whether a backup failed; it may, for lack of space and for nothing else. */
async function fails(repository: Repository, tag: string): Promise<boolean> {
  try {
    await repository.backup({ tags: [tag], force: true });
    return false;
  } catch (error) {
    if (isBackyError(error, 'BACKY_IO') && error.details.errno === 'ENOSPC') return true;
    throw error;
  }
}

async function digests(repository: Repository): Promise<ReadonlyMap<string, string>> {
  const { revisions, damaged } = await repository.status();
  expect(damaged).toEqual([]);
  return new Map(revisions.map(({ uuid, digest }) => [uuid, digest ?? '']));
}

/** Writes some of the disk anew, up to all of it. */
function change(source: string, random: () => number): void {
  const length = Math.ceil((random() * diskBytes) / KIB) * KIB;
  const offset = Math.floor((random() * (diskBytes - length)) / KIB) * KIB;
  writeAt(source, offset, randomBytes(length));
}

/** Runs `work` while about so many bytes are free: none at all for 0, down to the last one. */
async function withoutSpace<Result>(
  directory: string,
  leaveBytes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const ballast = join(directory, 'ballast');
  // On a full disk these may fail themselves; how much is free then does not matter so much.
  try {
    await run('sync', ['--file-system', directory]);
    const wanted = freeBytes(directory) - leaveBytes;
    if (wanted > 0 && leaveBytes > 0) {
      await run('fallocate', ['--length', String(wanted), ballast]);
    } else if (leaveBytes === 0) {
      for (const piece of [MIB, 4 * KIB, 1]) fill(ballast, piece);
      await run('sync', ['--file-system', directory]);
      for (const piece of [4 * KIB, 1]) fill(ballast, piece);
    }
    return await work();
  } finally {
    rmSync(ballast, { force: true });
    // btrfs gives space back with a transaction, or some time after it, and counts it as free before.
    for (let attempt = 0; attempt < 600; attempt += 1) {
      await run('sync', ['--file-system', directory]);
      if (freeBytes(directory) >= 2 * diskBytes) break;
      await sleep(100);
    }
  }
}

function fill(path: string, pieceBytes: number): void {
  const file = openSync(path, 'a');
  const piece = Buffer.alloc(pieceBytes, 1);
  try {
    for (;;) writeSync(file, piece);
  } catch {
    // There is no more space.
  } finally {
    closeSync(file);
  }
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
