//! The result of a restore, and of each part of it.

use crate::error::BadBlock;
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
    /// The blocks that were not restored, with `force`.
    pub bad_blocks: Vec<BadBlock>,
    /// The kind of the target.
    pub kind: TargetKind,
}

/// Figures of a part of the target. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Restored {
    pub read: u64,
    pub written: u64,
    pub bad: Vec<BadBlock>,
    /// The blocks of it that are to be read back.
    pub touched: Option<Touched>,
}

impl Restored {
    /// Adds the figures of another part, which is read back along with this one.
    pub(crate) fn extend(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
        self.bad.extend(other.bad);
    }
}

/// The blocks of a target that were written to.
pub(crate) fn touched_in(restored: &[Restored]) -> Vec<Touched> {
    restored.iter().filter_map(|restored| restored.touched).collect()
}
