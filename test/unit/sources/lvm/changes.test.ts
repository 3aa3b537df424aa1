import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { changesOfImage, findChanges } from '../../../../src/sources/lvm/changes.ts';
import { statusHasSnapshot } from '../../../../src/sources/lvm/metadata-snapshot.ts';
import type { Volume } from '../../../../src/sources/lvm/volumes.ts';
import { fakeEngine } from '../../fake-engine.ts';
import { makeRecord } from '../../records.ts';
import { scratchDirectory } from '../../scratch.ts';
import { fixtureVolume, NEWER, OLDER } from './fixtures.ts';

const changed = [
  { offset: 0, length: 10 },
  { offset: 50, length: 30 },
];

describe('changesOfImage', () => {
  it('returns the changed ranges if the size is the same', () => {
    expect(changesOfImage(changed, 100, 100)).toEqual(changed);
  });

  it('adds the part by which the volume has grown', () => {
    expect(changesOfImage(changed, 100, 150)).toEqual([...changed, { offset: 100, length: 50 }]);
  });

  it('leaves out ranges beyond the end', () => {
    expect(changesOfImage(changed, 100, 60)).toEqual([changed[0], { offset: 50, length: 10 }]);
    expect(changesOfImage(changed, 100, 50)).toEqual([changed[0]]);
  });

  it('counts a part that was cut off and added again as changed', () => {
    expect(changesOfImage(changed, 60, 100)).toEqual([
      changed[0],
      { offset: 50, length: 10 },
      { offset: 60, length: 40 },
    ]);
  });
});

describe('findChanges', () => {
  const before = fixtureVolume(`web-1.backy-${OLDER}`);
  const now = fixtureVolume(`web-1.backy-${NEWER}`);
  const parent = makeRecord({ uuid: OLDER, size: before.size });

  function reason(volumes: readonly Volume[]): Promise<unknown> {
    return findChanges({ engine: fakeEngine(), volumeGroup: 'vg0', volumes, snapshot: now, parent });
  }

  it.each([
    [{ name: 'other' }, `the snapshot of revision ${OLDER} is gone`],
    [{ isReadOnly: false }, `the snapshot web-1.backy-${OLDER} was made writable`],
    [{ pool: 'pool2' }, `the snapshot web-1.backy-${OLDER} is not in the thin pool pool`],
    [{ layout: ['linear'] }, `the snapshot web-1.backy-${OLDER} is not in the thin pool pool`],
    [{ size: 1024 }, `the snapshot web-1.backy-${OLDER} has 1.00 KiB, the revision has 64.00 MiB`],
  ])('explains a missing comparison: %o', async (change, fallback) => {
    expect(await reason([{ ...before, ...change }, now])).toEqual({ fallback });
  });
});

/** The lock of the pool is in /run. */
describe.runIf(process.geteuid?.() === 0)('a comparison by thin_delta', () => {
  const before = fixtureVolume(`web-1.backy-${OLDER}`);
  const now = fixtureVolume(`web-1.backy-${NEWER}`);
  const parent = makeRecord({ uuid: OLDER, size: before.size });
  const lock = `/run/backy/lvm-vg0-${now.pool}.lock`;
  const path = process.env.PATH;
  let [directory, engine] = ['', fakeEngine()];

  beforeEach(() => {
    [directory, engine] = [scratchDirectory(), fakeEngine()];
    process.env.PATH = `${directory}:${path}`;
    toolIs('lvchange', 'true');
    toolIs(
      'dmsetup',
      `echo "$*" >>${directory}/calls; echo "0 65536 thin-pool 4 113/1024 69/512 - rw no_discard_passdown"`,
    );
  });

  afterEach(() => {
    process.env.PATH = path;
  });

  function toolIs(name: string, script: string): void {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  function compare(signal?: AbortSignal): Promise<unknown> {
    const volumes = [before, now];
    return findChanges({ engine, volumeGroup: 'vg0', volumes, snapshot: now, parent, signal });
  }

  /** The messages that the pool got. */
  function messages(): readonly string[] {
    const calls = readFileSync(join(directory, 'calls'), 'utf8').split('\n');
    return calls.flatMap((call) => /^message \S+ 0 (\w+)$/.exec(call)?.[1] ?? []);
  }

  const frame = `<superblock uuid="" time="1" transaction="2" data_block_size="128" nr_data_blocks="0">
    <diff left="${before.thinId}" right="${now.thinId}">`;

  it('reads everything if the list of changes is too long', async () => {
    toolIs(
      'thin_delta',
      `echo '${frame}'; seq 0 8 8000001 | sed 's|.*|<different begin="&" length="1"/>|'; echo '</diff></superblock>'`,
    );
    expect(await compare()).toEqual({
      fallback: 'thin_delta failed: it lists more than 1,000,000 changed ranges',
    });
    expect(messages()).toEqual(['reserve_metadata_snap', 'release_metadata_snap']);
  });

  it('ends when it is cancelled, and releases the metadata of the pool', async () => {
    toolIs('thin_delta', `echo '${frame}'; touch ${directory}/begun; exec sleep 600`);
    const cancel = new AbortController();
    const comparison = compare(cancel.signal);
    await vi.waitUntil(() => existsSync(join(directory, 'begun')), { timeout: 20_000 });
    cancel.abort();
    await expect(comparison).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
    expect(messages()).toEqual(['reserve_metadata_snap', 'release_metadata_snap']);
    expect(engine.locks.size).toBe(0);
  });

  it('can be cancelled while another run compares', async () => {
    engine.locks.set(lock, 'exclusive');
    const cancel = new AbortController();
    const comparison = compare(cancel.signal);
    await vi.waitUntil(() => engine.calls.some(([method]) => method === 'lockFile'), { timeout: 20_000 });
    cancel.abort();
    await expect(comparison).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
  });
});

describe('the status of a pool', () => {
  const pool = (root: string): string =>
    `0 65536 thin-pool 4 113/1024 69/512 ${root} rw discard_passdown queue_if_no_space - 256 \n`;

  it('shows whether it has a metadata snapshot', () => {
    expect(statusHasSnapshot(pool('-'))).toBe(false);
    expect(statusHasSnapshot(pool('56'))).toBe(true);
  });

  it.each(['', '0 65536 thin-pool Fail', '0 65536 linear', pool('needs_check')])('refuses "%s"', (status) => {
    expect(() => statusHasSnapshot(status)).toThrow('no status of a pool');
  });
});
