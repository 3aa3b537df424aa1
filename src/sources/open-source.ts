import type { SourceConfig } from '../config/config.ts';
import type { Engine } from '../native/engine.ts';
import { fileSource } from './file-source.ts';
import { lvmSource } from './lvm/lvm-source.ts';
import { rbdSource } from './rbd/rbd-source.ts';
import type { Source } from './source.ts';

/**
 * The source that a configuration describes.
 *
 * @param directory what relative paths are relative to: the repository
 */
export function openSource(config: SourceConfig, directory: string, engine: Engine): Source {
  switch (config.type) {
    case 'file':
      return fileSource(config, directory, engine);
    case 'lvm':
      return lvmSource(config, directory, engine);
    case 'ceph-rbd':
      return rbdSource(config, directory);
  }
}
