import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RevisionRecord, Trust } from '../../../../src/domain/revision.ts';
import { evaluateSpec } from '../../../../src/domain/revision-spec/evaluate-spec.ts';
import { parseSpec } from '../../../../src/domain/revision-spec/parse-spec.ts';
import { type RangeEnd, SET_NAMES, type Spec, TRUSTS } from '../../../../src/domain/revision-spec/spec.ts';
import { findRevisions } from '../../../../src/domain/revision-spec.ts';
import { isBackyError } from '../../../../src/errors.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { specs, treesOf } from './specs.ts';

/** Five days, two revisions of the same moment, in no zone's favour. */
const histories: fc.Arbitrary<readonly RevisionRecord[]> = fc
  .array(
    fc.record({
      hour: fc.nat(120),
      tags: fc.subarray(['a', 'b', 'c.d:e']),
      trust: fc.constantFrom(...TRUSTS),
      server: fc.constantFrom(undefined, '', 'paris'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((facts) =>
    facts
      .toSorted((a, b) => a.hour - b.hour)
      .map(({ hour, tags, trust, server }, position) =>
        makeRecord({
          uuid: revisionId(position),
          timestamp: new Date(2026, 0, 1, hour).toISOString(),
          tags,
          trust,
          ...(server === undefined ? {} : { server }),
        }),
      ),
  );

/** Leaves that name something in every history, or may name nothing. */
const leaves: fc.Arbitrary<Spec> = fc.oneof(
  fc.constant<Spec>({ kind: 'word', word: '0' }),
  fc.constant<Spec>({ kind: 'word', word: revisionId(0) }),
  fc.constantFrom(...SET_NAMES).map((name) => ({ kind: 'set' as const, name })),
  fc
    .constantFrom('a', 'c.d:e', 'x')
    .map((value) => ({ kind: 'attribute' as const, name: 'tag' as const, value })),
  fc.constantFrom(...TRUSTS).map((value) => ({ kind: 'attribute' as const, name: 'trust' as const, value })),
  fc.constant<Spec>({ kind: 'attribute', name: 'server', value: 'paris' }),
);

describe('evaluateSpec', () => {
  it('equals the simplest model', () => {
    fc.assert(
      fc.property(histories, treesOf(leaves), (history, spec) => {
        const positions = evaluateSpec(spec, history).map((record) => history.indexOf(record));
        expect(positions).toEqual(model(spec, history));
      }),
      { numRuns: 1000 },
    );
  });

  it('answers any tree with revisions or one of two errors', () => {
    fc.assert(
      fc.property(histories, specs, (history, spec) => {
        try {
          const found = evaluateSpec(spec, history);
          expect(new Set(found).size).toBe(found.length);
          expect(history).toEqual(expect.arrayContaining([...found]));
        } catch (error) {
          expect(isBackyError(error, 'BACKY_REVISION_UNKNOWN', 'BACKY_REVISION_AMBIGUOUS')).toBe(true);
        }
      }),
    );
  });

  it('takes a thousand words over ten thousand revisions', () => {
    const history = Array.from({ length: 10_000 }, (_, number) =>
      makeRecord({ uuid: revisionId(number), timestamp: new Date(number * 1000).toISOString() }),
    );
    const numbers = Array.from({ length: 1000 }, (_, number) => number).join(',');
    expect(evaluateSpec(parseSpec(numbers), history)).toEqual(history.slice(-1000).toReversed());
  });
});

describe('times', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z', '2026-03-29T21:59:59.999Z'],
    ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T22:59:59.999Z'],
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00.000Z', '2018-11-05T01:59:59.999Z'],
    ['Asia/Kolkata', '2026-01-01T00:00', '2025-12-31T18:30:00.000Z', '2025-12-31T18:30:59.999Z'],
    ['Asia/Kolkata', '2026-01-01 00:00:07', '2025-12-31T18:30:07.000Z', '2025-12-31T18:30:07.999Z'],
    ['UTC', '2026-01-01T00:00:07.5', '2026-01-01T00:00:07.500Z', '2026-01-01T00:00:07.599Z'],
    ['UTC', '2026-01-01T00:00:07.123', '2026-01-01T00:00:07.123Z', '2026-01-01T00:00:07.123Z'],
    ['Asia/Kolkata', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.999Z'],
    ['Asia/Kolkata', '2026-01-01T00:00:00-01:30', '2026-01-01T01:30:00.000Z', '2026-01-01T01:30:00.999Z'],
  ])('in %s let %s begin at %s and end at %s', (zone, time, from, to) => {
    const before = process.env.TZ;
    process.env.TZ = zone;
    try {
      const moments = [Date.parse(from) - 1, Date.parse(from), Date.parse(to), Date.parse(to) + 1];
      const history = moments.map((moment, number) =>
        makeRecord({ uuid: revisionId(number), timestamp: new Date(moment).toISOString() }),
      );
      expect(findRevisions(`${time}..${time}`, history)).toEqual(history.slice(1, 3));
      expect(findRevisions(`..${time}`, history)).toEqual(history.slice(0, 3));
      expect(findRevisions(`${time}..`, history)).toEqual(history.slice(1));
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it('without revisions begin no range', () => {
    const history = [makeRecord()];
    expect(findRevisions('2025-12-31..2026-01-02', history)).toEqual(history);
    for (const spec of [
      '2027-01-01..',
      '..2025-01-01',
      '2025-01-01..2025-02-01',
      'tag:x..',
      '..tag:x',
      'tag:x..tag:daily',
    ])
      expect(() => findRevisions(spec, history)).toThrow(
        expect.objectContaining({ code: 'BACKY_REVISION_UNKNOWN' }),
      );
  });
});

/** The positions that a spec names, found by asking of every one of them. */
function model(spec: Spec, history: readonly RevisionRecord[]): readonly number[] {
  const every = history.map((_, position) => position);
  const of = (part: Spec): readonly number[] => model(part, history);
  switch (spec.kind) {
    case 'union':
      return spec.parts.flatMap(of).filter((position, index, list) => list.indexOf(position) === index);
    case 'intersection':
      return of(spec.parts[0] ?? spec).filter((position) =>
        spec.parts.every((part) => of(part).includes(position)),
      );
    case 'range':
      return every.filter((position) => isInRange(position, spec.from, spec.to, history));
    case 'call': {
      const inner = of(spec.of);
      if (spec.name === 'not') return every.filter((position) => !inner.includes(position));
      const [reversed, end] = [inner.toReversed(), spec.name === 'first' ? inner[0] : inner.at(-1)];
      return spec.name === 'reverse' ? reversed : end === undefined ? [] : [end];
    }
    case 'set':
      return every.filter((position) => isInSet(position, spec.name, history));
    case 'attribute':
      return every.filter((position) => {
        const { tags, trust, server = '' } = history[position] ?? expect.unreachable();
        return [...tags.map((tag) => `tag${tag}`), `trust${trust}`, `server${server}`].includes(
          spec.name + spec.value,
        );
      });
    case 'word':
      return [spec.word === '0' ? history.length - 1 : 0];
  }
}

function isInSet(position: number, name: string, history: readonly RevisionRecord[]): boolean {
  const { server = '' } = history[position] ?? expect.unreachable();
  const isTrusted = (trust: Trust): boolean => trust !== 'distrusted';
  const good = history.filter(({ trust }) => isTrusted(trust));
  if (name === 'local') return server === '';
  if (name === 'remote') return server !== '';
  if (name === 'first') return position === 0;
  if (name === 'all' || name === 'clean') return true;
  return history[position] === (good.at(-1) ?? history.at(-1));
}

/** Whether something of both ends is on either side, where an end that was left out is on the outside. */
function isInRange(
  position: number,
  from: RangeEnd | undefined,
  to: RangeEnd | undefined,
  history: readonly RevisionRecord[],
): boolean {
  const sides = [sidesOf(position, from, 'before', history), sidesOf(position, to, 'after', history)];
  if (sides.some((side) => side.length === 0)) return false;
  return ['before', 'after'].every((side) => sides.flat().some((each) => each === side || each === 'here'));
}

type Side = 'before' | 'here' | 'after';

/** The side of a position on which an end lies, for each revision that it names. */
function sidesOf(
  position: number,
  end: RangeEnd | undefined,
  outside: Side,
  history: readonly RevisionRecord[],
): readonly Side[] {
  const compare = (a: number, b: number): Side => (a < b ? 'before' : a > b ? 'after' : 'here');
  if (!end) return [outside];
  if (end.kind !== 'time') return model(end, history).map((each) => compare(each, position));
  const moment = Date.parse(history[position]?.timestamp ?? '');
  const [start, stop] = TIMES.get(end.text) ?? expect.unreachable();
  return moment >= start && moment <= stop ? ['here'] : [compare(start, moment)];
}

/** The times of `specs.ts`, worked out in another way. */
const TIMES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['2026-01-01', [new Date(2026, 0, 1).getTime(), new Date(2026, 0, 1, 23, 59, 59, 999).getTime()]],
  ['2026-01-03T00:00', [new Date(2026, 0, 3).getTime(), new Date(2026, 0, 3, 0, 0, 59, 999).getTime()]],
  [
    '2026-01-02 23:59:59',
    [new Date(2026, 0, 2, 23, 59, 59).getTime(), new Date(2026, 0, 2, 23, 59, 59, 999).getTime()],
  ],
  ['2026-01-04T01:30:00.5+01:00', [Date.UTC(2026, 0, 4, 0, 30, 0, 500), Date.UTC(2026, 0, 4, 0, 30, 0, 599)]],
  ['2030-12-31', [new Date(2030, 11, 31).getTime(), new Date(2030, 11, 31, 23, 59, 59, 999).getTime()]],
]);
