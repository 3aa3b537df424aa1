//! The figures of a revision that was written, and of its parts.

use crate::bytes::block::outside_segments;
use crate::bytes::extent::ExtentMap;
use crate::error::{BadBlock, BadBlocks};
use crate::image::read_back::{Checksum, Touched};

/// Figures of a segment. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Tally {
    pub number: u64,
    pub read: u64,
    pub written: u64,
    pub changed: u64,
    pub zero: u64,
    pub zero_blocks: u64,
    /// A bit for each block that was written to.
    pub blocks: u128,
    /// The checksum of its page of the index, if that was written.
    pub page: Option<Checksum>,
    /// Blocks that differ although no hint named them.
    pub surprises: Vec<BadBlock>,
}

/// Figures of a whole revision. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Totals {
    pub read: u64,
    pub written: u64,
    pub changed: u64,
    pub zero: u64,
    pub zero_blocks: u64,
    pub touched: Touched,
    pub surprises: BadBlocks,
}

impl Totals {
    /// Counts the segments of an image of `size` bytes that lie outside of a map: they are zeros, as they were before.
    pub(crate) fn outside(map: &ExtentMap, size: u64) -> Self {
        let (zero, zero_blocks) = outside_segments(map, size);
        Self { zero, zero_blocks, ..Self::default() }
    }

    /// Adds a segment.
    pub(crate) fn add(&mut self, tally: Tally) {
        self.read += tally.read;
        self.written += tally.written;
        self.changed += tally.changed;
        self.zero += tally.zero;
        self.zero_blocks += tally.zero_blocks;
        self.touched.add(tally.number, tally.blocks, tally.page);
        self.surprises.extend(tally.surprises);
    }
}
