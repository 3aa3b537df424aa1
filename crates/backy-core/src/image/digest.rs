//! BLAKE3 of long data on all threads. The index of 4 TiB has 512 MiB, and a backup checks the digest of one such index
//! and computes another.
//!
//! BLAKE3 is a tree. Subtrees are hashed separately, and joined according to section 2.1 of its paper.

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::bytes::block::Hash;
use crate::bytes::extent::Extent;
use crate::error::Result;
use crate::work::control::Control;
use crate::work::pool;

/// Bytes of a subtree, a power of two. A smaller one would not be worth a thread.
const SUBTREE_SIZE: u64 = 4 * 1024 * 1024;
/// Bytes of one call of `read`.
pub(crate) const PIECE_SIZE: usize = 64 * 1024;

/// The digest of `length` bytes. Several threads call `read` with ranges of at most [`PIECE_SIZE`] bytes. It may use
/// the buffer, which is as long as the range.
///
/// # Errors
/// Those of `read`.
pub(crate) fn digest(
    length: u64,
    read: impl for<'b> Fn(Extent, &'b mut [u8]) -> Result<&'b [u8]> + Sync,
) -> Result<Hash> {
    let hash = |buffer: &mut [u8], range: Extent| {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(range.start);
        for piece in range.pieces(PIECE_SIZE as u64) {
            let room = usize::try_from(piece.len()).expect("at most a piece");
            hasher.update(read(piece, &mut buffer[..room])?);
        }
        Ok(hasher)
    };
    let buffer = || vec![0; PIECE_SIZE];
    let whole = Extent::at(0, length);
    if length <= SUBTREE_SIZE {
        return Ok(Hash(*hash(&mut buffer(), whole)?.finalize().as_bytes()));
    }
    let starts: Vec<u64> = whole.pieces(SUBTREE_SIZE).map(|subtree| subtree.start).collect();
    let subtrees = pool::for_each(&starts, &Control::default(), buffer, |buffer, start| {
        let subtree = Extent::at(start, SUBTREE_SIZE).overlap(&whole);
        Ok(hash(buffer, subtree)?.finalize_non_root())
    })?;
    let (left, right) = subtrees.split_at(left_of(subtrees.len()));
    Ok(Hash(*merge_subtrees_root(&join(left), &join(right), Mode::Hash).as_bytes()))
}

fn join(subtrees: &[ChainingValue]) -> ChainingValue {
    if let [subtree] = subtrees {
        return *subtree;
    }
    let (left, right) = subtrees.split_at(left_of(subtrees.len()));
    merge_subtrees_non_root(&join(left), &join(right), Mode::Hash)
}

/// The left child is complete: the largest power of two that leaves something for the right one.
fn left_of(count: usize) -> usize {
    count.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_one_thread_finds() {
        let bytes: Vec<u8> = (0..=5 * SUBTREE_SIZE).map(|at| (at % 251) as u8).collect();
        for subtrees in 0..=5 {
            for beyond in [0, 1, 1023, 1024, 1025, 70_000, SUBTREE_SIZE - 1] {
                let length = (subtrees * SUBTREE_SIZE + beyond).min(bytes.len() as u64);
                let bytes = &bytes[..usize::try_from(length).unwrap()];
                let found = digest(length, |range, buffer| {
                    let start = usize::try_from(range.start).unwrap();
                    buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                    Ok(buffer)
                });
                assert_eq!(found.unwrap().0, *blake3::hash(bytes).as_bytes(), "{length}");
            }
        }
    }
}
