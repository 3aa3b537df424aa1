import { statSync } from 'node:fs';
import type { SourceConfig } from '../../config/config.ts';

const MINOR_BITS = 0xff;

/** The place that a source is read from, as `limits` names it; undefined if it cannot be told. */
export function placeOfSource(source: SourceConfig): string | undefined {
  switch (source.type) {
    case 'ceph-rbd':
      return `ceph:${source.pool}`;
    case 'lvm':
      return `lvm:${source.volumeGroup}`;
    case 'file':
      return diskOf(source.filename);
  }
}

function diskOf(path: string): string | undefined {
  try {
    const stats = statSync(path);
    const device = stats.isBlockDevice() ? stats.rdev : stats.dev;
    // gnu_dev_major and gnu_dev_minor of glibc, for numbers of 32 bits.
    const major = (device >>> 8) & 0xfff;
    const minor = (device & MINOR_BITS) | ((device >>> 12) & 0xfff00);
    return `disk:${major}:${minor}`;
  } catch {
    return undefined;
  }
}
