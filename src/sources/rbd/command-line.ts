import type { CephRbdSourceConfig } from '../../config/config.ts';

const STREAM = ['--no-progress', '--path', '-'] as const;

/** Selects the image. Each name is an argument of its own, so no name can pass for an option. */
export function imageArguments({ pool, namespace, image }: CephRbdSourceConfig): readonly string[] {
  const inNamespace = namespace === undefined ? [] : ['--namespace', namespace];
  return ['--pool', pool, ...inNamespace, '--image', image];
}

/** Selects cluster and user. Without the time limits, rbd waits for an unreachable cluster for ever. */
export function connectionArguments(
  { user, conf }: CephRbdSourceConfig,
  timeoutMs: number,
): readonly string[] {
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const limits = ['--rados-osd-op-timeout', '--rados-mon-op-timeout', '--client-mount-timeout'];
  return [
    ...(conf === undefined ? [] : ['--conf', conf]),
    ...(user === undefined ? [] : ['--id', user]),
    ...limits.flatMap((limit) => [limit, seconds]),
  ];
}

/** Builds the command behind `RbdCluster.exportCommand`. */
export function exportCommand(
  config: CephRbdSourceConfig,
  timeoutMs: number,
  snapshot?: string,
  since?: string,
): readonly string[] {
  return [
    'rbd',
    ...connectionArguments(config, timeoutMs),
    'export-diff',
    ...imageArguments(config),
    ...(snapshot === undefined ? [] : ['--snap', snapshot]),
    ...(since === undefined ? [] : ['--from-snap', since]),
    ...STREAM,
  ];
}

/** Builds the command behind `RbdCluster.importCommand`. */
export function importCommand(config: CephRbdSourceConfig, timeoutMs: number): readonly string[] {
  const connection = connectionArguments(config, timeoutMs);
  return ['rbd', ...connection, '--rbd-cache=false', 'import-diff', ...imageArguments(config), ...STREAM];
}
