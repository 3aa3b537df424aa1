import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLook } from '../../../src/cli/ui/look.ts';
import { revisionLine } from '../../../src/cli/ui/revision-line.ts';
import { statusLines } from '../../../src/cli/ui/status-table.ts';
import type { Status } from '../../../src/operations/status/status.ts';
import { makeRecord } from '../records.ts';

const first = makeRecord({
  uuid: '96d8b001-0ffc-4149-8c35-cf003f5638d6',
  timestamp: '2014-04-25T08:07:51.400Z',
  tags: ['daily', 'weekly', 'monthly'],
  trust: 'verified',
  stats: { duration: 251.6, bytesWritten: 21_474_836_480 },
});
const second = makeRecord({
  uuid: 'd95e4f6c-cfef-48ee-aec2-d7c9e91c1bec',
  timestamp: '2014-04-25T08:13:20Z',
  trust: 'verified',
  stats: { duration: 13.2, bytesWritten: 25_522_340, sharing: 'none', sharingReason: 'ext4 has no reflinks' },
});

/** A repository without a schedule, of whose runs nothing is known. */
const idle = { schedule: { timeZone: null, tags: [] }, lastRun: null };

const empty: Status = {
  revisions: [],
  damaged: [],
  unreadable: [],
  incomplete: [],
  unrecorded: [],
  foreign: [],
  trash: [],
  damagedTrash: [],
  ...idle,
  unfinishedRestores: [],
  summary: {
    revisions: 0,
    damaged: 0,
    unreadable: 0,
    unrecorded: 0,
    distrusted: 0,
    held: 0,
    trash: 0,
    overdue: 0,
    bytesWritten: 0,
  },
};

describe('status', () => {
  const zone = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = 'Europe/Berlin';
  });
  afterAll(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it('names live revisions, because nothing else distinguishes a mixture of states from a power cut', () => {
    const fallback = 'a block device has no snapshot of its own';
    const live = makeRecord({ consistency: 'live', stats: { fallback } });
    const marked = `-  live: read without a snapshot  ${fallback}`;
    expect(revisionLine(live).endsWith(marked)).toBe(true);
    expect(revisionLine({ ...live, consistency: 'crash' })).not.toContain('live');
  });

  it('has the shape that people parse: local time, IEC sizes, whole seconds, more columns to the right', () => {
    const damaged = [
      { uuid: '01a20b77-805a-7000-8000-000000000001', reason: 'its record is not JSON:\nbad' },
    ];
    const removed = { record: second, removedAt: '2014-04-26T00:00:00Z', keptUntil: '2014-04-27T00:00:00Z' };
    const incomplete = [{ uuid: 'Ad9xbHaQshCLfw8NP8hXcN', reason: 'its backup never finished' }];
    const counts = {
      revisions: 2,
      damaged: 1,
      unreadable: 1,
      unrecorded: 0,
      distrusted: 2,
      held: 1,
      trash: 1,
      overdue: 1,
    };
    const newestImage = { extents: 1_234_567, extentsPerGib: 9876 };
    const summary = { ...counts, bytesWritten: 21_500_358_820, newestImage };
    const hold = { reason: 'audit\n2014', since: '2014-04-25T08:13:20Z', until: '2014-05-01T00:00:00Z' };
    const held = { ...second, hold, verifiedAt: '2014-04-25T09:00:00Z' };
    const shown: Status = {
      revisions: [first, held],
      damaged,
      unreadable: [{ uuid: '01a20b77-805a-7000-8000-000000000002', reason: 'its record cannot be read' }],
      incomplete,
      unrecorded: [],
      foreign: [],
      trash: [removed],
      damagedTrash: [],
      schedule: {
        timeZone: null,
        tags: [
          {
            tag: 'daily',
            lastGood: '2014-04-25T08:13:20Z',
            due: false,
            dueAt: '2014-04-25T22:00:00Z',
            overdue: false,
            overdueAt: '2014-04-26T22:00:00Z',
          },
          {
            tag: 'monthly',
            lastGood: null,
            due: true,
            dueAt: '2014-03-31T22:00:00Z',
            overdue: true,
            overdueAt: '2014-04-15T22:00:00Z',
          },
        ],
      },
      lastRun: {
        started: '2014-04-25T10:00:00Z',
        ended: '2014-04-25T10:00:01Z',
        outcome: 'nothing-due',
        slot: null,
        tags: [],
        code: null,
        message: null,
        failures: 2,
        lastFailure: {
          started: '2014-04-25T09:00:00Z',
          ended: '2014-04-25T09:00:01Z',
          outcome: 'failed',
          slot: '2014-04-25T09:00:00Z',
          tags: ['daily', 'monthly'],
          code: 'BACKY_SOURCE_MISSING',
          message: 'The source /x\u001b does not exist',
        },
      },
      unfinishedRestores: [],
      summary,
    };
    expect(statusLines(shown, createLook({ verbose: true })).join('\n')).toBe(`== Revisions
Date                ID                                           Size   Secs  Tags                  Trust       Method  Sharing                     Verified
2014-04-25 10:07:51 96d8b001-0ffc-4149-8c35-cf003f5638d6    20.00 GiB   252s  daily,weekly,monthly  verified    full    reflink                     -
2014-04-25 10:13:20 d95e4f6c-cfef-48ee-aec2-d7c9e91c1bec    24.34 MiB    13s  daily                 verified    full    none: ext4 has no reflinks  verified 2014-04-25 11:00:00  held until 2014-05-01 02:00:00: audit\\n2014
-                   01a20b77-805a-7000-8000-000000000001            -      -  -                     damaged     -       -                           -  its record is not JSON:\\nbad
-                   01a20b77-805a-7000-8000-000000000002            -      -  -                     unreadable  -       -                           -  its record cannot be read
-                   Ad9xbHaQshCLfw8NP8hXcN                          -      -  -                     incomplete  -       -                           -  its backup never finished

== Trash
Date                ID                                           Size   Secs  Tags   Trust     Method  Sharing                     Verified
2014-04-25 10:13:20 d95e4f6c-cfef-48ee-aec2-d7c9e91c1bec    24.34 MiB    13s  daily  verified  full    none: ext4 has no reflinks  -  can be brought back until 2014-04-27 02:00:00

== Schedule
daily    last 2014-04-25 10:13:20  next due 2014-04-26 00:00:00
monthly  never                     due since 2014-04-01 00:00:00  overdue since 2014-04-16 00:00:00
last run 2014-04-25 12:00:00: nothing was due
last failure 2014-04-25 11:00:00: failed for daily,monthly in the slot of 2014-04-25 11:00:00:
    BACKY_SOURCE_MISSING: The source /x\\u001b does not exist
2 runs failed since one took a revision

== Summary
2 revisions
20.02 GiB data (estimated)
newest image: 1,234,567 extents (9,876 per GiB)
1 damaged revision
1 unreadable revision
2 distrusted revisions
1 held revision
1 revision in the trash`);
  });

  it('fits 100 columns, and prints common facts of all revisions once', () => {
    const fallback =
      'a block device has no snapshot of its own, so that every backup reads all of its data again';
    const stats = { fallback, sharing: 'none', sharingReason: 'ext4 has no reflinks' };
    const revisions = [
      makeRecord({ uuid: first.uuid, tags: ['daily', 'weekly'], stats: { ...stats, bytesWritten: 2 ** 34 } }),
      makeRecord({
        uuid: second.uuid,
        tags: ['daily'],
        hold: { reason: 'audit '.repeat(30).trim(), since: '2014-04-25T08:13:20Z', until: null },
        stats: { ...stats, method: 'extent-map', bytesWritten: 0 },
      }),
    ];
    const shown = statusLines({ ...empty, revisions, summary: { ...empty.summary, revisions: 2 } });
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(100);
    const text = shown.join('\n').replace(/\n {4,}/g, ' ');
    expect(text).toContain(
      `2 revisions\n0 B data (estimated)\nmethod: full 1, extent-map 1\nsharing: none 2\nall revisions: blocks are not shared: ext4 has no reflinks\nall revisions: ${fallback}`,
    );
    expect(text.split(fallback)).toHaveLength(2);
    expect(text).toMatch(/ daily +trusted held: (audit ?){30}\n/);
    expect(shown[1]).toMatch(/^Date +ID +Size +Secs {2}Tags +Trust$/);
    expect(shown[2]?.indexOf('daily')).toBe(shown[1]?.indexOf('Tags'));
    expect(shown[2]?.indexOf('trusted')).toBe(shown[1]?.indexOf('Trust'));
  });

  it('gives up spare room where tags are long', () => {
    const long = { ...first, stats: { ...first.stats, bytesWritten: 2 ** 20 }, trust: 'trusted' } as const;
    const [, header = '', line = ''] = statusLines({ ...empty, revisions: [long, second] });
    expect(line).toContain('daily,weekly,monthly trusted');
    expect(Math.max(header.length, line.length)).toBeLessThanOrEqual(100);
  });

  it('begins each line exactly as in the example of old', () => {
    const lines = [
      '2014-04-25 10:07:51 96d8b001-0ffc-4149-8c35-cf003f5638d6    20.00 GiB   252s  daily,weekly,monthly  verified',
      '2014-04-25 10:13:20 d95e4f6c-cfef-48ee-aec2-d7c9e91c1bec    24.34 MiB    13s  daily  verified',
    ];
    expect(
      [first, second].map((record, index) => revisionLine(record).slice(0, lines[index]?.length)),
    ).toEqual(lines);
  });

  it('uses local time on both sides of a clock change', () => {
    const times = [
      '2026-03-29T00:59:59Z',
      '2026-03-29T01:00:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:30:00Z',
    ];
    expect(times.map((timestamp) => revisionLine(makeRecord({ timestamp })).slice(0, 19))).toEqual([
      '2026-03-29 01:59:59',
      '2026-03-29 03:00:00',
      '2026-10-25 02:30:00',
      '2026-10-25 02:30:00',
    ]);
  });

  it.each([
    ['few for the data there is', { extents: 100_000, extentsPerGib: 4096 }],
    ['few altogether', { extents: 999, extentsPerGib: 50_000 }],
  ])('says nothing of the extents of the newest image as long as there are %s', (_, newestImage) => {
    const counts = {
      revisions: 1,
      damaged: 0,
      unreadable: 0,
      unrecorded: 0,
      distrusted: 0,
      held: 0,
      trash: 0,
      overdue: 0,
    };
    const summary = { ...counts, bytesWritten: 1, newestImage };
    const lines = statusLines({
      revisions: [first],
      damaged: [],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
      trash: [],
      damagedTrash: [],
      ...idle,
      unfinishedRestores: [],
      summary,
    });
    expect(lines.slice(-4)).toEqual([
      '1 revision',
      '1 B data (estimated)',
      'method: full 1',
      'sharing: reflink 1',
    ]);
  });

  it('has something to say of an empty repository', () => {
    const summary = {
      revisions: 0,
      damaged: 0,
      unreadable: 0,
      unrecorded: 0,
      distrusted: 0,
      held: 0,
      trash: 0,
      overdue: 0,
      bytesWritten: 0,
    };
    expect(statusLines({ ...empty, summary })).toEqual([
      '== Revisions',
      '',
      '== Schedule',
      'the schedule has no tags: nothing will ever be backed up',
      'no run is known of',
      '',
      '== Summary',
      '0 revisions',
      '0 B data (estimated)',
    ]);
  });
});
