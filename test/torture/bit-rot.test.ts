import { expect, it } from 'vitest';
import { cargoTest } from './cargo.ts';
import { isLong, PATIENCE_MS, pointsOr, report } from './scale.ts';

/** All bits of an image of 1 MiB. */
const ALL_BITS = 8 * 2 ** 20;

// The short form is part of the tests of the engine, which `npm test` runs anyway.
it.runIf(isLong)(
  'rot is found and pinned to its block, whichever bit it is (I14, G7)',
  async () => {
    const counts = await cargoTest(['--test', 'bit_rot'], {
      BACKY_ROT_BITS: String(Math.min(ALL_BITS, pointsOr(ALL_BITS))),
      BACKY_ROT_MIB: '1024',
      BACKY_ROT_FLIPS: '10000',
    });
    const lines = counts.filter((line) => line.startsWith('bit-rot: '));
    expect(lines).toHaveLength(3);
    for (const line of lines) report('bit-rot', { what: line.replace('bit-rot: ', ''), violations: 0 });
  },
  PATIENCE_MS,
);
