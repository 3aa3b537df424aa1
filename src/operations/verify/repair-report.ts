import { dirname } from 'node:path';
import type { RevisionRecord } from '../../domain/revision.ts';
import { isBackyError } from '../../errors.ts';
import type { EngineContext } from '../context.ts';
import type { Repair } from './repair-result.ts';

/** Reports are evidence, so they are read-only. */
const READ_ONLY = 0o400;

/**
 * Writes a report of a repair beside the report of the damage: one line of JSON for the image, then one for each block.
 *
 * @returns the path of the report; null, with a warning, if it could not be written
 */
export async function writeRepairReport(
  { layout, log, engine }: EngineContext,
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
    // This refuses a link in the place of the directory.
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
