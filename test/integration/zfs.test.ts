import { beforeAll, describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { DoctorReport } from '../../src/operations/status/doctor.ts';
import { KIB, MIB } from '../helpers/bytes.ts';
import { guestNeeds, useGuest } from '../helpers/guest.ts';
import {
  createFileRepository,
  type FileRepository,
  guestPool,
  preparePool,
  programOn,
} from '../helpers/guest-datasets.ts';
import { describeWith } from '../helpers/needs.ts';
import { patiently } from '../helpers/patiently.ts';

const needs = [...guestNeeds, 'command gcc-12', 'command make', 'command strace'] as const;

const SHARED = { sharing: 'reflink' };

// One guest for all, because it takes seconds to boot.
describeWith(needs, 'ZFS', () => {
  const guest = useGuest('ZFS', []);
  beforeAll(() => preparePool(guest));
  const pool = guestPool(guest);
  const { dataset, withParameter } = pool;

  async function doctor(directory: string): Promise<DoctorReport> {
    return JSON.parse(await guest.mustRun(`${programOn(directory)} --json doctor`));
  }

  it('refuses to clone recent writes, which backy must handle', async () => {
    const directory = await dataset('early');
    const attempt = `import os, fcntl, errno
for megabytes in (1, 200):
    source, target = (os.open('${directory}/%s%d' % (name, megabytes), os.O_RDWR | os.O_CREAT) for name in ('a', 'b'))
    os.ftruncate(source, megabytes << 20)
    os.pwrite(source, b'x', 0)
    if megabytes > 1:
        for at in range(megabytes):
            os.pwrite(source, b'x' * 65536, at << 20)
        os.system('zpool sync')
        os.pwrite(source, b'y', (megabytes << 20) - 1)
    try:
        fcntl.ioctl(target, 0x40049409, source)
    except OSError as error:
        print(errno.errorcode[error.errno])`;
    expect(await guest.mustRun(`/usr/bin/python3 -c "$(cat <<'E'\n${attempt}\nE\n)"`)).toBe(
      'EAGAIN\nEINVAL\n',
    );
  });

  describe.each([
    { name: 'records of 128 KiB', sizeMib: 8, options: [], wait: 0 },
    // One clone takes in 17 MiB of such records at a time: see above.
    { name: 'records of 16 KiB', sizeMib: 20, options: ['recordsize=16K'], wait: 0 },
    { name: 'records of 1 MiB, and a kernel that waits', sizeMib: 8, options: ['recordsize=1M'], wait: 1 },
  ])('with $name', ({ name, sizeMib, options, wait }) => {
    it('stores each state of a disk at the cost of its changes', async () => {
      const home = await dataset(name.replaceAll(/\W/g, ''), ...options);
      const repository = await createFileRepository(guest, `${home}/repository`, `${home}/disk.img`, sizeMib);
      const [saved, allocated] = [await pool.savedBytes(), await pool.allocatedBytes()];
      await withParameter('zfs_bclone_wait_dirty', wait, async () => {
        for (const page of [17, 256 * sizeMib - 1]) {
          await repository.overwrite(page);
          expect((await repository.backup()).stats).toMatchObject({ ...SHARED, bytesWritten: 0 });
        }
      });
      // Either image is whole, and is a clone but for two records.
      expect((await pool.savedBytes()) - saved).toBeGreaterThan((2 * sizeMib - 5) * MIB);
      expect((await pool.allocatedBytes()) - allocated).toBeLessThan(5 * MIB);
    });
  });

  describe('in the dataset of the source', () => {
    let repository: FileRepository;
    const revisions: RevisionRecord[] = [];

    const image = (at: number): string => `${repository.directory}/${revisions[at]?.uuid}`;

    beforeAll(async () => {
      const home = await dataset('together');
      repository = await createFileRepository(guest, `${home}/repository`, `${home}/disk.img`, 8);
    });

    it('keeps three states of a disk', async () => {
      for (const at of [0, 1, 2]) {
        await repository.overwrite(17 + 500 * at);
        await guest.mustRun(`cp --reflink=never ${repository.source} /run/state-${at}`);
        revisions.push(await repository.backup());
      }
      for (const at of [0, 1, 2])
        await guest.mustRun(`cmp /run/state-${at} ${image(at)}; rm /run/state-${at}`);
    });

    it('is cleaned up after a run that was killed', async () => {
      await repository.overwrite(2000);
      // The first thread to rename two files in a row is the one that seals image and index. With --seccomp-bpf, strace 6.1
      // counts no calls.
      const strace = 'strace -f -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=2';
      const killed = await guest.run(`${strace} ${programOn(repository.directory)} backup manual:x`);
      expect(killed.exitCode, killed.stderr).toBe(137);
      const remains = `ls -A ${repository.directory} | grep -E 'tmp|partial' || true`;
      expect(await guest.mustRun(remains)).not.toBe('');

      revisions.push(await repository.backup());

      expect(await guest.mustRun(remains)).toBe('');
      expect(await repository.backy('verify -r all')).toMatchObject({ exitCode: 0 });
    });

    it('restores a revision as a clone, and calls the space of expired ones an estimate', async () => {
      const target = '/tank/together/target';
      const before = await pool.savedBytes();
      await guest.mustRun(
        `${programOn(repository.directory)} restore -r 1 --clone ${target}; cmp ${image(2)} ${target}`,
      );
      expect((await pool.savedBytes()) - before).toBeGreaterThan(7 * MIB);

      const config = `${repository.directory}/config`;
      const program = programOn(repository.directory);
      await guest.mustRun(`sed -i 's/^ *daily:/  often: { interval: 1s, keep: 1 }\\n&/' ${config}
        ${program} tags set -r 'not(last)' often >&2; sleep 1`);
      const { freed, verdicts } = JSON.parse(await guest.mustRun(`${program} --json expire --yes`));

      expect(freed).toMatchObject({ estimated: true, reason: expect.stringContaining('zfs does not tell') });
      expect(verdicts).toContainEqual(expect.objectContaining({ kept: false }));
      expect(await repository.backy('verify -r all')).toMatchObject({ exitCode: 0 });
    });
  });

  describe('in another dataset than the source, with other records', () => {
    let repository: FileRepository;

    beforeAll(async () => {
      const [directory, sources] = [await dataset('apart'), await dataset('sources', 'recordsize=16K')];
      repository = await createFileRepository(guest, `${directory}/repository`, `${sources}/disk.img`, 8);
    });

    it('shares with the revision before', async () => {
      const first = await repository.backup();
      await repository.overwrite(3);
      const second = await repository.backup();
      expect(first.stats).toMatchObject({ bytesWritten: 8 * MIB });
      expect(second.stats).toMatchObject({ ...SHARED, bytesWritten: 16 * KIB, bytesChanged: 256 * KIB });
      // The clone is complete, but not to where cloning does not reach.
      const elsewhere = await repository.backy('restore --clone /tank/sources/target');
      expect(elsewhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('another filesystem') });
    });

    it('waits for the group where ZFS cannot be asked to finish it', async () => {
      await withParameter('zfs_dmu_offset_next_sync', 0, () =>
        withParameter('zfs_txg_timeout', 3, async () => {
          // The group that is open has the old time.
          await guest.mustRun('zpool sync tank');
          await repository.overwrite(4);
          expect(JSON.stringify((await repository.backup()).stats)).not.toContain('no snapshot');
        }),
      );
    });

    it('can be cancelled meanwhile, and says at the end why it waited', async () => {
      await withParameter('zfs_dmu_offset_next_sync', 0, async () => {
        // The group that is open ends soon, as the test before has set it.
        await guest.mustRun('zpool sync tank');
        await repository.overwrite(5);
        // It takes its snapshot, and waits, as soon as it has noted what it makes.
        const { stderr } = await guest.run(`
          ${programOn(repository.directory)} backup manual:x &
          until ls ${repository.directory} | grep -q 'rev.partial$'; do sleep 0.1; done
          sleep 2
          kill -INT $!
          wait $!
          echo $? >&2`);
        expect(stderr).toMatch(/cancelled[\s\S]*\n(124|130)\n/);
        // A group may end by chance while doctor waits for it.
        await patiently(async () => {
          const { host } = await doctor('/tank/apart');
          expect(host).toMatchObject({ reflink: false, reflinkReason: expect.stringContaining('in time') });
        }, 3);
      });
    });

    it('does without cloning where that is off, and says so', async () => {
      await withParameter('zfs_bclone_enabled', 0, async () => {
        await repository.overwrite(6);
        const { stats } = await repository.backup();
        const reason = expect.stringContaining('zfs_bclone_enabled=1');
        expect(stats).toMatchObject({ sharing: 'none', sharingReason: reason });
        const report = await doctor('/tank/apart');
        expect(report).toMatchObject({ zfs: { blockCloning: false }, advice: [reason] });
        await guest.mustRun(`echo 'require-reflink: true' >>${repository.directory}/config`);
        const { exitCode, stderr } = await repository.backy('backup manual:x');
        expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: reason });
      });
      expect((await repository.backup()).stats).toMatchObject(SHARED);
    });

    it('is described by doctor, in words and as JSON', async () => {
      await guest.mustRun(`touch /tank/apart/file`);
      const report = await doctor('/tank/apart');
      expect(report).toMatchObject({
        verdict: 'ready',
        host: { filesystem: 'zfs', reflink: true },
        zfs: {
          version: expect.stringMatching(/^2\.3/),
          blockCloning: true,
          waitsForDirtyData: false,
          recordSize: 128 * KIB,
        },
        advice: [expect.stringContaining('zfs_bclone_wait_dirty'), expect.stringContaining('recordsize=16K')],
      });
      const { stdout } = await guest.run(`${programOn('/tank/sources')} doctor`);
      expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
        / zfs OpenZFS 2\.3\S*, block cloning on, .*records of 16\.00 KiB /,
      );
    });
  });
});
