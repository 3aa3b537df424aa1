import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { RevisionRecord } from '../../../../src/domain/revision.ts';
import { formatSpec } from '../../../../src/domain/revision-spec/format-spec.ts';
import { parseSpec } from '../../../../src/domain/revision-spec/parse-spec.ts';
import {
  ATTRIBUTE_NAMES,
  FUNCTION_NAMES,
  SET_NAMES,
  TRUSTS,
} from '../../../../src/domain/revision-spec/spec.ts';
import { findRevisions } from '../../../../src/domain/revision-spec.ts';
import { makeRecord } from '../../records.ts';

const page = readFileSync(new URL('../../../../docs/reference/revision-specs.md', import.meta.url), 'utf8');
const [reference = '', examples = ''] = page.split('## Examples');

/** The cells of all rows of a text whose first cell fits. */
function rows(text: string, first: RegExp): readonly (readonly string[])[] {
  return text
    .split('\n')
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
    .filter(([cell = '', ...others]) => others.length > 0 && first.test(cell));
}

const revisions: readonly RevisionRecord[] = rows(examples, /^\d$/).map(
  ([, uuid = '', time = '', tags = '', trust, server = '']) =>
    makeRecord({
      uuid,
      timestamp: new Date(time).toISOString(),
      tags: tags.split(', '),
      trust: TRUSTS.find((each) => each === trust) ?? expect.unreachable(),
      ...(server ? { server } : {}),
    }),
);
const cases = rows(examples, /^(?!spec$|number$|-+$|\d$)/);

it('shows revisions and what specs make of them', () => {
  expect([revisions.length, cases.length]).toEqual([6, 30]);
});

it.each(cases)('tells the truth about %s', (spec = '', names = '') => {
  const numbers = (list: readonly RevisionRecord[]): string =>
    list.map((record) => revisions.length - 1 - revisions.indexOf(record)).join(' ');
  expect(numbers(findRevisions(spec, revisions))).toBe(names);
  expect(numbers(findRevisions(formatSpec(parseSpec(spec)), revisions))).toBe(names);
});

it('leaves out no word and no function', () => {
  for (const name of SET_NAMES) expect(reference).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'));
  for (const name of FUNCTION_NAMES) expect(reference).toMatch(new RegExp(`^\\|.*\`${name}\\(A\\)\``, 'm'));
  for (const name of ATTRIBUTE_NAMES) expect(reference).toMatch(new RegExp(`^\\| \`${name}:`, 'm'));
  for (const name of [...SET_NAMES, ...FUNCTION_NAMES, ...TRUSTS]) expect(reference).toContain(`"${name}"`);
});
