/** The checksum entry of a record. */
export interface Checksum {
  readonly key: string;
  readonly value: unknown;
}

type Facts = Readonly<Record<string, unknown>>;

/**
 * Finds the checksum entry of a record, by its key, or as the last entry with such a value. So no single flipped
 * bit hides it.
 */
export function checksumIn(record: Facts): Checksum | undefined {
  if (Object.hasOwn(record, 'checksum')) return { key: 'checksum', value: record.checksum };
  const [key, value] = Object.entries(record).at(-1) ?? [];
  const looksLikeOne = typeof value === 'string' && value.startsWith('sha256-');
  return key !== undefined && looksLikeOne ? { key, value } : undefined;
}

/** Removes the checksum from a record. It belongs to the file and is computed again when the file is written. */
export function withoutChecksum(record: Facts): Facts {
  const checksum = checksumIn(record);
  if (!checksum) return record;
  const { [checksum.key]: _, ...rest } = record;
  return rest;
}
