import { expect, it } from 'vitest';
import { guestNeeds, useGuest } from '../helpers/guest.ts';
import { describeWith } from '../helpers/needs.ts';

describeWith([...guestNeeds, 'command lvs', 'command thin_delta'], 'a guest with device mapper', () => {
  const guest = useGuest([256, 400]);

  it('has disks of its own', async () => {
    await guest.mustRun('pvcreate -q /dev/vda && vgcreate -q vg0 /dev/vda');
    expect(await guest.run('echo both >&2; vgs --noheadings -o vg_name; exit 3')).toEqual({
      exitCode: 3,
      stdout: '  vg0\n',
      stderr: 'both\n',
    });
  });
});
