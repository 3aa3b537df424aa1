import { cloneSeconds, type Fragmentation, isShredded } from '../../domain/fragmentation.ts';
import { describeRoom, type GuestRoom, hasRoom } from '../../domain/guest-room.ts';
import { newestGood, type RevisionRecord, sharesWithSource } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { Engine, HostProbe } from '../../native/engine.ts';
import { formatWarning } from '../../sources/image-format.ts';
import { openSource } from '../../sources/open-source.ts';
import type { FoundSnapshot } from '../../sources/source.ts';
import { type Context, type EngineContext, openContext, withEngine } from '../context.ts';
import { unfinishedText } from '../restore/unfinished-restore.ts';
import { loadTrustedConfig, openTrustedSnapshotList, requireTrust } from '../trust.ts';
import { type Status, status } from './status.ts';
import { unclaimedSnapshots } from './unclaimed-snapshots.ts';
import { adviseOnZfs, lookAtZfs, type ZfsReport } from './zfs.ts';

/** Measured capabilities of this machine and of the filesystem of a directory. */
export interface DoctorReport {
  readonly node: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** Version of the native engine and what it was built for. */
  readonly engine: string;
  readonly directory: string;
  /** Whether there is a repository in the directory. */
  readonly isRepository: boolean;
  /** Sizes in bytes. Absent if the directory is not writable, so nothing can be measured. */
  readonly host?: HostProbe;
  /** Absent on other filesystems. */
  readonly zfs?: ZfsReport;
  /** Absent without a repository or a valid configuration. */
  readonly source?: SourceReport;
  /** Fragmentation of the newest good image. Absent without one, or if the filesystem does not report it. */
  readonly newestImage?: Fragmentation & {
    /** Estimated seconds to clone it, as each backup does. Removing it takes no longer. */
    readonly cloneSeconds: number;
  };
  /** Whether guests have space beside the kept snapshots. Absent if the source takes no snapshots. */
  readonly snapshotRoom?: GuestRoom & { readonly enough: boolean };
  /** Snapshots at the source that neither this repository nor one beside it has noted, with commands to remove them. */
  readonly unclaimedSnapshots: readonly FoundSnapshot[];
  /** `ready`: backups work well; `limited`: backups work at a cost; `unable`: backups fail. */
  readonly verdict: 'ready' | 'limited' | 'unable';
  /** Reasons why the verdict is not `ready`: one sentence each, without a full stop. */
  readonly remarks: readonly string[];
  /** Settings that make backups cheaper: one sentence each, without a full stop. */
  readonly advice: readonly string[];
}

/** Facts about the source. */
export interface SourceReport {
  readonly filename: string;
  /** Such as `file` or `device`. */
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** Such as `qcow2`; absent for a raw disk. */
  readonly format?: string;
}

interface HostFinding {
  readonly host?: HostProbe;
  readonly problem?: string;
}

interface SourceFinding {
  readonly source?: SourceReport;
  readonly room?: GuestRoom | undefined;
  readonly unclaimed?: readonly FoundSnapshot[];
  readonly problem?: string;
}

/**
 * Measures the filesystem of a directory and checks whether the source is reachable.
 *
 * @throws BACKY_UNTRUSTED, BACKY_NATIVE_MISSING, BACKY_IO
 */
export async function doctor(context: Context): Promise<DoctorReport> {
  const { directory } = context.layout;
  const isRepository = await hasRepository(context);
  if (isRepository) requireTrust(context);
  const loaded = await withEngine(context);
  const { engine } = loaded;
  const { host, problem: hostProblem } = await tryOut(directory, engine);
  const zfs = host?.filesystem === 'zfs' ? await lookAtZfs(directory) : undefined;
  const finding: SourceFinding = isRepository ? await lookAtSource(loaded) : {};
  const { source, room, unclaimed = [], problem: sourceProblem } = finding;
  const contents = isRepository ? await status(context) : undefined;
  const problems = [hostProblem, sourceProblem].filter((problem) => problem !== undefined);
  const newest = newestGood(contents?.revisions ?? []);
  const newestImage = contents?.summary.newestImage;
  const limits = host ? limitsOfAll(host, source, room, contents) : [];
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    engine: engine.version(),
    directory,
    isRepository,
    ...(host ? { host } : {}),
    ...(zfs ? { zfs } : {}),
    ...(source ? { source } : {}),
    ...(newestImage ? { newestImage: { ...newestImage, cloneSeconds: cloneSeconds(newestImage) } } : {}),
    ...(newest && room && hasSnapshot(newest) ? { snapshotRoom: { ...room, enough: hasRoom(room) } } : {}),
    unclaimedSnapshots: unclaimed,
    verdict: problems.length > 0 ? 'unable' : limits.length > 0 ? 'limited' : 'ready',
    remarks: [...problems, ...limits],
    advice: zfs && host ? adviseOnZfs(zfs, host.reflink) : [],
  };
}

/** Returns all limits on a writable filesystem. */
function limitsOfAll(
  host: HostProbe,
  source: SourceReport | undefined,
  room: GuestRoom | undefined,
  contents: Status | undefined,
): readonly string[] {
  const restores = (contents?.unfinishedRestores ?? []).map((restore) => upperFirst(unfinishedText(restore)));
  const newest = newestGood(contents?.revisions ?? []);
  const newestImage = contents?.summary.newestImage;
  const isFirst = contents?.revisions.length === 0;
  return [
    ...restores,
    ...limitsOf(host),
    ...(source?.format === undefined ? [] : [formatWarning(source.filename, source.format)]),
    ...(isFirst && source ? tooLarge(source, host) : []),
    ...(newest && room ? tooLittleRoom(newest, room) : []),
    ...(newest && newestImage && host.reflink ? shredded(newest, newestImage) : []),
  ];
}

/** Probes the directory. A read-only directory is a finding, and does not end the report. */
async function tryOut(directory: string, engine: Engine): Promise<HostFinding> {
  try {
    return { host: await engine.probe(directory) };
  } catch (error) {
    if (!isIoError(error, 'EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT')) throw error;
    return { problem: `Nothing can be written here: ${error.details.reason}` };
  }
}

async function hasRepository(context: Context): Promise<boolean> {
  try {
    await openContext(context.layout.directory);
    return true;
  } catch (error) {
    if (isBackyError(error, 'BACKY_NO_REPOSITORY')) return false;
    // A repository without its configuration is still a repository. Reading the configuration reports the error.
    if (isBackyError(error, 'BACKY_CONFIG_MISSING')) return true;
    throw error;
  }
}

async function lookAtSource(context: EngineContext): Promise<SourceFinding> {
  const { layout, engine } = context;
  try {
    const config = await loadTrustedConfig(context);
    const left = await openTrustedSnapshotList(context);
    const source = openSource(config.source, layout.directory, engine, left);
    const { name: filename, kind, size, format } = await source.describe();
    const room = await source.room?.();
    const unclaimed = await unclaimedSnapshots(layout, source);
    return { source: { filename, kind, size, ...(format === undefined ? {} : { format }) }, room, unclaimed };
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return { problem: error.message };
  }
}

function limitsOf({ reflink, reflinkReason, punchHole }: HostProbe): readonly string[] {
  return [
    ...(reflink
      ? []
      : [`Every revision takes the space of a full copy: ${reflinkReason ?? 'no reflinks here'}`]),
    ...(punchHole ? [] : ['Blocks that become zero keep their space: holes cannot be punched here']),
  ];
}

function tooLarge({ size }: SourceReport, { freeBytes }: HostProbe): readonly string[] {
  if (size <= freeBytes) return [];
  return [
    `The source has ${formatSize(size)} and ${formatSize(freeBytes)} are free: it fits only if it is sparse`,
  ];
}

/** Whether a revision was read from a snapshot. If so, the next one will be, too. */
function hasSnapshot({ consistency }: RevisionRecord): boolean {
  return consistency !== 'live';
}

function tooLittleRoom(newest: RevisionRecord, room: GuestRoom): readonly string[] {
  if (!hasSnapshot(newest) || hasRoom(room)) return [];
  const consequence = sharesWithSource(newest)
    ? 'The guest may run out of space, as source and revisions share one filesystem, and nothing but more space helps'
    : 'Each backup reads everything, as no snapshot is kept: the guest would run out of space';
  return [`${consequence}: ${describeRoom(room)}`];
}

/** Explains a slow clone of the newest image, and suggests a remedy. */
function shredded(newest: RevisionRecord, newestImage: Fragmentation): readonly string[] {
  if (!isShredded(newestImage)) return [];
  const seconds = Math.round(cloneSeconds(newestImage));
  const cure = sharesWithSource(newest)
    ? 'it lies as its source does, which a copy in its place mends (cp --reflink=never, with the guest off)'
    : 'blocks that change are mended as they do, and a new repository starts with an image in one piece';
  return [`Each backup takes about ${seconds} s to clone the newest image, for all its extents: ${cure}`];
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
