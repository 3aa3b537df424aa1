import { expect, it } from 'vitest';
import { MIB } from '../../helpers/bytes.ts';
import { createGuestRepository, openGuestRepository } from '../../helpers/guest-repository.ts';
import { type GuestVolumes, overwriting } from '../../helpers/guest-volumes.ts';

/** A volume that cannot be backed up fails with one line. Volumes are targets, too. */
export function oddities({ guest, thin, classic, names }: GuestVolumes): void {
  it('that are not there: init warns, backup fails', async () => {
    const repository = openGuestRepository(guest, '/srv/backy/missing', 'vg-0/nothing');
    const { exitCode, stderr } = await repository.backy('init lvm vg-0/nothing');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('vg-0/nothing does not exist'),
    });
    expect(await repository.failToBackUp()).toContain('The source vg-0/nothing does not exist');
    const elsewhere = await createGuestRepository(guest, '/srv/backy/elsewhere', 'vg-1/web');
    expect(await elsewhere.failToBackUp()).toContain('The source vg-1/web does not exist');
  });

  it.each([
    ['vg-0/pool', 'it is a part of LVM itself, such as a pool'],
    ['vg-0/data.snap', 'there are no snapshots of snapshots'],
  ])('that hold no disk: %s', async (name, reason) => {
    await guest.mustRun(
      '[ -e /dev/vg-0/data ] || lvcreate -q -L 4M -n data vg-0 && lvcreate -q -s -L 2M -n data.snap vg-0/data || true',
    );
    const repository = openGuestRepository(guest, '/srv/backy/unfit', name);
    const { exitCode, stderr } = await repository.backy(`init lvm ${name}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`The source ${name} cannot be backed up: ${reason}`);
  });

  it('that are inactive: thin ones can be backed up, others cannot', async () => {
    const repository = await thin('asleep');
    await guest.mustRun('lvchange -q -an vg-0/asleep');
    expect(await repository.backy('backup manual:x')).toMatchObject({ exitCode: 0 });
    await guest.mustRun('lvchange -q -ay vg-0/asleep; cmp /dev/vg-0/asleep /srv/backy/asleep/last');
    const other = await classic('asleep-too');
    await guest.mustRun('lvchange -q -an vg-0/asleep-too');
    expect(await other.failToBackUp()).toBe(
      'backy: The source vg-0/asleep-too cannot be backed up: it is not active. Activate it with "lvchange --activate y vg-0/asleep-too".',
    );
  });

  it('without room for a snapshot', async () => {
    const repository = await classic('cramped');
    await guest.mustRun('lvcreate -q -l 100%FREE -n filler vg-0');
    const line = await repository.failToBackUp();
    await guest.mustRun('lvremove -q -y vg-0/filler');
    expect(line).toMatch(/No snapshot of the source vg-0\/cramped could be made: .*insufficient free space/);
    expect(line).toContain('set snapshot-size');
  });

  it('in a pool that is full', async () => {
    await guest.mustRun(`
      lvcreate -q -L 4M --poolmetadatasize 4M --errorwhenfull y -T vg-0/small
      lvcreate -q -V 16M -T vg-0/small -n brim
      ${overwriting('brim', 0, 8 * MIB)} || true`);
    const repository = await createGuestRepository(guest, '/srv/backy/brim', 'vg-0/brim');
    const line = await repository.failToBackUp();
    expect(line).toMatch(/No snapshot of the source vg-0\/brim could be made: .*reached threshold/);
    expect(line).toContain('whether the pool small is full, and extend it');
    expect(await names('brim')).toEqual(['brim']);
  });

  it('on a machine without LVM', async () => {
    const repository = await createGuestRepository(guest, '/srv/backy/lonely', 'vg-0/asleep');
    await guest.mustRun('mv /usr/sbin/lvs /usr/sbin/lvs.away');
    const line = await repository.failToBackUp();
    await guest.mustRun('mv /usr/sbin/lvs.away /usr/sbin/lvs');
    expect(line).toBe('backy: The program lvs is missing. Install it; on Debian it is in the package lvm2.');
  });

  it('as targets: thin ones stay thin', async () => {
    const repository = await thin('lean');
    await repository.backup();
    const allocated = async () =>
      Number(await guest.mustRun('lvs --noheadings --nosuffix -o data_percent vg-0/lean'));
    expect(await allocated()).toBe(25);
    // All of it, and in the last third half a chunk of what is to be zeros beside what stays.
    await guest.mustRun(overwriting('lean', 0, 16 * MIB));

    expect(await repository.backy('restore /dev/vg-0/lean')).toMatchObject({ exitCode: 0 });

    await guest.mustRun('cmp /dev/vg-0/lean /srv/backy/lean/last');
    expect(await allocated()).toBe(25);
  });

  it('as devices: neither read nor overwritten while they are mounted', async () => {
    await guest.mustRun(`
      lvcreate -q -L 16M -n target vg-0 && mkfs.ext4 -q /dev/vg-0/target
      mkdir /mnt/target && mount /dev/vg-0/target /mnt/target`);
    const repository = openGuestRepository(guest, '/srv/backy/asleep', 'vg-0/asleep');
    const refused = await repository.backy('restore /dev/vg-0/target');
    expect(refused.stderr).toContain('The target /dev/vg-0/target is in use');
    const device = openGuestRepository(guest, '/srv/backy/device', 'vg-0/target');
    expect(await device.backy('init file /dev/vg-0/target')).toMatchObject({ exitCode: 0 });
    expect(await device.failToBackUp()).toContain(
      'The source /dev/vg-0/target is mounted or otherwise in use',
    );
    await guest.mustRun('umount /mnt/target');

    expect(await repository.backy('restore /dev/vg-0/target')).toMatchObject({ exitCode: 0 });

    await guest.mustRun('cmp /dev/vg-0/asleep /dev/vg-0/target');
    await device.backup();
  });
}
