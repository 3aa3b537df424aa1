import { join } from 'node:path';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { expectSameBytes, KIB, randomBytes } from '../../helpers/bytes.ts';
import { type CephCluster, useCeph } from '../../helpers/ceph.ts';
import { type LoopFilesystem, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { createRbdRepository, type RbdRepository } from '../../helpers/rbd-repository.ts';

/** The cluster and the filesystem that all tests of Ceph share. */
export interface CephBench {
  readonly cluster: CephCluster;
  readonly filesystem: LoopFilesystem;
  /** Returns a number for a name that no other test uses. */
  nextNumber(): number;
  /** Creates an image that holds some data, and a repository for it. */
  setUp(
    size: number,
    env?: Readonly<Record<string, string>>,
    scratch?: string,
  ): Promise<{ image: string; repository: RbdRepository; scratch: string }>;
  /** Checks that a revision equals the image as it is now, byte for byte and in size. */
  expectRevision(repository: RbdRepository, record: RevisionRecord, image: string): Promise<void>;
}

/** Starts a cluster and mounts a filesystem for the tests of the calling `describe`. */
export function useCephBench(): CephBench {
  const filesystem = useFilesystem('btrfs', 2048);
  const cluster = useCeph();
  let number = 0;
  const nextNumber = (): number => {
    number += 1;
    return number;
  };

  async function setUp(
    size: number,
    env?: Readonly<Record<string, string>>,
    scratch: string = filesystem.scratch(),
  ): Promise<{ image: string; repository: RbdRepository; scratch: string }> {
    const number = nextNumber();
    const image = `rbd/disk-${number}`;
    await cluster.rbd('create', '--size', `${size}B`, image);
    await cluster.write(image, { offset: 0, bytes: randomBytes(100 * KIB) });
    const repository = await createRbdRepository(cluster, scratch, image, env);
    repository.replaceRbd();
    return { image, repository, scratch };
  }

  async function expectRevision(repository: RbdRepository, record: RevisionRecord, image: string) {
    const number = nextNumber();
    const path = join(repository.directory, '..', `exported-${number}`);
    await cluster.export(image, path);
    await expectSameBytes(path, repository.image(record));
  }

  return { cluster, filesystem, nextNumber, setUp, expectRevision };
}

/** Waits up to two minutes for a condition. */
export async function until(condition: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 20) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting');
}
