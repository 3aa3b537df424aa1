//! Where the bytes of a revision come from, and what is known of them before they are read.

use std::path::PathBuf;

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::extent::{Extent, ExtentMap};

/// What is read.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file or block device.
    Path(PathInput),
    /// What a program hands over.
    Command(CommandInput),
}

/// A source that is handed over by a program, as a stream of changes.
#[derive(Debug, Clone, Default)]
pub struct CommandInput {
    /// What the source is called in errors.
    pub name: PathBuf,
    /// The snapshot that the stream has to lead to.
    pub snapshot: String,
    /// Size of the source in that snapshot, in bytes.
    pub size: u64,
    /// The program that hands over everything, with its arguments.
    pub everything: Vec<String>,
    /// What hands over less, where that is possible.
    pub changes: Option<ChangesInput>,
    /// The program that hands over a sample of the blocks, whose two numbers are added to its arguments. What was
    /// written is compared with it.
    pub sample: Option<Vec<String>>,
}

/// A way to have only what changed.
#[derive(Debug, Clone, Default)]
pub struct ChangesInput {
    /// The parent's snapshot, which the stream has to start from.
    pub since: String,
    /// The program, with its arguments.
    pub command: Vec<String>,
}

/// A file or block device, and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct PathInput {
    /// Symbolic links are followed.
    pub path: PathBuf,
    /// It is a snapshot that nobody will ever write to, so that the image may be the same file, or share its blocks.
    pub cloneable: bool,
    /// What is known of its changes. Narrows what is read; what is read is compared all the same.
    pub hint: Hint,
}

/// What is known of the differences between a source and the parent's snapshot of it.
#[derive(Debug, Clone, Default)]
pub enum Hint {
    /// Nothing: everything is read.
    #[default]
    None,
    /// The parent's snapshot is this file: what lies at the same place on the disk is the same.
    Previous(PathBuf),
    /// Nothing outside of these ranges.
    Changed(ExtentMap),
}

/// Which of the blocks that no hint names are read all the same: in `runs` runs each has had its turn, so that a
/// hint that is wrong, or rot that is inherited, does not stay unnoticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// After how many runs it starts over; 0 for no sample at all.
    pub runs: u32,
    /// Which of them this is; larger numbers start over.
    pub run: u32,
}

impl Sample {
    /// Every block.
    pub(crate) const ALL: Self = Self { runs: 1, run: 0 };

    /// Whether a block is in it.
    pub(crate) fn has(self, block: Extent) -> bool {
        let number = block.start / BLOCK_SIZE as u64;
        self.runs > 0 && number % u64::from(self.runs) == u64::from(self.run % self.runs)
    }

    /// About how many of so many bytes are in it.
    pub(crate) fn share_of(self, bytes: u64) -> u64 {
        bytes.checked_div(u64::from(self.runs)).unwrap_or(0)
    }
}

impl Default for Input {
    fn default() -> Self {
        Self::Path(PathInput::default())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::Path(PathInput { path, ..PathInput::default() })
    }
}
