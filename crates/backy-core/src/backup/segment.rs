//! One segment of a revision while it is written: hash, compare, write what differs. The bytes may come from any
//! source.

use crate::backup::draft::Start;
use crate::backup::parent::Parent;
use crate::backup::tally::Tally;
use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of, segment_range, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::granule::{Action, Old, Plan};
use crate::error::{BadBlock, Found, Result};
use crate::image::index_writer::IndexWriter;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::{Checksum, blocks_in_mask};
use crate::work::control::Control;

/// The context of writing segments, shared by all threads.
pub(crate) struct RevisionWriter<'a> {
    pub parent: Option<&'a Parent>,
    pub start: Start,
    /// Whether the parent's bytes are compared even if its index says that a block is the same.
    pub compare_bytes: bool,
    pub output: Output,
    pub index: IndexWriter,
    /// Size of the image in bytes.
    pub size: u64,
    pub control: &'a Control,
}

/// Memory that one thread reuses.
pub(crate) struct Workspace {
    old: Buffer,
    plan: Plan,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self { old: Buffer::new(BLOCK_SIZE), plan: Plan::default() }
    }
}

impl RevisionWriter<'_> {
    /// Returns the ranges in which image or index may have something else than zeros. A segment outside of them that is
    /// zeros in the source leaves both as they are.
    ///
    /// # Errors
    /// [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(crate) fn filled(&self) -> Result<ExtentMap> {
        let Some(parent) = self.parent else { return Ok(ExtentMap::default()) };
        parent.filled(self.start == Start::Parent, self.compare_bytes, self.control)
    }

    /// The bytes of a segment.
    pub(crate) fn range(&self, number: u64) -> Extent {
        segment_range(number, self.size)
    }

    /// Starts a segment. The caller then passes each block once, in order: [`Segment::bytes`] for blocks that were
    /// read, [`Segment::zeros`] for blocks of zeros, [`Segment::keep`] for blocks that equal the parent.
    pub(crate) fn segment(&self, number: u64) -> Result<Segment<'_>> {
        let range = self.range(number);
        let index = self.parent.and_then(|parent| parent.index.as_ref());
        let known = index.map(|index| index.page(number)).transpose()?;
        Ok(Segment {
            writer: self,
            number,
            range,
            known,
            page: Page::ZERO,
            mask: 0,
            blank: Old::Zeros,
            expect_same: false,
            tally: Tally { number, ..Tally::default() },
        })
    }
}

/// A segment while it is written.
pub(crate) struct Segment<'w> {
    writer: &'w RevisionWriter<'w>,
    number: u64,
    pub range: Extent,
    /// The parent's hashes.
    known: Option<Page>,
    /// The new ones.
    page: Page,
    /// A bit for each block that was written to.
    mask: u128,
    /// Knowledge of the old bytes of an image that began as a hole.
    blank: Old<'static>,
    /// Whether the next blocks must equal those of the parent.
    pub expect_same: bool,
    pub tally: Tally,
}

impl Segment<'_> {
    /// Takes blocks that equal the parent, which must have an index.
    pub(crate) fn keep(&mut self, range: Extent) {
        for block in blocks_of(range) {
            let known = self.known(block).expect("a parent with an index");
            self.page.set(slot_of(block), known);
            self.count(block, known, false);
        }
    }

    /// Takes blocks of zeros.
    pub(crate) fn zeros(&mut self, workspace: &mut Workspace, range: Extent) -> Result<()> {
        for block in blocks_of(range) {
            let known = self.known(block);
            self.count(block, Hash::ZERO, known.is_some_and(|hash| !hash.is_zero()));
            let certain = known.is_some_and(|hash| hash.is_zero()) && !self.writer.compare_bytes;
            if self.writer.start == Start::Parent && !certain {
                self.mask |= 1 << slot_of(block);
                workspace.plan.add(Action::Clear, block);
            }
        }
        self.writer.output.apply(&mut workspace.plan, &[], range.start).map(|_| ())
    }

    /// Announces a range of data, so that the image reserves one extent for it.
    pub(crate) fn expect_data(&mut self, range: Extent) -> Result<()> {
        // Reserved space is no hole any more, so zeros in it must be cleared.
        let reserved = self.writer.start == Start::Hole && self.writer.output.reserve(range)?;
        self.blank = if reserved { Old::Unknown } else { Old::Zeros };
        Ok(())
    }

    /// Takes the bytes of whole blocks.
    pub(crate) fn bytes(&mut self, workspace: &mut Workspace, window: Extent, bytes: &[u8]) -> Result<()> {
        let Workspace { old, plan } = workspace;
        for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
            self.compare(block, bytes, old, plan)?;
        }
        self.tally.written += self.writer.output.apply(plan, bytes, window.start)?;
        Ok(())
    }

    /// Hashes a block and plans its writes.
    fn compare(&mut self, block: Extent, bytes: &[u8], old: &mut Buffer, plan: &mut Plan) -> Result<()> {
        let (hash, known) = (Hash::of(bytes), self.known(block));
        let touched = match (self.writer.start, self.writer.parent) {
            (Start::Source, _) => false,
            (Start::Parent, Some(parent)) => match known.filter(|_| !self.writer.compare_bytes) {
                Some(known) if known == hash => false,
                // This includes blocks that should be zeros: other bytes there must be overwritten.
                _ => plan.compare_by(|| parent.granule(block), block.start, bytes, parent.bytes(block, old)?),
            },
            _ => plan.compare(block.start, bytes, self.blank),
        };
        let unknown = if self.writer.start == Start::Parent { touched } else { !hash.is_zero() };
        self.count(block, hash, known.map_or(unknown, |known| known != hash));
        self.page.set(slot_of(block), hash);
        self.mask |= u128::from(touched) << slot_of(block);
        Ok(())
    }

    /// Brings the index up to date.
    pub(crate) fn finish(mut self) -> Result<Tally> {
        if self.tally.written > 0 {
            self.writer.output.leave_behind(self.range)?;
        }
        self.writer.index.put(self.number, &self.page)?;
        if self.mask != 0 || self.known.as_ref().is_some_and(|known| *known != self.page) {
            self.tally.blocks = self.mask;
            self.tally.page = Some(Checksum::of(self.number, &self.page));
            // Written blocks will be read back, which adds to the work.
            let written = blocks_in_mask(self.number, self.mask, self.writer.size);
            self.writer.control.add_total(written.bytes());
        }
        Ok(self.tally)
    }

    fn count(&mut self, block: Extent, hash: Hash, changed: bool) {
        if hash.is_zero() {
            self.tally.zero += block.len();
            self.tally.zero_blocks += 1;
        }
        if !changed {
            return;
        }
        self.tally.changed += block.len();
        self.writer.control.add_changed(block.len());
        if self.expect_same {
            let expected = self.known(block).unwrap_or(Hash::ZERO);
            let found = Found::Other(hash);
            self.tally.surprises.push(BadBlock { offset: block.start, length: block.len(), expected, found });
        }
    }

    /// The parent's hash of a block.
    fn known(&self, block: Extent) -> Option<Hash> {
        self.known.as_ref().map(|page| page.hash(slot_of(block)))
    }
}
