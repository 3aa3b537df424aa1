import { beforeAll, expect, it } from 'vitest';
import { KIB, MIB } from '../../helpers/bytes.ts';
import { type GuestRepository, withStandIn } from '../../helpers/guest-repository.ts';
import type { GuestVolumes } from '../../helpers/guest-volumes.ts';

/** If a pool cannot tell the changes, the backup reads everything, and the record gives the reason. */
export function thinFallbacks({ guest, thin, overwrite, names, keepsMetadata }: GuestVolumes): void {
  let repository: GuestRepository;
  let parent: string;

  /** Takes a revision that must be read in full for this reason. */
  async function expectFullRead(fallback: string): Promise<void> {
    await overwrite('web-2', 3 * MIB, 64 * KIB);
    const { uuid, stats } = await repository.backup();
    expect(stats).toMatchObject({ method: 'full', fallback: expect.stringContaining(fallback) });
    expect(stats).toMatchObject({ bytesRead: 16 * MIB, bytesWritten: 64 * KIB });
    expect(await names('web-2')).toEqual(['web-2', `web-2.backy-${uuid}`]);
    parent = uuid;
  }

  beforeAll(async () => {
    repository = await thin('web-2');
    ({ uuid: parent } = await repository.backup());
  });

  it('without the snapshot of the parent', async () => {
    await guest.mustRun(`lvremove -q -y vg-0/web-2.backy-${parent}`);
    await expectFullRead(`the snapshot of revision ${parent} is gone`);
  });

  it('when somebody could have written to it', async () => {
    await guest.mustRun(`lvchange -q --permission rw vg-0/web-2.backy-${parent}`);
    await expectFullRead(`the snapshot web-2.backy-${parent} was made writable`);
  });

  it('while somebody else keeps a snapshot of the metadata, which stays', async () => {
    await guest.mustRun('dmsetup message vg--0-pool-tpool 0 reserve_metadata_snap');
    try {
      await expectFullRead('another program holds the only metadata snapshot');
      expect(await keepsMetadata()).toBe(true);
    } finally {
      await guest.mustRun('dmsetup message vg--0-pool-tpool 0 release_metadata_snap');
    }
  });

  it('when no snapshot of the metadata can be made, which leaves no mark', async () => {
    const script = '[[ $* != *reserve* ]] || { echo "No room." >&2; exit 1; }; exec $real "$@"';
    await withStandIn(guest, 'dmsetup', script, () => expectFullRead('dmsetup failed: No room'));
    expect((await guest.mustRun('lvs --noheadings -o lv_tags vg-0/pool')).trim()).toBe('');
  });

  it('when thin_delta fails', async () => {
    const script = 'echo "No mapping tree." >&2; exit 1';
    await withStandIn(guest, 'thin_delta', script, () =>
      expectFullRead('thin_delta failed: No mapping tree'),
    );
    expect(await keepsMetadata()).toBe(false);
  });

  it('if its answer is wrong, which a sample reveals', async () => {
    const before = await repository.backup();
    expect(before.stats.method).toBe('thin-delta');
    // Each block is in one of 30 samples, so at most 30 runs are needed; all of the volume is overwritten, so one is.
    await overwrite('web-2', 0, 16 * MIB);
    const blind = `$real "$@" | sed 's/<\\(different\\|right_only\\|left_only\\) /<same /'`;
    await withStandIn(guest, 'thin_delta', blind, async () => {
      const { stats } = await repository.backup();
      expect(stats).toMatchObject({ method: 'full', fallback: expect.any(String), bytesWritten: 16 * MIB });
      expect(stats.hintFailures).not.toEqual([]);
      // Compared with its snapshot, the revision before proved to be right.
      const record = await guest.mustRun(`cat ${repository.directory}/${before.uuid}.rev`);
      expect(JSON.parse(record)).toMatchObject({ trust: 'trusted' });
      expect(JSON.parse(record)).not.toHaveProperty('distrustedBecause');
      const { uuid } = await repository.backup();
      expect(await names('web-2')).toEqual(['web-2', `web-2.backy-${uuid}`]);
    });
  });
}
