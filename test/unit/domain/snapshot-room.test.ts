import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { snapshotRoom } from '../../../src/domain/snapshot-room.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

describe('snapshotRoom', () => {
  it.each([
    [undefined, 100 * GIB, 10 * GIB],
    [undefined, 100 * MIB, 64 * MIB],
    ['10%', 100 * MIB, 10 * MIB],
    ['1%', 10 * MIB, MIB],
    ['150%', 2 * GIB, 3 * GIB],
    ['4M', GIB, 4 * MIB],
    ['20G', GIB, 20 * GIB],
    ['1T', GIB, 1024 * GIB],
  ])('gives %s of %d bytes', (room, volume, bytes) => {
    expect(snapshotRoom(room, volume)).toBe(bytes);
  });

  it.each(['', '0%', '-1%', '10', '10 %', '1.5G', '4K', '4m', '4MiB', '01%', '%', '9999999G'])(
    'refuses "%s"',
    (room) => {
      expect(snapshotRoom(room, GIB)).toBeUndefined();
    },
  );

  it('is a positive number of whole MiB, or nothing', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^\d{1,7}[%MGT]$/),
        fc.integer({ min: 1, max: 2 ** 52 }),
        (room, volume) => {
          const bytes = snapshotRoom(room, volume) ?? MIB;
          expect(bytes).toBeGreaterThan(0);
          expect(bytes % MIB).toBe(0);
        },
      ),
    );
  });
});
