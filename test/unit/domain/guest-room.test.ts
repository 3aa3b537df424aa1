import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeRoom, hasRoom, reserveBytes } from '../../../src/domain/guest-room.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

describe('the room of a guest', () => {
  it('has a reserve of 5 %, of 1 GiB at most', () => {
    expect([0, 640 * MIB, 20 * GIB, 100 * 1024 * GIB].map(reserveBytes)).toEqual([0, 32 * MIB, GIB, GIB]);
  });

  it.each([
    ['fits with the reserve', 100, 132, true],
    ['does not fit by a byte', 100, 132 - 1 / MIB, false],
    ['is larger than what is free', 400, 200, false],
    ['needs nothing where nothing is shared', 0, 32, true],
    ['needs the reserve even so', 0, 31, false],
  ])('%s', (_, unshareable, free, expected) => {
    const room = { unshareableBytes: unshareable * MIB, freeBytes: free * MIB, totalBytes: 640 * MIB };
    expect(hasRoom(room)).toBe(expected);
  });

  it('never promises more than is free', () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 50 });
    const places = fc.record({ unshareableBytes: bytes, freeBytes: bytes, totalBytes: bytes });
    fc.assert(fc.property(places, (room) => !hasRoom(room) || room.unshareableBytes <= room.freeBytes));
  });

  it('is reported with its figures', () => {
    const room = { unshareableBytes: 400 * MIB, freeBytes: 200 * MIB, totalBytes: 640 * MIB };
    expect(describeRoom(room)).toBe(
      'overwriting all that is shared with snapshots takes 400.00 MiB, 200.00 MiB are free, and 32.00 MiB of that are a reserve',
    );
  });
});
