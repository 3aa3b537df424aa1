import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leftovers } from '../../../src/repository/leftovers.ts';
import { revisionId } from '../records.ts';

const [sealed, unsealed] = [revisionId(1), revisionId(2)];
const KEPT = ['config', 'backy.log', '.backup', '.purge', 'last', 'latest', 'last.rev', 'lost+found'];

describe('leftovers', () => {
  it('are partial files, temporary files, and what no record seals', () => {
    const names = [
      `${unsealed}.partial`,
      `${unsealed}.hashes.partial`,
      '.tmp-12345-last',
      unsealed,
      `${unsealed}.hashes`,
      `${sealed}.partial`,
    ];
    expect(leftovers([...KEPT, sealed, `${sealed}.hashes`, `${sealed}.rev`, ...names])).toEqual(names);
  });

  it('never include a record, not even one without an image', () => {
    expect(leftovers([`${unsealed}.rev`, `${unsealed}.hashes`])).toEqual([]);
  });

  it.each([
    'production-database-01',
    'windows-server-2019-disk',
    'windows-server-2019-disk.partial',
    '96d8b001-0ffc-4149-8c35-cf003f5638d6',
    'asErgTHJaw2WmhFbBVxEPB',
    'asErgTHJaw2WmhFbBVxEPB.partial',
    `${unsealed}.img`,
    `${unsealed}.rev.bak`,
    `x${unsealed}`,
    unsealed.toUpperCase(),
    `${unsealed}.partial.hashes`,
    'disk.img.partial',
    '.partial',
    '.hashes.partial',
  ])('never include %s, which backy did not make', (name) => {
    expect(leftovers([name])).toEqual([]);
  });

  it('never include a file of a sealed revision, nor anything of a name of another form', () => {
    const ours = fc
      .tuple(fc.nat(20), fc.constantFrom('', '.hashes', '.rev', '.partial', '.hashes.partial'))
      .map(([number, suffix]) => revisionId(number) + suffix);
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(ours, fc.constantFrom(...KEPT), fc.string())), (names) => {
        const records = new Set(
          names.filter((name) => name.endsWith('.rev')).map((name) => name.slice(0, -4)),
        );
        for (const name of leftovers(names)) {
          if (name.startsWith('.tmp-')) continue;
          expect(name).toMatch(/^[0-9a-f-]{36}(\.hashes)?(\.partial)?$/);
          if (!name.endsWith('.partial')) expect(records).not.toContain(name.slice(0, 36));
        }
      }),
    );
  });
});
