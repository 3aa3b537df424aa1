import { dirname } from 'node:path';
import type { RevisionRecord } from '../../domain/revision.ts';
import { isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Context } from '../context.ts';
import type { Repair } from './repair-result.ts';

/** Nobody may change what was found. */
const READ_ONLY = 0o400;

/**
 * Writes down what became of bad blocks, beside the report of what was found: a line of JSON about the image, then one
 * for each block.
 *
 * @returns the path of the report; null when it could not be written, which is only warned of
 */
export async function writeRepairReport(
  { layout, log }: Context,
  engine: Engine,
  { uuid, size, digest }: RevisionRecord,
  timestamp: string,
  { healed, left, sharers }: Omit<Repair, 'report'>,
): Promise<string | null> {
  const { report } = layout.repair(uuid, timestamp);
  const { image } = layout.files(uuid);
  const lines: readonly object[] = [
    { uuid, timestamp, image, size, digest, sharers: sharers.map((sharer) => sharer.uuid) },
    ...blockLines(uuid, { healed, left }),
    ...sharers.flatMap((sharer) => blockLines(sharer.uuid, sharer)),
  ];
  try {
    // Refuses a link in the place of the directory, wherever it leads.
    await engine.makeDirectory(dirname(report));
    await engine.createFile(report, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), READ_ONLY);
    return report;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    log('warning', `the report ${report} was not written: ${error.message}`);
    return null;
  }
}

function blockLines(uuid: string, { healed, left }: Pick<Repair, 'healed' | 'left'>): readonly object[] {
  return [
    ...healed.map((block) => ({ uuid, ...block, healed: true })),
    ...left.map((block) => ({ uuid, ...block, healed: false })),
  ];
}
