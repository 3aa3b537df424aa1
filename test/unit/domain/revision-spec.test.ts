import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newRevisionId } from '../../../src/domain/revision-id.ts';
import { findRevision, findRevisions } from '../../../src/domain/revision-spec.ts';
import { makeHistory, revisionId } from '../records.ts';

const history = makeHistory(
  { uuid: '96d8b001-0ffc-4149-8c35-cf003f5638d6', tags: ['daily', 'weekly'] },
  { uuid: '01a20b77-805a-7000-8000-000000000001' },
  { uuid: '01a20b77-805a-7000-8000-000000000002', tags: ['weekly'] },
  { uuid: 'asErgTHJaw2WmhFbBVxEPB', trust: 'distrusted' },
);
const [oldest, second, third, newest] = history;

const unknown = expect.objectContaining({ code: 'BACKY_REVISION_UNKNOWN' });
const invalid = expect.objectContaining({ code: 'BACKY_REVISION_SPEC_INVALID' });
const ambiguous = expect.objectContaining({ code: 'BACKY_REVISION_AMBIGUOUS' });

describe('findRevision', () => {
  it.each([
    ['0', newest],
    ['1', third],
    ['3', oldest],
    ['last', third],
    ['latest', third],
    ['first', oldest],
    ['tag:daily', newest],
    ['tag:weekly', third],
    ['weekly', third],
    ['trust:trusted', third],
    [' ( tag:weekly ) ', third],
    ['first(tag:weekly)', oldest],
    ['last(tag:daily & not(trust:distrusted))', second],
    ['daily & trust:distrusted', newest],
    ['96d8b001-0ffc-4149-8c35-cf003f5638d6', oldest],
    ['96d', oldest],
    ['a', newest],
    ['01a20b77-805a-7000-8000-000000000001', second],
  ])('finds %s', (spec, expected) => {
    expect(findRevision(spec, history)).toBe(expected);
  });

  it.each([
    '4',
    '99999999999999999999',
    'tag:yearly',
    'trust:verified',
    'remote',
    'server:paris',
    'zzz & all',
    'all, 17',
    'tag:weekly & trust:distrusted',
    '2026-01-01',
    'zzz',
    'LAST',
    '-1',
    '1.0',
    '../x',
    '96d8b002',
  ])('finds nothing for "%s"', (spec) => {
    expect(() => findRevision(spec, history)).toThrow(unknown);
  });

  it('names the candidates of an ambiguous beginning', () => {
    const attempt = (): unknown => findRevision('01', history);
    expect(attempt).toThrow(ambiguous);
    expect(attempt).toThrow(/01a20b77-805a-7000-8000-000000000001, 01a20b77-805a-7000-8000-000000000002/);
  });

  it('complains of the word that is wrong, not of all', () => {
    expect(() => findRevision('last(all & zzz)', history)).toThrow(
      'No revision matches "zzz": no id begins with it and no revision has such a tag',
    );
    expect(() => findRevision('newest', history)).toThrow(/such a tag$/);
    expect(() => findRevision('lates', history)).toThrow(/; did you mean "latest"\?$/);
    expect(() => findRevision('2026-01-01', history)).toThrow(
      /: a time only ends a range, as in "2026-01-01\.\."$/,
    );
    expect(() => findRevision('0 & 1', history)).toThrow('No revision matches "0 & 1": nothing is left');
  });

  it.each(['', 'tag:', '(0', '0)', 'newest(all)', 'trust:me'])('does not understand "%s"', (spec) => {
    expect(() => findRevision(spec, history)).toThrow(invalid);
    expect(() => findRevision(spec, [])).toThrow(invalid);
  });

  it.each(['all', 'tag:weekly, first', '0..1', 'local', 'not(0)', 'reverse(tag:daily)'])(
    'wants one revision, not %s, and says how',
    (spec) => {
      expect(() => findRevision(spec, history)).toThrow(
        expect.objectContaining({
          code: 'BACKY_REVISION_AMBIGUOUS',
          remedy: `Take one of them with "first(…)" or "last(…)": "last(${spec})"`,
        }),
      );
    },
  );

  it('does not repeat a whole file that was given for a spec', () => {
    for (const spec of ['x'.repeat(100_000), `not(${'0,'.repeat(50_000)}0)`, '('.repeat(100_000)])
      expect(() => findRevision(spec, history)).toThrow(
        expect.objectContaining({
          message: expect.stringMatching(/^.{1,300}$/),
          remedy: expect.stringMatching(/^.{1,300}$/),
        }),
      );
  });

  it('takes the beginning of ids for an id, even where it is a tag, too', () => {
    const tagged = makeHistory({ tags: ['01'] }, { tags: ['9'] });
    expect(() => findRevision('01', tagged)).toThrow(ambiguous);
    expect(findRevision('tag:01', tagged)).toBe(tagged[0]);
    expect(() => findRevision('9', tagged)).toThrow(unknown);
  });

  it('takes digits without a leading zero for a number, never for the beginning of an id', () => {
    expect(() => findRevision('96', history)).toThrow(unknown);
    expect(findRevision('96d8', history)).toBe(oldest);
  });

  it('wants one revision, not all', () => {
    expect(() => findRevision('all', history)).toThrow(ambiguous);
    expect(findRevision('all', history.slice(0, 1))).toBe(oldest);
  });

  it('falls back on the newest where all are distrusted', () => {
    const distrusted = makeHistory({ trust: 'distrusted' }, { trust: 'distrusted' });
    expect(findRevision('last', distrusted)).toBe(distrusted[1]);
    expect(findRevision('latest', distrusted)).toBe(distrusted[1]);
  });

  it.each(['0', 'last', 'first', 'all', 'tag:daily', 'x'])(
    'finds nothing for %s in an empty repository',
    (spec) => {
      expect(() => findRevision(spec, [])).toThrow(unknown);
    },
  );
});

describe('findRevisions', () => {
  it('finds all, and all with a tag, oldest first', () => {
    expect(findRevisions('all', history)).toEqual(history);
    expect(findRevisions('tag:weekly', history)).toEqual([oldest, third]);
    expect(findRevisions('0', history)).toEqual([newest]);
    expect(findRevisions('0, all', history)).toEqual([newest, oldest, second, third]);
    expect(() => findRevisions('all', [])).toThrow(unknown);
    expect(() => findRevisions('tag:x', history)).toThrow(unknown);
  });
});

describe('whatever the ids are', () => {
  const ids = fc.uniqueArray(
    fc
      .tuple(fc.nat(2 ** 20), fc.uint8Array({ minLength: 10, maxLength: 10 }))
      .map(([ms, bits]) => newRevisionId(new Date(1.7e12 + ms), bits)),
    { minLength: 1, maxLength: 20 },
  );

  it('finds by whole ids and numbers', () => {
    fc.assert(
      fc.property(ids, (uuids) => {
        const revisions = makeHistory(...uuids.map((uuid) => ({ uuid })));
        for (const [position, record] of revisions.entries()) {
          expect(findRevision(record.uuid, revisions)).toBe(record);
          expect(findRevision(String(revisions.length - 1 - position), revisions)).toBe(record);
        }
      }),
    );
  });

  it('finds by a beginning exactly when it is of one id', () => {
    fc.assert(
      fc.property(ids, fc.nat(), fc.integer({ min: 1, max: 35 }), (uuids, choice, length) => {
        const revisions = makeHistory(...uuids.map((uuid) => ({ uuid })));
        const prefix = uuids[choice % uuids.length]?.slice(0, length) ?? '';
        const matches = revisions.filter(({ uuid }) => uuid.startsWith(prefix));
        fc.pre(prefix !== '0');
        if (matches.length === 1) expect(findRevision(prefix, revisions)).toBe(matches[0]);
        else expect(() => findRevision(prefix, revisions)).toThrow(ambiguous);
      }),
    );
  });

  it('answers any text with a revision or one of three errors', () => {
    const revisions = makeHistory({}, { uuid: revisionId(7) });
    fc.assert(
      fc.property(fc.string(), (spec) => {
        try {
          expect(revisions).toContain(findRevision(spec, revisions));
        } catch (error) {
          expect([unknown, ambiguous, invalid].some((expected) => expected.asymmetricMatch(error))).toBe(
            true,
          );
        }
      }),
    );
  });
});
