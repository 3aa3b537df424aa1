import { expect, it } from 'vitest';
import { adviceOnHolders, describeHolders, type Holder } from '../../../src/domain/holder.ts';

it.each([
  [{ kind: 'process', name: 'qemu', pid: 7 }, 'qemu (process 7) has it open', 'Stop qemu (process 7)'],
  [
    { kind: 'loop', name: '/dev/loop3' },
    'the loop device /dev/loop3 lies on it',
    'Unmount what lies on /dev/loop3 and detach it with "losetup -d /dev/loop3"',
  ],
  [{ kind: 'swap', name: '/swap' }, 'the kernel swaps to it', 'Switch it off with "swapoff /swap"'],
  [{ kind: 'mount', name: '/mnt' }, 'it is mounted on /mnt', 'Unmount /mnt'],
  [
    { kind: 'mount', name: '/mnt', pid: 7 },
    'it is mounted on /mnt in the namespace of process 7',
    'Unmount /mnt there, with "nsenter -t 7 -m umount /mnt"',
  ],
  [{ kind: 'device', name: '/dev/md0' }, '/dev/md0 is built on it', 'Take it out of use in /dev/md0'],
  [{ kind: 'lock', name: '' }, 'a virtual machine has locked it', 'Stop the virtual machine'],
  [
    { kind: 'unseen', name: '' },
    'somebody has it open who cannot be seen from here',
    'Stop what uses it, perhaps in another container',
  ],
] satisfies readonly (readonly [Holder, string, string])[])(
  'says who has it open: %j',
  (holder, words, advice) => {
    expect(describeHolders([holder])).toBe(words);
    expect(adviceOnHolders([holder])).toBe(advice);
  },
);

it('names three of many, and has words for none', () => {
  const many = [1, 2, 3, 4, 5].map((pid): Holder => ({ kind: 'process', name: 'dd', pid }));
  expect(describeHolders(many)).toMatch(/^dd .process 1. .*dd .process 3. has it open, and 2 more$/);
  expect(describeHolders([])).toBe('another program has locked it');
});
