import type { SourceConfig } from '../config/config.ts';
import { backyError } from '../errors.ts';
import type { SourceFacts } from '../native/engine.ts';

/**
 * The format of a source that is no raw disk, such as `qcow2`. Its revisions hold the file as it is. Where the
 * configuration says `format: raw`, the first bytes are the guest's, whatever they look like.
 *
 * @param name of the source, for the error
 * @throws BACKY_SOURCE_FORMAT when not all of the disk is in it, so that a revision could not be restored
 */
export function foreignFormat(
  name: string,
  { format, elsewhere }: Pick<SourceFacts, 'format' | 'elsewhere'>,
  config: SourceConfig,
): string | undefined {
  if (config.format === 'raw' || format === undefined) return undefined;
  if (elsewhere !== undefined) throw backyError('BACKY_SOURCE_FORMAT', { name, format, elsewhere });
  return format;
}

/** The warning about a source that is no raw disk, without a full stop. */
export function formatWarning(name: string, format: string): string {
  return `${name} is a ${format} image, not a raw disk: its revisions hold the file as it is; "qemu-img convert -O raw" makes a raw disk of it, and format: raw in the source of the configuration says that it is one`;
}
