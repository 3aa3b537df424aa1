import { statfsSync } from 'node:fs';
import type { ServiceConfig } from '../model/service-config.ts';
import type { FilesystemStatus } from '../model/service-status.ts';

/** The filesystem of the base directory. One that cannot be reached is left out. */
export function filesystemsOf({ baseDirectory }: ServiceConfig): readonly FilesystemStatus[] {
  try {
    const { blocks, bavail, bsize } = statfsSync(baseDirectory);
    return [{ path: baseDirectory, size: blocks * bsize, free: bavail * bsize, fullAt: null }];
  } catch {
    return [];
  }
}
