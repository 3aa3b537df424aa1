import type { CephRbdSourceConfig } from '../../config/config.ts';
import { clientOf } from './client.ts';

/** Explains why a mirrored copy is not writable, with a remedy. @param name `POOL/IMAGE` */
export function notPrimary(name: string): { readonly reason: string; readonly advice: string } {
  return {
    reason: 'it is not primary: Ceph allows writes only to the primary image, which is in another cluster',
    advice: `Use the primary image in its own cluster, or make this one primary with "rbd mirror image promote ${name}"`,
  };
}

/** Returns the remedy for missing rights: the rights that the user needs, and the command that grants them. */
export function rightsOf(config: Pick<CephRbdSourceConfig, 'user'>): string {
  const { user = 'admin' } = { ...clientOf(process.env.CEPH_ARGS ?? ''), ...config };
  const rights = ['mon', 'osd', 'mgr'].map((daemon) => `${daemon} 'profile rbd'`).join(' ');
  return `Snapshots and restores need the right to write; if that is missing ("ceph auth get client.${user}"), give it with "ceph auth caps client.${user} ${rights}"`;
}
