//! Overlaps of places on the disk: the parts that only one file refers to, and the parts that others keep.

use crate::bytes::extent::{Extent, ExtentMap};

/// A place on the disk that a file to be removed refers to.
pub(super) struct Piece {
    pub(super) place: Extent,
    pub(super) file: u32,
    pub(super) shared: bool,
}

/// The space that is certainly freed, and the space that is freed unless a remaining file refers to it.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) own_bytes: u64,
    /// Sorted and disjoint.
    pub(super) candidates: Vec<Extent>,
}

impl Sorted {
    /// A place that is marked as shared, but belongs to one file only, is shared with a file in neither list, and
    /// stays.
    fn add(&mut self, place: Extent, all_shared: bool, several_files: bool) {
        if !all_shared {
            self.own_bytes += place.len();
        } else if several_files {
            self.candidates.push(place);
        }
    }
}

/// Sorts pieces if each byte is freed as soon as nobody refers to it. It sweeps over the places where a piece begins or
/// ends.
pub(super) fn by_byte(mut pieces: Vec<Piece>) -> Sorted {
    pieces.sort_unstable_by_key(|piece| piece.place);
    let mut sweep = Sweep::default();
    for piece in pieces {
        sweep.go_to(piece.place.start);
        sweep.open.push(piece);
    }
    sweep.go_to(u64::MAX);
    sweep.sorted
}

/// A place on the disk that is reached in order.
#[derive(Default)]
struct Sweep {
    at: u64,
    /// The pieces that began before this place and end behind it.
    open: Vec<Piece>,
    sorted: Sorted,
}

impl Sweep {
    fn go_to(&mut self, to: u64) {
        while let Some(end) = self.open.iter().map(|piece| piece.place.end).min() {
            self.step(end.min(to));
            if end > to {
                break;
            }
            self.open.retain(|piece| piece.place.end > end);
        }
        self.at = self.at.max(to);
    }

    /// Goes over a stretch on which nothing begins or ends.
    fn step(&mut self, to: u64) {
        if to > self.at {
            let all_shared = self.open.iter().all(|piece| piece.shared);
            let several_files = self.open.iter().any(|piece| piece.file != self.open[0].file);
            self.sorted.add(Extent { start: self.at, end: to }, all_shared, several_files);
            self.at = to;
        }
    }
}

/// Sorts pieces if an extent is freed as a whole. Pieces that overlap belong to one extent.
pub(super) fn by_extent(mut pieces: Vec<Piece>) -> Sorted {
    pieces.sort_unstable_by_key(|piece| piece.place);
    let mut sorted = Sorted::default();
    let mut rest = pieces.as_slice();
    while let Some(first) = rest.first() {
        let mut place = first.place;
        let overlaps = |piece: &&Piece| {
            let inside = piece.place.start < place.end;
            place.end = if inside { place.end.max(piece.place.end) } else { place.end };
            inside
        };
        let count = rest.iter().take_while(overlaps).count();
        let (group, behind) = rest.split_at(count);
        let all_shared = group.iter().all(|piece| piece.shared);
        sorted.add(place, all_shared, group.iter().any(|piece| piece.file != first.file));
        rest = behind;
    }
    sorted
}

/// Places that files hold on to, in whatever order they come.
#[derive(Default)]
pub(super) struct Kept {
    map: ExtentMap,
    recent: Vec<Extent>,
}

impl Kept {
    /// Places that are gathered before they are put in order.
    const MOST_RECENT: usize = 256 * 1024;

    pub(super) fn add(&mut self, places: impl Iterator<Item = Extent>) {
        self.recent.extend(places);
        if self.recent.len() >= Self::MOST_RECENT {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.map = self.map.union(&ExtentMap::normalise(std::mem::take(&mut self.recent)));
    }

    pub(super) fn bytes(mut self) -> u64 {
        self.merge();
        self.map.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SPACE: u64 = 200;

    fn pieces() -> impl Strategy<Value = Vec<(u64, u64, u32, bool)>> {
        prop::collection::vec((0..SPACE, 1..30u64, 0..4u32, any::<bool>()), 0..20)
    }

    fn made_of(tuples: &[(u64, u64, u32, bool)]) -> Vec<Piece> {
        tuples
            .iter()
            .map(|&(start, length, file, shared)| Piece { place: Extent::at(start, length), file, shared })
            .collect()
    }

    fn candidate_bytes(sorted: &Sorted) -> u64 {
        sorted.candidates.iter().map(Extent::len).sum()
    }

    proptest! {
        /// The simple model: the files that refer to each single byte.
        #[test]
        fn each_byte_counts_once(tuples in pieces()) {
            let mut owners: BTreeMap<u64, Vec<(u32, bool)>> = BTreeMap::new();
            for (start, length, file, shared) in &tuples {
                for byte in *start..start + length {
                    owners.entry(byte).or_default().push((*file, *shared));
                }
            }
            let own = owners.values().filter(|all| all.iter().any(|(_, shared)| !shared)).count();
            let both = owners
                .values()
                .filter(|all| all.iter().all(|(_, shared)| *shared))
                .filter(|all| all.iter().any(|(file, _)| *file != all[0].0))
                .count();
            let sorted = by_byte(made_of(&tuples));
            prop_assert_eq!((sorted.own_bytes, candidate_bytes(&sorted)), (own as u64, both as u64));
            prop_assert!(sorted.candidates.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }

        #[test]
        fn whole_extents_cover_what_the_bytes_do(tuples in pieces()) {
            let single: Vec<_> = tuples.iter().map(|&(start, length, _, _)| (start, length, 0, false)).collect();
            prop_assert_eq!(by_extent(made_of(&single)).own_bytes, by_byte(made_of(&single)).own_bytes);
        }
    }
}
