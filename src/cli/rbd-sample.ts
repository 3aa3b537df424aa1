/**
 * A program of its own, started by the engine: writes some blocks of a snapshot in a Ceph cluster to its standard
 * output. The library that reads them may hang or abort, and then is better off alone.
 *
 * Arguments: the snapshot as JSON, the number of runs after which every block was read, and which of them this is.
 */

import { loadEngine } from '../native/load-engine.ts';

const [snapshot = '{}', runs, run] = process.argv.slice(2);
try {
  const engine = await loadEngine();
  await engine.exportRbdSample({ ...JSON.parse(snapshot), runs: Number(runs), run: Number(run) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
