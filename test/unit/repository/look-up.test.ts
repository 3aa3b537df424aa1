import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBackyError } from '../../../src/errors.ts';
import { lookUpRevision, lookUpRevisions } from '../../../src/repository/look-up.ts';
import { readRevisions } from '../../../src/repository/read-revisions.ts';
import { type Workbench, workbench } from '../operations/workbench.ts';
import { isoDay, makeRecord, revisionId } from '../records.ts';

/** Two revisions, the second of them damaged. */
function benchWith(damage: (image: string) => void): Workbench {
  const bench = workbench();
  for (const day of [0, 1]) bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day) }));
  damage(join(bench.directory, revisionId(1)));
  return bench;
}

/** Returns the code and the message for a spec, without the directory. */
async function complaint(
  { context: { layout } }: Workbench,
  spec: string,
  lookUp: typeof lookUpRevision | typeof lookUpRevisions = lookUpRevision,
): Promise<string> {
  const list = await readRevisions(layout);
  try {
    lookUp(layout, list, spec);
  } catch (error) {
    if (isBackyError(error)) return `${error.code} ${error.message.replaceAll(`${layout.directory}/`, '')}`;
    throw error;
  }
  return 'none';
}

const scribble = (image: string): void => writeFileSync(`${image}.rev`, '{');

describe('looking up a damaged revision', () => {
  it.each([
    ['record', scribble, /^BACKY_RECORD_DAMAGED The record \S+-000000000001\.rev is damaged: .+JSON/],
    [
      'index',
      (image: string) => rmSync(`${image}.hashes`),
      /^BACKY_INDEX_DAMAGED The block index \S+-000000000001\.hashes is damaged: it is missing$/,
    ],
    ['image', (image: string) => rmSync(image), /^BACKY_IO Cannot open \S+-000000000001: it does not exist/],
  ])('names the defect of its %s', async (_, damage, expected) => {
    const bench = benchWith(damage);
    const id = revisionId(1);
    for (const spec of [id, `first(${id})`, `0,${id}`])
      expect(await complaint(bench, spec)).toMatch(expected);
    expect(await complaint(bench, id, lookUpRevisions)).toMatch(expected);
  });

  it('does not affect other specs', async () => {
    const bench = benchWith(scribble);
    expect(await complaint(bench, 'last')).toBe('none');
    expect(await complaint(bench, revisionId(0).slice(0, 5))).toBe('none');
    expect(await complaint(bench, revisionId(2))).toMatch(/^BACKY_REVISION_UNKNOWN .*no id begins with it/);
    expect(await complaint(bench, '1')).toMatch(
      /^BACKY_REVISION_UNKNOWN .*there is one revision, which has the number 0/,
    );
  });

  it('explains the failure when all revisions are damaged', async () => {
    const bench = benchWith(scribble);
    rmSync(join(bench.directory, `${revisionId(0)}.hashes`));
    expect(await complaint(bench, 'last')).toBe(
      'BACKY_REVISION_UNKNOWN No revision matches "last": all revisions are damaged',
    );
    expect(await complaint(workbench(), 'last')).toMatch(/there is no revision yet$/);
  });
});
