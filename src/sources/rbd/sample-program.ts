/**
 * A separate program that the engine starts. It writes some blocks of a Ceph snapshot to standard output. The Ceph
 * library may hang or abort, so it must not run inside backy itself.
 *
 * Arguments: the snapshot as JSON, the number of runs after which every block has been written, and the number of
 * this run.
 */

import { loadEngine } from '../../native/load-engine.ts';

const [snapshot = '', runs, run] = process.argv.slice(2);
try {
  const engine = await loadEngine();
  await engine.exportRbdSample({ ...JSON.parse(snapshot), runs: Number(runs), run: Number(run) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
