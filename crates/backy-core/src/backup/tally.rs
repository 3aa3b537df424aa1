//! The figures of a written part of a revision.

use crate::bytes::block::blocks_in;
use crate::bytes::extent::Extent;
use crate::error::BadBlock;
use crate::image::read_back::Touched;

/// Figures of a segment. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Tally {
    pub read: u64,
    pub written: u64,
    pub changed: u64,
    pub zero: u64,
    pub zero_blocks: u64,
    pub touched: Option<Touched>,
    /// Blocks that differ although no hint named them.
    pub surprises: Vec<BadBlock>,
}

impl Tally {
    /// Counts segments that are all zeros, as they were before.
    pub(crate) fn of_holes(ranges: impl Iterator<Item = Extent>) -> Self {
        ranges.fold(Self::default(), |mut tally, range| {
            tally.zero += range.len();
            tally.zero_blocks += blocks_in(range.len());
            tally
        })
    }
}
