/**
 * A program of its own, started by the engine: writes some blocks of a snapshot in a Ceph cluster to its standard
 * output. The library that reads them may hang or abort, and then is better off alone.
 */

import { exportRbdSample } from '../operations/backup/export-rbd-sample.ts';

const [snapshot = '', runs, run] = process.argv.slice(2);
try {
  await exportRbdSample(snapshot, Number(runs), Number(run));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
