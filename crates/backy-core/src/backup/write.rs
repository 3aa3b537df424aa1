//! Writing a revision: clone the parent, write what differs, hash on the way, read back what was written.
//!
//! The hash of a block is taken of the very buffer that is written, so data and index cannot disagree however
//! the source changes meanwhile. What a source says of its changes narrows what is read, never what is compared,
//! and a single block that proves it wrong makes this a full read.

use std::path::PathBuf;

use crate::backup::focus::Focus;
use crate::backup::from_stream::write_stream;
use crate::backup::parent::Parent;
use crate::backup::scan::Scan;
use crate::backup::segment::{RevisionWriter, Start, Tally};
use crate::bytes::block::Hash;
use crate::disk::fiemap;
use crate::disk::sharers::identity;
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::files::clone::{Cloned, clone_file};
use crate::files::device::Kind;
use crate::files::durable::directory_of;
use crate::files::probe::reflink_refused;
use crate::image::index::{IndexReader, IndexWriter};
use crate::image::output::Output;
use crate::image::read_back::{Touched, read_back};
use crate::image::reader::Reader;
use crate::source::input::{Input, PathInput, Sample};
use crate::source::opened::Source;
use crate::sys::fs;
use crate::work::control::Control;

/// What to write a revision from, and where.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// What is read.
    pub source: Input,
    /// The image to create; the name must be free.
    pub image: PathBuf,
    /// The index to create; the name must be free.
    pub index: PathBuf,
    /// Image of the revision to clone from.
    pub parent_image: Option<PathBuf>,
    /// Its index; without one every byte of the parent is compared.
    pub parent_index: Option<PathBuf>,
    /// What the parent's record says of its index.
    pub parent_digest: Option<Hash>,
    /// Compare with the parent's bytes even where its index says that a block is the same.
    pub compare_bytes: bool,
    /// Fail rather than write a revision that shares nothing.
    pub require_reflink: bool,
    /// What is read although no hint names it.
    pub sample: Sample,
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
    /// Why a cheaper way was not taken: the parent compared byte for byte, or everything read.
    pub fallback: Option<String>,
    /// Whether only what a hint named, and the sample, was read.
    pub narrowed: bool,
    /// Whether the image is a clone of the source.
    pub source_cloned: bool,
    /// In how many pieces the image lies on the disk; `None` where the filesystem does not tell.
    pub extents: Option<u64>,
    /// Blocks that no hint named and that were different all the same: then everything was read again.
    pub hint_failures: Vec<BadBlock>,
}

/// Writes image and index of a new revision and makes both durable. What was written is read back from the
/// disk and compared. On failure both files may be left behind, incomplete.
///
/// # Errors
/// [`Code::SourceResized`], [`Code::SourceShort`], [`Code::SourceKind`], [`Code::DiffDamaged`],
/// [`Code::ProgramFailed`], [`Code::ReflinkUnsupported`], [`Code::ReadBack`], [`Code::Cancelled`], [`Code::Io`].
pub fn write_image(options: &WriteOptions, control: &Control) -> Result<WriteStats> {
    match &options.source {
        Input::Path(input) => write_path(options, input, control),
        Input::Command(input) => write_stream(options, input, control),
    }
}

fn write_path(options: &WriteOptions, input: &PathInput, control: &Control) -> Result<WriteStats> {
    let source = Source::open(&input.path)?;
    let parent = open_parent(options)?;
    let job = Job { options, input, source, parent, control };
    let (focus, unfocused) = job.focus()?;
    let stats = job.write(focus.as_ref(), unfocused)?;
    if stats.hint_failures.is_empty() {
        return Ok(stats);
    }
    // The image has what the hint made of it; the next one starts from the parent again.
    for path in [&options.image, &options.index] {
        fs::unlink(path).on("unlink", path)?;
    }
    let again = job.write(None, Some(HINT_FAILED.to_owned()))?;
    let bytes_read = stats.bytes_read + again.bytes_read;
    Ok(WriteStats { bytes_read, hint_failures: stats.hint_failures, ..again })
}

pub(crate) const COMPARING_BYTES: &str = "a revision was found damaged, so every byte is compared";
pub(crate) const HINT_FAILED: &str = "what was said to have changed was not all of it";

/// A revision on its way from one source.
struct Job<'a> {
    options: &'a WriteOptions,
    input: &'a PathInput,
    source: Source,
    parent: Option<Parent>,
    control: &'a Control,
}

impl Job<'_> {
    /// What needs to be read; or everything, and why.
    fn focus(&self) -> Result<(Option<Focus>, Option<String>)> {
        let focus = Focus::of(self.input, self.options.sample, &self.source, self.parent.as_ref())?;
        Ok(match focus {
            Ok(_) if self.options.compare_bytes => (None, Some(COMPARING_BYTES.to_owned())),
            Ok(focus) => (Some(focus), None),
            Err(reason) => (None, reason),
        })
    }

    fn write(&self, focus: Option<&Focus>, unfocused: Option<String>) -> Result<WriteStats> {
        let Self { options, source, control, .. } = self;
        let parent = self.parent.as_ref();
        let without_index = parent.and_then(|parent| parent.without_index.clone());
        let Image { output, start, unshared } = self.create_image()?;
        output.give_to_owner()?;
        let index =
            create_index(options, source.size, without_index.is_none() && start != Start::Hole, control)?;
        // Where nothing can be shared, everything is written, and must be read for that.
        let focus = focus.filter(|_| start != Start::Hole);
        let compare_bytes = options.compare_bytes;
        let writer =
            RevisionWriter { parent, start, compare_bytes, output, index, size: source.size, control };
        let tallies = Scan { source, focus, writer: &writer }.run()?;
        let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
        writer.output.finish()?;
        writer.index.finish(sum(|tally| tally.zero_blocks))?;

        let index = IndexReader::open(&options.index)?;
        let touched: Vec<Touched> = tallies.iter().filter_map(|tally| tally.touched).collect();
        read_back(&Reader::open(&options.image)?, &index, source.size, &touched, control)?;
        let reasons: Vec<String> = without_index.into_iter().chain(unfocused).collect();
        Ok(WriteStats {
            size: source.size,
            digest: index.digest()?,
            bytes_read: sum(|tally| tally.read),
            bytes_written: sum(|tally| tally.written),
            bytes_changed: sum(|tally| tally.changed),
            bytes_zero: sum(|tally| tally.zero),
            unshared,
            fallback: (!reasons.is_empty()).then(|| reasons.join("; ")),
            narrowed: focus.is_some(),
            source_cloned: start == Start::Source,
            extents: fiemap::extents_of(&options.image)?,
            hint_failures: tallies.into_iter().flat_map(|tally| tally.surprises).collect(),
        })
    }

    /// The image as a clone of the source or of the parent; or all hole, and why it shares nothing if so. A target
    /// that cannot clone is written whole from the source, which is read anyway: copying the parent first would
    /// read and write everything twice, and carry its rot along.
    fn create_image(&self) -> Result<Image> {
        let path = &self.options.image;
        let size = self.source.size;
        if self.input.cloneable {
            if let Some(output) = self.adopt()? {
                return Ok(Image::shared(output, Start::Source));
            }
            // Else it lies elsewhere.
            if let Cloned::Shared(file) = clone_file(self.source.reader.file(), path, self.control)? {
                return Ok(Image::shared(Output::cloned(file, path, size)?, Start::Source));
            }
        }
        clone_parent(self.options, self.parent.as_ref(), size, self.control)
    }

    /// The snapshot itself under the name of the image, where one filesystem has both: cloning it once more would
    /// cost as much for each extent as the snapshot did.
    fn adopt(&self) -> Result<Option<Output>> {
        let (snapshot, image) = (self.source.reader.file(), &self.options.image);
        if fs::link(&self.input.path, image).is_err() {
            return Ok(None);
        }
        let file = fs::open_plain(image).on("open", image)?;
        if identity(&file, image)? == identity(snapshot, &self.input.path)? {
            return Ok(Some(Output::existing(file, image, Kind::File)));
        }
        fs::unlink(image).on("unlink", image)?;
        Ok(None)
    }
}

/// The revision to start from, if there is one.
pub(crate) fn open_parent(options: &WriteOptions) -> Result<Option<Parent>> {
    let WriteOptions { parent_image, parent_index, parent_digest, .. } = options;
    let image = parent_image.as_deref();
    image.map(|image| Parent::open(image, parent_index.as_deref(), parent_digest.as_ref())).transpose()
}

/// The image as a clone of the parent, or all hole.
pub(crate) fn clone_parent(
    options: &WriteOptions,
    parent: Option<&Parent>,
    size: u64,
    control: &Control,
) -> Result<Image> {
    let path = &options.image;
    let unshared = match parent {
        None => reflink_refused(directory_of(path), control)?,
        Some(parent) => match clone_file(parent.image.file(), path, control)? {
            Cloned::Shared(file) => {
                return Ok(Image::shared(Output::cloned(file, path, size)?, Start::Parent));
            }
            Cloned::Refused(refusal) => Some(refusal.reason),
        },
    };
    match unshared {
        Some(reason) if options.require_reflink => {
            Err(Error::new(Code::ReflinkUnsupported).at(directory_of(path)).detail(reason))
        }
        unshared => Ok(Image { output: Output::create(path, size)?, start: Start::Hole, unshared }),
    }
}

/// The index, if wanted as a clone of the parent's.
pub(crate) fn create_index(
    options: &WriteOptions,
    size: u64,
    clone: bool,
    control: &Control,
) -> Result<IndexWriter> {
    let base = options.parent_index.as_deref().filter(|_| clone).map(IndexReader::open).transpose()?;
    IndexWriter::create(&options.index, size, base, control)
}

/// An image before anything is written to it.
pub(crate) struct Image {
    pub output: Output,
    pub start: Start,
    /// Why it shares nothing.
    pub unshared: Option<String>,
}

impl Image {
    fn shared(output: Output, start: Start) -> Self {
        Self { output, start, unshared: None }
    }
}
