//! Where the bytes of a revision come from, and what is known of them before they are read.

use std::path::PathBuf;

use crate::extent::ExtentMap;

/// What is read.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file or block device.
    Path(PathInput),
}

/// A file or block device, and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct PathInput {
    /// Symbolic links are followed.
    pub path: PathBuf,
    /// It is a snapshot that nobody writes to, so that the image may share its blocks.
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
