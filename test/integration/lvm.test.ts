import { beforeAll, describe } from 'vitest';
import { guestNeeds, useGuest } from '../helpers/guest.ts';
import { guestVolumes, prepareVolumes, VOLUME_DISKS_MIB } from '../helpers/guest-volumes.ts';
import { describeWith } from '../helpers/needs.ts';
import { classicVolumes } from './lvm/classic-volumes.ts';
import { oddities } from './lvm/oddities.ts';
import { thinFallbacks } from './lvm/thin-fallbacks.ts';
import { thinVolumes } from './lvm/thin-volumes.ts';

const tools = ['command lvs', 'command thin_delta', 'command mkfs.xfs'] as const;

// One guest for all, because it takes seconds to boot.
describeWith([...guestNeeds, ...tools], 'logical volumes', () => {
  const guest = useGuest('device mapper', VOLUME_DISKS_MIB);
  beforeAll(() => prepareVolumes(guest));
  const volumes = guestVolumes(guest);

  describe('that are thin', () => thinVolumes(volumes));
  describe('that are thin, read in full', () => thinFallbacks(volumes));
  describe('that are not thin', () => classicVolumes(volumes));
  describe('out of the ordinary', () => oddities(volumes));
});
