import { isBackyError } from '../../errors.ts';
import type { Layout } from '../../repository/layout.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRecord } from '../../repository/read-revisions.ts';
import { acceptRecord, foreignChecksum } from '../../repository/seal-revision.ts';
import type { EngineContext } from '../context.ts';

/** A readable record that somebody altered. */
export interface AlteredRecord {
  readonly path: string;
  /** A description of the alteration, for people. */
  readonly problem: string;
  /** Whether the record was accepted and has a new checksum. */
  readonly accepted: boolean;
}

/**
 * Compares the record of a revision with its checksum.
 *
 * @param accept give an altered record a new checksum; a failure only causes a warning
 * @returns null for an unaltered record, or one without a checksum
 */
export async function judgeRecord(
  context: EngineContext,
  uuid: string,
  accept: boolean,
): Promise<AlteredRecord | null> {
  const problem = problemOf(context.layout, uuid);
  if (problem === undefined) return null;
  const { record: path } = context.layout.files(uuid);
  return { path, problem, accepted: accept && (await tryToAccept(context, uuid)) };
}

function problemOf(layout: Layout, uuid: string): string | undefined {
  try {
    const isAltered = foreignChecksum(layout.files(uuid).record) !== undefined;
    return isAltered ? 'it does not fit its checksum, so it was edited or has rotted' : undefined;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return error.message;
  }
}

async function tryToAccept({ layout, log, signal, engine }: EngineContext, uuid: string): Promise<boolean> {
  try {
    await waitForWriterLock(engine, layout, signal, () =>
      acceptRecord(engine, layout, readRecord(layout, uuid)),
    );
    log('info', `the record of ${uuid} was accepted as it is`);
    return true;
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    log('warning', `the record of ${uuid} could not be given a new checksum: ${error.message}`);
    return false;
  }
}
