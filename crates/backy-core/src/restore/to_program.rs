//! Restoring onto a target that programs read and write for us: one hands over what it holds, as a stream of
//! `rbd export-diff`, another takes what it lacks, as one for `rbd import-diff`.
//!
//! As with files and devices, what differs is found first and written second: a damaged image leaves the target as it
//! was.

use std::path::PathBuf;
use std::time::Duration;

use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::granule::{Action, Old, Plan};
use crate::error::{BadBlock, Code, Error, Result};
use crate::image::index::Page;
use crate::image::reader::Via;
use crate::image::sealed::Image;
use crate::restore::outcome::Restored;
use crate::stream::diff_reader::{Change, DiffReader};
use crate::stream::diff_writer::DiffWriter;
use crate::stream::program::{Program, ProgramInput};
use crate::work::control::Control;

/// A target behind programs.
#[derive(Debug, Clone, Default)]
pub struct CommandTarget {
    /// What the target is called in errors.
    pub name: PathBuf,
    /// The program that hands over everything it holds, with its arguments.
    pub export: Vec<String>,
    /// The program that takes changes.
    pub import: Vec<String>,
    /// How long that program may take nothing, or go on behind the end of the changes.
    pub patience: Duration,
}

/// What the target lacks.
pub(crate) struct Lack {
    /// Size of the target in bytes.
    size: u64,
    changes: Vec<(Action, Extent)>,
    /// Blocks that the image cannot supply.
    pub bad: Vec<BadBlock>,
}

/// Finds what differs. Writes nothing.
///
/// # Errors
/// [`Code::TargetSmall`], [`Code::ProgramFailed`], [`Code::DiffDamaged`], [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn compare(image: &Image, command: &CommandTarget, control: &Control) -> Result<Lack> {
    let mut exporter = Program::exporter(&command.export, &command.name)?;
    let output = exporter.output(control);
    control.add_total(image.size);
    let result = DiffReader::open(output, &command.name).and_then(|(header, mut diff)| {
        if header.size < image.size {
            let detail = format!("it has {} bytes, the image {}", header.size, image.size);
            return Err(Error::new(Code::TargetSmall).at(&command.name).detail(detail));
        }
        let mut comparison = Comparison::new(image, header.size, control);
        while let Some(change) = diff.next_change()? {
            let (Change::Data(extent) | Change::Zero(extent)) = change;
            for piece in pieces_of(extent) {
                match change {
                    Change::Data(_) => {
                        control.pass(piece.len())?;
                        diff.read(comparison.piece(piece)?)?;
                    }
                    Change::Zero(_) => {
                        control.check()?;
                        comparison.piece(piece)?.fill(0);
                    }
                }
            }
        }
        comparison.finish()
    });
    exporter.conclude(result, control)
}

/// Hands what is lacking to the target.
///
/// # Errors
/// [`Code::ImageDamaged`], [`Code::ProgramFailed`], [`Code::TargetStalled`], [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn write(
    image: &Image,
    command: &CommandTarget,
    lack: &Lack,
    control: &Control,
) -> Result<Restored> {
    if lack.changes.is_empty() {
        return Ok(Restored::default());
    }
    let mut importer = Program::importer(&command.import, &command.name, command.patience)?;
    let input = importer.input(control)?;
    importer.conclude(send(image, command, lack, input, control), control)
}

fn send(
    image: &Image,
    command: &CommandTarget,
    lack: &Lack,
    input: ProgramInput,
    control: &Control,
) -> Result<Restored> {
    let mut restored = Restored::default();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    let mut diff = DiffWriter::start(input, &command.name, None, lack.size)?;
    for (action, extent) in &lack.changes {
        if *action == Action::Clear {
            diff.zero(*extent)?;
            control.add_done(extent.len());
            continue;
        }
        for piece in pieces_of(*extent) {
            control.pass(piece.len())?;
            let block = block_at(piece.start).overlap(&Extent { start: 0, end: image.size });
            let page = image.page(block.start / SEGMENT_SIZE)?;
            let mut bad = Vec::new();
            let bytes = image.read_checked(Via::Cache, &mut buffer, block, &page, &mut bad)?;
            if !bad.is_empty() {
                // It was good a moment ago; the target has begun to change, so this is the end.
                let error = Error::new(Code::ImageDamaged).at(image.reader.path());
                return Err(Error { bad_blocks: bad, ..error });
            }
            diff.data(piece, &bytes[within(block, piece.start)..within(block, piece.end)])?;
            restored.read += block.len();
            restored.written += piece.len();
            control.add_done(piece.len());
        }
    }
    diff.finish()?;
    Ok(restored)
}

/// The target, put together block by block from a stream. As a rule blocks come once and in order; one that comes back
/// is written whole.
struct Comparison<'a> {
    image: &'a Image,
    control: &'a Control,
    /// The block that is put together in `old`.
    block: Option<Extent>,
    old: Buffer,
    new: Buffer,
    page: Option<(u64, Page)>,
    plan: Plan,
    /// Every block before was compared.
    front: u64,
    lack: Lack,
}

impl<'a> Comparison<'a> {
    fn new(image: &'a Image, size: u64, control: &'a Control) -> Self {
        let (old, new) = (Buffer::new(BLOCK_SIZE), Buffer::new(BLOCK_SIZE));
        let lack = Lack { size, changes: Vec::new(), bad: Vec::new() };
        Self { image, control, block: None, old, new, page: None, plan: Plan::default(), front: 0, lack }
    }

    /// The place of a piece of a block, which is zeros where the stream does not mention it.
    fn piece(&mut self, piece: Extent) -> Result<&mut [u8]> {
        let block = block_at(piece.start);
        if self.block != Some(block) {
            self.flush()?;
            self.compare_zeros(block.start)?;
            if block.start < self.front.min(self.image.size) {
                self.supply(block, Old::Unknown)?;
            }
            self.old.fill(0);
            self.block = Some(block);
        }
        Ok(&mut self.old[within(block, piece.start)..within(block, piece.end)])
    }

    /// Compares the block that was put together.
    fn flush(&mut self) -> Result<()> {
        let Some(block) = self.block.take() else { return Ok(()) };
        // What lies behind the end of the image stays as it is, and what came back is written anyway.
        let block = block.overlap(&Extent { start: self.front, end: self.image.size });
        if block.is_empty() {
            return Ok(());
        }
        let length = within(block, block.end);
        if Hash::of(&self.old[..length]) != self.expected(block)? {
            let old = std::mem::replace(&mut self.old, Buffer::new(0));
            let result = self.supply(block, Old::Bytes(&old[..length]));
            self.old = old;
            result?;
        }
        self.advance(block.end);
        Ok(())
    }

    /// Compares the blocks up to an offset, which the stream does not mention.
    fn compare_zeros(&mut self, to: u64) -> Result<()> {
        let gap = Extent { start: self.front, end: to.min(self.image.size) };
        for block in blocks_of(gap) {
            self.control.check()?;
            if !self.expected(block)?.is_zero() {
                self.supply(block, Old::Zeros)?;
            }
            self.advance(block.end);
        }
        Ok(())
    }

    /// Plans what a block lacks, if the image can supply it.
    fn supply(&mut self, block: Extent, old: Old) -> Result<()> {
        let block = block.overlap(&Extent { start: 0, end: self.image.size });
        self.expected(block)?;
        let (_, page) = self.page.as_ref().expect("just read");
        let bad = self.lack.bad.len();
        self.control.pass(block.len())?;
        let via = self.image.reader.way(block);
        let bytes = self.image.read_checked(via, &mut self.new, block, page, &mut self.lack.bad)?;
        if self.lack.bad.len() > bad {
            return Ok(());
        }
        self.plan.compare(block.start, bytes, old);
        for (action, extent) in self.plan.drain() {
            self.control.add_changed(extent.len());
            self.control.add_total(extent.len());
            match self.lack.changes.last_mut() {
                Some((last, before)) if *last == action && before.end == extent.start => {
                    before.end = extent.end;
                }
                _ => self.lack.changes.push((action, extent)),
            }
        }
        Ok(())
    }

    fn expected(&mut self, block: Extent) -> Result<Hash> {
        let number = block.start / SEGMENT_SIZE;
        let page = match self.page.take() {
            Some((known, page)) if known == number => page,
            _ => self.image.page(number)?,
        };
        let hash = page.hash_at(block.start);
        self.page = Some((number, page));
        Ok(hash)
    }

    fn finish(mut self) -> Result<Lack> {
        self.flush()?;
        self.compare_zeros(self.image.size)?;
        Ok(self.lack)
    }

    fn advance(&mut self, to: u64) {
        self.control.add_done(to - self.front);
        self.front = to;
    }
}

fn block_at(offset: u64) -> Extent {
    Extent::at(offset / BLOCK_SIZE as u64 * BLOCK_SIZE as u64, BLOCK_SIZE as u64)
}

/// A range in pieces of one block each.
fn pieces_of(extent: Extent) -> impl Iterator<Item = Extent> {
    let mut at = extent.start;
    std::iter::from_fn(move || {
        let piece = Extent { start: at, end: block_at(at).end.min(extent.end) };
        at = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Where a byte stands in its block.
fn within(block: Extent, at: u64) -> usize {
    usize::try_from(at - block.start).expect("inside the block")
}
