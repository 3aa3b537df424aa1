//! The units of the engine, and the hash of a block.
//!
//! Each of the three sizes has its reason. A *block* is hashed: BLAKE3 runs at full speed on it, and the index stays at
//! 128 MiB per TiB. A *granule* is written: a changed 4 KiB page must not cost 256 KiB. A *segment* is the work of one
//! thread: it has the image bytes behind one 4 KiB page of the index, so no two threads share a page.

use std::fmt;

use crate::bytes::extent::{Extent, ExtentMap};

/// Bytes that share one hash.
pub const BLOCK_SIZE: usize = 256 * 1024;
/// Bytes written or left alone together.
pub const GRANULE_SIZE: usize = 16 * 1024;
/// Blocks whose hashes fill one page of the index.
pub const BLOCKS_PER_SEGMENT: usize = 4096 / Hash::SIZE;
/// Image bytes behind one page of the index: 32 MiB.
pub const SEGMENT_SIZE: u64 = (BLOCK_SIZE * BLOCKS_PER_SEGMENT) as u64;

/// BLAKE3 of a block's bytes (the last block of an image may be short); all zeros for a block of zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; Hash::SIZE]);

impl Hash {
    /// Bytes of a hash.
    pub const SIZE: usize = 32;
    /// The hash of a block of zeros, so that the index of a sparse image is itself sparse.
    pub const ZERO: Self = Self([0; Self::SIZE]);

    /// The hash of these bytes. Zeros are recognised without hashing.
    #[must_use]
    pub fn of(block: &[u8]) -> Self {
        if is_zero(block) { Self::ZERO } else { Self(*blake3::hash(block).as_bytes()) }
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != Self::SIZE || !rest.is_empty() {
            return None;
        }
        let mut hash = Self::ZERO;
        for (byte, pair) in hash.0.iter_mut().zip(pairs) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(hash)
    }

    /// Whether it is the hash of a block of zeros.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether every byte is zero. It stops near the first byte that is not.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    // A loop over 64 bytes without branches becomes vector code.
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().all(|chunk| chunk.iter().fold(0, |any, byte| any | byte) == 0)
        && rest.iter().all(|byte| *byte == 0)
}

/// Number of blocks of an image of `size` bytes.
#[must_use]
pub fn blocks_in(size: u64) -> u64 {
    size.div_ceil(BLOCK_SIZE as u64)
}

/// Number of segments of an image of `size` bytes.
#[must_use]
pub fn segments_in(size: u64) -> u64 {
    size.div_ceil(SEGMENT_SIZE)
}

/// The numbers of the segments that have a byte in one of these ranges, in order.
pub(crate) fn segments_of(map: &ExtentMap) -> impl Iterator<Item = u64> + Send + '_ {
    let mut front = 0;
    map.extents().iter().flat_map(move |extent| {
        let segments = front.max(extent.start / SEGMENT_SIZE)..segments_in(extent.end);
        front = front.max(segments.end);
        segments
    })
}

/// Bytes and blocks of an image of `size` bytes that lie in no segment of a map.
pub(crate) fn outside_segments(map: &ExtentMap, size: u64) -> (u64, u64) {
    let worked = map.align(SEGMENT_SIZE, size);
    let blocks: u64 = worked.extents().iter().map(|extent| blocks_in(extent.len())).sum();
    (size - worked.bytes(), blocks_in(size) - blocks)
}

/// The bytes of a segment of an image of `size` bytes.
pub(crate) fn segment_range(number: u64, size: u64) -> Extent {
    Extent::at(number * SEGMENT_SIZE, SEGMENT_SIZE).overlap(&Extent { start: 0, end: size })
}

/// The number of a block in its segment, from 0.
pub(crate) fn slot_of(block: Extent) -> usize {
    usize::try_from(block.start % SEGMENT_SIZE / BLOCK_SIZE as u64).expect("inside the segment")
}

/// The blocks of a range that starts at a block.
pub(crate) fn blocks_of(range: Extent) -> impl Iterator<Item = Extent> {
    range.pieces(BLOCK_SIZE as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hash_is_blake3_of_the_bytes() {
        let expected = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        assert_eq!(Hash::of(b"abc").to_string(), expected);
        assert_eq!(Hash::parse(expected), Some(Hash::of(b"abc")));
        for wrong in ["", "6", &expected[1..], &expected.replace('a', "g"), &expected.replace('a', "ä")] {
            assert_eq!(Hash::parse(wrong), None);
        }
    }

    #[test]
    fn zeros_of_any_length_have_the_zero_hash() {
        for length in [0, 1, 63, 64, 65, GRANULE_SIZE, BLOCK_SIZE] {
            assert!(Hash::of(&vec![0; length]).is_zero(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn one_set_bit_anywhere_is_seen(length in 1..5000usize, at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut bytes = vec![0; length];
            bytes[at.index(length)] = 1 << bit;
            prop_assert!(!is_zero(&bytes));
        }
    }

    proptest! {
        #[test]
        fn segments_are_those_that_the_ranges_touch(
            ranges in prop::collection::vec((0..40 * SEGMENT_SIZE, 0..3 * SEGMENT_SIZE), 0..12),
            size in 1..40 * SEGMENT_SIZE,
        ) {
            let extents = ranges.iter().map(|(start, length)| Extent::at(*start, *length)).collect();
            let map = ExtentMap::normalise(extents).align(BLOCK_SIZE as u64, size);
            let touched: Vec<u64> = (0..segments_in(size))
                .filter(|number| map.within(segment_range(*number, size)).next().is_some())
                .collect();
            prop_assert!(segments_of(&map).eq(touched.iter().copied()));
            let ranges = touched.iter().map(|number| segment_range(*number, size));
            let (bytes, blocks) = ranges.fold((0, 0), |(bytes, blocks), range| {
                (bytes + range.len(), blocks + blocks_in(range.len()))
            });
            prop_assert_eq!(outside_segments(&map, size), (size - bytes, blocks_in(size) - blocks));
        }
    }

    #[test]
    fn counts_round_up() {
        assert_eq!((blocks_in(0), blocks_in(1), blocks_in(262_144), blocks_in(262_145)), (0, 1, 1, 2));
        assert_eq!((segments_in(0), segments_in(1), segments_in(SEGMENT_SIZE + 1)), (0, 1, 2));
    }
}
