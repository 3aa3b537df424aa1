import type { RevisionRecord } from '../domain/revision.ts';
import { type BackupOptions, type BackupResult, backup } from './backup/backup.ts';
import {
  ADOPT,
  BACKUP,
  DEPENDENCIES,
  EDIT,
  EDIT_TAGS,
  EXPIRE,
  FORGET,
  HOLD,
  INIT,
  PURGE,
  RESTORE,
  RETIRE,
  SIMULATE,
  VERIFY,
} from './call-options.ts';
import { checkDirectory, checkOptions, checkSpec } from './check-arguments.ts';
import { createContext, type Dependencies, openContext } from './context.ts';
import { type InitOptions, init } from './init.ts';
import { type AdoptOptions, type AdoptResult, adopt } from './records/adopt.ts';
import { distrust } from './records/distrust.ts';
import type { EditOptions, EditResult } from './records/edit-records.ts';
import { type EditTagsOptions, editTags } from './records/edit-tags.ts';
import { type HoldOptions, hold, release } from './records/hold.ts';
import { type ExpireOptions, type ExpireResult, expire } from './removal/expire.ts';
import { type ForgetOptions, type ForgetResult, forget } from './removal/forget.ts';
import { type PurgeOptions, type PurgeResult, purge } from './removal/purge.ts';
import { type RetireOptions, type RetireResult, retire } from './removal/retire.ts';
import { type UndeleteResult, undelete } from './removal/undelete.ts';
import { type RestoreOptions, type RestoreResult, restore } from './restore/restore.ts';
import { type DoctorReport, doctor } from './status/doctor.ts';
import { find } from './status/find.ts';
import { type SimulateOptions, type SimulateResult, simulate } from './status/simulate.ts';
import { type Status, status } from './status/status.ts';
import { type VerifyOptions, type VerifyResult, verify } from './verify/verify.ts';

/**
 * One repository: a directory that holds the revisions of one source. What a call cannot be given it refuses with
 * BACKY_INVALID_ARGUMENT.
 */
export interface Repository {
  /** Absolute path. */
  readonly directory: string;
  /** Takes a new revision. See {@link backup}. */
  backup(options?: BackupOptions): Promise<BackupResult | undefined>;
  /** Writes a revision to a file, a device or a stream. See {@link restore}. */
  restore(options: RestoreOptions): Promise<RestoreResult>;
  /** Reads revisions against their indexes. See {@link verify}. */
  verify(options?: VerifyOptions): Promise<VerifyResult>;
  /** The readable revisions, oldest first. */
  revisions(): Promise<readonly RevisionRecord[]>;
  /** All revisions, the damaged ones too, with totals. See {@link status}. */
  status(): Promise<Status>;
  /** The absolute path of the image of the revision that a spec names. See {@link find}. */
  find(spec: string): Promise<string>;
  /** Applies the schedule: tags and revisions that have had their time go. See {@link expire}. */
  expire(options?: ExpireOptions): Promise<ExpireResult>;
  /** Removes revisions that a spec names. See {@link forget}. */
  forget(options: ForgetOptions): Promise<ForgetResult>;
  /** Gives images that have lost their records new ones. See {@link adopt}. */
  adopt(options?: AdoptOptions): Promise<AdoptResult>;
  /** Brings removed revisions back. See {@link undelete}. */
  undelete(spec: string): Promise<UndeleteResult>;
  /** Changes tags. See {@link editTags}. */
  editTags(options: EditTagsOptions): Promise<EditResult>;
  /** Keeps revisions from being removed. See {@link hold}. */
  hold(options: HoldOptions): Promise<EditResult>;
  /** Ends a hold. See {@link release}. */
  release(revisions?: string): Promise<EditResult>;
  /** Marks revisions as not to be relied upon. See {@link distrust}. */
  distrust(revisions?: string, options?: EditOptions): Promise<EditResult>;
  /** Runs the schedule into the future; nothing is changed. See {@link simulate}. */
  simulate(options: SimulateOptions): Promise<SimulateResult>;
  /** Removes what interrupted runs left behind, and empties the trash. See {@link purge}. */
  purge(options?: PurgeOptions): Promise<PurgeResult>;
  /** Gives the repository up: removes its snapshots from its sources; images stay. See {@link retire}. */
  retire(options?: RetireOptions): Promise<RetireResult>;
  /** Measures the filesystem of the repository and tries to reach the source. See {@link doctor}. */
  doctor(): Promise<DoctorReport>;
}

/**
 * Opens the repository in a directory.
 *
 * @example
 * const repository = await openRepository('/srv/backy/my-vm');
 * await repository.backup({ tags: ['daily'] });
 *
 * @throws BACKY_NO_REPOSITORY, BACKY_CHUNKED_REPOSITORY, BACKY_INVALID_ARGUMENT, BACKY_IO
 */
export async function openRepository(
  directory: string,
  dependencies: Dependencies = {},
): Promise<Repository> {
  const context = await openContext(checkDirectory(directory), checkOptions(dependencies, DEPENDENCIES));
  return {
    directory: context.layout.directory,
    backup: async (options = {}) => backup(context, checkOptions(options, BACKUP)),
    restore: async (options) => restore(context, checkOptions(options, RESTORE)),
    verify: async (options = {}) => verify(context, checkOptions(options, VERIFY)),
    revisions: async () => (await status(context)).revisions,
    status: () => status(context),
    find: async (spec) => (await find(context, checkSpec(spec))).image,
    expire: async (options = {}) => expire(context, checkOptions(options, EXPIRE)),
    forget: async (options) => forget(context, checkOptions(options, FORGET)),
    adopt: async (options = {}) => adopt(context, checkOptions(options, ADOPT)),
    undelete: async (spec) => undelete(context, checkSpec(spec)),
    editTags: async (options) => editTags(context, checkOptions(options, EDIT_TAGS)),
    hold: async (options) => hold(context, checkOptions(options, HOLD)),
    release: async (revisions = 'last') => release(context, checkSpec(revisions)),
    distrust: async (revisions = 'all', options = {}) =>
      distrust(context, checkSpec(revisions), checkOptions(options, EDIT)),
    simulate: async (options) => simulate(context, checkOptions(options, SIMULATE)),
    purge: async (options = {}) => purge(context, checkOptions(options, PURGE)),
    retire: async (options = {}) => retire(context, checkOptions(options, RETIRE)),
    doctor: () => doctor(context),
  };
}

/**
 * Makes a directory a repository and opens it. See {@link init}.
 *
 * @throws BACKY_CONFIG_EXISTS, BACKY_DIRECTORY_OCCUPIED, BACKY_SOURCE_TYPE_UNKNOWN, BACKY_SOURCE_NAME, BACKY_SOURCE_KIND, BACKY_SOURCE_UNFIT,
 *   BACKY_CONFIG_INVALID, BACKY_INVALID_ARGUMENT, BACKY_IO
 */
export async function initRepository(
  directory: string,
  options: InitOptions,
  dependencies: Dependencies = {},
): Promise<Repository> {
  const context = createContext(checkDirectory(directory), checkOptions(dependencies, DEPENDENCIES));
  await init(context, checkOptions(options, INIT));
  return openRepository(directory, dependencies);
}
