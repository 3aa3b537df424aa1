//! Writing a revision: clone the parent, write what differs, hash on the way, read back what was written.
//!
//! The hash of a block is taken of the very buffer that is written, so data and index cannot disagree however
//! the source changes meanwhile.

use std::path::PathBuf;

use crate::block::{Hash, segments_in};
use crate::control::Control;
use crate::durable::directory_of;
use crate::error::{Code, Context, Error, Result};
use crate::index::{IndexReader, IndexWriter};
use crate::output::Output;
use crate::parent::Parent;
use crate::probe::reflink_refused;
use crate::readback::{Touched, read_back};
use crate::segment::{RevisionWriter, Scratch, Tally};
use crate::source::Source;
use crate::{platform, pool};

/// What to write a revision from, and where.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// File or block device to read; symbolic links are followed.
    pub source: PathBuf,
    /// The image to create; the name must be free.
    pub image: PathBuf,
    /// The index to create; the name must be free.
    pub index: PathBuf,
    /// Image of the revision to clone from.
    pub parent_image: Option<PathBuf>,
    /// Its index; without one every byte of the parent is compared.
    pub parent_index: Option<PathBuf>,
    /// Compare with the parent's bytes even where its index says that a block is the same.
    pub compare_bytes: bool,
    /// Fail rather than write a revision that shares nothing.
    pub require_reflink: bool,
}

/// What writing a revision did. Sizes in bytes.
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
    /// Why the revision shares nothing with others, where it does not.
    pub unshared: Option<String>,
    /// Why the parent was compared byte for byte, where its index would have been cheaper.
    pub fallback: Option<String>,
}

/// Writes image and index of a new revision and makes both durable. What was written is read back from the
/// disk and compared. On failure both files may be left behind, incomplete.
///
/// # Errors
/// [`Code::SourceResized`], [`Code::SourceShort`], [`Code::SourceKind`], [`Code::ReflinkUnsupported`],
/// [`Code::ReadBack`], [`Code::Cancelled`], [`Code::Io`].
pub fn write_image(options: &WriteOptions, control: &Control) -> Result<WriteStats> {
    let source = Source::open(&options.source)?;
    let size = source.size;
    let parent = match &options.parent_image {
        Some(image) => Some(Parent::open(image, options.parent_index.as_deref())?),
        None => None,
    };
    let fallback = parent.as_ref().and_then(|parent| parent.without_index.clone());
    let (output, unshared) = create_image(options, size, parent.as_ref())?;
    let cloned = parent.is_some() && unshared.is_none();
    let index = create_index(options, size, fallback.is_none() && cloned)?;
    let compare_bytes = options.compare_bytes;
    let writer = RevisionWriter { source, parent, cloned, compare_bytes, output, index, control };

    let tallies = write_segments(&writer)?;
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    writer.output.finish()?;
    writer.index.finish(sum(|tally| tally.zero_blocks))?;

    let index = IndexReader::open(&options.index)?;
    index.distrust_cache();
    let touched: Vec<Touched> = tallies.iter().filter_map(|tally| tally.touched).collect();
    read_back(&options.image, &options.index, &index, size, &touched, control)?;
    Ok(WriteStats {
        size,
        digest: index.digest()?,
        bytes_read: sum(|tally| tally.read),
        bytes_written: sum(|tally| tally.written),
        bytes_changed: sum(|tally| tally.changed),
        bytes_zero: sum(|tally| tally.zero),
        unshared,
        fallback,
    })
}

/// The image as a clone of the parent's; or all hole, and why it shares nothing if so. A target that cannot
/// clone is written whole from the source, which is read anyway: copying the parent first would read and
/// write everything twice, and carry its rot along.
pub(crate) fn create_image(
    options: &WriteOptions,
    size: u64,
    parent: Option<&Parent>,
) -> Result<(Output, Option<String>)> {
    let path = &options.image;
    let unshared = match parent {
        None => reflink_refused(directory_of(path))?,
        Some(parent) => match platform::create_clone(parent.image.file(), path) {
            Ok(file) => return Ok((Output::cloned(file, path, size)?, None)),
            Err(errno) if platform::never_clones(errno) => {
                let filesystem = platform::filesystem(parent.image.file()).on("fstatfs", path)?;
                Some(platform::no_reflink(&filesystem, errno))
            }
            Err(errno) => return Err(Error::io("ioctl_ficlone", path, errno)),
        },
    };
    match unshared {
        Some(reason) if options.require_reflink => {
            Err(Error::new(Code::ReflinkUnsupported).at(directory_of(path)).detail(reason))
        }
        unshared => Ok((Output::create(path, size)?, unshared)),
    }
}

pub(crate) fn create_index(options: &WriteOptions, size: u64, clone: bool) -> Result<IndexWriter> {
    let base = options.parent_index.as_deref().filter(|_| clone).map(IndexReader::open).transpose()?;
    IndexWriter::create(&options.index, size, base)
}

fn write_segments(writer: &RevisionWriter) -> Result<Vec<Tally>> {
    writer.control.add_total(writer.source.data.bytes());
    let segments: Vec<u64> = (0..segments_in(writer.source.size)).collect();
    let result = pool::for_each(&segments, writer.control, Scratch::new, |scratch, number| {
        writer.write(scratch, number)
    });
    // A source that shrank is first met as one that ends early; its size says which it was.
    writer.source.expect_same_size()?;
    result
}
