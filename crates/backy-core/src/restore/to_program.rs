//! Restoring onto a target that programs read and write for us. One program writes the old bytes of the target as a
//! stream of `rbd export-diff`. Another one reads the differences as a stream for `rbd import-diff`.
//!
//! As with files and devices, differences are found first and written second, so a damaged image leaves the target as
//! it was.

use std::path::PathBuf;
use std::time::Duration;

use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::granule::{Action, Old, Plan};
use crate::bytes::number_set::NumberSet;
use crate::error::{BadBlocks, Code, Error, Result};
use crate::image::page::LastPage;
use crate::image::reader::Via;
use crate::image::sealed::Image;
use crate::restore::outcome::Restored;
use crate::stream::assembly::{Assemble, Assembly, block_at, pieces_of, within};
use crate::stream::diff_reader::{Change, DiffReader};
use crate::stream::diff_writer::DiffWriter;
use crate::stream::pipes::ProgramInput;
use crate::stream::program::Program;
use crate::work::control::Control;

/// A target behind programs.
#[derive(Debug, Clone, Default)]
pub struct CommandTarget {
    /// The name of the target in errors.
    pub name: PathBuf,
    /// The program that writes all bytes of the target, with its arguments.
    pub export: Vec<String>,
    /// The program that reads changes.
    pub import: Vec<String>,
    /// The time for which that program may read nothing, or go on after the last change.
    pub patience: Duration,
}

/// The differences of the target.
pub(crate) struct Differences {
    /// Size of the target in bytes.
    size: u64,
    changes: Vec<(Action, Extent)>,
    /// The numbers of blocks that are handed over whole: the differences beyond [`MOST_CHANGES`].
    blocks: NumberSet,
    /// Blocks that the image cannot supply.
    pub bad: BadBlocks,
}

/// The number of changes that are kept one by one. They take 12 MiB of memory.
const MOST_CHANGES: usize = 512 * 1024;

impl Differences {
    /// Adds what was planned for a block. Returns the bytes that will be handed over.
    fn add(&mut self, block: Extent, plan: &mut Plan) -> u64 {
        if self.changes.len() >= MOST_CHANGES {
            let differs = plan.drain().count() > 0;
            if differs {
                self.blocks.insert(block.start / BLOCK_SIZE as u64);
            }
            return if differs { block.len() } else { 0 };
        }
        let mut bytes = 0;
        for (action, extent) in plan.drain() {
            bytes += extent.len();
            match self.changes.last_mut() {
                Some((last, before)) if *last == action && before.end == extent.start => {
                    before.end = extent.end;
                }
                _ => self.changes.push((action, extent)),
            }
        }
        bytes
    }
}

/// Finds the differences. Writes nothing.
///
/// # Errors
/// [`Code::TargetSmall`], [`Code::ProgramFailed`], [`Code::DiffDamaged`], [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn compare(image: &Image, command: &CommandTarget, control: &Control) -> Result<Differences> {
    let mut exporter = Program::exporter(&command.export, &command.name)?;
    let output = exporter.output(control);
    control.add_total(image.size);
    let result = DiffReader::open(output, &command.name).and_then(|(header, mut diff)| {
        if header.size < image.size {
            let detail = format!("it has {} bytes, the image {}", header.size, image.size);
            return Err(Error::new(Code::TargetSmall).at(&command.name).detail(detail));
        }
        let mut comparison = Comparison::new(image, header.size, control);
        let mut assembly = Assembly::new(header.size);
        while let Some(change) = diff.next_change()? {
            match change {
                Change::Data(extent) => {
                    for piece in pieces_of(extent) {
                        control.pass(piece.len())?;
                        diff.read(assembly.piece(piece, &mut comparison)?)?;
                    }
                }
                Change::Zero(extent) => comparison.zero(extent, &mut assembly)?,
            }
        }
        assembly.flush(&mut comparison)?;
        comparison.finish()
    });
    exporter.conclude(result, control)
}

/// Hands the differences to the target.
///
/// # Errors
/// [`Code::ImageDamaged`], [`Code::ProgramFailed`], [`Code::TargetStalled`], [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn write(
    image: &Image,
    command: &CommandTarget,
    differences: &Differences,
    control: &Control,
) -> Result<Restored> {
    if differences.changes.is_empty() && differences.blocks.is_empty() {
        return Ok(Restored::default());
    }
    let mut importer = Program::importer(&command.import, &command.name, command.patience)?;
    let input = importer.input(control)?;
    importer.conclude(send(image, command, differences, input, control), control)
}

fn send(
    image: &Image,
    command: &CommandTarget,
    differences: &Differences,
    input: ProgramInput,
    control: &Control,
) -> Result<Restored> {
    let diff = DiffWriter::start(input, &command.name, None, differences.size)?;
    let buffer = Buffer::new(BLOCK_SIZE);
    let mut sender = Sender { image, diff, buffer, restored: Restored::default(), control };
    for (action, extent) in &differences.changes {
        match action {
            Action::Clear => sender.zero(*extent)?,
            Action::Write => pieces_of(*extent).try_for_each(|piece| sender.data(piece))?,
        }
    }
    for number in differences.blocks.numbers() {
        sender.data(block_at(number * BLOCK_SIZE as u64, image.size))?;
    }
    sender.diff.finish()?;
    Ok(sender.restored)
}

/// The way of the changes to the target.
struct Sender<'a> {
    image: &'a Image,
    diff: DiffWriter<ProgramInput<'a>>,
    buffer: Buffer,
    restored: Restored,
    control: &'a Control,
}

impl Sender<'_> {
    fn zero(&mut self, extent: Extent) -> Result<()> {
        self.control.check()?;
        self.diff.zero(extent)?;
        self.control.add_done(extent.len());
        Ok(())
    }

    /// Sends a piece of one block.
    fn data(&mut self, piece: Extent) -> Result<()> {
        let image = self.image;
        self.control.pass(piece.len())?;
        let block = block_at(piece.start, image.size);
        let page = image.page(block.start / SEGMENT_SIZE)?;
        let mut bad = Vec::new();
        let bytes = image.read_checked(Via::Cache, &mut self.buffer, block, &page, &mut bad)?;
        if !bad.is_empty() {
            // The block was good a moment ago. The target has changed already, so the restore fails.
            return Err(Error::new(Code::ImageDamaged).at(image.reader.path()).bad(bad));
        }
        self.diff.data(piece, &bytes[within(block, piece.start)..within(block, piece.end)])?;
        self.restored.read += block.len();
        self.restored.written += piece.len();
        self.control.add_done(piece.len());
        Ok(())
    }
}

/// The target, put together block by block from a stream. Blocks usually come once and in order. One that comes back is
/// written whole.
struct Comparison<'a> {
    image: &'a Image,
    /// The ranges of the image that may hold anything but zeros, by its index.
    hashes: ExtentMap,
    control: &'a Control,
    new: Buffer,
    page: LastPage,
    plan: Plan,
    /// All blocks before this offset were compared.
    front: u64,
    found: Differences,
}

impl<'a> Comparison<'a> {
    fn new(image: &'a Image, size: u64, control: &'a Control) -> Self {
        let (blocks, bad) = (NumberSet::default(), BadBlocks::default());
        let found = Differences { size, changes: Vec::new(), blocks, bad };
        let (hashes, new) = (image.hashes(), Buffer::new(BLOCK_SIZE));
        Self {
            image,
            hashes,
            control,
            new,
            page: LastPage::default(),
            plan: Plan::default(),
            front: 0,
            found,
        }
    }

    /// Takes a range of zeros. Whole blocks of them are compared like blocks that the stream does not mention.
    fn zero(&mut self, extent: Extent, assembly: &mut Assembly) -> Result<()> {
        let mut at = extent.start;
        while at < extent.end {
            self.control.check()?;
            let block = block_at(at, self.found.size);
            let piece = Extent { start: at, end: block.end.min(extent.end) };
            if piece == block {
                assembly.flush(self)?;
                if at >= self.front {
                    let whole = extent.end / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
                    at = if extent.end == self.found.size { extent.end } else { whole };
                    continue;
                }
            }
            assembly.piece(piece, self)?.fill(0);
            at = piece.end;
        }
        Ok(())
    }

    /// Compares the blocks up to an offset with zeros: the stream does not mention them.
    fn compare_zeros(&mut self, to: u64) -> Result<()> {
        let gap = Extent { start: self.front, end: to.min(self.image.size) };
        let filled: Vec<Extent> = self.hashes.within(gap).collect();
        for block in filled.into_iter().flat_map(blocks_of) {
            self.control.check()?;
            if !self.expected(block)?.is_zero() {
                self.supply(block, Old::Zeros)?;
            }
        }
        self.advance(gap.end.max(gap.start));
        Ok(())
    }

    /// Plans the changes of a block, if the image can supply it.
    fn supply(&mut self, block: Extent, old: Old) -> Result<()> {
        let block = block.overlap(&Extent { start: 0, end: self.image.size });
        let page = self.page.at(block.start, |number| self.image.page(number))?;
        self.control.pass(block.len())?;
        let via = self.image.reader.way(block);
        let mut bad = Vec::new();
        let bytes = self.image.read_checked(via, &mut self.new, block, page, &mut bad)?;
        if !bad.is_empty() {
            self.found.bad.extend(bad);
            return Ok(());
        }
        self.plan.compare(block.start, bytes, old);
        let added = self.found.add(block, &mut self.plan);
        self.control.add_changed(added);
        self.control.add_total(added);
        Ok(())
    }

    fn expected(&mut self, block: Extent) -> Result<Hash> {
        let page = self.page.at(block.start, |number| self.image.page(number))?;
        Ok(page.hash_at(block.start))
    }

    fn finish(mut self) -> Result<Differences> {
        self.compare_zeros(self.image.size)?;
        Ok(self.found)
    }

    fn advance(&mut self, to: u64) {
        self.control.add_done(to - self.front);
        self.front = to;
    }
}

impl Assemble for Comparison<'_> {
    fn begin(&mut self, block: Extent, _: Extent, bytes: &mut Buffer) -> Result<()> {
        self.compare_zeros(block.start)?;
        if block.start < self.front.min(self.image.size) {
            self.supply(block, Old::Unknown)?;
        }
        bytes.fill(0);
        Ok(())
    }

    fn end(&mut self, block: Extent, bytes: &[u8]) -> Result<()> {
        // Bytes behind the end of the image stay as they are. A block that came back is written anyway.
        let block = block.overlap(&Extent { start: self.front, end: self.image.size });
        if block.is_empty() {
            return Ok(());
        }
        let bytes = &bytes[..within(block, block.end)];
        if Hash::of(bytes) != self.expected(block)? {
            self.supply(block, Old::Bytes(bytes))?;
        }
        self.advance(block.end);
        Ok(())
    }
}
