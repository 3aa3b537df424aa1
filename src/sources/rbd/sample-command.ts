import { fileURLToPath } from 'node:url';
import type { CephRbdSourceConfig } from '../../config/config.ts';
import { clientOf } from './client.ts';

/** The build puts it beside this file. */
const PROGRAM = fileURLToPath(new URL('./sample-program.js', import.meta.url));

/**
 * Builds the command that writes a sample of a snapshot to standard output. The engine adds the two numbers that
 * select the sample.
 *
 * @param timeoutMs time after which the library gives up an unreachable cluster
 */
export function sampleCommand(
  config: CephRbdSourceConfig,
  snapshot: string,
  timeoutMs: number,
): readonly string[] {
  const { pool, namespace, image } = config;
  const { user, conf } = { ...clientOf(process.env.CEPH_ARGS ?? ''), ...config };
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const limits = ['rados_osd_op_timeout', 'rados_mon_op_timeout', 'client_mount_timeout'];
  const settings = limits.map((key) => ({ key, value: seconds }));
  const options = { user, conf, settings, pool, namespace, image, snapshot };
  return [process.execPath, PROGRAM, JSON.stringify(options)];
}
