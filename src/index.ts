/**
 * Block-level backup of virtual machine disks into plain raw images.
 *
 * @packageDocumentation
 */

export type { SourceConfig } from './config/config.ts';
export type { ScheduleInput } from './config/write-config.ts';
export type { BadBlock } from './domain/bad-blocks.ts';
export type { Fragmentation } from './domain/fragmentation.ts';
export type { Alarm, Reason, RetentionVerdict } from './domain/retention.ts';
export type {
  Adoption,
  Consistency,
  DamagedRevision,
  Hold,
  IncompleteRevision,
  RevisionRecord,
  RevisionStats,
  SourceIdentity,
  Trust,
  UnreadableRevision,
} from './domain/revision.ts';
export type { Run, RunNote, RunOutcome } from './domain/run-note.ts';
export { BackyError, type ErrorCode, isBackyError } from './errors.ts';
export type { FreedStats, LoadOptions, OperationOptions, Progress } from './native/engine.ts';
export type { AdoptOptions, AdoptResult } from './operations/adopt.ts';
export type { AlteredRecord } from './operations/altered-record.ts';
export type { BackupOptions, BackupResult } from './operations/backup.ts';
export type { Dependencies, Log, LogLevel } from './operations/context.ts';
export type { DoctorReport, SourceReport } from './operations/doctor.ts';
export type { EditOptions, EditResult } from './operations/edit-records.ts';
export type { EditTagsOptions } from './operations/edit-tags.ts';
export type { ExpireOptions, ExpireResult, ExpireVerdict } from './operations/expire.ts';
export type { ForgetOptions, ForgetResult } from './operations/forget.ts';
export type { HoldOptions } from './operations/hold.ts';
export type { InitOptions } from './operations/init.ts';
export { initRepository, openRepository, type Repository } from './operations/open-repository.ts';
export type { PurgeOptions, PurgeResult } from './operations/purge.ts';
export type { Verdict } from './operations/record-verdict.ts';
export type { HealedBlock, LeftBlock, Repair, SharedDamage } from './operations/repair-result.ts';
export type { RestoreOptions, RestoreResult } from './operations/restore.ts';
export type { RestoreTarget } from './operations/restore-target.ts';
export type { RetireOptions, RetireResult } from './operations/retire.ts';
export type { ScheduleStatus, TagStatus } from './operations/schedule-status.ts';
export type {
  PlannedBackup,
  PlannedRevision,
  SimulateOptions,
  SimulateResult,
} from './operations/simulate.ts';
export type {
  Status,
  StatusSummary,
  TrashedDamage,
  TrashedRevision,
  UnrecordedImage,
} from './operations/status.ts';
export {
  type FleetStatus,
  type FleetSummary,
  type RepositoryStatus,
  statusOfAll,
  type Totals,
} from './operations/status-all.ts';
export type { UndeleteResult } from './operations/undelete.ts';
export type { VerifyOptions, VerifyResult } from './operations/verify.ts';
