import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { flipByte, KIB, MIB, randomBytes } from '../../helpers/bytes.ts';
import type { ImageChange } from '../../helpers/ceph.ts';
import { useFilesystem } from '../../helpers/loop-filesystem.ts';
import { seededRandom, testSeed } from '../../helpers/random.ts';
import { createRbdRepository, type RbdRepository } from '../../helpers/rbd-repository.ts';

import type { CephBench } from './bench.ts';

const OBJECT = 4 * MIB;

/** A backup reads what changed in an image, and everything if it cannot know. */
export function changes(bench: CephBench): void {
  const { cluster, filesystem, setUp, expectRevision } = bench;

  describe('backed up twice', () => {
    const size = 64 * MIB;
    let image: string;
    let repository: RbdRepository;
    let first: RevisionRecord;
    let second: RevisionRecord;

    beforeAll(async () => {
      image = 'rbd/twice';
      await cluster.rbd('create', '--size', `${size}B`, image);
      await cluster.write(
        image,
        { offset: 1000, bytes: randomBytes(MIB) },
        { offset: 9 * MIB, bytes: randomBytes(20 * MIB) },
      );
      await cluster.rbd('snap', 'create', '--no-progress', `${image}@by-hand`);
      await cluster.rbd('snap', 'create', '--no-progress', `${image}@backy-somebody-elses-snapshot`);
      repository = await createRbdRepository(cluster, join(filesystem.directory), image);
      first = await repository.backup();
      await cluster.write(
        image,
        { offset: 50 * KIB, bytes: randomBytes(KIB) },
        { offset: 12 * MIB, bytes: MIB },
      );
      second = await repository.backup();
    });

    it('reads everything first and only the objects that changed then, with a sample of the rest', async () => {
      expect(first).toMatchObject({
        size,
        source: { type: 'ceph-rbd', image },
        consistency: 'crash',
        stats: { method: 'full', sharing: 'reflink' },
      });
      expect(first.stats.fallback).toBeUndefined();
      // All of it is compared with the snapshot again.
      expect(first.stats.bytesRead).toBeGreaterThanOrEqual(size + 21 * MIB);
      expect(second.stats).toMatchObject({ method: 'rbd-diff', bytesChanged: MIB + 256 * KIB });
      expect(second.stats.bytesRead).toBeLessThanOrEqual(2 * OBJECT + size / 16);
      expect(second.stats.bytesWritten).toBeLessThanOrEqual(16 * KIB);
    });

    it('keeps each state as a complete raw image', async () => {
      await expectRevision(repository, second, image);
      expect(statSync(repository.image(first)).size).toBe(size);
      const { stdout } = await repository.backy('--json', 'verify');
      expect(JSON.parse(stdout)).toMatchObject({ good: true });
    });

    it('keeps the snapshot of the newest revision and those of others', async () => {
      expect(await cluster.snapshots(image)).toEqual([
        'by-hand',
        'backy-somebody-elses-snapshot',
        `backy-${second.uuid}`,
      ]);
    });

    it('is shown by status and doctor', async () => {
      expect((await repository.backy('status', '-v')).stdout).toMatch(/manual:2 +\w+ +rbd-diff +reflink/);
      expect((await repository.backy('doctor')).stdout).toContain(`${image} (rbd image, 64.00 MiB)`);
    });
  });

  it('is followed through writes, discards and new sizes, whatever the order', async () => {
    const { image, repository } = await setUp(21 * MIB + 512);
    let size = 21 * MIB + 512;
    const chance = seededRandom(testSeed);
    const random = (below: number): number => Math.floor(chance() * below);
    for (let generation = 0; generation < 8; generation += 1) {
      const changes = Array.from({ length: 6 }, (): ImageChange => {
        const offset = random(size / 512) * 512;
        const length = Math.min(size - offset, 512 + random(2) * random(6 * MIB));
        return { offset, bytes: random(3) === 0 ? length : randomBytes(length) };
      });
      await cluster.write(image, ...changes);
      const record = await repository.backup();
      await expectRevision(repository, record, image);
      expect(record.stats.method).toBe(generation === 0 ? 'full' : 'rbd-diff');
      if (generation % 2 === 1) {
        size = 12 * MIB + random(40_000) * 512;
        await cluster.rbd('resize', '--no-progress', '--allow-shrink', '--size', `${size}B`, image);
      }
    }
    const { stdout } = await repository.backy('--json', 'verify');
    expect(JSON.parse(stdout)).toMatchObject({ good: true });
  });

  describe('backed up to a filesystem without reflinks', () => {
    const plain = useFilesystem('ext4', 256);

    it('is copied from the parent where it did not change, which spares the cluster', async () => {
      const { image } = await setUp(40 * MIB);
      await cluster.write(image, { offset: 8 * MIB, bytes: randomBytes(12 * MIB) });
      const repository = await createRbdRepository(cluster, plain.directory, image);
      await repository.backup();
      await cluster.write(image, { offset: 9 * MIB, bytes: randomBytes(KIB) });
      const second = await repository.backup();
      expect(second.stats).toMatchObject({ method: 'rbd-diff', sharing: 'none', bytesChanged: 256 * KIB });
      expect(second.stats.bytesRead).toBeLessThanOrEqual(OBJECT + 40 * (MIB / 16));
      await expectRevision(repository, second, image);
      expect(JSON.parse((await repository.backy('--json', 'verify')).stdout)).toMatchObject({ good: true });
    });
  });

  it('is backed up if it is striped, a clone, or has a data pool', async () => {
    await cluster.rbd('create', '--size', '20M', 'rbd/base');
    await cluster.write('rbd/base', { offset: 3 * MIB, bytes: randomBytes(2 * MIB) });
    await cluster.rbd('snap', 'create', '--no-progress', 'rbd/base@s');
    await cluster.rbd('snap', 'protect', 'rbd/base@s');
    await cluster.rbd('clone', 'rbd/base@s', 'rbd/clone');
    const striping = ['--stripe-unit', '65536', '--stripe-count', '4'];
    await cluster.rbd('create', '--size', '20M', ...striping, 'rbd/striped');
    await cluster.rbd('create', '--size', '20M', '--data-pool', 'other', 'rbd/elsewhere');
    for (const image of ['rbd/clone', 'rbd/striped', 'rbd/elsewhere']) {
      const repository = await createRbdRepository(cluster, filesystem.scratch(), image);
      for (const method of ['full', 'rbd-diff']) {
        await cluster.write(
          image,
          { offset: 100 * KIB, bytes: randomBytes(700 * KIB) },
          { offset: 4 * MIB, bytes: MIB },
          { offset: 15 * MIB, bytes: randomBytes(100) },
        );
        const record = await repository.backup();
        expect(record.stats.method).toBe(method);
        await expectRevision(repository, record, image);
      }
    }
  });

  it('is read in full without the snapshot of the parent, and with full-always', async () => {
    const { image, repository } = await setUp(16 * MIB);
    const { uuid } = await repository.backup();
    await cluster.rbd('snap', 'rm', '--no-progress', `${image}@backy-${uuid}`);
    const second = await repository.backup();
    expect(second.stats).toMatchObject({
      method: 'full',
      fallback: `the snapshot backy-${uuid} of the parent is gone`,
    });
    repository.configure('full-always: true');
    const third = await repository.backup();
    expect(third.stats).toMatchObject({
      method: 'full',
      fallback: 'full-always is set in the configuration',
    });
    await expectRevision(repository, third, image);
  });

  it('is read in full after a revision was found damaged', async () => {
    const { image, repository } = await setUp(16 * MIB);
    const first = await repository.backup();
    expect((await repository.backup()).stats.method).toBe('rbd-diff');
    flipByte(repository.image(first), 5000);
    await repository.backy('verify');
    const third = await repository.backup();
    expect(third.stats.method).toBe('full');
    expect(third.stats.fallback).toContain('a revision was found damaged');
    await expectRevision(repository, third, image);
  });

  it('may be in a namespace, for a user with no more rights than needed', async () => {
    await cluster.rbd('namespace', 'create', 'other/tenant');
    await cluster.rbd('create', '--size', '8M', 'other/tenant/disk');
    await cluster.write('other/tenant/disk', { offset: 0, bytes: randomBytes(5000) });
    const repository = await createRbdRepository(cluster, filesystem.scratch(), 'other/tenant/disk', {
      CEPH_CONF: '/nonexistent',
    });
    repository.configure('user: backy', `conf: ${cluster.conf}`);
    await repository.backup();
    const record = await repository.backup();
    expect(record).toMatchObject({ source: { image: 'other/tenant/disk' }, stats: { method: 'rbd-diff' } });
    await expectRevision(repository, record, 'other/tenant/disk');
  });

  it('is accessed as the user in CEPH_ARGS', async () => {
    const { repository } = await setUp(8 * MIB, {
      CEPH_CONF: '/nonexistent',
      CEPH_ARGS: `--id backy --conf ${cluster.conf}`,
    });
    expect((await repository.backup()).stats.method).toBe('full');
    expect((await repository.backup()).stats.method).toBe('rbd-diff');
  });

  it('may be backed up into two repositories, which leave each other alone', async () => {
    const { image, repository } = await setUp(8 * MIB);
    const other = await createRbdRepository(cluster, filesystem.scratch(), image);
    for (let round = 0; round < 2; round += 1) {
      const records = [await repository.backup(), await other.backup()];
      expect(records.map(({ stats }) => stats.method)).toEqual(Array(2).fill(round ? 'rbd-diff' : 'full'));
      expect(await cluster.snapshots(image)).toEqual(records.map(({ uuid }) => `backy-${uuid}`));
    }
  });
}
