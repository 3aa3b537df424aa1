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
export type { BackupOptions, BackupResult } from './operations/backup/backup.ts';
export type { Dependencies, Log, LogLevel } from './operations/context.ts';
export type { InitOptions } from './operations/init.ts';
export { initRepository, openRepository, type Repository } from './operations/open-repository.ts';
export type { AdoptOptions, AdoptResult } from './operations/records/adopt.ts';
export type { EditOptions, EditResult } from './operations/records/edit-records.ts';
export type { EditTagsOptions } from './operations/records/edit-tags.ts';
export type { HoldOptions } from './operations/records/hold.ts';
export type { ExpireOptions, ExpireResult, ExpireVerdict } from './operations/removal/expire.ts';
export type { ForgetOptions, ForgetResult } from './operations/removal/forget.ts';
export type { PurgeOptions, PurgeResult } from './operations/removal/purge.ts';
export type { RetireOptions, RetireResult } from './operations/removal/retire.ts';
export type { UndeleteResult } from './operations/removal/undelete.ts';
export type { RestoreOptions, RestoreResult } from './operations/restore/restore.ts';
export type { RestoreTarget } from './operations/restore/restore-target.ts';
export type { DoctorReport, SourceReport } from './operations/status/doctor.ts';
export type { ScheduleStatus, TagStatus } from './operations/status/schedule-status.ts';
export type {
  PlannedBackup,
  PlannedRevision,
  SimulateOptions,
  SimulateResult,
} from './operations/status/simulate.ts';
export type {
  Status,
  StatusSummary,
  TrashedDamage,
  TrashedRevision,
  UnrecordedImage,
} from './operations/status/status.ts';
export {
  type FleetStatus,
  type FleetSummary,
  type RepositoryStatus,
  statusOfAll,
  type Totals,
} from './operations/status/status-all.ts';
export type { AlteredRecord } from './operations/verify/altered-record.ts';
export type { Verdict } from './operations/verify/record-verdict.ts';
export type { HealedBlock, LeftBlock, Repair, SharedDamage } from './operations/verify/repair-result.ts';
export type { VerifyOptions, VerifyResult } from './operations/verify/verify.ts';
export { openService, type ServiceHandle } from './service/client/open-service.ts';
export type { PlannedRun, RunTicket, ServiceEvent } from './service/model/service-control.ts';
export type {
  FilesystemStatus,
  JobStatus,
  LastRevision,
  NotifierStatus,
  Pause,
  Phase,
  PoolStatus,
  RunCounts,
  RunSummary,
  ServiceStatus,
} from './service/model/service-status.ts';
