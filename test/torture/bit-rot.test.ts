import { expect, it } from 'vitest';
import { cargoTest } from './cargo.ts';
import { isLong, PATIENCE_MS, pointsOr, report } from './scale.ts';

/** All bits of an image of 1 MiB. */
const ALL_BITS = 8 * 2 ** 20;

// The tests of the engine, which `npm test` runs as well, have a longer short form of this.
it(
  'rot is found and pinned to its block, whichever bit it is (I14, G7)',
  async () => {
    const counts = await cargoTest(['--test', 'bit_rot'], {
      BACKY_ROT_BITS: String(Math.min(ALL_BITS, pointsOr(256))),
      BACKY_ROT_MIB: isLong ? '1024' : '16',
      BACKY_ROT_FLIPS: isLong ? '10000' : '20',
    });
    // A dot of the harness may stand in front.
    const lines = counts.flatMap((line) => line.match(/bit-rot: .*/) ?? []);
    expect(lines).toHaveLength(3);
    for (const line of lines) report('bit-rot', { what: line.replace('bit-rot: ', ''), violations: 0 });
  },
  PATIENCE_MS,
);
