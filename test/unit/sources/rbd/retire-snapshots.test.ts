import { describe, expect, it } from 'vitest';
import { type LeftSnapshots, unsavedNotes } from '../../../../src/sources/left-snapshots.ts';
import { retireSnapshots } from '../../../../src/sources/rbd/retire-snapshots.ts';
import { fakeCluster } from './fake-cluster.ts';

const [OLD, NEW, KILLED] = [
  '01a20b83-a9a3-7fb8-b229-552c9c4b16ac',
  '01a210aa-1c5e-7d0a-9f43-0d6f2a9b7c11',
  '01a21017-2d9b-76db-805b-98cf457d6e4e',
];
const PYTHON = 'aBcDeFgHiJkLmNoPqRsTuV';
const OURS = 'our mark';

describe('retireSnapshots', () => {
  it('removes our snapshots and marks except those that are kept', async () => {
    const cluster = fakeCluster(['by-hand', `backy-${OLD}`, `backy-${NEW}`], {
      [`backy.${OLD}`]: OURS,
      [`backy.${NEW}`]: OURS,
    });
    expect(await retireSnapshots(cluster, OURS, NEW)).toEqual([`backy-${OLD}`]);
    expect([...cluster.names]).toEqual(['by-hand', `backy-${NEW}`]);
    expect([...cluster.marks.keys()]).toEqual([`backy.${NEW}`]);
  });

  it('removes all of our snapshots if none is kept', async () => {
    const cluster = fakeCluster([`backy-${OLD}`], { [`backy.${OLD}`]: OURS });
    expect(await retireSnapshots(cluster, OURS, undefined)).toEqual([`backy-${OLD}`]);
  });

  it('leaves snapshots of other repositories and without a mark alone', async () => {
    const cluster = fakeCluster([`backy-${OLD}`, `backy-${KILLED}`, `backy-${PYTHON}`], {
      [`backy.${OLD}`]: 'another mark',
    });
    expect(await retireSnapshots(cluster, OURS, NEW)).toEqual([]);
    expect(cluster.names.size).toBe(3);
    expect(cluster.marks.size).toBe(1);
  });

  it('marks the kept snapshot, so that a later run removes it', async () => {
    const cluster = fakeCluster([`backy-${PYTHON}`, `backy-${NEW}`], { [`backy.${PYTHON}`]: 'moved' });
    await retireSnapshots(cluster, OURS, PYTHON);
    expect(cluster.marks.get(`backy.${PYTHON}`)).toBe(OURS);
    expect(await retireSnapshots(cluster, OURS, NEW)).toEqual([`backy-${PYTHON}`]);
  });

  it('removes the mark of a snapshot that was never made', async () => {
    const cluster = fakeCluster([], { [`backy.${KILLED}`]: OURS, 'backy.readme': OURS, other: OURS });
    expect(await retireSnapshots(cluster, OURS, NEW)).toEqual([]);
    expect([...cluster.marks.keys()]).toEqual(['backy.readme', 'other']);
  });

  it('follows the complete list, whatever the marks are', async () => {
    const left = notes(OLD, KILLED);
    const cluster = fakeCluster([`backy-${OLD}`, `backy-${KILLED}`, `backy-${NEW}`], {
      [`backy.${OLD}`]: 'the mark of where the repository was',
      [`backy.${NEW}`]: OURS,
    });

    expect(await retireSnapshots(cluster, OURS, undefined, left)).toEqual([
      `backy-${OLD}`,
      `backy-${KILLED}`,
    ]);

    // The mark of the repository that now lies where ours was.
    expect([...cluster.names]).toEqual([`backy-${NEW}`]);
    expect(left.all()).toEqual([]);
  });
});

/** A complete list of snapshots in memory. */
function notes(...uuids: readonly string[]): LeftSnapshots {
  const left = { ...unsavedNotes(), isComplete: true };
  for (const uuid of uuids) left.amend({ type: 'ceph-rbd', uuid, pool: 'rbd', image: 'web1' });
  return left;
}
