import { type Fragmentation, fragmentationOf } from '../../domain/fragmentation.ts';
import {
  type DamagedRevision,
  type IncompleteRevision,
  isHeld,
  newestGood,
  type RevisionRecord,
  takenAt,
  type UnreadableRevision,
} from '../../domain/revision.ts';
import type { RunNote } from '../../domain/run-note.ts';
import { takenOf } from '../../domain/schedule.ts';
import { isoTime } from '../../domain/time-span.ts';
import { leastVerifiedMs } from '../../domain/verification-order.ts';
import { readLastRun } from '../../repository/last-run.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { readTrash, type TrashBatch } from '../../repository/trash.ts';
import type { UnrecordedImage } from '../../repository/unrecorded.ts';
import type { Context } from '../context.ts';
import { graceOf } from '../removal/grace.ts';
import { type UnfinishedRestore, unfinishedRestores } from '../restore/unfinished-restore.ts';
import { overdueTags, type ScheduleStatus, scheduleStatus } from './schedule-status.ts';

export type { UnrecordedImage };

/** The contents of a repository. */
export interface Status {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
  /** Revisions that this user may not read, including those in the trash. They may be good. */
  readonly unreadable: readonly UnreadableRevision[];
  /** Leftovers, which the next backup or purge removes. */
  readonly incomplete: readonly IncompleteRevision[];
  /** Finished images whose record is missing, oldest first. They are data, so backy never removes them by itself. */
  readonly unrecorded: readonly UnrecordedImage[];
  /** Names of files that look like leftovers of an interrupted run, but without proof. backy does not remove them. */
  readonly foreign: readonly string[];
  /** Removed revisions that can still be brought back, oldest removal first. */
  readonly trash: readonly TrashedRevision[];
  /** Damaged revisions in the trash. Only a whole id brings one back. */
  readonly damagedTrash: readonly TrashedDamage[];
  /** The state of all tags of the schedule. */
  readonly schedule: ScheduleStatus;
  /** The last run of `backup`; null if none is known. */
  readonly lastRun: RunNote | null;
  /** Unfinished restores from this repository, oldest first. */
  readonly unfinishedRestores: readonly UnfinishedRestore[];
  readonly summary: StatusSummary;
}

/** The times of a removed revision: ISO 8601, UTC. */
interface TrashTimes {
  readonly removedAt: string;
  /** The moment from which a backup deletes it for good. */
  readonly keptUntil: string;
}

/** A removed revision. */
export interface TrashedRevision extends TrashTimes {
  readonly record: RevisionRecord;
}

/** A removed revision that was damaged, or becomes usable only when it is brought back. */
export interface TrashedDamage extends TrashTimes, DamagedRevision {}

/** Totals over the readable revisions. */
export interface StatusSummary {
  /** Number of readable revisions. */
  readonly revisions: number;
  /** Number of damaged revisions. */
  readonly damaged: number;
  /** Number of revisions that this user may not read. */
  readonly unreadable: number;
  /** Number of images without a record. */
  readonly unrecorded: number;
  /** Number of distrusted revisions. */
  readonly distrusted: number;
  /** Number of held revisions. */
  readonly held: number;
  /** Number of revisions dated in the future, because the clock was ahead or is behind now. Absent if zero. */
  readonly future?: number;
  /** Number of revisions in the trash. */
  readonly trash: number;
  /** Number of overdue tags of the schedule. */
  readonly overdue: number;
  /** Bytes that all revisions wrote: an estimate of the space that they take. */
  readonly bytesWritten: number;
  /**
   * The oldest time at which a revision was last verified, or taken if never verified: ISO 8601, UTC. Absent without
   * revisions.
   */
  readonly leastVerified?: string;
  /** Fragmentation of the newest good image. Absent if the filesystem does not report it. */
  readonly newestImage?: Fragmentation;
}

/** Lists all revisions. Needs neither the engine nor a valid configuration. @throws BACKY_IO */
export async function status(context: Context): Promise<Status> {
  const { revisions, damaged, unreadable, incomplete, unrecorded, foreign } = await readRevisions(
    context.layout,
  );
  const { trash, damagedTrash, unreadableTrash } = await listTrash(context);
  const schedule = await scheduleStatus(context.layout, revisions.map(takenOf), context.clock());
  const newest = newestGood(revisions);
  const future = revisions.filter((record) => takenAt(record) > context.clock().getTime()).length;
  const leastMs = leastVerifiedMs(revisions);
  const newestImage = newest && fragmentationOf(newest);
  return {
    revisions,
    damaged,
    unreadable: [...unreadable, ...unreadableTrash],
    incomplete,
    unrecorded,
    foreign,
    trash,
    damagedTrash,
    schedule,
    lastRun: readLastRun(context.layout) ?? null,
    unfinishedRestores: unfinishedRestores(context),
    summary: {
      revisions: revisions.length,
      damaged: damaged.length,
      unreadable: unreadable.length + unreadableTrash.length,
      unrecorded: unrecorded.length,
      distrusted: revisions.filter(({ trust }) => trust === 'distrusted').length,
      held: revisions.filter((record) => isHeld(record, context.clock())).length,
      trash: trash.length + damagedTrash.length,
      overdue: overdueTags(schedule).length,
      bytesWritten: revisions.reduce((sum, { stats }) => sum + stats.bytesWritten, 0),
      ...(future > 0 ? { future } : {}),
      ...(leastMs === undefined ? {} : { leastVerified: isoTime(leastMs) }),
      ...(newestImage ? { newestImage } : {}),
    },
  };
}

interface Trash extends Pick<Status, 'trash' | 'damagedTrash'> {
  readonly unreadableTrash: readonly UnreadableRevision[];
}

async function listTrash(context: Context): Promise<Trash> {
  const batches = await readTrash(context.layout);
  if (batches.length === 0) return { trash: [], damagedTrash: [], unreadableTrash: [] };
  const graceMs = await graceOf(context);
  const timesOf = ({ removedAt }: TrashBatch): TrashTimes => ({
    removedAt: removedAt.toISOString(),
    keptUntil: isoTime(removedAt.getTime() + graceMs),
  });
  return {
    trash: batches.flatMap((batch) => batch.revisions.map((record) => ({ record, ...timesOf(batch) }))),
    damagedTrash: batches.flatMap((batch) =>
      batch.damaged.map((revision) => ({ ...revision, ...timesOf(batch) })),
    ),
    unreadableTrash: batches.flatMap((batch) => batch.unreadable),
  };
}
