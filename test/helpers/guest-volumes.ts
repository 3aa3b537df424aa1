import { KIB, MIB } from './bytes.ts';
import type { Guest } from './guest.ts';
import { createGuestRepository, type GuestRepository } from './guest-repository.ts';

/** A volume group in a guest, `vg-0` with the thin pool `pool`, and a filesystem for repositories. */
export interface GuestVolumes {
  readonly guest: Guest;
  /** Makes a thin volume of 16 MiB, a quarter of which is written, and a repository for it. */
  thin(name: string): Promise<GuestRepository>;
  /** Makes a volume of 8 MiB that is not thin, and a repository for it. */
  classic(name: string, ...settings: readonly string[]): Promise<GuestRepository>;
  /** Writes random bytes into a volume, at a multiple of 64 KiB. */
  overwrite(volume: string, offset: number, length: number): Promise<void>;
  /** The names of the volumes that begin with `prefix`. */
  names(prefix: string): Promise<readonly string[]>;
  /** Whether the pool keeps a snapshot of its metadata. */
  keepsMetadata(): Promise<boolean>;
}

/** The disks that the guest needs. In MiB. */
export const VOLUME_DISKS_MIB: readonly number[] = [512, 400];

/** Prepares the disks of a guest; to be called once. */
export async function prepareVolumes(guest: Guest): Promise<void> {
  await guest.mustRun(`
    pvcreate -q /dev/vda && vgcreate -q -s 1M vg-0 /dev/vda
    lvcreate -q -L 128M --poolmetadatasize 4M -T vg-0/pool
    mkfs.xfs -q /dev/vdb && mkdir /srv/backy && mount /dev/vdb /srv/backy`);
}

export function guestVolumes(guest: Guest): GuestVolumes {
  const make = async (how: string, name: string, writtenBytes: number, settings: readonly string[]) => {
    await guest.mustRun(`lvcreate -q ${how} -n ${name}\n${overwriting(name, 0, writtenBytes)}`);
    return createGuestRepository(guest, `/srv/backy/${name}`, `vg-0/${name}`, ...settings);
  };
  return {
    guest,
    thin: (name) => make('-V 16M -T vg-0/pool', name, 4 * MIB, []),
    classic: (name, ...settings) => make('-L 8M vg-0', name, 8 * MIB, settings),
    overwrite: async (volume, offset, length) => {
      await guest.mustRun(overwriting(volume, offset, length));
    },
    names: async (prefix) => {
      const names = await guest.mustRun('lvs --noheadings -o lv_name vg-0');
      return names.split(/\s+/).filter((name) => name.startsWith(prefix));
    },
    keepsMetadata: async () => {
      const status = await guest.mustRun('dmsetup status vg--0-pool-tpool');
      return status.split(' ')[6] !== '-';
    },
  };
}

/** The command for `overwrite`. */
export function overwriting(volume: string, offset: number, length: number): string {
  const where = `of=/dev/vg-0/${volume} seek=${offset / KIB / 64} count=${length / KIB / 64}`;
  return `dd if=/dev/urandom ${where} bs=64k oflag=direct status=none`;
}
