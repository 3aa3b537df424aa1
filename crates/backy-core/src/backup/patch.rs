//! Applying a stream of changes to image and index. Blocks are put together from the stream and the old bytes, hashed,
//! compared, and written if they differ.
//!
//! Streams mention ranges in any order and of any size, so a block may come back. Usually none does, and everything is
//! one pass from front to back.

use std::io::Read;

use crate::backup::patcher::{PatchedSegment, Patcher, Unmentioned};
use crate::backup::tally::{Tally, Totals};
use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_in, blocks_of, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::granule::{Action, Old, Plan};
use crate::bytes::number_set::NumberSet;
use crate::error::{Code, Error, Result};
use crate::image::page::Page;
use crate::image::read_back::blocks_in_mask;
use crate::image::reader::Via;
use crate::stream::assembly::{Assemble, Assembly, block_at, pieces_of, within};
use crate::stream::diff_reader::{Change, DiffReader};

/// Brings image and index to the state of the stream. Blocks that it does not mention become what [`Unmentioned`] says.
pub(crate) fn apply(patcher: &Patcher, diff: &mut DiffReader<impl Read>) -> Result<Totals> {
    let mut patch = Patch::new(patcher);
    let mut assembly = Assembly::new(patcher.size);
    while let Some(change) = diff.next_change()? {
        patcher.control.check()?;
        match change {
            Change::Data(extent) => patch.data(extent, diff, &mut assembly)?,
            Change::Zero(extent) => patch.zero(extent, &mut assembly)?,
        }
    }
    patch.finish(assembly)
}

/// A stream on its way into an image.
struct Patch<'p> {
    patcher: &'p Patcher<'p>,
    segment: Option<PatchedSegment>,
    /// The blocks of all other segments that were brought to their new state.
    seen: NumberSet,
    totals: Totals,
    /// Bytes and blocks of the segments that were left at least once.
    covered: (u64, u64),
    old: Buffer,
    plan: Plan,
    /// The furthest offset of the image that the stream has reached.
    front: u64,
}

impl<'p> Patch<'p> {
    fn new(patcher: &'p Patcher<'p>) -> Self {
        Self {
            patcher,
            segment: None,
            seen: NumberSet::default(),
            totals: Totals::default(),
            covered: (0, 0),
            old: Buffer::new(BLOCK_SIZE),
            plan: Plan::default(),
            front: 0,
        }
    }

    fn data(
        &mut self,
        extent: Extent,
        diff: &mut DiffReader<impl Read>,
        assembly: &mut Assembly,
    ) -> Result<()> {
        for piece in pieces_of(extent) {
            self.patcher.control.pass(piece.len())?;
            diff.read(assembly.piece(piece, self)?)?;
            self.totals.read += piece.len();
            self.advance(piece.end);
        }
        Ok(())
    }

    fn zero(&mut self, extent: Extent, assembly: &mut Assembly) -> Result<()> {
        let size = self.patcher.size;
        let mut at = extent.start;
        while at < extent.end {
            self.patcher.control.check()?;
            let block = block_at(at, size);
            let piece = Extent { start: at, end: block.end.min(extent.end) };
            if piece == block {
                // Whole blocks of zeros need no look at their bytes.
                let whole = extent.end / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
                let end = if extent.end == size { extent.end } else { whole };
                let number = at / SEGMENT_SIZE;
                let run = Extent { start: at, end }.overlap(&self.patcher.range(number));
                assembly.flush(self)?;
                match self.busy_from(number) {
                    Some(busy) if busy == number => {
                        self.clear(number, run, u128::MAX)?;
                        at = run.end;
                    }
                    // Zeros replace zeros, so image and index stay as they are.
                    busy => at = busy.map_or(end, |busy| end.min(busy * SEGMENT_SIZE)),
                }
            } else {
                assembly.piece(piece, self)?.fill(0);
                at = piece.end;
            }
            self.advance(at);
        }
        Ok(())
    }

    /// Returns the first segment from this one on in which the image may hold anything but zeros.
    fn busy_from(&self, number: u64) -> Option<u64> {
        let current = self.segment.as_ref().map(|segment| segment.number);
        let behind = Extent { start: number.saturating_mul(SEGMENT_SIZE), end: self.patcher.size };
        let filled = self.patcher.filled.within(behind).next().map(|range| range.start / SEGMENT_SIZE);
        let current = current.filter(|current| *current >= number);
        [current, filled, self.seen.group_from(number)].into_iter().flatten().min()
    }

    /// Fetches the bytes of a block before the next change.
    fn load(&self, block: Extent, bytes: &mut Buffer) -> Result<()> {
        let patcher = self.patcher;
        let segment = self.segment.as_ref().expect("entered");
        let slot = slot_of(block);
        if segment.seen >> slot & 1 == 1 {
            // A block that did not differ was not written, and the bytes of the parent there may have rotted.
            return match Hash::of(patcher.image.read(Via::Cache, bytes, block)?) {
                hash if hash == segment.page.hash(slot) => Ok(()),
                _ => Err(Error::new(Code::ImageDamaged).at(patcher.image.path()).offset(block.start)),
            };
        }
        if let (Unmentioned::Parent, Some(parent), Some(known)) =
            (patcher.unmentioned, &patcher.parent, &segment.known)
        {
            return parent.read_checked(block, known.hash(slot), bytes);
        }
        bytes[..within(block, block.end)].fill(0);
        Ok(())
    }

    /// Makes blocks of a segment zero that are in `wanted`.
    fn clear(&mut self, number: u64, run: Extent, wanted: u128) -> Result<()> {
        self.enter(number)?;
        let segment = self.segment.as_mut().expect("just entered");
        for block in blocks_of(run) {
            let slot = slot_of(block);
            if wanted >> slot & 1 == 1 {
                let touched = self.patcher.hash_before(segment, slot) != Some(Hash::ZERO);
                if touched {
                    self.plan.add(Action::Clear, block);
                }
                segment.set(slot, Hash::ZERO, touched);
            }
        }
        self.patcher.output.apply(&mut self.plan, &[], run.start).map(|_| ())
    }

    fn enter(&mut self, number: u64) -> Result<()> {
        if self.segment.as_ref().is_some_and(|segment| segment.number == number) {
            return Ok(());
        }
        self.leave()?;
        let patcher = self.patcher;
        let known = patcher.known(number)?;
        let seen = self.seen.mask(number);
        let (page, touched) = match (patcher.unmentioned, &known) {
            _ if seen != 0 => (patcher.index.page(number)?, self.totals.touched.blocks().mask(number)),
            (Unmentioned::Parent, Some(known)) => {
                let (page, written) = patcher.inherited(known, number);
                (page, if patcher.copied { written } else { 0 })
            }
            _ => (Page::ZERO, 0),
        };
        let segment = PatchedSegment { number, known, page, seen, touched, changed_before: None };
        self.segment = Some(if seen == 0 { segment } else { self.take_back(segment) });
        Ok(())
    }

    /// Takes a segment that comes back out of the totals.
    fn take_back(&mut self, segment: PatchedSegment) -> PatchedSegment {
        let Tally { changed, zero, zero_blocks, .. } = self.patcher.count(&segment);
        self.totals.changed -= changed;
        self.totals.zero -= zero;
        self.totals.zero_blocks -= zero_blocks;
        self.totals.touched.forget_page(segment.number, &segment.page);
        PatchedSegment { changed_before: Some(changed), ..segment }
    }

    fn leave(&mut self) -> Result<()> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let patcher = self.patcher;
        let PatchedSegment { number, ref page, seen, touched, changed_before, .. } = segment;
        if changed_before.is_some() {
            patcher.index.rewrite(number, page)?;
        } else {
            patcher.index.put(number, page)?;
            let range = patcher.range(number);
            self.covered = (self.covered.0 + range.len(), self.covered.1 + blocks_in(range.len()));
        }
        if touched != 0 {
            patcher.output.leave_behind(patcher.range(number))?;
        }
        let tally = patcher.count(&segment);
        // Written blocks will be read back, which adds to the work.
        let more = touched & !self.totals.touched.blocks().mask(number);
        patcher.control.add_total(blocks_in_mask(number, more, patcher.size).bytes());
        patcher.control.add_changed(tally.changed.saturating_sub(changed_before.unwrap_or(0)));
        self.seen.set(number, seen);
        self.totals.add(tally);
        Ok(())
    }

    fn finish(mut self, mut assembly: Assembly) -> Result<Totals> {
        assembly.flush(&mut self)?;
        self.rehash_end(&mut assembly)?;
        self.leave()?;
        let patcher = self.patcher;
        let mut next = 0;
        while let Some(number) = self.busy_from(next) {
            patcher.control.check()?;
            match (patcher.unmentioned, self.seen.mask(number)) {
                (Unmentioned::Zeros, u128::MAX) => {}
                (Unmentioned::Zeros, seen) => self.clear(number, patcher.range(number), !seen)?,
                (Unmentioned::Parent, 0) => self.enter(number)?,
                (Unmentioned::Parent, _) => {}
            }
            next = number + 1;
        }
        self.leave()?;
        self.advance(patcher.size);
        // All other segments are zeros, as they were before.
        let (bytes, blocks) = self.covered;
        self.totals.zero += patcher.size - bytes;
        self.totals.zero_blocks += blocks_in(patcher.size) - blocks;
        Ok(self.totals)
    }

    /// Hashes the last block again if image and parent end in different places of it: its length has changed, although
    /// no byte of it need have changed.
    fn rehash_end(&mut self, assembly: &mut Assembly) -> Result<()> {
        let patcher = self.patcher;
        let Some(parent) = &patcher.parent else { return Ok(()) };
        let end = parent.size().min(patcher.size);
        let same = parent.size() == patcher.size || end.is_multiple_of(BLOCK_SIZE as u64);
        if same || patcher.unmentioned == Unmentioned::Zeros {
            return Ok(());
        }
        let start = block_at(end - 1, patcher.size).start;
        assembly.piece(Extent { start, end: start }, self)?;
        assembly.flush(self)
    }

    fn advance(&mut self, to: u64) {
        self.patcher.control.add_done(to.saturating_sub(self.front));
        self.front = self.front.max(to);
    }
}

impl Assemble for Patch<'_> {
    fn begin(&mut self, block: Extent, piece: Extent, bytes: &mut Buffer) -> Result<()> {
        self.enter(block.start / SEGMENT_SIZE)?;
        if piece == block { Ok(()) } else { self.load(block, bytes) }
    }

    /// Hashes a block, and writes what differs.
    fn end(&mut self, block: Extent, bytes: &[u8]) -> Result<()> {
        let segment = self.segment.as_mut().expect("entered with the block");
        let (hash, slot) = (Hash::of(bytes), slot_of(block));
        let before = match self.patcher.hash_before(segment, slot) {
            Some(before) if before == hash => None,
            Some(Hash::ZERO) if !self.patcher.inherits => Some(Old::Zeros),
            // This includes blocks that should be zeros: other bytes there must be overwritten.
            _ => Some(self.patcher.bytes_before(segment, block, &mut self.old)?),
        };
        let granule = || self.patcher.granule(segment, block);
        let touched = before.is_some_and(|old| self.plan.compare_by(granule, block.start, bytes, old));
        self.totals.written += self.patcher.output.apply(&mut self.plan, bytes, block.start)?;
        segment.set(slot, hash, touched);
        Ok(())
    }
}
