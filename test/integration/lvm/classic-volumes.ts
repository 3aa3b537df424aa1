import { expect, it } from 'vitest';
import { KIB, MIB } from '../../helpers/bytes.ts';
import { withStandIn } from '../../helpers/guest-repository.ts';
import { type GuestVolumes, overwriting } from '../../helpers/guest-volumes.ts';

const overflow = 'more than its 1.00 MiB were overwritten meanwhile. Raise snapshot-size';

/** A volume that is not thin is read in full, from a temporary snapshot. */
export function classicVolumes({ guest, classic, overwrite, names }: GuestVolumes): void {
  it('are read in full from a temporary snapshot, which is removed even after a killed run', async () => {
    const repository = await classic('db');
    const first = await repository.backup();
    await overwrite('db', MIB, 64 * KIB);
    await withStandIn(guest, 'lvcreate', '$real "$@"; kill -KILL $PPID', async () => {
      expect(await repository.backy('backup manual:x')).toMatchObject({ exitCode: 137 });
    });
    expect(await names('db')).toHaveLength(2);

    const second = await repository.backup();

    const full = { method: 'full', fallback: 'only thin volumes report changes', bytesRead: 8 * MIB };
    expect(first.stats).toMatchObject(full);
    expect(second.stats).toMatchObject({ ...full, bytesWritten: 64 * KIB });
    expect(await names('db')).toEqual(['db']);
    expect(await repository.countFiles()).toBe(6);
  });

  it('fail when their snapshot overflows while it is read', async () => {
    const repository = await classic('full', 'snapshot-size: 1M');
    const script = `$real "$@"; ${overwriting('full', 0, 4 * MIB)}`;

    const line = await withStandIn(guest, 'lvcreate', script, () => repository.failToBackUp());

    expect(line).toMatch(/The snapshot vg-0\/full\.backy-\S+ was lost while it was read/);
    expect(line).toContain(overflow);
    expect(await names('full')).toEqual(['full']);
    expect(await repository.countFiles()).toBe(0);
  });

  it('fail when it overflowed, although all of it could be read', async () => {
    const repository = await classic('late', 'snapshot-size: 1M');
    // The third call of lvs is the one that looks at the snapshot when it was read.
    const script = `
      echo >>/run/calls
      [[ $(wc -l </run/calls) != 3 ]] || ${overwriting('late', 0, 4 * MIB)}
      exec $real "$@"`;

    const line = await withStandIn(guest, 'lvs', script, () => repository.failToBackUp());

    expect(line).toContain(overflow);
    expect(await names('late')).toEqual(['late']);
    expect(await repository.countFiles()).toBe(0);
  });
}
