import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSpec } from '../../../../src/domain/revision-spec/format-spec.ts';
import { parseSpec } from '../../../../src/domain/revision-spec/parse-spec.ts';
import type { Spec } from '../../../../src/domain/revision-spec/spec.ts';
import { isBackyError } from '../../../../src/errors.ts';
import { specs } from './specs.ts';

const word = (text: string): Spec => ({ kind: 'word', word: text });
const all: Spec = { kind: 'set', name: 'all' };

describe('parseSpec', () => {
  it.each<[string, Spec]>([
    ['0', word('0')],
    [' all ', all],
    ['tag: a.b:c ', { kind: 'attribute', name: 'tag', value: 'a.b:c' }],
    ['(((0)))', word('0')],
    [
      '1,2&3..4',
      { kind: 'union', parts: [word('1'), { kind: 'intersection', parts: [word('2'), range('3', '4')] }] },
    ],
    [
      '(1,2)&3',
      { kind: 'intersection', parts: [{ kind: 'union', parts: [word('1'), word('2')] }, word('3')] },
    ],
    ['..', { kind: 'range', from: undefined, to: undefined }],
    ['a. ..b', range('a.', 'b')],
    ['a...b', range('a', '.b')],
    ['last', { kind: 'set', name: 'last' }],
    ['last (all)', { kind: 'call', name: 'last', of: all }],
    ['2026-01-01', word('2026-01-01')],
    ['2026-01-01..x', { kind: 'range', from: { kind: 'time', text: '2026-01-01' }, to: word('x') }],
    [
      '..2026-01-01 10:00',
      { kind: 'range', from: undefined, to: { kind: 'time', text: '2026-01-01 10:00' } },
    ],
  ])('reads %j', (text, tree) => {
    expect(parseSpec(text)).toEqual(tree);
  });

  it.each([
    ['', 1, 'the end', 'a revision'],
    ['  ', 3, 'the end', 'a revision'],
    ['a,,b', 3, '","', 'a revision'],
    ['a,', 3, 'the end', 'a revision'],
    ['& a', 1, '"&"', 'a revision'],
    ['(a', 3, 'the end', '")"'],
    ['a)', 2, '")"', '"," or "&" or the end'],
    ['()', 2, '")"', 'a revision'],
    ['last()', 6, '")"', 'a revision'],
    ['a..b..c', 5, '".."', '"," or "&" or the end'],
    ['all, newest(all)', 6, '"newest"', 'one of first, last, not, reverse before "("'],
    ['(a) b', 5, '"b"', '"," or "&" or the end'],
    ['0 & tag:', 5, '"tag:"', 'a value after "tag:"'],
    ['trust:me', 1, '"trust:me"', 'one of trust:trusted, trust:verified, trust:distrusted'],
    ['0..2026-02-30', 4, '"2026-02-30"', 'a date or time such as 2026-01-31 or 2026-01-31T04:05:06Z'],
    ['2026-1-1..', 1, '"2026-1-1"', 'a date or time such as 2026-01-31 or 2026-01-31T04:05:06Z'],
  ])('says where %j goes wrong', (spec, column, found, expected) => {
    expect(() => parseSpec(spec)).toThrow(
      expect.objectContaining({
        code: 'BACKY_REVISION_SPEC_INVALID',
        message: `"${spec}" is not a revision spec: at column ${column} there is ${found}; expected ${expected}`,
        details: { spec, column, found, expected },
      }),
    );
  });

  it.each(['(', 'not(', ',(', '..('])('does not fall into 100,000 %s', (piece) => {
    const attempt = (): Spec => parseSpec(piece.repeat(100_000));
    expect(attempt).toThrow(expect.objectContaining({ code: 'BACKY_REVISION_SPEC_INVALID' }));
    expect(attempt).toThrow(/^.{1,250}$/);
  });

  it('nests 100 deep, and no deeper', () => {
    const nested = (depth: number): string => `${'not('.repeat(depth)}all${')'.repeat(depth)}`;
    expect(formatSpec(parseSpec(nested(100)))).toBe(nested(100));
    expect(() => parseSpec(nested(101))).toThrow('at column 405 there is "all"; expected at most 100 nested');
  });

  it('reads lists of any length', () => {
    const list = Array.from({ length: 100_000 }, (_, number) => number).join(', ');
    expect(formatSpec(parseSpec(list))).toBe(list);
  });

  it('reads what formatSpec writes', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(parseSpec(formatSpec(spec))).toEqual(spec);
      }),
    );
  });

  it('reads any text, or rejects it', () => {
    const pieces = [
      '(',
      ')',
      ',',
      '&',
      '..',
      '.',
      ' ',
      'not',
      'last',
      'tag:',
      'a',
      '0',
      '2026-01-01',
      '2026-02-31',
    ];
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...pieces)).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        try {
          const tree = parseSpec(text);
          expect(parseSpec(formatSpec(tree))).toEqual(tree);
        } catch (error) {
          expect(isBackyError(error, 'BACKY_REVISION_SPEC_INVALID'), String(error)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function range(from: string, to: string): Spec {
  return { kind: 'range', from: word(from), to: word(to) };
}
