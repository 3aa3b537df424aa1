import { expect, it } from 'vitest';
import { KIB, MIB } from '../../helpers/bytes.ts';
import {
  backUpTogether,
  createGuestRepository,
  openGuestRepository,
  withStandIn,
} from '../../helpers/guest-repository.ts';
import type { GuestVolumes } from '../../helpers/guest-volumes.ts';

const BLOCK = 256 * KIB;
const THIN_DELTA = { method: 'thin-delta' };

/** A thin volume is backed up by the changes that its pool reports. */
export function thinVolumes({ guest, thin, overwrite, names, keepsMetadata }: GuestVolumes): void {
  it('are read in full once, and from then on where they changed', async () => {
    const repository = await thin('web-1');
    const first = await repository.backup();
    await overwrite('web-1', 5 * BLOCK, 128 * KIB);
    await overwrite('web-1', 40 * BLOCK, 64 * KIB);
    await guest.mustRun('blkdiscard -o 2M -l 512K /dev/vg-0/web-1');

    const second = await repository.backup();

    expect(first.stats).toMatchObject({ method: 'full', bytesRead: 16 * MIB });
    expect(first.stats).not.toHaveProperty('fallback');
    expect(second.stats).toMatchObject({ ...THIN_DELTA, bytesWritten: 192 * KIB });
    const sample = Math.ceil(64 / 30) * BLOCK;
    expect(second.stats.bytesRead).toBeGreaterThanOrEqual(4 * BLOCK);
    expect(second.stats.bytesRead).toBeLessThanOrEqual(4 * BLOCK + sample);
    expect(second.source).toEqual({ type: 'lvm', volume: 'vg-0/web-1' });
    const snapshot = `web-1.backy-${second.uuid}`;
    expect(await names('web-1')).toEqual(['web-1', snapshot]);
    const state = await guest.mustRun(`lvs --noheadings -o lv_attr vg-0/${snapshot}`);
    expect(state.trim()).toBe('Vri---tz-k');
    expect(await keepsMetadata()).toBe(false);
  });

  it('may grow, shrink and grow again', async () => {
    const repository = await thin('sized');
    await repository.backup();
    await guest.mustRun('lvextend -q -L 20M vg-0/sized');
    await overwrite('sized', 19 * MIB, 64 * KIB);
    const grown = await repository.backup();
    await guest.mustRun('lvreduce -q -f -L 10M vg-0/sized');
    const shrunk = await repository.backup();
    await guest.mustRun('lvextend -q -L 20M vg-0/sized');
    const again = await repository.backup();

    const revisions = [grown, shrunk, again];
    expect(revisions.map(({ size }) => size / MIB)).toEqual([20, 10, 20]);
    for (const { stats } of revisions) expect(stats).toMatchObject(THIN_DELTA);
  });

  it('keep the snapshots of others, and those of other repositories that back up at the same time', async () => {
    const repository = await thin('shared');
    const other = await createGuestRepository(guest, '/srv/backy/other', 'vg-0/shared');
    const foreign = ['shared.backy-01a20b83-a9a3-7fb8-b229-552c9c4b16ac', 'shared.backy-mine'];
    for (const name of foreign) await guest.mustRun(`lvcreate -q -s -n ${name} vg-0/shared`);
    await backUpTogether(guest, [repository, other]);
    await overwrite('shared', 0, 64 * KIB);

    const records = await backUpTogether(guest, [repository, other]);

    for (const { directory } of [repository, other])
      await guest.mustRun(`cmp ${directory}/last /dev/vg-0/shared`);
    expect(records.map(({ stats }) => stats)).toMatchObject([THIN_DELTA, THIN_DELTA]);
    const kept = records.map(({ uuid }) => `shared.backy-${uuid}`);
    expect(await names('shared')).toEqual(['shared', ...foreign, ...kept].sort());
  });

  it('are well after a run that was killed, and known again when they and the repository have moved', async () => {
    const before = await thin('killed');
    const first = await before.backup();
    await withStandIn(guest, 'thin_delta', 'kill -KILL $PPID', async () => {
      expect(await before.backy('backup manual:x')).toMatchObject({ exitCode: 137 });
    });
    expect(await keepsMetadata()).toBe(true);
    expect(await names('killed')).toHaveLength(3);
    await guest.mustRun(
      `lvremove -q -y $(lvs --noheadings -o vg_name,lv_name --separator / -S 'lv_name=~killed.backy && lv_name!~${first.uuid}')`,
    );
    await guest.mustRun(`
      mv /srv/backy/killed /srv/backy/moved
      sed -i 's/volume: killed/volume: renamed/' /srv/backy/moved/config
      lvrename -q vg-0/killed vg-0/renamed`);
    await overwrite('renamed', 2 * MIB, 64 * KIB);
    const repository = openGuestRepository(guest, '/srv/backy/moved', 'vg-0/renamed');

    const second = await repository.backup();

    expect(second).toMatchObject({ parent: first.uuid, stats: THIN_DELTA });
    expect(await keepsMetadata()).toBe(false);
    expect(await names('killed')).toEqual([]);
    expect(await names('renamed')).toEqual(['renamed', `renamed.backy-${second.uuid}`]);
  });
}
