import { isObject } from '../domain/shape.ts';
import type { Engine } from '../native/engine.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Layout } from './layout.ts';
import { parseLegacyText } from './legacy-record.ts';
import { FIRST_WORDS, FORMAT_VERSION } from './record.ts';

/** The part of a revision that an unfinished record speaks of. */
export type Making = 'revision' | 'index';

/** Nobody changes an unfinished record; another file takes its place. */
const UNFINISHED_MODE = 0o400;

/**
 * Writes the unfinished record of a revision, durably, before anything else of it exists. As long as it lies there,
 * it proves that the run which made these files was cut off before its commit.
 *
 * @param making `revision`: image and index are new; `index`: the image was there before
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
 * The part of a revision that its unfinished record lets a machine remove. A sealed record that lies there under the
 * unfinished name speaks of the whole revision: either its commit was about to come, or it was being removed.
 *
 * @returns undefined when there is no such file, or anything else of that name: then nothing is proven
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
