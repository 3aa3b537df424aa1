import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import { type BackyError, backyError } from '../../errors.ts';
import type { RbdOutcome } from './run-rbd.ts';

/** Error numbers of Linux, which rbd uses as exit codes: errno(3). */
export const ERRNO = { EPERM: 1, ENOENT: 2, EACCES: 13, EROFS: 30, ENODATA: 61, ETIMEDOUT: 110 } as const;

const CANNOT_CONNECT = "couldn't connect to the cluster!";

/**
 * Returns whether a command failed with one of the error numbers. Without a configuration of the cluster, rbd exits
 * with ENOENT as well, which says nothing about the image.
 */
export function failedWith({ exitCode, complaint }: RbdOutcome, ...errors: readonly number[]): boolean {
  return complaint !== CANNOT_CONNECT && errors.includes(exitCode);
}

/** Builds BACKY_SOURCE_MISSING, BACKY_CLUSTER_UNREACHABLE or BACKY_TOOL_FAILED from a failed command. */
export function failureOf(config: CephRbdSourceConfig, outcome: RbdOutcome): BackyError {
  const path = formatRbdImage(config);
  const { exitCode, complaint: reason } = outcome;
  if (failedWith(outcome, ERRNO.ENOENT))
    return backyError('BACKY_SOURCE_MISSING', { path }, { cause: reason });
  if (exitCode === ERRNO.ETIMEDOUT || reason === CANNOT_CONNECT)
    return backyError('BACKY_CLUSTER_UNREACHABLE', { source: path, reason });
  return backyError('BACKY_TOOL_FAILED', { tool: 'rbd', reason }, { details: { exitCode } });
}

/** Returns whether the engine's account of a failed Ceph program means that the cluster did not answer. */
export function saysUnreachable(detail: string): boolean {
  return detail.endsWith(`(exit status ${ERRNO.ETIMEDOUT})`) || detail.includes(CANNOT_CONNECT);
}
