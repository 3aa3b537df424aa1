import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/domain/shape.ts';
import { parseRecord } from '../../../src/repository/record.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { makeRecord } from '../records.ts';

const record = makeRecord({
  stats: { sharingReason: 'why', fallback: 'because' },
  verifiedAt: '2026-01-02T03:04:05.678Z',
});

/** Returns the message about a record in which one value is another. */
function complaint(path: readonly string[], value: unknown): string {
  try {
    parseRecord(JSON.stringify(withValue(record, path, value)), record.uuid);
  } catch (error) {
    if (error instanceof ShapeError) return error.message;
    throw error;
  }
  return 'valid';
}

function withValue(object: object, [key = '', ...rest]: readonly string[], value: unknown): object {
  const inner: unknown = new Map(Object.entries(object)).get(key);
  const isLeaf = rest.length === 0 || typeof inner !== 'object' || inner === null;
  return { ...object, [key]: isLeaf ? value : withValue(inner, rest, value) };
}

/** Every path in a value that leads to something else than an object. */
function leaves(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

describe('parseRecord', () => {
  it('reads what formatRecord writes', () => {
    expect(parseRecord(formatRecord(record), record.uuid)).toEqual(record);
    expect(formatRecord(record)).toMatch(/^\{\n {2}"formatVersion": 1,\n[\s\S]*\}\n$/);
  });

  it('keeps unknown keys at every level', () => {
    const text = JSON.stringify({
      ...record,
      future: [1],
      stats: { ...record.stats, x: 1 },
      source: { ...record.source, y: {} },
    });
    const { checksum: _, ...written } = JSON.parse(formatRecord(parseRecord(text, record.uuid)));
    expect(written).toEqual(JSON.parse(text));
  });

  it('ignores inherited properties', () => {
    const { trust: _, ...rest } = record;
    const text = `{"__proto__":{"trust":"verified"},${JSON.stringify(rest).slice(1)}`;
    expect(() => parseRecord(text, record.uuid)).toThrow('trust is missing');
    const whole = parseRecord(`{"__proto__":{"polluted":1},${JSON.stringify(record).slice(1)}`, record.uuid);
    expect(Object.getPrototypeOf(whole)).toBe(Object.prototype);
  });

  it.each([
    [
      ['uuid'],
      '01a20b77-805a-7000-8000-000000000002',
      /^uuid is .*; expected 01a20b77-805a-7000-8000-000000000001, the name/,
    ],
    [['formatVersion'], 2, /^formatVersion is 2; expected the format 1$/],
    [['timestamp'], '2026-01-01', /^timestamp is "2026-01-01"; expected a time such as/],
    [['timestamp'], '2026-13-01T00:00:00Z', /^timestamp is /],
    [['timestamp'], '2026-01-01T00:00:00+01:00', /^timestamp is /],
    [['timestamp'], 1_767_225_600, /^timestamp is /],
    [['parent'], '../../etc/passwd-and-more', /^parent is /],
    [['tags'], 'daily', /^tags is "daily"; expected a list of tags$/],
    [['trust'], 'TRUSTED', /^trust is "TRUSTED"; expected one of: trusted, verified, distrusted$/],
    [['size'], -1, /^size is -1/],
    [['size'], 1.5, /^size is 1.5/],
    [['size'], 2 ** 53, /^size is 9007199254740992/],
    [['size'], '10', /^size is "10"/],
    [['digest'], 'AB'.repeat(32), /^digest is /],
    [['blockSize'], 0, /^blockSize is 0/],
    [['source'], null, /^source is null/],
    [['source', 'type'], 7, /^source\.type is 7/],
    [['source', 'filename'], 7, /^source\.filename is 7/],
    [['consistency'], 'torn', /^consistency is "torn"/],
    [['stats', 'duration'], -1, /^stats\.duration is -1/],
    [['stats', 'bytesRead'], 0.5, /^stats\.bytesRead is 0.5/],
    [['stats', 'sharingReason'], [], /^stats\.sharingReason is a list/],
    [['stats', 'extents'], 1.5, /^stats\.extents is 1.5/],
    [['stats', 'sampleRun'], -1, /^stats\.sampleRun is -1/],
    [['stats', 'hintFailures'], 3, /^stats\.hintFailures is 3; expected a list of ranges$/],
    [['stats', 'hintFailures'], [{ offset: 0 }], /^stats\.hintFailures\.0\.length is missing/],
    [['verifiedAt'], 'yesterday', /^verifiedAt is "yesterday"/],
  ])('finds %s = %j damaged', (path, value, expected) => {
    expect(complaint(path, value)).toMatch(expected);
  });

  it.each(['crash', 'frozen', 'offline', 'live'])('takes the consistency %s', (consistency) => {
    expect(complaint(['consistency'], consistency)).toBe('valid');
  });

  it('rejects each missing value and each value of a wrong type (F8)', () => {
    const optional = ['stats.sharingReason', 'stats.fallback', 'source.filename'];
    for (const path of leaves(record)) {
      for (const wrong of [{}, [[]], true, '\n']) {
        const isFreeText =
          wrong === '\n' && /^(source\.|stats\.(method|sharing|fallback))/.test(path.join('.'));
        if (!isFreeText) expect(complaint(path, wrong), path.join('.')).not.toBe('valid');
      }
      if (!optional.includes(path.join('.')))
        expect(complaint(path, undefined), path.join('.')).not.toBe('valid');
    }
  });

  it('rejects numbers that JavaScript cannot represent', () => {
    for (const number of ['1e999', '-1e999', '9007199254740993', '1e-1', '-0.5']) {
      const text = JSON.stringify(record).replace('"size":1048576', `"size":${number}`);
      expect(() => parseRecord(text, record.uuid)).toThrow(/^size is /);
    }
  });

  it('rejects nesting that is too deep to write again', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const text = JSON.stringify(record).replace('{', `{"deep":${deep},`);
    expect(() => parseRecord(text, record.uuid)).toThrow(/nested less deeply/);
  });

  it('takes every truncated text for damaged (F8)', () => {
    const text = formatRecord(record).trimEnd();
    for (let length = 0; length < text.length; length += 1) {
      expect(() => parseRecord(text.slice(0, length), record.uuid)).toThrow();
    }
  });

  it('returns a record or one of two errors for any text', () => {
    const text = formatRecord(record);
    const changed = fc
      .tuple(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 2 }))
      .map(([at, insert]) => text.slice(0, at) + insert + text.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), changed), (candidate) => {
        try {
          expect(parseRecord(candidate, record.uuid).uuid).toBe(record.uuid);
        } catch (error) {
          expect(error instanceof ShapeError || error instanceof SyntaxError).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
