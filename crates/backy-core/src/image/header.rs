//! The first page of an index. An enemy may have written it, so decoding neither panics nor allocates.

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_in};
use crate::error::{Code, Error, Result};
use std::path::Path;

/// Bytes of the header, and of every page behind it.
pub const PAGE_SIZE: usize = 4096;
const MAGIC: [u8; 8] = *b"BACKYIDX";
const VERSION: u32 = 1;
/// The header's own hash takes its last 32 bytes.
const CHECKSUM_AT: usize = PAGE_SIZE - Hash::SIZE;
/// Bytes of the largest image. JavaScript counts exactly up to here: 8 PiB.
pub(crate) const MOST_BYTES: u64 = (1 << 53) - 1;

/// Refuses what is too large to have an index, before any of it is read.
///
/// # Errors
/// [`Code::TooLarge`]; its detail is the size.
pub(crate) fn check_size(size: u64, path: &Path) -> Result<()> {
    if size <= MOST_BYTES {
        Ok(())
    } else {
        Err(Error::new(Code::TooLarge).at(path).detail(format!("{size} bytes")))
    }
}

/// The decoded first 4096 bytes of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Size of the image in bytes.
    pub image_size: u64,
    /// Number of blocks that are all zeros.
    pub zero_blocks: u64,
}

impl Header {
    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; PAGE_SIZE] {
        let mut bytes = [0; PAGE_SIZE];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&u32::try_from(BLOCK_SIZE).expect("a small constant").to_le_bytes());
        bytes[16..24].copy_from_slice(&self.image_size.to_le_bytes());
        bytes[24..32].copy_from_slice(&blocks_in(self.image_size).to_le_bytes());
        bytes[32..40].copy_from_slice(&self.zero_blocks.to_le_bytes());
        let checksum = blake3::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// The damage in words.
    pub fn decode(bytes: &[u8; PAGE_SIZE]) -> std::result::Result<Self, String> {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let small = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        if bytes[0..8] != MAGIC {
            return Err("it does not start like an index".to_owned());
        }
        if blake3::hash(&bytes[..CHECKSUM_AT]).as_bytes() != &bytes[CHECKSUM_AT..] {
            return Err("the checksum of its header is wrong".to_owned());
        }
        if small(8) != VERSION {
            return Err(format!("its version is {}, this backy reads {VERSION}", small(8)));
        }
        if small(12) as usize != BLOCK_SIZE {
            return Err(format!("its blocks have {} bytes instead of {BLOCK_SIZE}", small(12)));
        }
        let header = Self { image_size: number(16), zero_blocks: number(32) };
        let blocks = blocks_in(header.image_size);
        if header.image_size > MOST_BYTES || number(24) != blocks || header.zero_blocks > blocks {
            return Err("its counts contradict each other".to_owned());
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_survives_the_round_trip(image_size in 0..=MOST_BYTES, share in 0.0..=1.0f64) {
            let zero_blocks = (blocks_in(image_size) as f64 * share) as u64;
            let header = Header { image_size, zero_blocks };
            prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn any_changed_bit_of_a_header_is_noticed(at in 0..PAGE_SIZE, bit in 0..8u8) {
            let mut bytes = Header { image_size: 123_456_789, zero_blocks: 3 }.encode();
            bytes[at] ^= 1 << bit;
            prop_assert!(Header::decode(&bytes).is_err());
        }
    }

    #[test]
    fn a_size_no_disk_has_is_refused() {
        for image_size in [MOST_BYTES + 1, u64::MAX] {
            assert!(Header::decode(&Header { image_size, zero_blocks: 0 }.encode()).is_err());
        }
    }

    #[test]
    fn more_zero_blocks_than_blocks_are_refused() {
        assert!(Header::decode(&Header { image_size: 1, zero_blocks: 2 }.encode()).is_err());
    }
}
