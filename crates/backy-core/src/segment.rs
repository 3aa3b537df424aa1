//! One segment of the source on its way into the image: hash, compare, write what differs.

use crate::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of};
use crate::buffer::Buffer;
use crate::control::Control;
use crate::error::Result;
use crate::extent::Extent;
use crate::granule::{Action, Old, Plan};
use crate::index::{IndexWriter, Page};
use crate::output::Output;
use crate::parent::Parent;
use crate::read::{READ_SIZE, windows_of};
use crate::readback::Touched;
use crate::source::Source;

/// Everything that writing segments needs; shared by all threads.
pub(crate) struct RevisionWriter<'a> {
    pub source: Source,
    pub parent: Option<Parent>,
    /// Whether the image started with the parent's bytes rather than as a hole.
    pub cloned: bool,
    /// Whether the parent's bytes are looked at even where its index says that a block is the same.
    pub compare_bytes: bool,
    pub output: Output,
    pub index: IndexWriter,
    pub control: &'a Control,
}

/// What one thread reuses.
pub(crate) struct Scratch {
    new: Buffer,
    old: Buffer,
    plan: Plan,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { new: Buffer::new(READ_SIZE), old: Buffer::new(BLOCK_SIZE), plan: Plan::default() }
    }
}

/// What became of a segment. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Tally {
    pub read: u64,
    pub written: u64,
    pub changed: u64,
    pub zero: u64,
    pub zero_blocks: u64,
    pub touched: Option<Touched>,
}

impl RevisionWriter<'_> {
    /// Brings one segment of image and index to what the source holds.
    pub(crate) fn write(&self, scratch: &mut Scratch, number: u64) -> Result<Tally> {
        let range = Extent::at(number * SEGMENT_SIZE, SEGMENT_SIZE)
            .overlap(&Extent { start: 0, end: self.source.size });
        let index = self.parent.as_ref().and_then(|parent| parent.index.as_ref());
        let known = index.map(|index| index.page(number)).transpose()?;
        let mut segment =
            Segment { writer: self, range, known, page: Page::ZERO, mask: 0, tally: Tally::default() };
        let mut at = range.start;
        for data in self.source.data.within(range) {
            segment.write_hole(scratch, Extent { start: at, end: data.start })?;
            segment.write_data(scratch, data)?;
            at = data.end;
        }
        segment.write_hole(scratch, Extent { start: at, end: range.end })?;
        segment.finish(number)
    }
}

/// A segment while it is written.
struct Segment<'w> {
    writer: &'w RevisionWriter<'w>,
    range: Extent,
    /// The parent's hashes.
    known: Option<Page>,
    /// The new ones.
    page: Page,
    /// A bit for each block that was written to.
    mask: u128,
    tally: Tally,
}

impl Segment<'_> {
    /// Blocks in which the source has no data at all.
    fn write_hole(&mut self, scratch: &mut Scratch, hole: Extent) -> Result<()> {
        for block in blocks_of(hole) {
            let known = self.known(block);
            self.count(block, Hash::ZERO, known.is_some_and(|hash| !hash.is_zero()));
            let certain = known.is_some_and(|hash| hash.is_zero()) && !self.writer.compare_bytes;
            if self.writer.cloned && !certain {
                self.mask |= 1 << self.slot(block);
                scratch.plan.add(Action::Clear, block);
            }
        }
        self.writer.output.apply(&mut scratch.plan, &[], hole.start).map(|_| ())
    }

    fn write_data(&mut self, scratch: &mut Scratch, data: Extent) -> Result<()> {
        let RevisionWriter { source, output, control, cloned, .. } = self.writer;
        let Scratch { new, old, plan } = scratch;
        let via = source.reader.way(data);
        // Space that was reserved is no hole any more, so zeros in it have to be cleared.
        let blank = if !cloned && output.reserve(data)? { Old::Unknown } else { Old::Zeros };
        for window in windows_of(data) {
            control.check()?;
            let bytes = source.reader.read(via, new, window)?;
            for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                self.compare(block, bytes, blank, old, plan)?;
            }
            self.tally.read += window.len();
            self.tally.written += output.apply(plan, bytes, window.start)?;
            control.add_done(window.len());
        }
        Ok(())
    }

    /// Hashes a block and plans what must be written of it.
    fn compare(
        &mut self,
        block: Extent,
        bytes: &[u8],
        blank: Old,
        old: &mut Buffer,
        plan: &mut Plan,
    ) -> Result<()> {
        let (hash, known) = (Hash::of(bytes), self.known(block));
        let touched = match &self.writer.parent {
            Some(parent) if self.writer.cloned => match known.filter(|_| !self.writer.compare_bytes) {
                Some(known) if known == hash => false,
                Some(known) if known.is_zero() => plan.compare(block.start, bytes, Old::Zeros),
                _ => plan.compare(block.start, bytes, parent.bytes(block, old)?),
            },
            _ => plan.compare(block.start, bytes, blank),
        };
        let unknown = if self.writer.cloned { touched } else { !hash.is_zero() };
        self.count(block, hash, known.map_or(unknown, |known| known != hash));
        self.page.set(self.slot(block), hash);
        self.mask |= u128::from(touched) << self.slot(block);
        Ok(())
    }

    fn finish(mut self, number: u64) -> Result<Tally> {
        if self.tally.written > 0 {
            self.writer.output.start_writeback(self.range);
        }
        self.writer.index.put(number, &self.page)?;
        if self.mask != 0 || self.known.as_ref().is_some_and(|known| *known != self.page) {
            let touched = Touched { segment: number, mask: self.mask, checksum: self.page.checksum() };
            // What was written will be read back: more to go through.
            self.writer.control.add_total(touched.blocks(self.writer.source.size).bytes());
            self.tally.touched = Some(touched);
        }
        Ok(self.tally)
    }

    fn count(&mut self, block: Extent, hash: Hash, changed: bool) {
        if hash.is_zero() {
            self.tally.zero += block.len();
            self.tally.zero_blocks += 1;
        }
        if changed {
            self.tally.changed += block.len();
            self.writer.control.add_changed(block.len());
        }
    }

    /// The parent's hash of a block.
    fn known(&self, block: Extent) -> Option<Hash> {
        self.known.as_ref().map(|page| page.hash(self.slot(block)))
    }

    /// Where a block stands in the segment.
    fn slot(&self, block: Extent) -> usize {
        usize::try_from((block.start - self.range.start) / BLOCK_SIZE as u64).expect("inside the segment")
    }
}
