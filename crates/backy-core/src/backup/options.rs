//! The request to write a revision, and its figures.

use std::path::PathBuf;

use crate::bytes::block::Hash;
use crate::bytes::sample::Sample;
use crate::error::BadBlock;
use crate::source::input::Input;

/// The source, the parent and the files of a new revision.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// The source.
    pub source: Input,
    /// The image to create. The name must be free, unless the source is a snapshot of this name.
    pub image: PathBuf,
    /// The index to create; the name must be free.
    pub index: PathBuf,
    /// Image of the revision to clone from.
    pub parent_image: Option<PathBuf>,
    /// Its index; without one every byte of the parent is compared.
    pub parent_index: Option<PathBuf>,
    /// The digest of the parent's index, from the parent's record.
    pub parent_digest: Option<Hash>,
    /// Compare with the parent's bytes even if its index says that a block is the same.
    pub compare_bytes: bool,
    /// Fail instead of writing a revision that shares nothing.
    pub require_reflink: bool,
    /// The blocks that are read although no hint names them.
    pub sample: Sample,
}

/// Figures of writing a revision. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteStats {
    /// Size of the image.
    pub size: u64,
    /// BLAKE3 of the index.
    pub digest: Hash,
    /// Read from the source.
    pub bytes_read: u64,
    /// Written to the image; holes and clones cost nothing.
    pub bytes_written: u64,
    /// In blocks that differ from the parent's; without a parent, in blocks that are not zero.
    pub bytes_changed: u64,
    /// In blocks that are all zeros.
    pub bytes_zero: u64,
    /// The reason why the revision shares no blocks with others, if it shares none.
    pub unshared: Option<String>,
    /// The reason why a cheaper way was not taken: the parent was compared byte for byte, or everything was read.
    pub fallback: Option<String>,
    /// Whether only the ranges of a hint and the sample were read.
    pub narrowed: bool,
    /// Whether the image is a clone of the source.
    pub source_cloned: bool,
    /// Number of extents of the image; `None` if the filesystem does not tell.
    pub extents: Option<u64>,
    /// The first blocks that no hint named and that were different all the same: then everything was read again.
    pub hint_failures: Vec<BadBlock>,
}

/// Reasons for reading everything.
pub(crate) const COMPARING_BYTES: &str = "a revision was found damaged, so every byte is compared";
pub(crate) const HINT_FAILED: &str = "what was said to have changed was not all of it";
