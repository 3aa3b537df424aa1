import type { SourceConfig } from '../config/config.ts';
import { backyError } from '../errors.ts';
import type { SourceFacts } from '../native/engine.ts';

/**
 * Returns the format of a source that is not a raw disk, such as `qcow2`. Its revisions hold the file unchanged. With
 * `format: raw` in the configuration, the first bytes belong to the guest and are ignored.
 *
 * @param name name of the source, for the error
 * @throws BACKY_SOURCE_FORMAT when parts of the disk are in other files, so that a revision would be incomplete
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

/** Formats the warning about a source that is not a raw disk, without a full stop. */
export function formatWarning(name: string, format: string): string {
  return `${name} is a ${format} image, not a raw disk: its revisions hold the file as it is; "qemu-img convert -O raw" makes a raw disk of it, and format: raw in the source of the configuration says that it is one`;
}
