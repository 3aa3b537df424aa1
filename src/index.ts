/**
 * Block-level backup of virtual machine disks into plain raw images.
 *
 * @packageDocumentation
 */

export type { SourceConfig } from './config/config.ts';
export type { ScheduleInput } from './config/write-config.ts';
export type { BadBlock } from './domain/bad-blocks.ts';
export type {
  Consistency,
  DamagedRevision,
  RevisionRecord,
  RevisionStats,
  SourceIdentity,
  Trust,
} from './domain/revision.ts';
export { BackyError, type ErrorCode, isBackyError } from './errors.ts';
export type { OperationOptions, Progress } from './native/engine.ts';
export type { BackupOptions, BackupResult } from './operations/backup.ts';
export type { Dependencies, Log, LogLevel } from './operations/context.ts';
export type { DoctorReport, SourceReport } from './operations/doctor.ts';
export type { InitOptions } from './operations/init.ts';
export { initRepository, openRepository, type Repository } from './operations/open-repository.ts';
export type { PurgeResult } from './operations/purge.ts';
export type { Verdict } from './operations/record-verdict.ts';
export type { RestoreOptions, RestoreResult } from './operations/restore.ts';
export type { RestoreTarget } from './operations/restore-target.ts';
export type { Status, StatusSummary } from './operations/status.ts';
export type { VerifyOptions, VerifyResult } from './operations/verify.ts';
