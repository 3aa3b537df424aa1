//! BLAKE3 of something long and sparse, on all threads. The index of 4 TiB has 512 MiB, and whoever builds on a
//! revision checks the one and takes the other of two such digests.
//!
//! BLAKE3 is a tree. Subtrees are hashed separately, and joined according to section 2.1 of its paper. Subtrees of
//! zeros are looked up, so that the index of a petabyte of holes takes no longer than that of a terabyte.

use std::iter;

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::bytes::block::Hash;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::error::Result;
use crate::image::zero_subtrees::{ZERO_SUBTREE_SIZE, zero_subtree};
use crate::work::control::Control;
use crate::work::pool;

/// Bytes of a subtree, a power of two. A smaller one would not be worth a thread.
const SUBTREE_SIZE: u64 = 4 * 1024 * 1024;
/// Bytes of one call of `read`.
const PIECE_SIZE: usize = 64 * 1024;

/// The bytes of a hole.
static ZEROS: [u8; PIECE_SIZE] = [0; PIECE_SIZE];

/// The digest of `length` bytes, all of which are zeros but those in `data`. `read` fills a buffer with a range; several
/// threads call it.
///
/// # Errors
/// Those of `read`; [`crate::Code::Cancelled`].
pub(crate) fn digest(
    length: u64,
    data: &ExtentMap,
    control: &Control,
    read: impl Fn(Extent, &mut [u8]) -> Result<()> + Sync,
) -> Result<Hash> {
    let hash = |buffer: &mut [u8], range: Extent| {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(range.start);
        for piece in range.pieces(PIECE_SIZE as u64) {
            let room = usize::try_from(piece.len()).expect("at most a piece");
            if data.within(piece).next().is_none() {
                hasher.update(&ZEROS[..room]);
            } else {
                read(piece, &mut buffer[..room])?;
                hasher.update(&buffer[..room]);
            }
        }
        Ok(hasher)
    };
    let buffer = || vec![0; PIECE_SIZE];
    if length <= SUBTREE_SIZE {
        control.check()?;
        return Ok(Hash(*hash(&mut buffer(), Extent::at(0, length))?.finalize().as_bytes()));
    }
    let mut tree = Tree::default();
    let work = |buffer: &mut Vec<u8>, subtree| match subtree {
        Subtree::Zeros(value) => Ok((value, ZERO_SUBTREE_SIZE)),
        Subtree::Bytes(range) => Ok((hash(buffer, range)?.finalize_non_root(), range.len())),
    };
    pool::for_each(subtrees(length, data), control, buffer, work, |(value, size)| tree.push(value, size))?;
    Ok(tree.root())
}

/// A part of the tree.
enum Subtree {
    /// Zeros, whose chaining value is known.
    Zeros(ChainingValue),
    /// Bytes that must be hashed.
    Bytes(Extent),
}

/// All of the tree in parts, from left to right; there are two at least, so that none is the root.
fn subtrees(length: u64, data: &ExtentMap) -> impl Iterator<Item = Subtree> + Send + '_ {
    let mut at = 0;
    iter::from_fn(move || {
        let zeros = Extent::at(at, ZERO_SUBTREE_SIZE);
        let is_hole = at > 0 && zeros.end <= length && data.within(zeros).next().is_none();
        let (subtree, end) = if let Some(value) = zero_subtree(at).filter(|_| is_hole) {
            (Subtree::Zeros(value), zeros.end)
        } else {
            let range = Extent::at(at, SUBTREE_SIZE).overlap(&Extent { start: 0, end: length });
            (Subtree::Bytes(range), range.end)
        };
        let is_there = at < length;
        at = end;
        is_there.then_some(subtree)
    })
}

/// Subtrees that wait for their right neighbours, each larger than the next. Two of one size are joined when a third
/// one follows, as the last join is that of the root.
#[derive(Default)]
struct Tree(Vec<(ChainingValue, u64)>);

impl Tree {
    fn push(&mut self, value: ChainingValue, size: u64) {
        while let [.., (left, left_size), (right, right_size)] = self.0.as_slice()
            && left_size == right_size
        {
            let joined = (merge_subtrees_non_root(left, right, Mode::Hash), left_size + right_size);
            self.0.truncate(self.0.len() - 2);
            self.0.push(joined);
        }
        self.0.push((value, size));
    }

    fn root(mut self) -> Hash {
        let (mut right, _) = self.0.pop().expect("two subtrees at least");
        while self.0.len() > 1 {
            let (left, _) = self.0.pop().expect("more than one");
            right = merge_subtrees_non_root(&left, &right, Mode::Hash);
        }
        let (left, _) = self.0.pop().expect("two subtrees at least");
        Hash(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use proptest::prelude::*;

    /// The digest of bytes that are made, where there are any, of their position.
    fn folded(length: u64, data: &ExtentMap) -> Hash {
        digest(length, data, &Control::default(), |range, buffer| {
            fill(data, range, buffer);
            Ok(())
        })
        .unwrap()
    }

    fn plain(length: u64, data: &ExtentMap) -> Hash {
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        for piece in Extent::at(0, length).pieces(1 << 20) {
            let room = usize::try_from(piece.len()).unwrap();
            fill(data, piece, &mut buffer[..room]);
            hasher.update(&buffer[..room]);
        }
        Hash(*hasher.finalize().as_bytes())
    }

    fn fill(data: &ExtentMap, range: Extent, buffer: &mut [u8]) {
        buffer.fill(0);
        for part in data.within(range) {
            for at in part.start..part.end {
                buffer[usize::try_from(at - range.start).unwrap()] = (at % 251) as u8;
            }
        }
    }

    #[test]
    fn it_is_what_one_thread_finds() {
        for subtrees in 0..=5 {
            for beyond in [0, 1, 1023, 1024, 1025, 70_000, SUBTREE_SIZE - 1] {
                let length = subtrees * SUBTREE_SIZE + beyond;
                let data = ExtentMap::whole(length);
                assert_eq!(folded(length, &data), plain(length, &data), "{length}");
            }
        }
    }

    /// Around the subtrees that are looked up: they begin, end and are missing at every place.
    #[test]
    fn zeros_that_are_looked_up_change_nothing() {
        const Z: u64 = ZERO_SUBTREE_SIZE;
        let islands = [vec![], vec![0], vec![Z - 1], vec![Z], vec![2 * Z - 1, 3 * Z], vec![0, Z, 2 * Z]];
        for (at, islands) in islands.into_iter().enumerate() {
            let data =
                ExtentMap::normalise(islands.into_iter().map(|start| Extent::at(start, 5000)).collect());
            let length = [Z, Z + 4096, 2 * Z, 3 * Z - 1, 3 * Z + 5000, 2 * Z + 1][at];
            assert_eq!(folded(length, &data), plain(length, &data), "{length} {data:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn it_is_blake3_of_any_sparse_layout(
            length in 1..5 * ZERO_SUBTREE_SIZE,
            islands in prop::collection::vec((0..5 * ZERO_SUBTREE_SIZE, 1..100_000_u64), 0..4),
        ) {
            let extents = islands.iter().map(|(start, bytes)| Extent::at(*start, *bytes)).collect();
            let data = ExtentMap::normalise(extents).align(1, length);
            prop_assert_eq!(folded(length, &data), plain(length, &data));
        }
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let control = Control::default();
        let length = 3 * SUBTREE_SIZE;
        let result = digest(length, &ExtentMap::whole(length), &control, |_, _| {
            control.cancel();
            Ok(())
        });
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
    }
}
