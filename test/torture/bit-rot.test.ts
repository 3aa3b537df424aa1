import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { initRepository, type Repository } from '../../src/index.ts';
import { cargoTest } from './cargo.ts';
import { isLong, PATIENCE_MS, pointsOr, report, spread } from './scale.ts';
import { randomBytes, scratchForTest } from './tests.ts';

/** All bits of an image of 1 MiB. */
const ALL_BITS = 8 * 2 ** 20;

// The tests of the engine, which `npm test` runs as well, have a longer short form of this.
it(
  'rot is found and pinned to its block, whichever bit it is (I14)',
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

it(
  'verify names the record in which a bit has flipped, and goes on doing so (I1, I11, I14)',
  async () => {
    const { repository, path, uuid } = await repositoryOfOne();
    const whole = readFileSync(path);
    chmodSync(path, 0o600);
    const counts = { bits: 0, unreadable: 0, altered: 0, unnoticed: 0 };
    for (const bit of spread(whole.length * 8, isLong ? whole.length * 8 : 64)) {
      counts.bits += 1;
      writeFileSync(path, flipped(whole, bit - 1));
      const [first, second] = [await repository.verify(), await repository.verify()];
      expect([first.good, second.good], `bit ${bit}`).toEqual([false, false]);
      const isUnreadable = [first, second].every(({ damaged }) => damaged[0]?.uuid === uuid);
      const isAltered = [first, second].every(({ verdicts }) => verdicts[0]?.alteredRecord?.path === path);
      if (isUnreadable) counts.unreadable += 1;
      else if (isAltered) counts.altered += 1;
      else counts.unnoticed += 1;
      // `verify` may have replaced the record by a read-only file.
      chmodSync(path, 0o600);
    }
    expect(counts).toMatchObject({ bits: counts.unreadable + counts.altered, unnoticed: 0 });
    writeFileSync(path, whole);
    expect(await repository.verify()).toMatchObject({ good: true });
    report('bit-rot of a record', { ...counts, violations: counts.unnoticed });
  },
  PATIENCE_MS,
);

async function repositoryOfOne(): Promise<{ repository: Repository; path: string; uuid: string }> {
  const scratch = scratchForTest();
  const [directory, filename] = [join(scratch, 'repository'), join(scratch, 'disk.img')];
  writeFileSync(filename, randomBytes(1000));
  const repository = await initRepository(directory, { type: 'file', filename });
  await repository.backup();
  const uuid = (await repository.status()).revisions[0]?.uuid ?? expect.unreachable();
  return { repository, path: join(directory, `${uuid}.rev`), uuid };
}

/** @param bit counted from 0 */
function flipped(whole: Buffer, bit: number): Buffer {
  const bytes = Buffer.from(whole);
  const at = Math.floor(bit / 8);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit % 8)), at);
  return bytes;
}
