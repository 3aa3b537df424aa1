import { resolve } from 'node:path';
import {
  formatLogicalVolume,
  LOGICAL_VOLUME_EXPECTED,
  parseLogicalVolume,
} from '../domain/logical-volume.ts';
import { formatRbdImage, parseRbdImage, RBD_IMAGE_EXPECTED } from '../domain/rbd-image.ts';
import { backyError } from '../errors.ts';
import { SOURCE_TYPES, type SourceConfig } from './config.ts';

/**
 * The type of a source, as people write it: `rbd` is short for `ceph-rbd`.
 *
 * @throws BACKY_SOURCE_TYPE_UNKNOWN
 */
export function typeOfSource(type: string): SourceConfig['type'] {
  const known = SOURCE_TYPES.find((candidate) => candidate === (type === 'rbd' ? 'ceph-rbd' : type));
  if (known) return known;
  throw backyError('BACKY_SOURCE_TYPE_UNKNOWN', { type, known: SOURCE_TYPES.join(', ') });
}

/**
 * The configuration for the name of a source.
 *
 * @throws BACKY_SOURCE_NAME
 */
export function sourceOfName(type: SourceConfig['type'], name: string): SourceConfig {
  switch (type) {
    case 'file':
      return { type, filename: resolve(name) };
    case 'lvm': {
      const volume = parseLogicalVolume(name);
      if (volume) return { type, ...volume };
      throw backyError('BACKY_SOURCE_NAME', { type, name, expected: LOGICAL_VOLUME_EXPECTED });
    }
    case 'ceph-rbd': {
      const image = parseRbdImage(name);
      if (image) return { type, ...image };
      throw backyError('BACKY_SOURCE_NAME', { type, name, expected: RBD_IMAGE_EXPECTED });
    }
  }
}

/** The name of a source, as people write it. */
export function nameOfSource(source: SourceConfig): string {
  switch (source.type) {
    case 'file':
      return source.filename;
    case 'lvm':
      return formatLogicalVolume(source);
    case 'ceph-rbd':
      return formatRbdImage(source);
  }
}
