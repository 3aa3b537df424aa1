//! The result of a restore, and of each part of it.

use crate::error::BadBlock;
use crate::image::read_back::Touched;

/// What kind of target it turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A file that was not there before.
    NewFile,
    /// The same, sharing the blocks of the image.
    Clone,
    /// A file that was: only what differed was written.
    File,
    /// A block device: only what differed was written.
    Device,
    /// Bytes in order.
    Stream,
    /// Programs took it: only what differed was handed over.
    Command,
}

/// What a restore did. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStats {
    /// Size of the image.
    pub size: u64,
    /// Read from the image.
    pub bytes_read: u64,
    /// Written to the target.
    pub bytes_written: u64,
    /// What was not restored, with `force`.
    pub bad_blocks: Vec<BadBlock>,
    /// What kind of target it was.
    pub kind: TargetKind,
}

/// What became of a part of the target. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Restored {
    pub read: u64,
    pub written: u64,
    pub bad: Vec<BadBlock>,
    /// What of it is to be read back.
    pub touched: Option<Touched>,
}

impl Restored {
    /// Adds what became of another part, which is read back along with this one.
    pub(crate) fn extend(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
        self.bad.extend(other.bad);
    }
}

/// What of a target was written to.
pub(crate) fn touched_in(restored: &[Restored]) -> Vec<Touched> {
    restored.iter().filter_map(|restored| restored.touched).collect()
}
