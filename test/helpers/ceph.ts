import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { type CleanUp, cleanUpWith } from './clean-up.ts';
import { mustRun } from './command.ts';
import type { Need } from './needs.ts';
import { patiently } from './patiently.ts';
import { makeScratch } from './scratch.ts';

/** The requirements of `useCeph`. */
export const cephNeeds: readonly Need[] = [
  'root',
  'command ceph-mon',
  'command ceph-mgr',
  'command ceph-osd',
  'command rbd',
];

const STARTER = fileURLToPath(new URL('ceph.sh', import.meta.url));

/** A write to an image: these bytes, or that many zeros as a discard. */
export interface ImageChange {
  readonly offset: number;
  readonly bytes: Uint8Array | number;
}

/** A cluster of one node, with the pools `rbd` and `other`. */
export interface CephCluster {
  /** Path of its configuration. */
  readonly conf: string;
  /** The environment by which every program finds the cluster. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs rbd, and returns what it printed. */
  rbd(...args: readonly string[]): Promise<string>;
  /** Gives the pool `other` a quota that is used up, and waits until the cluster knows; false lifts it. */
  fill(isFull: boolean): Promise<void>;
  /** Changes an image as its guest would. */
  write(image: string, ...changes: readonly ImageChange[]): Promise<void>;
  /** The names of the snapshots of an image. */
  snapshots(image: string): Promise<readonly string[]>;
  /** Writes an image, or a snapshot of one, to a new file. */
  export(image: string, path: string): Promise<void>;
  /** Stops the only daemon that has the data, so that nothing is answered any more. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
}

/** Gives all tests of the surrounding describe one cluster. */
export function useCeph(): CephCluster {
  let home: string | undefined;
  let cleanUp: CleanUp | undefined;
  beforeAll(async () => {
    home = makeScratch();
    // The sockets of the daemons are in there, whose paths may not be long.
    const cluster = join(home, 'c');
    cleanUp = cleanUpWith('"$1" down "$2/c" && rm -rf --one-file-system "$2"', STARTER, home);
    await mustRun(STARTER, ['up', cluster]);
  });
  afterAll(() => cleanUp?.now());
  const path = (name: string): string => {
    if (home === undefined) throw new Error('the cluster is not up');
    return join(home, name);
  };
  const env = (): Readonly<Record<string, string>> => ({ CEPH_CONF: path('c/ceph.conf'), CEPH_ARGS: '' });
  const rbd = (...args: readonly string[]): Promise<string> => mustRun('rbd', args, { env: env() });
  const signal = (name: NodeJS.Signals): void => {
    process.kill(Number(readFileSync(path('c/osd.0.pid'), 'utf8')), name);
  };
  return {
    get conf() {
      return path('c/ceph.conf');
    },
    get env() {
      return env();
    },
    rbd,
    fill: async (isFull) => {
      const ceph = (...args: readonly string[]) => mustRun('ceph', args, { env: env() });
      await ceph('osd', 'pool', 'set-quota', 'other', 'max_bytes', isFull ? '4096' : '0');
      await patiently(async () => {
        const pools: readonly { pool_name: string; flags_names: string }[] = JSON.parse(
          await ceph('osd', 'pool', 'ls', 'detail', '--format', 'json'),
        );
        const flags = pools.find(({ pool_name }) => pool_name === 'other')?.flags_names.split(',');
        expect(flags?.includes('full')).toBe(isFull);
      }, 300);
    },
    write: async (image, ...changes) => {
      const { size }: { size: number } = JSON.parse(await rbd('info', '--format', 'json', image));
      writeFileSync(path('changes'), encodeChanges(size, changes));
      await rbd('import-diff', '--no-progress', path('changes'), image);
    },
    snapshots: async (image) => {
      const list: readonly { name: string }[] = JSON.parse(
        await rbd('snap', 'ls', '--format', 'json', image),
      );
      return list.map(({ name }) => name);
    },
    export: async (image, to) => {
      await rbd('export', '--no-progress', image, to);
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  };
}

/** A stream as rbd reads it: doc/dev/rbd-diff.rst of Ceph. */
function encodeChanges(size: number, changes: readonly ImageChange[]): Buffer {
  const records = changes.flatMap(({ offset, bytes }) =>
    typeof bytes === 'number'
      ? [Buffer.from('z'), number(offset), number(bytes)]
      : [Buffer.from('w'), number(offset), number(bytes.length), Buffer.from(bytes)],
  );
  return Buffer.concat([Buffer.from('rbd diff v1\ns'), number(size), ...records, Buffer.from('e')]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
