import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLogicalVolume, parseLogicalVolume } from '../../../src/domain/logical-volume.ts';

describe('parseLogicalVolume', () => {
  it.each([
    ['vg0/web1', 'vg0', 'web1'],
    ['/dev/vg0/web1', 'vg0', 'web1'],
    ['vg-0/vm-100_disk.0+a', 'vg-0', 'vm-100_disk.0+a'],
    ['_/..a', '_', '..a'],
  ])('reads %s', (text, volumeGroup, volume) => {
    expect(parseLogicalVolume(text)).toEqual({ volumeGroup, volume });
  });

  it.each([
    '',
    '/',
    'vg0',
    'vg0/',
    '/web1',
    'vg0/web1/x',
    '/dev/mapper/vg0-web1/x',
    '-vg0/web1',
    'vg0/--help',
    '../web1',
    'vg0/..',
    './x',
    'vg0/a b',
    'vg0/a\n',
    'vg0/ü',
    'vg0/@tag',
    '@tag/web1',
    `vg0/${'a'.repeat(128)}`,
  ])('refuses "%s"', (text) => {
    expect(parseLogicalVolume(text)).toBeUndefined();
  });

  it('gives names that are no option, no tag and no path, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-@.a/]{1,5}\/[-@.a/]{1,5}$/)), (text) => {
        const found = parseLogicalVolume(text) ?? { volumeGroup: 'a', volume: 'b' };
        for (const name of Object.values(found)) expect(name).toMatch(/^[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]*$/);
        expect(parseLogicalVolume(formatLogicalVolume(found))).toEqual(found);
      }),
    );
  });
});
