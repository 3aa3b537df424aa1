import type { RbdCluster } from '../../../../src/sources/rbd/cluster.ts';

/** An image in memory, with the snapshots and metadata that are put there. */
export interface FakeCluster extends RbdCluster {
  readonly names: Set<string>;
  readonly marks: Map<string, string>;
}

export function fakeCluster(names: readonly string[], marks: Readonly<Record<string, string>>): FakeCluster {
  const cluster: FakeCluster = {
    names: new Set(names),
    marks: new Map(Object.entries(marks)),
    facts: async () => ({ id: 'a', size: 1, isPrimary: true }),
    snapshots: async () => [...cluster.names].map((name, id) => ({ id, name, size: 1 })),
    createSnapshot: async (name) => {
      cluster.names.add(name);
    },
    removeSnapshot: async (name) => cluster.names.delete(name),
    metadata: async () => new Map(cluster.marks),
    setMetadata: async (key, value) => {
      cluster.marks.set(key, value);
    },
    removeMetadata: async (key) => {
      cluster.marks.delete(key);
    },
    watchers: async () => [],
    exportCommand: () => [],
    sampleCommand: () => [],
    importCommand: () => [],
    patience: 10,
    refusalToWrite: async () => undefined,
    fullPool: async () => undefined,
  };
  return cluster;
}
