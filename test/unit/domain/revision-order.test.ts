import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newestGood } from '../../../src/domain/revision.ts';
import { newRevisionId } from '../../../src/domain/revision-id.ts';
import { inOrderOfTaking } from '../../../src/domain/revision-order.ts';
import { makeRecord } from '../records.ts';

/** Records of earlier versions: ids follow the clock, and the parent is the newest good revision by date. */
function asBefore(times: readonly number[]) {
  return times.map((ms, number) => {
    const uuid = newRevisionId(new Date(ms), new Uint8Array(10).fill(number));
    return { uuid, timestamp: new Date(ms).toISOString() };
  });
}

it('puts a revision of a clock that was ahead before those that were built on it', () => {
  const [a, b, c, d] = asBefore([1e12, 3e12, 1.1e12, 1.2e12]).map((facts, number, all) =>
    makeRecord({ ...facts, parent: [null, all[0]?.uuid, all[1]?.uuid, all[1]?.uuid][number] ?? null }),
  );
  const history = [a, b, c, d].flatMap((record) => record ?? []);
  fc.assert(
    fc.property(fc.shuffledSubarray(history, { minLength: 4 }), (shuffled) => {
      expect(inOrderOfTaking(shuffled)).toEqual(history);
    }),
  );
  expect(newestGood(inOrderOfTaking(history))).toBe(d);
});

it('takes records that were edited into a circle, each once', () => {
  const [a, b] = asBefore([1e12, 2e12]);
  const circle = [
    makeRecord({ ...a, parent: b?.uuid ?? null }),
    makeRecord({ ...b, parent: a?.uuid ?? null }),
  ];
  expect(inOrderOfTaking(circle)).toHaveLength(2);
  expect(inOrderOfTaking(circle.toReversed())).toEqual(inOrderOfTaking(circle));
});
