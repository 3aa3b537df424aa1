import type { LeftSnapshot, LeftSnapshots } from '../domain/left-snapshot.ts';

export type { LeftSnapshots } from '../domain/left-snapshot.ts';

/** Returns an empty list that is never saved, for work that leaves no snapshots. */
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
