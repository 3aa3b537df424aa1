import { isGood, type RevisionRecord } from '../../domain/revision.ts';
import type { Route } from './route.ts';

/** The routes of the Python backy that read. Its servers call them. */
export const OLD_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/backups',
    role: 'read',
    summary: 'The names of all jobs, as the Python backy lists its repositories',
    status: 200,
    handle: ({ control }) => control.status().jobs.map(({ job }) => job),
  },
  {
    method: 'GET',
    path: '/v1/backups/{job}/revs',
    role: 'read',
    summary: 'The records of a job, oldest first',
    status: 200,
    query: { only_clean: '1: good ones only' },
    handle: async ({ control, params, query }) => {
      const records = (await control.revisions(params.job ?? '')).toReversed();
      const isWanted = (record: RevisionRecord): boolean => query.only_clean !== '1' || isGood(record);
      return records.filter(isWanted);
    },
  },
];
