/** By what key a record says what its checksum is, and what it says. */
export interface Checksum {
  readonly key: string;
  readonly value: unknown;
}

type Facts = Readonly<Record<string, unknown>>;

/** The checksum in a record: what has its name, or comes last and looks like one. No single bit that flips hides both. */
export function checksumIn(record: Facts): Checksum | undefined {
  if (Object.hasOwn(record, 'checksum')) return { key: 'checksum', value: record.checksum };
  const [key, value] = Object.entries(record).at(-1) ?? [];
  const looksLikeOne = typeof value === 'string' && value.startsWith('sha256-');
  return key !== undefined && looksLikeOne ? { key, value } : undefined;
}

/** A record as it is held in memory: the checksum is one of its file, and made anew with that. */
export function withoutChecksum(record: Facts): Facts {
  const checksum = checksumIn(record);
  if (!checksum) return record;
  const { [checksum.key]: _, ...rest } = record;
  return rest;
}
