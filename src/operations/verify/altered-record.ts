import { isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRecord } from '../../repository/read-revisions.ts';
import { acceptRecord, foreignChecksum } from '../../repository/seal-revision.ts';
import type { Context } from '../context.ts';

/** A record that can be read, and is not as backy wrote it. */
export interface AlteredRecord {
  readonly path: string;
  /** The sign of it, for people. */
  readonly problem: string;
  /** Whether it has a checksum of its own again, as was asked for. */
  readonly accepted: boolean;
}

/**
 * Compares the record of a revision with its checksum.
 *
 * @param accept take it as it is now, and give it a new one; that this fails is only warned of
 * @returns null for a record that is as it was written, or has no checksum
 */
export async function judgeRecord(
  context: Context,
  engine: Engine,
  uuid: string,
  accept: boolean,
): Promise<AlteredRecord | null> {
  const problem = problemOf(context.layout, uuid);
  if (problem === undefined) return null;
  const { record: path } = context.layout.files(uuid);
  return { path, problem, accepted: accept && (await tryToAccept(context, engine, uuid)) };
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

async function tryToAccept({ layout, log, signal }: Context, engine: Engine, uuid: string): Promise<boolean> {
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
