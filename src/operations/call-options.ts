import type { LoadOptions, OperationOptions } from '../native/engine.ts';
import type { BackupOptions } from './backup/backup.ts';
import {
  CALLBACK,
  DATE,
  FLAG,
  NUMBER,
  OBJECT,
  type OptionTable,
  oneOf,
  PATH,
  required,
  SIGNAL,
  SLOT,
  TARGET,
  TEXT,
  TEXTS,
} from './check-arguments.ts';
import type { Dependencies } from './context.ts';
import type { InitOptions } from './init.ts';
import type { AdoptOptions } from './records/adopt.ts';
import type { EditOptions } from './records/edit-records.ts';
import type { EditTagsOptions } from './records/edit-tags.ts';
import type { HoldOptions } from './records/hold.ts';
import type { ExpireOptions } from './removal/expire.ts';
import type { ForgetOptions } from './removal/forget.ts';
import type { PurgeOptions } from './removal/purge.ts';
import type { RetireOptions } from './removal/retire.ts';
import type { RestoreOptions } from './restore/restore.ts';
import type { SimulateOptions } from './status/simulate.ts';
import type { VerifyOptions } from './verify/verify.ts';

/** The options of each public call, for {@link checkOptions}. */

const LOAD: OptionTable<LoadOptions> = { rate: NUMBER, idle: FLAG };
const OPERATION: OptionTable<OperationOptions> = { ...LOAD, signal: SIGNAL, onProgress: CALLBACK };

export const BACKUP: OptionTable<BackupOptions> = { ...OPERATION, tags: TEXTS, slot: SLOT, force: FLAG };

export const RESTORE: OptionTable<RestoreOptions> = {
  ...OPERATION,
  target: required(TARGET),
  revision: TEXT,
  force: FLAG,
  clone: FLAG,
};

export const VERIFY: OptionTable<VerifyOptions> = {
  ...OPERATION,
  revisions: TEXT,
  olderThan: NUMBER,
  timeLimit: NUMBER,
  sizeLimit: NUMBER,
  newestFirst: FLAG,
  repair: FLAG,
  acceptRecords: FLAG,
};

export const EXPIRE: OptionTable<ExpireOptions> = { dryRun: FLAG, confirmed: FLAG };

export const FORGET: OptionTable<ForgetOptions> = {
  revisions: required(TEXT),
  dryRun: FLAG,
  evenTheLast: FLAG,
};

export const ADOPT: OptionTable<AdoptOptions> = {
  ...LOAD,
  ids: TEXTS,
  dryRun: FLAG,
  signal: SIGNAL,
};

export const EDIT: OptionTable<EditOptions> = { dryRun: FLAG };

export const EDIT_TAGS: OptionTable<EditTagsOptions> = {
  ...EDIT,
  action: required(oneOf('set', 'add', 'remove')),
  tags: required(TEXTS),
  revisions: TEXT,
  expected: TEXTS,
  force: FLAG,
};

export const HOLD: OptionTable<HoldOptions> = { reason: required(TEXT), until: DATE, revisions: TEXT };

export const SIMULATE: OptionTable<SimulateOptions> = { days: NUMBER, fromNothing: FLAG };

export const PURGE: OptionTable<PurgeOptions> = { dryRun: FLAG };

export const RETIRE: OptionTable<RetireOptions> = { dryRun: FLAG };

export const INIT: OptionTable<InitOptions> = {
  type: required(TEXT),
  filename: required(PATH),
  schedule: OBJECT,
  requireReflink: FLAG,
  force: FLAG,
};

export const DEPENDENCIES: OptionTable<Dependencies> = {
  clock: CALLBACK,
  log: CALLBACK,
  engine: CALLBACK,
  trustRepository: FLAG,
  signal: SIGNAL,
};
