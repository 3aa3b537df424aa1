import { isObject } from '../domain/shape.ts';
import type { Engine } from '../native/engine.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Layout } from './layout.ts';
import { parseLegacyText } from './legacy-record.ts';
import { FIRST_WORDS, FORMAT_VERSION } from './record.ts';

/** The part of a revision that an unfinished record covers. */
export type Making = 'revision' | 'index';

/** An unfinished record is replaced, never changed. */
const UNFINISHED_MODE = 0o400;

/**
 * Durably writes the unfinished record of a revision before any of its other files exist. While it exists, it
 * proves that these files come from a run that has not reached its commit.
 *
 * @param making `revision` if image and index are new, `index` if the image existed before
 * @throws BACKY_IO
 */
export async function announce(
  engine: Engine,
  layout: Layout,
  id: string,
  making: Making,
  now: Date,
): Promise<void> {
  const record = {
    formatVersion: FORMAT_VERSION,
    uuid: id,
    timestamp: now.toISOString(),
    unfinished: making,
  };
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  await engine.createFile(layout.files(id).unfinished, text, UNFINISHED_MODE);
}

/**
 * Returns the part of a revision that may be purged according to its unfinished record. A complete record under the
 * unfinished name covers the whole revision: the run stopped just before the commit, or during a removal.
 *
 * @returns undefined when the file is missing or is not such a record, so that nothing may be purged
 */
export function readUnfinished(layout: Layout, id: string): Making | undefined {
  try {
    const text = readPlainFile(layout.files(id).unfinished).toString();
    const value: unknown = text.startsWith(FIRST_WORDS) ? JSON.parse(text) : parseLegacyText(text);
    if (!isObject(value) || value.uuid !== id) return undefined;
    return value.unfinished === 'index' ? 'index' : 'revision';
  } catch {
    return undefined;
  }
}
