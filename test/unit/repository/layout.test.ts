import { expect, it } from 'vitest';
import { layoutOf } from '../../../src/repository/layout.ts';
import { revisionId } from '../records.ts';

it('names the files of a revision inside the repository', () => {
  const id = revisionId(1);
  expect(layoutOf('/srv/backy/vm').files(id)).toEqual({
    image: `/srv/backy/vm/${id}`,
    index: `/srv/backy/vm/${id}.hashes`,
    record: `/srv/backy/vm/${id}.rev`,
    partialImage: `/srv/backy/vm/${id}.partial`,
    partialIndex: `/srv/backy/vm/${id}.hashes.partial`,
    unfinished: `/srv/backy/vm/${id}.rev.partial`,
  });
});

it.each(['../../../etc/cron.d/evil', '/etc/passwd/0123456789', '', '.', 'config', `${revisionId(1)}/x`])(
  'makes no path of "%s" (I12)',
  (id) => {
    expect(() => layoutOf('/srv/backy/vm').files(id)).toThrow(/is not the id of a revision/);
  },
);
