//! Pages of an index: the hashes of one segment each, and their places in the index.

use crate::bytes::block::{BLOCK_SIZE, BLOCKS_PER_SEGMENT, Hash, SEGMENT_SIZE, blocks_in, slot_of};
use crate::bytes::extent::Extent;
use crate::error::Result;
use crate::image::header::PAGE_SIZE;

/// Length in bytes of the index of an image of `image_size` bytes.
#[must_use]
pub fn index_length(image_size: u64) -> u64 {
    PAGE_SIZE as u64 + blocks_in(image_size) * Hash::SIZE as u64
}

/// The hashes of one segment. Blocks behind the end of the image have the zero hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Page(pub(super) [u8; PAGE_SIZE]);

impl Page {
    /// A page of zero blocks.
    pub const ZERO: Self = Self([0; PAGE_SIZE]);

    /// The hash of a block, counted within the segment.
    #[must_use]
    pub fn hash(&self, block: usize) -> Hash {
        let at = block * Hash::SIZE;
        Hash(self.0[at..at + Hash::SIZE].try_into().expect("32 bytes"))
    }

    /// The hash of the block that starts at `offset` of the image. The page must be that of its segment.
    pub(crate) fn hash_at(&self, offset: u64) -> Hash {
        self.hash(slot_of(Extent::at(offset, BLOCK_SIZE as u64)))
    }

    /// Sets the hash of a block, counted within the segment.
    pub fn set(&mut self, block: usize, hash: Hash) {
        self.0[block * Hash::SIZE..][..Hash::SIZE].copy_from_slice(&hash.0);
    }

    /// Its bytes in the index.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The page that was read last: blocks usually come in order.
#[derive(Default)]
pub(crate) struct LastPage(Option<(u64, Page)>);

impl LastPage {
    /// The page of the block that starts at `offset` of the image. `read` gets the number of its segment.
    pub(crate) fn at(&mut self, offset: u64, read: impl FnOnce(u64) -> Result<Page>) -> Result<&Page> {
        let number = offset / SEGMENT_SIZE;
        let (_, page) = match self.0.take() {
            Some((known, page)) if known == number => self.0.insert((known, page)),
            _ => self.0.insert((number, read(number)?)),
        };
        Ok(page)
    }
}

/// Offset of a page in the index.
pub(super) fn page_offset(segment: u64) -> u64 {
    PAGE_SIZE as u64 + segment * (BLOCKS_PER_SEGMENT * Hash::SIZE) as u64
}

/// Length of a page in the index. The last page may be short.
pub(super) fn page_length(segment: u64, image_size: u64) -> usize {
    let rest = index_length(image_size).saturating_sub(page_offset(segment));
    usize::try_from(rest).map_or(PAGE_SIZE, |rest| rest.min(PAGE_SIZE))
}
