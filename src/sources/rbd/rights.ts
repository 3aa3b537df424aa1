import type { CephRbdSourceConfig } from '../../config/config.ts';
import { clientOf } from './client.ts';

/** Why an image cannot be written to that is a copy of another, and what to do. @param name of the image */
export function notPrimary(name: string): { readonly reason: string; readonly advice: string } {
  return {
    reason: 'it is not primary, but mirrors an image of another cluster, and Ceph lets nobody write to it',
    advice: `Use the primary image in its own cluster, or make this one primary with "rbd mirror image promote ${name}"`,
  };
}

/** Which rights the user of a cluster needs, and how to give them. */
export function rightsOf(config: Pick<CephRbdSourceConfig, 'user'>): string {
  const { user = 'admin' } = { ...clientOf(process.env.CEPH_ARGS ?? ''), ...config };
  const rights = ['mon', 'osd', 'mgr'].map((daemon) => `${daemon} 'profile rbd'`).join(' ');
  return `Snapshots and restores need the right to write; if that is missing ("ceph auth get client.${user}"), give it with "ceph auth caps client.${user} ${rights}"`;
}
