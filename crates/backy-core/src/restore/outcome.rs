//! The result of a restore, and of each part of it.

use crate::error::{BadBlock, BadBlocks};
use crate::image::read_back::Touched;

/// The kinds of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A new file.
    NewFile,
    /// A new file that shares the blocks of the image.
    Clone,
    /// An existing file: only differences were written.
    File,
    /// A block device: only differences were written.
    Device,
    /// Bytes in order.
    Stream,
    /// Programs: only differences were handed over.
    Command,
}

/// Figures of a restore. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStats {
    /// Size of the image.
    pub size: u64,
    /// Read from the image.
    pub bytes_read: u64,
    /// Written to the target.
    pub bytes_written: u64,
    /// The number of blocks that were not restored, with `force`.
    pub bad_count: u64,
    /// The first of these, in order: [`crate::MOST_BAD_BLOCKS`].
    pub bad_blocks: Vec<BadBlock>,
    /// The kind of the target.
    pub kind: TargetKind,
}

/// Figures of the target. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Restored {
    pub read: u64,
    pub written: u64,
    pub bad: BadBlocks,
    /// The blocks of it that are to be read back.
    pub touched: Touched,
}

/// Figures of a segment of the target. Sizes in bytes.
#[derive(Default)]
pub(crate) struct RestoredSegment {
    pub number: u64,
    pub read: u64,
    pub written: u64,
    pub bad: Vec<BadBlock>,
    /// A bit for each block that was written to.
    pub blocks: u128,
}

impl Restored {
    /// Adds a segment.
    pub(crate) fn add(&mut self, segment: RestoredSegment) {
        self.read += segment.read;
        self.written += segment.written;
        self.bad.extend(segment.bad);
        self.touched.add(segment.number, segment.blocks, None);
    }
}
