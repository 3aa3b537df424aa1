import fc from 'fast-check';
import type { Retainable } from '../../src/domain/retention.ts';
import type { Schedule } from '../../src/domain/schedule.ts';

export const DAY_MS = 86_400_000;

const TAGS = ['hourly', 'daily', 'weekly', 'monthly', 'manual:x'];

/** Some of the tags, each with a rule. Times are small numbers, so that ages and intervals meet. */
export const schedules: fc.Arbitrary<Schedule> = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom(...TAGS.slice(0, 4)),
      fc.record({ intervalMs: fc.integer({ min: 1, max: 20 }), keep: fc.integer({ min: 1, max: 4 }) }),
    ),
    { selector: ([tag]) => tag, maxLength: 4 },
  )
  .map((rules) => new Map(rules));

/** Revisions, oldest first, some of them at the same time. */
export const history: fc.Arbitrary<readonly Retainable[]> = fc
  .array(
    fc.record(
      {
        afterMs: fc.integer({ min: 0, max: 10 }),
        tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }),
        isGood: fc.boolean(),
        heldUntilMs: fc.integer({ min: -50, max: 150 }),
      },
      { requiredKeys: ['afterMs', 'tags', 'isGood'] },
    ),
    { maxLength: 12 },
  )
  .map((revisions) => {
    let takenAtMs = 0;
    return revisions.map(({ afterMs, ...facts }, number) => {
      takenAtMs += afterMs;
      return { ...facts, uuid: `revision-${number}`, takenAtMs };
    });
  });
