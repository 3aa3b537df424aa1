import type { CephRbdSourceConfig } from '../../config/config.ts';
import { asList, asText, asWholeNumber, member, root, ShapeError } from '../../domain/shape.ts';
import { formatSize } from '../../domain/size.ts';
import { isBackyError } from '../../errors.ts';
import { runRbd } from './run-rbd.ts';

/** A pool that is full, and a remedy. */
export interface FullPool {
  readonly reason: string;
  readonly advice: string;
}

/**
 * Finds a full pool by asking ceph(8), which is not installed everywhere. Ceph itself raises no error: it blocks
 * writes to a full pool until there is space again.
 *
 * @returns undefined when none of the pools is full, or when ceph(8) does not tell
 */
export async function findFullPool(
  { user, conf }: Pick<CephRbdSourceConfig, 'user' | 'conf'>,
  timeoutMs: number,
  pools: readonly string[],
): Promise<FullPool | undefined> {
  const args = [
    ...(conf === undefined ? [] : ['--conf', conf]),
    ...(user === undefined ? [] : ['--id', user]),
    ...['--connect-timeout', String(Math.max(1, Math.ceil(timeoutMs / 1000)))],
    ...['osd', 'pool', 'ls', 'detail', '--format', 'json'],
  ];
  try {
    const { exitCode, stdout } = await runRbd(args, timeoutMs, 'ceph');
    return exitCode === 0 ? readFullPool(stdout, pools) : undefined;
  } catch (error) {
    const isUnknown = error instanceof SyntaxError || error instanceof ShapeError;
    if (isUnknown || isBackyError(error, 'BACKY_TOOL_MISSING', 'BACKY_TOOL_FAILED')) return undefined;
    throw error;
  }
}

function readFullPool(output: string, pools: readonly string[]): FullPool | undefined {
  for (const pool of asList(root(JSON.parse(output)), 'a list of pools')) {
    const name = asText(member(pool, 'pool_name'), 'a name');
    const flags = asText(member(pool, 'flags_names'), 'flags').split(',');
    if (!pools.includes(name) || !flags.includes('full')) continue;
    if (!flags.includes('full_quota'))
      return {
        reason: `the pool ${name} is full, because OSDs are`,
        advice:
          'Look with "ceph df detail" and "ceph health detail", and add storage or remove what is not needed',
      };
    const bytes = asWholeNumber(member(pool, 'quota_max_bytes'), 'a number of bytes');
    const objects = asWholeNumber(member(pool, 'quota_max_objects'), 'a number');
    const quotas = [
      ...(bytes > 0 ? [formatSize(bytes)] : []),
      ...(objects > 0 ? [`${objects} objects`] : []),
    ];
    return {
      reason: `the pool ${name} is full, its quota of ${quotas.join(' and ')} is used up`,
      advice: `Look with "ceph df detail", and raise the quota with "ceph osd pool set-quota ${name} ${bytes > 0 ? 'max_bytes' : 'max_objects'} N" (0 lifts it) or remove what is not needed`,
    };
  }
  return undefined;
}
