import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRetention, type Retainable, retainableOf } from '../../../src/domain/retention.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import { DAY_MS, history, schedules } from '../histories.ts';
import { makeRecord } from '../records.ts';

/** Together the properties below are held against more than 10^5 histories. */
const RUNS = 25_000;

const schedule: Schedule = new Map([
  ['daily', { intervalMs: DAY_MS, keep: 3 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 2 }],
]);

/** Revisions of consecutive days, the last one taken now. */
function daily(...tags: readonly (readonly string[])[]): readonly Retainable[] {
  return tags.map((each, day) => ({
    uuid: String(day),
    takenAtMs: (day - tags.length + 1) * DAY_MS,
    tags: each,
    isGood: true,
  }));
}

function removed(plan: ReturnType<typeof planRetention>): readonly string[] {
  return plan.verdicts.filter(({ kept }) => !kept).map(({ uuid }) => uuid);
}

/** Carries out a plan. Returns the remaining revisions. */
function carriedOut(rules: Schedule, revisions: readonly Retainable[], nowMs: number): readonly Retainable[] {
  const { verdicts } = planRetention(rules, revisions, nowMs);
  return revisions.flatMap((revision, index) => {
    const verdict = verdicts[index];
    if (!verdict?.kept) return [];
    return [{ ...revision, tags: revision.tags.filter((tag) => !verdict.expiredTags.includes(tag)) }];
  });
}

describe('planRetention', () => {
  it('keeps the newest and the young revisions of each tag', () => {
    const revisions = daily(['daily', 'weekly'], ['daily'], ['daily'], ['daily'], ['daily']);
    const plan = planRetention(schedule, revisions, 0);
    expect(removed(plan)).toEqual([]);
    expect(plan.verdicts[0]).toEqual({
      uuid: '0',
      kept: true,
      expiredTags: ['daily'],
      reasons: [{ because: 'in-schedule', tag: 'weekly', rank: 1, keep: 2 }],
    });
    expect(plan.verdicts[1]?.reasons).toEqual([
      { because: 'young', tag: 'daily', keep: 3, intervalMs: DAY_MS },
    ]);
    expect(removed(planRetention(schedule, revisions, 1))).toEqual(['1']);
    expect(planRetention(schedule, revisions, 1).verdicts[1]?.reasons).toEqual([
      { because: 'expired', tag: 'daily', rank: 4, keep: 3 },
    ]);
  });

  it('deletes nothing because a tag was renamed or dropped', () => {
    const plan = planRetention(
      new Map(),
      daily(['daily'], ['manual:before-upgrade'], ['daily']),
      900 * DAY_MS,
    );
    expect(removed(plan)).toEqual([]);
    expect(plan.verdicts.map(({ reasons }) => reasons[0]?.because)).toEqual([
      'unknown-tag',
      'manual',
      'unknown-tag',
    ]);
  });

  it('lets nothing count that cannot be relied upon, and removes nothing that is in doubt', () => {
    const [oldest, ...others] = daily(['daily'], ['daily'], ['daily'], ['daily']);
    const doubtful = others.map((revision) => ({ ...revision, isGood: false }));
    const plan = planRetention(schedule, [...(oldest ? [oldest] : []), ...doubtful], 100 * DAY_MS);
    expect(plan.verdicts.map(({ reasons }) => reasons.map(({ because }) => because))).toEqual([
      ['in-schedule', 'last-good'],
      ['in-doubt'],
      ['in-doubt'],
      ['in-doubt'],
    ]);
  });

  it('keeps held revisions until the hold ends', () => {
    const hold = { reason: 'audit', since: '2026-01-01T00:00:00.000Z', until: '2026-02-01T00:00:00.000Z' };
    const held = retainableOf(makeRecord({ uuid: 'a', tags: [], hold }));
    const others = ['b', 'c'].map((uuid) => ({ ...held, uuid, tags: ['daily'], heldUntilMs: 0 }));
    const until = Date.parse(hold.until);
    expect(removed(planRetention(schedule, [held, ...others], until - 1))).toEqual([]);
    expect(removed(planRetention(schedule, [held, ...others], until))).toEqual(['a']);
    expect(retainableOf(makeRecord({ hold: { ...hold, until: null } })).heldUntilMs).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it('raises the alarm when a revision is from the future by more than a day', () => {
    const revisions = daily(['daily'], ['daily']);
    expect(planRetention(schedule, revisions, -DAY_MS).alarm).toBeUndefined();
    expect(planRetention(schedule, revisions, -DAY_MS - 1).alarm).toEqual({
      alarm: 'clock',
      newestMs: 0,
      nowMs: -DAY_MS - 1,
    });
  });

  it('raises the alarm when more than half of the revisions would go', () => {
    expect(planRetention(schedule, daily([], [], ['daily'], ['daily']), 0).alarm).toBeUndefined();
    expect(planRetention(schedule, daily([], [], [], ['daily']), 0).alarm).toEqual({
      alarm: 'half',
      removed: 3,
      revisions: 4,
    });
  });

  it('never removes the last good revision, what is held, in doubt, or carries a tag it does not know (I17, I19)', () => {
    const cases = fc.record({ rules: schedules, revisions: history, nowMs: fc.integer() });
    const property = fc.property(cases, ({ rules, revisions, nowMs }) => {
      const gone = new Set(removed(planRetention(rules, revisions, nowMs)));
      const lastGood = revisions.findLast(({ isGood }) => isGood);
      for (const revision of revisions.filter(({ uuid }) => gone.has(uuid))) {
        expect(revision.isGood).toBe(true);
        expect(revision.tags.every((tag) => rules.has(tag))).toBe(true);
        expect((revision.heldUntilMs ?? Number.NEGATIVE_INFINITY) <= nowMs).toBe(true);
        expect(revision).not.toBe(lastGood);
      }
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it('honours keep: the newest good ones with a tag stay and keep it (I17)', () => {
    const cases = fc.record({ rules: schedules, revisions: history, nowMs: fc.integer() });
    const property = fc.property(cases, ({ rules, revisions, nowMs }) => {
      const left = carriedOut(rules, revisions, nowMs);
      for (const [tag, { keep }] of rules) {
        const carriers = revisions.filter(({ isGood, tags }) => isGood && tags.includes(tag));
        for (const { uuid } of carriers.slice(-keep)) {
          expect(left.find((revision) => revision.uuid === uuid)?.tags).toContain(tag);
        }
      }
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it('is a pure rule: carried out twice it removes nothing more (I18)', () => {
    const cases = fc.record({ rules: schedules, revisions: history, nowMs: fc.integer() });
    const property = fc.property(cases, ({ rules, revisions, nowMs }) => {
      const once = carriedOut(rules, revisions, nowMs);
      expect(carriedOut(rules, once, nowMs)).toEqual(once);
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it('removes no more when a tag is taken out of the schedule (I19)', () => {
    const cases = fc.record({ rules: schedules, revisions: history, nowMs: fc.integer() });
    const property = fc.property(cases, ({ rules, revisions, nowMs }) => {
      const before = removed(planRetention(rules, revisions, nowMs));
      for (const tag of rules.keys()) {
        const fewer = new Map([...rules].filter(([other]) => other !== tag));
        expect(before).toEqual(expect.arrayContaining([...removed(planRetention(fewer, revisions, nowMs))]));
      }
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it('agrees with the rule in plain words', () => {
    const cases = fc.record({ rules: schedules, revisions: history, nowMs: fc.integer() });
    const property = fc.property(cases, ({ rules, revisions, nowMs }) => {
      const isKept = (revision: Retainable, index: number): boolean => {
        const newer = revisions.slice(index + 1).filter(({ isGood }) => isGood);
        return (
          !revision.isGood ||
          newer.length === 0 ||
          (revision.heldUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs ||
          revision.tags.some((tag) => {
            const rule = rules.get(tag);
            if (!rule) return true;
            const newerWithTag = newer.filter(({ tags }) => tags.includes(tag)).length;
            return newerWithTag < rule.keep || nowMs - revision.takenAtMs <= rule.keep * rule.intervalMs;
          })
        );
      };
      const expected = revisions
        .filter((revision, index) => !isKept(revision, index))
        .map(({ uuid }) => uuid);
      expect(removed(planRetention(rules, revisions, nowMs))).toEqual(expected);
    });
    fc.assert(property, { numRuns: RUNS });
  });
});
