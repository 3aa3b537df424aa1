//! Writing a revision: clone the parent, write what differs, hash on the way, read back what was written.
//!
//! The hash of a block is taken of the very buffer that is written, so data and index cannot disagree however
//! the source changes meanwhile.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, segments_in};
use crate::buffer::Buffer;
use crate::control::Control;
use crate::device::{self, Facts};
use crate::durable::directory_of;
use crate::error::{Code, Context, Error, Result};
use crate::extent::{Extent, ExtentMap};
use crate::granule::{Action, Old, Plan};
use crate::index::{IndexReader, IndexWriter, Page};
use crate::output::Output;
use crate::pool;
use crate::probe::reflink_refused;
use crate::read::{READ_SIZE, Reader};
use crate::readback::{Touched, read_back};
use crate::{platform, sparse};

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
    let (parent, fallback) = Parent::open(options)?;
    let (output, unshared) = create_image(options, source.facts.size, parent.as_ref())?;
    let base =
        parent.as_ref().filter(|_| unshared.is_none()).and_then(|parent| parent.index_again()).transpose()?;
    let index = IndexWriter::create(&options.index, source.facts.size, base)?;
    let writer =
        RevisionWriter { source, parent, cloned: unshared.is_none(), output, index, options, control };

    let segments = writer.write_segments()?;
    let RevisionWriter { source, output, index, .. } = writer;
    let size = source.facts.size;
    let sum = |of: fn(&Segment) -> u64| segments.iter().map(of).sum::<u64>();
    output.finish()?;
    index.finish(sum(|segment| segment.zero_blocks))?;

    let index = IndexReader::open(&options.index)?;
    index.distrust_cache();
    let touched: Vec<Touched> = segments.iter().filter_map(|segment| segment.touched).collect();
    read_back(&options.image, &options.index, &index, size, &touched, control)?;
    Ok(WriteStats {
        size,
        digest: index.digest()?,
        bytes_read: sum(|segment| segment.read),
        bytes_written: sum(|segment| segment.written),
        bytes_changed: sum(|segment| segment.changed),
        bytes_zero: sum(|segment| segment.zero),
        unshared,
        fallback,
    })
}

/// What is backed up, open for reading only.
struct Source {
    reader: Reader,
    facts: Facts,
    /// What may hold anything but zeros, in whole blocks.
    data: ExtentMap,
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let file = device::open_source(path)?;
        let facts = device::facts(&file, path)?.ok_or_else(|| Error::new(Code::SourceKind).at(path))?;
        let data = sparse::data_extents(&file, facts, path)?.align(BLOCK_SIZE as u64, facts.size);
        Ok(Self { reader: Reader::new(file, path), facts, data })
    }

    /// Fails if the source no longer has the size it had.
    fn expect_same_size(&self) -> Result<()> {
        let path = self.reader.path();
        let now = device::facts(self.reader.file(), path)?.map_or(0, |facts| facts.size);
        let then = self.facts.size;
        if now == then {
            return Ok(());
        }
        Err(Error::new(Code::SourceResized).at(path).detail(format!("from {then} to {now} bytes")))
    }
}

/// The revision that the new one starts from.
struct Parent {
    image: Reader,
    size: u64,
    index: Option<IndexReader>,
    index_path: Option<PathBuf>,
}

impl Parent {
    /// The parent, and why its index is of no use if it is not.
    fn open(options: &WriteOptions) -> Result<(Option<Self>, Option<String>)> {
        let Some(path) = &options.parent_image else { return Ok((None, None)) };
        let image = Reader::open(path)?;
        let size = image.file().metadata().on("fstat", path)?.len();
        let (index, fallback) = match options.parent_index.as_deref().map(IndexReader::open) {
            Some(Ok(index)) if index.header().image_size == size => (Some(index), None),
            Some(Ok(_)) => (None, Some("the index of the parent is for another size".to_owned())),
            Some(Err(error)) => (None, Some(format!("the index of the parent cannot be used ({error})"))),
            None => (None, Some("the parent has no index".to_owned())),
        };
        let index_path = options.parent_index.clone().filter(|_| index.is_some());
        Ok((Some(Self { image, size, index, index_path }), fallback))
    }

    fn index_again(&self) -> Option<Result<IndexReader>> {
        self.index_path.as_deref().map(IndexReader::open)
    }
}

/// The image as a clone of the parent's; or all hole, and why it shares nothing if it could have.
fn create_image(
    options: &WriteOptions,
    size: u64,
    parent: Option<&Parent>,
) -> Result<(Output, Option<String>)> {
    let path = &options.image;
    let refused = match parent {
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
    match refused {
        Some(reason) if options.require_reflink => {
            Err(Error::new(Code::ReflinkUnsupported).at(directory_of(path)).detail(reason))
        }
        refused => Ok((Output::create(path, size)?, refused)),
    }
}

/// Everything that writing a segment needs; shared by all threads.
struct RevisionWriter<'a> {
    source: Source,
    parent: Option<Parent>,
    /// Whether the image started with the parent's bytes rather than as a hole.
    cloned: bool,
    output: Output,
    index: IndexWriter,
    options: &'a WriteOptions,
    control: &'a Control,
}

/// What one thread reuses.
struct Scratch {
    new: Buffer,
    old: Buffer,
    plan: Plan,
}

/// What became of a segment.
#[derive(Default)]
struct Segment {
    read: u64,
    written: u64,
    changed: u64,
    zero: u64,
    zero_blocks: u64,
    touched: Option<Touched>,
}

/// The hashes of a segment before and after, while it is written.
struct Pages {
    first_block: u64,
    known: Option<Page>,
    page: Page,
    mask: u128,
}

impl Pages {
    fn slot(&self, at: u64) -> usize {
        usize::try_from(at / BLOCK_SIZE as u64 - self.first_block).expect("inside the segment")
    }

    fn known(&self, at: u64) -> Option<Hash> {
        self.known.as_ref().map(|page| page.hash(self.slot(at)))
    }
}

impl RevisionWriter<'_> {
    fn write_segments(&self) -> Result<Vec<Segment>> {
        self.control.add_total(self.source.data.bytes());
        let segments: Vec<u64> = (0..segments_in(self.source.facts.size)).collect();
        let scratch =
            || Scratch { new: Buffer::new(READ_SIZE), old: Buffer::new(BLOCK_SIZE), plan: Plan::default() };
        let result = pool::for_each(&segments, self.control, scratch, |scratch, segment| {
            self.write_segment(scratch, segment)
        });
        // A source that shrank is first met as one that ends early; the size says which it was.
        self.source.expect_same_size()?;
        result
    }

    fn write_segment(&self, scratch: &mut Scratch, number: u64) -> Result<Segment> {
        let range = Extent::at(number * SEGMENT_SIZE, SEGMENT_SIZE)
            .overlap(&Extent { start: 0, end: self.source.facts.size });
        let known = self.parent.as_ref().and_then(|parent| parent.index.as_ref());
        let mut pages = Pages {
            first_block: range.start / BLOCK_SIZE as u64,
            known: known.map(|index| index.page(number)).transpose()?,
            page: Page::ZERO,
            mask: 0,
        };
        let mut segment = Segment::default();
        let mut at = range.start;
        for data in self.source.data.within(range) {
            self.clear_hole(scratch, &mut pages, &mut segment, Extent { start: at, end: data.start })?;
            self.write_data(scratch, &mut pages, &mut segment, data)?;
            at = data.end;
        }
        self.clear_hole(scratch, &mut pages, &mut segment, Extent { start: at, end: range.end })?;
        if segment.written > 0 && !self.cloned {
            self.output.start_writeback(range);
        }
        self.index.put(number, &pages.page)?;
        if pages.mask != 0 || pages.known.as_ref().is_some_and(|known| *known != pages.page) {
            segment.touched =
                Some(Touched { segment: number, mask: pages.mask, checksum: pages.page.checksum() });
        }
        Ok(segment)
    }

    /// Blocks in which the source has no data at all.
    fn clear_hole(
        &self,
        scratch: &mut Scratch,
        pages: &mut Pages,
        segment: &mut Segment,
        hole: Extent,
    ) -> Result<()> {
        for block in blocks_of(hole) {
            segment.zero += block.len();
            segment.zero_blocks += 1;
            let known = pages.known(block.start);
            if known.is_some_and(|hash| !hash.is_zero()) {
                segment.changed += block.len();
                self.control.add_changed(block.len());
            }
            let doubtful = self.options.compare_bytes || known.is_none_or(|hash| !hash.is_zero());
            if self.cloned && self.parent.is_some() && doubtful {
                pages.mask |= 1 << pages.slot(block.start);
                scratch.plan.add(Action::Clear, block);
            }
        }
        self.output.apply(&mut scratch.plan, &[], hole.start).map(|_| ())
    }

    fn write_data(
        &self,
        scratch: &mut Scratch,
        pages: &mut Pages,
        segment: &mut Segment,
        data: Extent,
    ) -> Result<()> {
        let via = self.source.reader.way(data);
        let Scratch { new, old, plan } = scratch;
        for start in (data.start..data.end).step_by(READ_SIZE) {
            self.control.check()?;
            let window = Extent::at(start, READ_SIZE as u64).overlap(&data);
            let bytes = self.source.reader.read(via, new, window)?;
            for block in blocks_of(window) {
                let within = |at: u64| usize::try_from(at - start).expect("inside the window");
                let bytes = &bytes[within(block.start)..within(block.end)];
                self.compare_block(bytes, block, old, plan, pages, segment)?;
            }
            segment.read += window.len();
            segment.written += self.output.apply(plan, bytes, start)?;
            self.control.add_done(window.len());
        }
        Ok(())
    }

    /// Hashes a block and plans what must be written of it.
    fn compare_block(
        &self,
        bytes: &[u8],
        block: Extent,
        old: &mut Buffer,
        plan: &mut Plan,
        pages: &mut Pages,
        segment: &mut Segment,
    ) -> Result<()> {
        let hash = Hash::of(bytes);
        let (slot, known) = (pages.slot(block.start), pages.known(block.start));
        pages.page.set(slot, hash);
        if hash.is_zero() {
            segment.zero += block.len();
            segment.zero_blocks += 1;
        }
        let touched = match &self.parent {
            Some(_) if self.cloned && known == Some(hash) && !self.options.compare_bytes => false,
            Some(parent) if self.cloned => {
                plan.compare(block.start, bytes, self.before(parent, known, old, block)?)
            }
            _ => plan.compare(block.start, bytes, Old::Zeros),
        };
        let changed = known.map_or(touched, |known| known != hash);
        if changed {
            segment.changed += block.len();
            self.control.add_changed(block.len());
        }
        pages.mask |= u128::from(touched) << slot;
        Ok(())
    }

    /// The bytes that the clone has in a block.
    fn before<'b>(
        &self,
        parent: &Parent,
        known: Option<Hash>,
        old: &'b mut Buffer,
        block: Extent,
    ) -> Result<Old<'b>> {
        let kept = block.overlap(&Extent { start: 0, end: parent.size });
        let zero = known.is_some_and(|hash| hash.is_zero()) && !self.options.compare_bytes;
        if kept.is_empty() || zero {
            return Ok(Old::Zeros);
        }
        let via = parent.image.way(kept);
        match parent.image.read(via, old, kept) {
            Err(error) if error.errno == Some(Errno::IO) => return Ok(Old::Unknown),
            result => result.map(|_| ())?,
        }
        let (kept, length) = (length_of(kept), length_of(block));
        old[kept..length].fill(0);
        Ok(Old::Bytes(&old[..length]))
    }
}

/// The blocks of a range that starts on one.
pub(crate) fn blocks_of(range: Extent) -> impl Iterator<Item = Extent> {
    (range.start..range.end)
        .step_by(BLOCK_SIZE)
        .map(move |start| Extent { start, end: range.end.min(start + BLOCK_SIZE as u64) })
}

fn length_of(block: Extent) -> usize {
    usize::try_from(block.len()).expect("at most a block")
}
