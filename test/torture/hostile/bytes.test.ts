import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { parseDuration } from '../../../src/domain/duration.ts';
import { parseSpec } from '../../../src/domain/revision-spec/parse-spec.ts';
import { ShapeError } from '../../../src/domain/shape.ts';
import { isBackyError } from '../../../src/errors.ts';
import { loadEngine } from '../../../src/native/load-engine.ts';
import { parseRecord } from '../../../src/repository/record.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { isLong, PATIENCE_MS, pointsOr, report, spread } from '../scale.ts';
import { makeRecord, testSeed } from '../tests.ts';
import { smallRepository } from './small-repository.ts';

describe('damaged bytes (F8)', () => {
  it(
    'of a record: every truncation and substitution gives the record or one of two errors',
    () => {
      const record = makeRecord();
      const cases = substitutions(formatRecord(record), (text) => {
        try {
          expect(parseRecord(text, record.uuid).uuid).toBe(record.uuid);
        } catch (error) {
          if (!(error instanceof ShapeError || error instanceof SyntaxError)) throw error;
        }
      });
      report('hostile', { what: 'bytes of a record', cases, violations: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'of a configuration: every truncation and substitution gives a configuration or one error',
    () => {
      const seed =
        'source:\n  type: file\n  filename: /dev/vg0/vm\nschedule:\n  daily: {interval: 1d, keep: 9}\n';
      const cases = substitutions(seed, (text) => {
        try {
          parseConfig(text, 'config');
        } catch (error) {
          if (!isBackyError(error, 'BACKY_CONFIG_INVALID')) throw error;
        }
      });
      report('hostile', { what: 'bytes of a configuration', cases, violations: 0 });
    },
    PATIENCE_MS,
  );

  it('of an index: truncations and substitutions make that revision bad, and no other', async () => {
    const { repository } = await smallRepository();
    const [first, second] = [await repository.backup(), await repository.backup()];
    const index = repository.path(`${first.uuid}.hashes`);
    const good = readFileSync(index);
    chmodSync(index, 0o600);
    const engine = await loadEngine();
    const options = {
      image: repository.path(first.uuid),
      index,
      size: first.size,
      digest: first.digest ?? '',
    };
    const places = isLong ? good.length : 300;
    let cases = 0;
    for (const place of spread(good.length, places)) {
      const byte = good.readUInt8(place - 1);
      for (const bad of [good.subarray(0, place - 1), withByte(good, place - 1, byte ^ 0xff)]) {
        writeFileSync(index, bad);
        await expect(engine.verifyImage(options), `at ${place}`).rejects.toMatchObject({
          code: 'BACKY_INDEX_DAMAGED',
        });
        cases += 1;
      }
    }
    // The header claims a huge size, up to 16 EiB, and is intact otherwise.
    for (const size of [0xffff_ffff_ffff_ffffn, (1n << 53n) - 1n, 1n << 62n]) {
      const header = Buffer.from(good);
      header.writeBigUInt64LE(size, 16);
      writeFileSync(index, header);
      await expect(engine.verifyImage(options)).rejects.toMatchObject({ code: 'BACKY_INDEX_DAMAGED' });
      cases += 1;
    }
    const { verdicts } = await repository.verify();
    expect(verdicts).toMatchObject([{ verdict: 'bad' }, { uuid: second.uuid, verdict: 'good' }]);
    report('hostile', { what: 'bytes of an index', cases, violations: 0 });
  });

  it(
    'of a spec or a duration: parsing ends in a value or an error',
    () => {
      const alphabet = fc.constantFrom(
        ...'()&,.:-"\\ 0129dhmsy\n\u0000é',
        'first',
        'last',
        'not',
        'tag:',
        '..',
      );
      const text = fc.array(alphabet, { maxLength: 200 }).map((parts) => parts.join(''));
      const numRuns = pointsOr(2000);
      fc.assert(
        fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (candidate) => {
          const duration = parseDuration(candidate);
          expect(duration === undefined || (Number.isFinite(duration) && duration >= 0)).toBe(true);
          try {
            parseSpec(candidate);
          } catch (error) {
            if (!isBackyError(error)) throw error;
          }
        }),
        { numRuns, seed: testSeed | 0 },
      );
      report('hostile', { what: 'specs and durations', cases: numRuns, violations: 0 });
    },
    PATIENCE_MS,
  );
});

/**
 * Tries every truncation and every substitution of a byte; in the short form only every 16th substitution.
 *
 * @returns the number of texts tried
 */
function substitutions(seed: string, take: (text: string) => void): number {
  const bytes = Buffer.from(seed);
  const step = isLong ? 1 : 16;
  let count = 0;
  for (let place = 0; place < bytes.length; place += 1) {
    take(bytes.toString('utf8', 0, place));
    for (let byte = place % step; byte < 256; byte += step) {
      take(withByte(bytes, place, byte).toString('utf8'));
      count += 1;
    }
  }
  return count + bytes.length;
}

function withByte(bytes: Buffer, place: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(byte, place);
  return changed;
}
