import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage, parseRbdImage, RBD_IMAGE_EXPECTED, RBD_PREFIX } from '../../domain/rbd-image.ts';
import { formatSize } from '../../domain/size.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import { type RbdCluster, rbdCluster } from '../../sources/rbd/cluster.ts';
import { saysUnreachable } from '../../sources/rbd/failure.ts';
import type { RbdImageFacts } from '../../sources/rbd/image-report.ts';
import { notPrimary, rightsOf } from '../../sources/rbd/rights.ts';
import type { PlainContext } from '../context.ts';
import { loadTrustedConfig, requireTrust } from '../trust.ts';

/** A target that outside programs read and write. */
export interface CommandTarget {
  readonly name: string;
  readonly export: string[];
  readonly import: string[];
  /** Seconds without progress after which they are stopped. */
  readonly patience: number;
}

/** An image that accepts a restore. */
export interface RbdTarget {
  readonly command: CommandTarget;
  /** Returns the failure of a restore, or a clearer error if the cluster is full or does not answer. */
  explain(failure: unknown): Promise<unknown>;
}

/**
 * Checks that the image `rbd:POOL/IMAGE` accepts a restore. Uses the user and the configuration of the source if that
 * is in a Ceph cluster, too.
 *
 * @param size of the revision, in bytes
 * @throws BACKY_UNTRUSTED, BACKY_TARGET_NAME, BACKY_TARGET_MISSING, BACKY_TARGET_BUSY, BACKY_TARGET_SMALL, BACKY_TARGET_PROTECTED,
 *   BACKY_TARGET_STALLED, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
 */
export async function openRbdTarget(context: PlainContext, name: string, size: number): Promise<RbdTarget> {
  const image = parseRbdImage(name.slice(RBD_PREFIX.length));
  if (!image) throw backyError('BACKY_TARGET_NAME', { target: name, expected: RBD_IMAGE_EXPECTED });
  requireTrust(context);
  const config: CephRbdSourceConfig = { ...(await connectionOf(context)), type: 'ceph-rbd', ...image };
  const cluster = rbdCluster(config);
  const facts = await factsOf(cluster, name, size);
  if (facts.size < size) throw backyError('BACKY_TARGET_SMALL', { path: name, size: formatSize(size) });
  if (!facts.isPrimary)
    throw backyError('BACKY_TARGET_PROTECTED', { path: name, ...notPrimary(formatRbdImage(image)) });
  const watchers = await cluster.watchers();
  if (watchers.length > 0)
    throw backyError('BACKY_TARGET_BUSY', {
      path: name,
      holders: `${watchers.join(', ')} has it open`,
      advice: 'Stop the machine that uses it',
    });
  const pools = facts.dataPool === undefined ? [image.pool] : [image.pool, facts.dataPool];
  await checkWritable(cluster, config, name, pools);
  const { patience } = cluster;
  return {
    command: { name, export: [...cluster.exportCommand()], import: [...cluster.importCommand()], patience },
    explain: (failure) => explainFailure(cluster, name, pools, failure),
  };
}

/** Checks in advance for conditions that would stop the restore halfway. */
async function checkWritable(
  cluster: RbdCluster,
  config: CephRbdSourceConfig,
  path: string,
  pools: readonly string[],
): Promise<void> {
  // `fullPool` answers at once on a full pool. The write test would wait until rbd gives up.
  const full = await cluster.fullPool(...pools);
  if (full) throw backyError('BACKY_TARGET_STALLED', { path, ...full });
  const reason = await cluster.refusalToWrite();
  if (reason !== undefined)
    throw backyError('BACKY_TARGET_PROTECTED', { path, reason, advice: rightsOf(config) });
}

async function explainFailure(
  cluster: RbdCluster,
  path: string,
  pools: readonly string[],
  failure: unknown,
): Promise<unknown> {
  if (!isBackyError(failure, 'BACKY_TARGET_STALLED', 'BACKY_PROGRAM_FAILED')) return failure;
  const { code, details } = failure;
  const reason = String(code === 'BACKY_TARGET_STALLED' ? details.reason : details.detail);
  if (code === 'BACKY_PROGRAM_FAILED' && !saysUnreachable(reason)) return failure;
  const more = { cause: failure, details: details.begun ? { begun: true } : {} };
  const full = await cluster.fullPool(...pools);
  if (full) return backyError('BACKY_TARGET_STALLED', { path, ...full }, more);
  return backyError('BACKY_CLUSTER_UNREACHABLE', { source: path, reason }, more);
}

async function factsOf(cluster: RbdCluster, path: string, size: number): Promise<RbdImageFacts> {
  try {
    return await cluster.facts();
  } catch (cause) {
    if (!isBackyError(cause, 'BACKY_SOURCE_MISSING')) throw cause;
    throw missing(path, size, cause);
  }
}

function missing(path: string, size: number, cause: BackyError): BackyError {
  const command = `rbd create --size ${size}B ${path.slice(RBD_PREFIX.length)}`;
  return backyError('BACKY_TARGET_MISSING', { path, command }, { cause });
}

/** Returns the connection of the source. Without a usable configuration, a restore is still possible. */
async function connectionOf(context: PlainContext): Promise<Partial<CephRbdSourceConfig>> {
  try {
    const { source } = await loadTrustedConfig(context);
    if (source.type !== 'ceph-rbd') return {};
    const { pool: _pool, namespace: _namespace, image: _image, ...connection } = source;
    return connection;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `${error.message}; trying the cluster that rbd finds by itself`);
    return {};
  }
}
