//! Applying a stream of changes to image and index. Blocks are put together from the stream and the old bytes, hashed,
//! compared, and written if they differ.
//!
//! Streams mention ranges in any order and of any size, so a block may come back. Usually none does, and everything is
//! one pass from front to back.

use std::collections::BTreeMap;
use std::io::Read;

use crate::backup::patcher::{PatchedSegment, Patcher, Unmentioned};
use crate::backup::tally::Tally;
use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of, segments_in, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::granule::{Action, Old, Plan};
use crate::error::{Code, Error, Result};
use crate::image::page::Page;
use crate::image::read_back::Touched;
use crate::image::reader::Via;
use crate::stream::assembly::{Assemble, Assembly, block_at, pieces_of, within};
use crate::stream::diff_reader::{Change, DiffReader};

/// Brings image and index to the state of the stream. Blocks that it does not mention become what [`Unmentioned`] says.
pub(crate) fn apply(patcher: &Patcher, diff: &mut DiffReader<impl Read>) -> Result<Vec<Tally>> {
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

/// The memory of a segment that was left.
struct Left {
    seen: u128,
    touched: u128,
    tally: Tally,
}

/// A stream on its way into an image.
struct Patch<'p> {
    patcher: &'p Patcher<'p>,
    segment: Option<PatchedSegment>,
    left: BTreeMap<u64, Left>,
    old: Buffer,
    plan: Plan,
    /// The furthest offset of the image that the stream has reached.
    front: u64,
    read: u64,
    written: u64,
}

impl<'p> Patch<'p> {
    fn new(patcher: &'p Patcher<'p>) -> Self {
        Self {
            patcher,
            segment: None,
            left: BTreeMap::new(),
            old: Buffer::new(BLOCK_SIZE),
            plan: Plan::default(),
            front: 0,
            read: 0,
            written: 0,
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
            self.read += piece.len();
            self.advance(piece.end);
        }
        Ok(())
    }

    fn zero(&mut self, extent: Extent, assembly: &mut Assembly) -> Result<()> {
        let size = self.patcher.size;
        let mut at = extent.start;
        while at < extent.end {
            let block = block_at(at, size);
            let piece = Extent { start: at, end: block.end.min(extent.end) };
            if piece == block {
                // Whole blocks of zeros need no look at their bytes.
                let whole = extent.end / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
                let end = if extent.end == size { extent.end } else { whole };
                let number = at / SEGMENT_SIZE;
                let run = Extent { start: at, end }.overlap(&self.patcher.range(number));
                assembly.flush(self)?;
                self.clear(number, run, u128::MAX)?;
                at = run.end;
            } else {
                assembly.piece(piece, self)?.fill(0);
                at = piece.end;
            }
            self.advance(at);
        }
        Ok(())
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
        let (page, seen, touched) = match (self.left.get(&number), patcher.unmentioned, &known) {
            (Some(left), ..) => (patcher.index.page(number)?, left.seen, left.touched),
            (None, Unmentioned::Parent, Some(known)) => {
                let (page, written) = patcher.inherited(known, number);
                (page, 0, if patcher.copied { written } else { 0 })
            }
            (None, ..) => (Page::ZERO, 0, 0),
        };
        self.segment = Some(PatchedSegment { number, known, page, seen, touched });
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let patcher = self.patcher;
        let PatchedSegment { number, ref page, seen, touched, .. } = segment;
        if self.left.contains_key(&number) {
            patcher.index.rewrite(number, page)?;
        } else {
            patcher.index.put(number, page)?;
        }
        if touched != 0 {
            patcher.output.leave_behind(patcher.range(number))?;
        }
        let tally = patcher.count(&segment);
        let changed = tally.changed;
        let before = self.left.insert(number, Left { seen, touched, tally });
        // Written blocks will be read back, which adds to the work.
        let mask = touched & !before.as_ref().map_or(0, |left| left.touched);
        let to_read_back = Touched { segment: number, mask, checksum: None };
        patcher.control.add_total(to_read_back.blocks(patcher.size).bytes());
        patcher.control.add_changed(changed.saturating_sub(before.map_or(0, |left| left.tally.changed)));
        Ok(())
    }

    fn finish(mut self, mut assembly: Assembly) -> Result<Vec<Tally>> {
        assembly.flush(&mut self)?;
        self.rehash_end(&mut assembly)?;
        self.leave()?;
        let patcher = self.patcher;
        for number in 0..segments_in(patcher.size) {
            patcher.control.check()?;
            match (patcher.unmentioned, self.left.get(&number).map_or(0, |left| left.seen)) {
                (Unmentioned::Zeros, u128::MAX) => {}
                (Unmentioned::Zeros, seen) => self.clear(number, patcher.range(number), !seen)?,
                (Unmentioned::Parent, 0) => self.enter(number)?,
                (Unmentioned::Parent, _) => {}
            }
        }
        self.leave()?;
        self.advance(patcher.size);
        let mut tallies: Vec<Tally> = self.left.into_values().map(|left| left.tally).collect();
        tallies.push(Tally { read: self.read, written: self.written, ..Tally::default() });
        Ok(tallies)
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
        self.written += self.patcher.output.apply(&mut self.plan, bytes, block.start)?;
        segment.set(slot, hash, touched);
        Ok(())
    }
}
