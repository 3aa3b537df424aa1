import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RbdCluster, rbdCluster } from '../../../../src/sources/rbd/cluster.ts';

const CONFIG = { type: 'ceph-rbd', pool: 'rbd', namespace: 'tenant', image: '-x', timeout: '3s' } as const;
/** As rbd 16.2.15 prints them. */
const IMAGE =
  '{"name":"-x","id":"10278fc4c41c","size":1024000,"objects":1,"order":22,"object_size":4194304,"snapshot_count":0}';
const SNAPSHOTS =
  '[{"id":4,"name":"s0","size":25165824,"protected":"false","timestamp":"Tue Nov 24 23:53:44 2026"}]';

/** A program that is called rbd, prints what it is told to and notes how it was called. */
describe('rbdCluster', () => {
  const path = process.env.PATH;
  let directory: string;
  let cluster: RbdCluster;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'backy-unit-'));
    process.env.PATH = `${directory}:${path}`;
    cluster = rbdCluster(CONFIG);
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  function answer(stdout: string, stderr = '', exitCode = 0): void {
    writeFileSync(join(directory, 'stdout'), stdout);
    writeFileSync(join(directory, 'stderr'), stderr);
    const script = `#!/bin/sh\ncd '${directory}'; for word; do echo "$word"; done >args\ncat stdout; cat stderr >&2; exit ${exitCode}\n`;
    writeFileSync(join(directory, 'rbd'), script);
    chmodSync(join(directory, 'rbd'), 0o755);
  }
  const args = (): string => readFileSync(join(directory, 'args'), 'utf8').trim().split('\n').join(' ');

  const CONNECTION = '--rados-osd-op-timeout 3 --rados-mon-op-timeout 3 --client-mount-timeout 3';

  it('asks for size and snapshots, with every name an argument of its own', async () => {
    answer(IMAGE);
    expect(await cluster.facts()).toEqual({ id: '10278fc4c41c', size: 1024000, isPrimary: true });
    expect(args()).toBe(`${CONNECTION} info --pool rbd --namespace tenant --image -x --format json`);
    answer(SNAPSHOTS);
    expect(await cluster.snapshots()).toEqual([{ id: 4, name: 's0', size: 25165824 }]);
  });

  it.each([
    ['', []],
    ['[]', []],
    ['{"backy.a":"b"}', [['backy.a', 'b']]],
  ])('reads metadata from %j', async (stdout, entries) => {
    answer(stdout);
    expect([...(await cluster.metadata())]).toEqual(entries);
  });

  it('names user and configuration, and the snapshot to start from', () => {
    const { exportCommand, importCommand } = rbdCluster({ ...CONFIG, user: 'backy', conf: '/c.conf' });
    const image = '--pool rbd --namespace tenant --image -x';
    expect(exportCommand('new', 'old').join(' ')).toBe(
      `rbd --conf /c.conf --id backy ${CONNECTION} export-diff ${image} --snap new --from-snap old --no-progress --path -`,
    );
    expect(importCommand().join(' ')).toBe(
      `rbd --conf /c.conf --id backy ${CONNECTION} --rbd-cache=false import-diff ${image} --no-progress --path -`,
    );
  });

  it('quotes the message of rbd itself', async () => {
    answer('', 'librbd: details: (16)\n\nrbd: snapshot is protected from removal.\n', 16);
    await expect(cluster.removeSnapshot('s')).rejects.toMatchObject({
      code: 'BACKY_TOOL_FAILED',
      details: { reason: 'snapshot is protected from removal.' },
    });
  });

  it.each([
    ['rbd: error opening image x: (2) No such file or directory\n', 2, 'BACKY_SOURCE_MISSING'],
    ['rbd: error opening image x: (110) Connection timed out\n', 110, 'BACKY_CLUSTER_UNREACHABLE'],
    ["monclient(hunting): details\nrbd: couldn't connect to the cluster!\n", 1, 'BACKY_CLUSTER_UNREACHABLE'],
    ["parse_file: no such file\nrbd: couldn't connect to the cluster!\n", 2, 'BACKY_CLUSTER_UNREACHABLE'],
    ['', 1, 'BACKY_TOOL_FAILED'],
  ])('classifies the failure %j', async (stderr, exitCode, code) => {
    answer('', stderr, exitCode);
    await expect(cluster.facts()).rejects.toMatchObject({ code });
  });

  it('identifies an image of format 1 by the prefix of its objects', async () => {
    answer('{"name":"x","size":8388608,"block_name_prefix":"rb.0.1f2a.238e1f29","format":1}');
    expect(await cluster.facts()).toEqual({ id: 'rb.0.1f2a.238e1f29', size: 8388608, isPrimary: true });
  });

  it.each([
    '',
    'no json',
    '{}',
    '{"id":"a","size":-1}',
    '{"id":"a","size":"1"}',
    '{"size":1}',
    '[1]',
    'null',
  ])('rejects %j as a description of an image', async (stdout) => {
    answer(stdout);
    await expect(cluster.facts()).rejects.toMatchObject({ code: 'BACKY_TOOL_FAILED' });
  });

  it('reports a missing snapshot or mark without failing', async () => {
    answer('', 'rbd: failed to remove snapshot: (2) No such file or directory\n', 2);
    expect(await cluster.removeSnapshot('s')).toBe(false);
    await cluster.removeMetadata('backy.x');
  });

  it('does not take a missing cluster for a missing snapshot', async () => {
    answer('', "rbd: couldn't connect to the cluster!\n", 2);
    const unreachable = { code: 'BACKY_CLUSTER_UNREACHABLE' };
    await expect(cluster.removeSnapshot('s')).rejects.toMatchObject(unreachable);
    await expect(cluster.removeMetadata('backy.x')).rejects.toMatchObject(unreachable);
  });

  it.each([
    ['hashpspool,full,full_quota', 4096, 0, 'its quota of 4.00 KiB is used up', 'max_bytes N'],
    ['hashpspool,full,full_quota', 0, 7, 'its quota of 7 objects is used up', 'max_objects N'],
    ['hashpspool,full', 4096, 0, 'because OSDs are', 'add storage'],
  ])('finds a full pool (%s)', async (flags_names, quota_max_bytes, quota_max_objects, reason, advice) => {
    answer(JSON.stringify([{ pool_name: 'rbd', flags_names, quota_max_bytes, quota_max_objects }]));
    copyFileSync(join(directory, 'rbd'), join(directory, 'ceph'));
    expect(await cluster.fullPool('other', 'rbd')).toEqual({
      reason: expect.stringContaining(`the pool rbd is full, ${reason}`),
      advice: expect.stringContaining(advice),
    });
    expect(await cluster.fullPool('other')).toBeUndefined();
  });

  it.each([
    ['[{"pool_name":"rbd","flags_names":"hashpspool","quota_max_bytes":1}]', 0],
    ['no json', 0],
    ['{}', 0],
    ['', 13],
  ])('finds no full pool in %j', async (stdout, exitCode) => {
    answer(stdout, '', exitCode);
    copyFileSync(join(directory, 'rbd'), join(directory, 'ceph'));
    expect(await cluster.fullPool('rbd')).toBeUndefined();
  });

  it('names the package of a program that is missing', async () => {
    process.env.PATH = directory;
    await expect(cluster.facts()).rejects.toMatchObject({
      code: 'BACKY_TOOL_MISSING',
      details: { tool: 'rbd', package: 'ceph-common' },
    });
  });
});
