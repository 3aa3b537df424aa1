import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSameBytes, KIB, MIB, randomBytes } from '../../helpers/bytes.ts';
import { start } from '../../helpers/command.ts';
import { patiently } from '../../helpers/patiently.ts';
import type { RbdRepository } from '../../helpers/rbd-repository.ts';
import { makeScratch } from '../../helpers/scratch.ts';
import { unwrapped } from '../../helpers/unwrapped.ts';

import { type CephBench, until } from './bench.ts';

/** A restore writes only what differs, and never reports success for less. */
export function restores(bench: CephBench): void {
  const { cluster, filesystem, setUp, expectRevision } = bench;

  it('is restored to an image by writing only the differences', async () => {
    const { image, repository, scratch } = await setUp(24 * MIB);
    const record = await repository.backup();
    await cluster.rbd('create', '--size', '24M', `${image}-restored`);
    const restore = async (): Promise<{ bytesWritten: number; targetKind: string }> => {
      const { exitCode, stdout, stderr } = await repository.backy(
        '--json',
        'restore',
        `rbd:${image}-restored`,
      );
      expect(stderr).toBe('');
      expect(exitCode).toBe(0);
      return JSON.parse(stdout);
    };
    expect(await restore()).toMatchObject({ targetKind: 'command', bytesWritten: 112 * KIB });
    await cluster.export(`${image}-restored`, join(scratch, '1'));
    await expectSameBytes(join(scratch, '1'), repository.image(record));

    await cluster.write(
      `${image}-restored`,
      { offset: 40 * KIB, bytes: randomBytes(100) },
      { offset: 20 * MIB, bytes: randomBytes(MIB) },
    );
    expect((await restore()).bytesWritten).toBe(16 * KIB);
    await cluster.export(`${image}-restored`, join(scratch, '2'));
    await expectSameBytes(join(scratch, '2'), repository.image(record));
    expect((await restore()).bytesWritten).toBe(0);
  });

  it('is not backed up while a restore to it is not complete', async () => {
    const { image, repository, scratch } = await setUp(24 * MIB);
    const record = await repository.backup();
    await cluster.write(image, { offset: 0, bytes: randomBytes(16 * MIB) });
    const finish = `"backy -b ${repository.directory} restore -r ${record.uuid} rbd:${image}"`;
    const during = (what: string): string =>
      `case " $* " in *" import-diff "*) head -c 70000 >/dev/null; ${what} ;; *) exec "$RBD" "$@" ;; esac`;

    repository.replaceRbd(during('echo "no more" >&2; exit 5'));
    const failed = await repository.backy('restore', `rbd:${image}`);
    repository.replaceRbd(during('kill -KILL $PPID'));
    const killed = await repository.backy('restore', `rbd:${image}`);
    repository.replaceRbd();

    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain(`rbd:${image} is not complete`);
    expect(failed.stderr).toContain(`then finish it with ${finish}`);
    expect(killed.exitCode).toBe(137);
    const refusal = await repository.fail();
    expect(refusal).toMatchObject({ code: 'BACKY_SOURCE_RESTORING' });
    expect(refusal.message).toContain(`rbd:${image}`);
    expect(unwrapped((await repository.backy('status')).stdout)).toContain(`finish it with ${finish}`);

    expect(await repository.backy('restore', '-r', record.uuid, `rbd:${image}`)).toMatchObject({
      exitCode: 0,
    });
    await cluster.export(image, join(scratch, 'finished'));
    await expectSameBytes(join(scratch, 'finished'), repository.image(record));
    await expectRevision(repository, await repository.backup(), image);
  });

  describe('restored to a cluster that takes nothing', () => {
    let repository: RbdRepository;
    let scratch: string;

    beforeAll(async () => {
      let image: string;
      ({ image, repository, scratch } = await setUp(24 * MIB, {}, makeScratch(filesystem.directory)));
      await cluster.write(image, { offset: 4 * MIB, bytes: randomBytes(12 * MIB) });
      await repository.backup();
      repository.configure('timeout: 3s');
    });

    async function newTarget(): Promise<string> {
      const number = bench.nextNumber();
      await cluster.rbd('create', '--size', '24M', `other/target-${number}`);
      // It is full only if there is something in it.
      await cluster.write(`other/target-${number}`, { offset: 20 * MIB, bytes: randomBytes(100 * KIB) });
      return `other/target-${number}`;
    }

    /** The error of a restore. */
    async function failTo(target: string): Promise<{ code: string; message: string; remedy: string }> {
      const { exitCode, stderr } = await repository.backy('--json', 'restore', `rbd:${target}`);
      expect(exitCode).toBe(1);
      return JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    }

    /** The same, where something happens to the cluster as soon as writing begins, before rbd has opened the image or after. */
    async function failMeanwhile(target: string, isOpen: boolean, happen: () => Promise<void> | void) {
      const number = bench.nextNumber();
      const [reached, go] = [join(scratch, `reached-${number}`), join(scratch, `go-${number}`)];
      const wait = (work: string) => `touch '${reached}'; while [ ! -e '${go}' ]; do ${work}; done`;
      // As long as it takes a little, it is not given up.
      const script = isOpen
        ? `{ ${wait('head -c 8192; sleep 0.05')}; cat; } | "$RBD" "$@"; exit $?`
        : `${wait('sleep 0.05')}; exec "$RBD" "$@"`;
      repository.replaceRbd(`case " $* " in *" import-diff "*) ${script} ;; esac\nexec "$RBD" "$@"`);
      const failing = failTo(target);
      try {
        await until(() => existsSync(reached));
        await happen();
        writeFileSync(go, '');
        return await failing;
      } finally {
        writeFileSync(go, '');
        repository.replaceRbd();
      }
    }

    it('names the pool and its quota, before or after it has begun, and works when there is room', async () => {
      const [first, second] = [await newTarget(), await newTarget()];
      try {
        const full = {
          code: 'BACKY_TARGET_STALLED',
          message: expect.stringContaining('the pool other is full, its quota of 4.00 KiB is used up'),
          remedy: expect.stringContaining('ceph osd pool set-quota other max_bytes N'),
        };
        const late = await failMeanwhile(first, true, () => cluster.fill(true));
        expect(late).toMatchObject(full);
        expect(late.message).toContain(`rbd:${first} is not complete`);
        const early = await failTo(second);
        expect(early).toMatchObject(full);
        expect(early.message).not.toContain('is not complete');
      } finally {
        await cluster.fill(false);
      }
      expect((await repository.backy('restore', `rbd:${second}`)).exitCode).toBe(0);
    });

    it('says that the cluster does not answer any more', async () => {
      for (const isOpen of [false, true]) {
        const target = await newTarget();
        try {
          const error = await failMeanwhile(target, isOpen, cluster.pause);
          expect(error.code).toBe('BACKY_CLUSTER_UNREACHABLE');
          expect(error.message).toContain(`rbd:${target} is not complete`);
        } finally {
          cluster.resume();
        }
      }
    });

    it('says which rights are needed, before it reads', async () => {
      const target = await newTarget();
      const becomeUsual = repository.configure('user: reader');
      const error = await failTo(target);
      becomeUsual();
      expect(error).toMatchObject({
        code: 'BACKY_TARGET_PROTECTED',
        message: expect.stringContaining('Operation not permitted'),
        remedy: expect.stringContaining(`ceph auth caps client.reader mon 'profile rbd' osd 'profile rbd'`),
      });
      expect(error.message).not.toContain('is not complete');
    });
  });

  it('is not restored where it does not belong', async () => {
    const { image, repository } = await setUp(8 * MIB);
    await repository.backup();
    const refusal = async (target: string): Promise<string> => {
      const { exitCode, stderr } = await repository.backy('--json', 'restore', target);
      expect(exitCode).toBe(1);
      return JSON.parse(stderr).code;
    };
    expect(await refusal('rbd:rbd')).toBe('BACKY_TARGET_NAME');
    expect(await refusal(`rbd:${image}-missing`)).toBe('BACKY_TARGET_MISSING');
    expect(await refusal('rbd:no-such-pool/image')).toBe('BACKY_TARGET_MISSING');
    await cluster.rbd('create', '--size', '7M', `${image}-small`);
    expect(await refusal(`rbd:${image}-small`)).toBe('BACKY_TARGET_SMALL');
    await cluster.rbd('create', '--size', '8M', `${image}-busy`);
    const watching = start('sh', ['-c', `sleep 1000 | rbd watch ${image}-busy`], { env: cluster.env });
    try {
      await patiently(async () => {
        const { watchers } = JSON.parse(await cluster.rbd('status', '--format', 'json', `${image}-busy`));
        expect(watchers).toHaveLength(1);
      }, 50);
      expect(await refusal(`rbd:${image}-busy`)).toBe('BACKY_TARGET_BUSY');
    } finally {
      watching.signal('SIGKILL');
      await watching.outcome;
    }
  });
}
