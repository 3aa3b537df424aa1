import { loadEngine } from '../../native/load-engine.ts';

/**
 * Writes some blocks of a snapshot in a Ceph cluster to standard output, for the engine that started this program.
 *
 * @param snapshot what the source of the type ceph-rbd knows of it, as JSON
 * @param runs after how many runs every block was written
 * @param run which of them this is
 * @throws BACKY_PROGRAM_FAILED, BACKY_SOURCE_SHORT, BACKY_IO
 */
export async function exportRbdSample(snapshot: string, runs: number, run: number): Promise<void> {
  const engine = await loadEngine();
  await engine.exportRbdSample({ ...JSON.parse(snapshot), runs, run });
}
