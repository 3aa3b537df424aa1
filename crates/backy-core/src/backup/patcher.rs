//! The context of applying a stream, and the state of a segment.

use crate::backup::parent::Parent;
use crate::backup::tally::Tally;
use crate::bytes::block::{GRANULE_SIZE, Hash, blocks_of, segment_range, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::granule::Old;
use crate::error::Result;
use crate::image::index_writer::IndexWriter;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::Checksum;
use crate::image::reader::{Reader, Via};
use crate::work::control::Control;

/// The bytes of a block that the stream does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmentioned {
    /// The bytes of the parent, which has an index.
    Parent,
    /// Zeros.
    Zeros,
}

/// The context of applying a stream.
pub(crate) struct Patcher<'a> {
    /// Size of the new image in bytes.
    pub size: u64,
    pub parent: Option<Parent>,
    /// The ranges in which the parent may have anything but zeros, in whole segments.
    pub filled: ExtentMap,
    /// Whether the image started with the parent's bytes rather than as a hole.
    pub inherits: bool,
    /// Whether it got them by copying, so that they must be read back like all written bytes.
    pub copied: bool,
    pub unmentioned: Unmentioned,
    /// Whether the parent's bytes are compared even if its index says that a block is the same.
    pub compare_bytes: bool,
    pub output: &'a Output,
    /// The new image again, for blocks that come back.
    pub image: Reader,
    pub index: &'a IndexWriter,
    pub control: &'a Control,
}

impl Patcher<'_> {
    /// The parent's hashes of a segment.
    pub(crate) fn known(&self, number: u64) -> Result<Option<Page>> {
        let index = self.parent.as_ref().and_then(|parent| parent.index.as_ref());
        index.map(|index| index.page(number)).transpose()
    }

    pub(crate) fn range(&self, number: u64) -> Extent {
        segment_range(number, self.size)
    }

    /// The hash of the current bytes of a block in the image, if it is certain.
    pub(crate) fn hash_before(&self, segment: &PatchedSegment, slot: usize) -> Option<Hash> {
        if segment.seen >> slot & 1 == 1 {
            return Some(segment.page.hash(slot));
        }
        if !self.inherits {
            return Some(Hash::ZERO);
        }
        segment.known.as_ref().filter(|_| !self.compare_bytes).map(|known| known.hash(slot))
    }

    /// The current bytes of a block in the image.
    pub(crate) fn bytes_before<'b>(
        &self,
        segment: &PatchedSegment,
        block: Extent,
        buffer: &'b mut Buffer,
    ) -> Result<Old<'b>> {
        match &self.parent {
            Some(parent) if segment.seen >> slot_of(block) & 1 == 0 => parent.bytes(block, buffer),
            _ => self.image.read(Via::Cache, buffer, block).map(Old::Bytes),
        }
    }

    /// The granule size for a block, in bytes. For bytes of the parent it depends on the extents of the parent.
    pub(crate) fn granule(&self, segment: &PatchedSegment, block: Extent) -> usize {
        match &self.parent {
            Some(parent) if segment.seen >> slot_of(block) & 1 == 0 => parent.granule(block),
            _ => GRANULE_SIZE,
        }
    }

    /// The parent's page without the blocks that the image no longer has, and a bit for each that is not zero.
    pub(crate) fn inherited(&self, known: &Page, number: u64) -> (Page, u128) {
        let (mut page, mut filled) = (Page::ZERO, 0);
        for slot in blocks_of(self.range(number)).map(slot_of) {
            page.set(slot, known.hash(slot));
            filled |= u128::from(!known.hash(slot).is_zero()) << slot;
        }
        (page, filled)
    }

    pub(crate) fn count(&self, segment: &PatchedSegment) -> Tally {
        let PatchedSegment { number, known, page, touched, .. } = segment;
        let mut tally = Tally { number: *number, ..Tally::default() };
        for block in blocks_of(self.range(*number)) {
            let (slot, hash) = (slot_of(block), page.hash(slot_of(block)));
            if hash.is_zero() {
                tally.zero += block.len();
                tally.zero_blocks += 1;
            }
            let unknown = if self.inherits { touched >> slot & 1 == 1 } else { !hash.is_zero() };
            if known.as_ref().map_or(unknown, |known| known.hash(slot) != hash) {
                tally.changed += block.len();
            }
        }
        if *touched != 0 || known.as_ref().is_some_and(|known| known != page) {
            tally.blocks = *touched;
            tally.page = Some(Checksum::of(*number, page));
        }
        tally
    }
}

/// The current segment. Bits stand for its blocks, the first block lowest.
pub(crate) struct PatchedSegment {
    pub number: u64,
    /// The parent's hashes.
    pub known: Option<Page>,
    /// The new ones.
    pub page: Page,
    /// The blocks that were brought to their new state.
    pub seen: u128,
    /// The blocks that were written to.
    pub touched: u128,
    /// The bytes that had changed when it was left before; `None` if it never was.
    pub changed_before: Option<u64>,
}

impl PatchedSegment {
    pub(crate) fn set(&mut self, slot: usize, hash: Hash, touched: bool) {
        self.page.set(slot, hash);
        self.seen |= 1 << slot;
        self.touched |= u128::from(touched) << slot;
    }
}
