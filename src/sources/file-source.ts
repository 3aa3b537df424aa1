import { resolve } from 'node:path';
import type { FileSourceConfig } from '../config/config.ts';
import { backyError } from '../errors.ts';
import { isIoError } from '../io-error.ts';
import type { Engine, SourceFacts } from '../native/engine.ts';
import type { Snapshot, Source } from './source.ts';

/**
 * A file or block device on this machine. Symbolic links are followed, so that a path such as
 * `/dev/mapper/vm-root` keeps meaning the current device.
 */
export function fileSource({ filename }: FileSourceConfig, directory: string, engine: Engine): Source {
  const path = resolve(directory, filename);
  return {
    identity: { type: 'file', filename: path },
    describe: async () => ({ name: path, ...(await look(path, engine)) }),
    snapshot: async () => readLive(path, await look(path, engine)),
    tidy: async () => [],
  };
}

function readLive(path: string, { size }: SourceFacts): Snapshot {
  return { name: path, size, consistency: 'crash', input: { path }, method: 'full' };
}

async function look(path: string, engine: Engine): Promise<SourceFacts> {
  try {
    return await engine.describeSource(path);
  } catch (cause) {
    if (isIoError(cause, 'ENOENT', 'ENOTDIR', 'ENXIO', 'ENODEV', 'ENOMEDIUM')) {
      throw backyError('BACKY_SOURCE_MISSING', { path }, { cause });
    }
    if (isIoError(cause, 'EACCES', 'EPERM', 'EIO')) {
      throw backyError('BACKY_SOURCE_UNREADABLE', { path, reason: String(cause.details.reason) }, { cause });
    }
    throw cause;
  }
}
