import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { expectSameBytes, KIB, MIB, randomBytes } from '../../helpers/bytes.ts';
import type { CephCluster } from '../../helpers/ceph.ts';
import { start } from '../../helpers/command.ts';
import { createRbdRepository, type RbdRepository } from '../../helpers/rbd-repository.ts';

const OBJECT = 64 * KIB;
const SIZE = 4 * MIB;
const [IMAGE, BASE] = ['rbd/history', 'rbd/history-base'];
const OTHER = 'rbd/history-other';
/** An administrator's snapshots. The object map of an image is wrong after a rollback to any but the first. */
const [FIRST, SECOND] = [`${IMAGE}@first`, `${IMAGE}@second`];
const OBJECT_MAP = ['object-map', 'fast-diff'];

/** Whatever people do to an image between two backups: the next revision equals it, however it was read. */
export function histories(cluster: CephCluster, makeDirectory: () => string): void {
  describe('to which things happen between backups', () => {
    let directory: string;
    let repository: RbdRepository;
    let newest: RevisionRecord;
    const rbd = (command: string, ...args: readonly string[]): Promise<string> =>
      cluster.rbd(...command.split(' '), ...args);
    const rollBack = (snapshot: string): Promise<string> => rbd('snap rollback --no-progress', snapshot);
    const write = (...offsets: readonly number[]): Promise<void> =>
      cluster.write(IMAGE, ...offsets.map((offset) => ({ offset, bytes: randomBytes(4 * KIB) })));

    async function expectEqual(record: RevisionRecord): Promise<void> {
      const path = join(directory, `exported-${record.uuid}`);
      await cluster.export(`${IMAGE}@backy-${record.uuid}`, path);
      await expectSameBytes(path, repository.image(record));
      rmSync(path);
    }

    beforeAll(async () => {
      directory = makeDirectory();
      const small = ['--object-size', '64K'];
      await rbd(`create --size ${SIZE}B`, ...small, BASE);
      await cluster.write(BASE, { offset: 0, bytes: randomBytes(2 * MIB) });
      await rbd('snap create --no-progress', `${BASE}@s`);
      await rbd('snap protect', `${BASE}@s`);
      await rbd('clone', ...small, `${BASE}@s`, IMAGE);
      // Objects that are whole, short, and not there.
      await cluster.write(
        IMAGE,
        { offset: MIB, bytes: randomBytes(8 * OBJECT) },
        { offset: 3 * MIB, bytes: randomBytes(OBJECT / 4) },
      );
      await rbd('snap create --no-progress', FIRST);
      await rbd('snap create --no-progress', SECOND);
      await cluster.write(
        IMAGE,
        { offset: MIB + 3 * OBJECT, bytes: randomBytes(OBJECT) },
        { offset: 3 * MIB + OBJECT / 2, bytes: randomBytes(OBJECT / 4) },
        { offset: 3 * MIB + 5 * OBJECT, bytes: randomBytes(OBJECT) },
        { offset: MIB + 5 * OBJECT, bytes: OBJECT },
      );
      repository = await createRbdRepository(cluster, directory, IMAGE);
      newest = await repository.backup();
      await expectEqual(newest);
    });

    it.each<readonly [string, () => Promise<unknown>]>([
      ['a rollback to a snapshot that has an older one beside it', () => rollBack(SECOND)],
      ['writes, then a rollback to the oldest', () => write(0, MIB + OBJECT).then(() => rollBack(FIRST))],
      [
        'a rollback and writes into what went back',
        async () => {
          await write(MIB + 2 * OBJECT, 3 * MIB + OBJECT / 2);
          await rollBack(SECOND);
          await write(MIB + 3 * OBJECT, 3 * MIB + OBJECT - 4 * KIB);
        },
      ],
      ['a new size and the old one again', () => resize(2 * MIB + 512).then(() => resize(SIZE))],
      [
        'a rollback without an object map',
        async () => {
          await rbd('feature disable', IMAGE, ...OBJECT_MAP);
          await write(MIB + 4 * OBJECT);
          await rollBack(SECOND);
        },
      ],
      [
        'writes and a rollback beside an object map that is not valid',
        async () => {
          await write(MIB + 6 * OBJECT);
          await rbd('feature enable', IMAGE, ...OBJECT_MAP);
          await rollBack(SECOND);
          await write(MIB);
        },
      ],
      [
        'a rollback and an object map that was made anew',
        async () => {
          await write(MIB + 3 * OBJECT);
          await rollBack(SECOND);
          await rbd('object-map rebuild --no-progress', IMAGE);
        },
      ],
      [
        // With an exclusive lock, rbd refuses that.
        'a rollback while somebody writes',
        async () => {
          await rbd('feature disable', IMAGE, ...OBJECT_MAP, 'exclusive-lock');
          const bench = 'bench --io-type write --io-size 4K --io-threads 1 --io-total 2M --io-pattern rand';
          const writing = start('rbd', [...bench.split(' '), IMAGE], { env: cluster.env });
          await rollBack(SECOND);
          expect((await writing.outcome).exitCode).toBe(0);
          await rbd('feature enable', IMAGE, 'exclusive-lock', ...OBJECT_MAP);
        },
      ],
      [
        'a rollback to our own snapshot',
        () => write(MIB, 3 * MIB).then(() => rollBack(`${IMAGE}@backy-${newest.uuid}`)),
      ],
      [
        'a flattening, and another name for a while',
        async () => {
          await rbd('flatten --no-progress', IMAGE);
          await rbd('mv', IMAGE, OTHER);
          await rbd('mv', OTHER, IMAGE);
        },
      ],
    ])('is read right after %s', async (_, happen) => {
      await happen();
      newest = await repository.backup();
      expect(newest.stats).toMatchObject({ method: 'rbd-diff' });
      expect(newest.stats.hintFailures).toBeUndefined();
      await expectEqual(newest);
    });

    it.each<readonly [string, string, () => Promise<unknown>]>([
      [
        'somebody else has made a snapshot of the name of ours',
        'was made by somebody else',
        async () => {
          await rbd('snap rm --no-progress', `${IMAGE}@backy-${newest.uuid}`);
          await write(MIB, 3 * MIB);
          await rbd('snap create --no-progress', `${IMAGE}@backy-${newest.uuid}`);
        },
      ],
      [
        'a copy has taken its place, with all snapshots',
        'the parent was read from another image of this name',
        async () => {
          await write(MIB + OBJECT);
          await rbd('deep cp --no-progress', IMAGE, OTHER);
          await replaceBy(() => rbd('mv', OTHER, IMAGE));
        },
      ],
      [
        'another one was made in its place, with a snapshot of that name',
        'the parent was read from another image of this name',
        async () => {
          await replaceBy(() => rbd(`create --size ${SIZE}B`, IMAGE));
          await cluster.write(IMAGE, { offset: MIB, bytes: randomBytes(OBJECT) });
          await rbd('snap create --no-progress', `${IMAGE}@backy-${newest.uuid}`);
        },
      ],
    ])('is read in full when %s', async (_, reason, happen) => {
      await happen();
      newest = await repository.backup();
      expect(newest.stats).toMatchObject({ method: 'full', fallback: expect.stringContaining(reason) });
      await expectEqual(newest);
      await write(MIB + 7 * OBJECT);
      newest = await repository.backup();
      expect(newest.stats.method).toBe('rbd-diff');
      await expectEqual(newest);
    });

    async function resize(size: number): Promise<void> {
      await rbd(`resize --no-progress --allow-shrink --size ${size}B`, IMAGE);
    }

    async function replaceBy(replace: () => Promise<unknown>): Promise<void> {
      await rbd('snap purge --no-progress', IMAGE);
      await rbd('rm --no-progress', IMAGE);
      await replace();
    }
  });
}
