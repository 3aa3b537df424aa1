import type { LeftSnapshot, LeftSnapshots } from '../domain/left-snapshot.ts';

export type { LeftSnapshots } from '../domain/left-snapshot.ts';

/** An empty list that nobody keeps, for work that leaves nothing at a source. */
export function unsavedNotes(): LeftSnapshots {
  const snapshots = new Map<string, LeftSnapshot>();
  const put = (snapshot: LeftSnapshot): void => void snapshots.set(snapshot.uuid, snapshot);
  return {
    isComplete: false,
    all: () => [...snapshots.values()],
    note: async (snapshot) => put(snapshot),
    amend: put,
    drop: (uuid) => void snapshots.delete(uuid),
    save: async () => {},
  };
}
