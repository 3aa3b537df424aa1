import { type Config, SOURCE_TYPES } from '../config/config.ts';
import { backyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import { fileSource } from './file-source.ts';
import { lvmSource } from './lvm/lvm-source.ts';
import type { Source } from './source.ts';

/**
 * The source that a configuration describes.
 *
 * @param directory what relative paths are relative to: the repository
 * @throws BACKY_SOURCE_TYPE_UNKNOWN
 */
export function openSource(config: Config['source'], directory: string, engine: Engine): Source {
  switch (config.type) {
    case 'file':
      return fileSource(config, directory, engine);
    case 'lvm':
      return lvmSource(config, directory, engine);
    case 'unsupported':
      throw backyError('BACKY_SOURCE_TYPE_UNKNOWN', { type: config.named, known: SOURCE_TYPES.join(', ') });
  }
}
