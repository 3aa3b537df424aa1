import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueTags, type Schedule } from '../../../src/domain/schedule.ts';
import { isoDay, makeHistory, makeRecord } from '../records.ts';

const DAY_MS = 86_400_000;
const schedule: Schedule = new Map([
  ['daily', { intervalMs: DAY_MS, keep: 9 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 5 }],
]);

function at(day: number): Date {
  return new Date(Date.parse(isoDay(0)) + day * DAY_MS);
}

describe('dueTags', () => {
  it('finds everything due in an empty repository', () => {
    expect(dueTags(schedule, [], at(0))).toEqual(['daily', 'weekly']);
  });

  it('goes by the tags, not by the revisions', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'] }, { tags: ['daily'] });
    expect(dueTags(schedule, history, at(1.5))).toEqual([]);
    expect(dueTags(schedule, history, at(2))).toEqual(['daily']);
    expect(dueTags(schedule, history, at(7))).toEqual(['daily', 'weekly']);
  });

  it('is due at the very end of the interval, not a moment earlier', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'] });
    expect(dueTags(schedule, history, new Date(at(1).getTime() - 1))).toEqual([]);
    expect(dueTags(schedule, history, at(1))).toEqual(['daily']);
  });

  it('does not count distrusted revisions (I27)', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'], trust: 'distrusted' });
    expect(dueTags(schedule, history, at(0.1))).toEqual(['daily', 'weekly']);
  });

  it('is not put to sleep by a revision from the future (I27)', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'], timestamp: isoDay(30) });
    expect(dueTags(schedule, history, at(0))).toEqual(['daily', 'weekly']);
    expect(dueTags(schedule, history, at(29))).toEqual([]);
    expect(dueTags(schedule, history, new Date(at(29).getTime() - 1))).toEqual(['daily', 'weekly']);
  });

  it('is quiet right after a revision with all that was due, whatever the history', () => {
    const tags = fc.subarray(['daily', 'weekly', 'other']);
    const record = fc.record({ day: fc.double({ min: 0, max: 20, noNaN: true }), tags });
    fc.assert(
      fc.property(fc.array(record), fc.double({ min: 0, max: 20, noNaN: true }), (records, day) => {
        const history = records.map((r) => makeRecord({ tags: r.tags, timestamp: at(r.day).toISOString() }));
        const taken = makeRecord({
          tags: dueTags(schedule, history, at(day)),
          timestamp: at(day).toISOString(),
        });
        expect(dueTags(schedule, [...history, taken], at(day))).toEqual([]);
      }),
    );
  });
});
