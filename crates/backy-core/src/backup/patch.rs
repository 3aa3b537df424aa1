//! Changes on their way from a stream into image and index: blocks are put together from what the stream says and
//! what was there before, hashed, compared, and written where they differ.
//!
//! Streams mention ranges in whatever order and size they like, so a block may come back; usually none does, and
//! then everything is one pass from front to back.

use std::collections::BTreeMap;
use std::io::Read;

use crate::backup::parent::Parent;
use crate::backup::tally::Tally;
use crate::bytes::block::{
    BLOCK_SIZE, GRANULE_SIZE, Hash, SEGMENT_SIZE, blocks_of, segment_range, segments_in, slot_of,
};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::granule::{Action, Old, Plan};
use crate::error::{Code, Error, Result};
use crate::image::index::{IndexWriter, Page};
use crate::image::output::Output;
use crate::image::read_back::Touched;
use crate::image::reader::{Reader, Via};
use crate::stream::diff_reader::{Change, DiffReader};
use crate::work::control::Control;

/// What a block holds that the stream does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmentioned {
    /// What it held in the parent, which has an index.
    Parent,
    /// Zeros.
    Zeros,
}

/// Everything that applying a stream needs.
pub(crate) struct Patcher<'a> {
    /// Of the new image, in bytes.
    pub size: u64,
    pub parent: Option<Parent>,
    /// Whether the image started with the parent's bytes rather than as a hole.
    pub inherits: bool,
    /// Whether it got them by copying, so that they have to be read back like all that is written.
    pub copied: bool,
    pub unmentioned: Unmentioned,
    /// Whether the parent's bytes are looked at even where its index says that a block is the same.
    pub compare_bytes: bool,
    pub output: &'a Output,
    /// The new image again, for blocks that come back.
    pub image: Reader,
    pub index: &'a IndexWriter,
    pub control: &'a Control,
}

impl Patcher<'_> {
    /// Brings image and index to what the stream says, and what it does not mention to what that stands for.
    pub(crate) fn apply(&self, diff: &mut DiffReader<impl Read>) -> Result<Vec<Tally>> {
        let mut work = Work::new(self);
        while let Some(change) = diff.next_change()? {
            self.control.check()?;
            match change {
                Change::Data(extent) => work.data(extent, diff)?,
                Change::Zero(extent) => work.zero(extent)?,
            }
        }
        work.finish()
    }

    /// The parent's hashes of a segment.
    fn known(&self, number: u64) -> Result<Option<Page>> {
        let index = self.parent.as_ref().and_then(|parent| parent.index.as_ref());
        index.map(|index| index.page(number)).transpose()
    }

    fn block_at(&self, offset: u64) -> Extent {
        let start = offset / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
        Extent::at(start, BLOCK_SIZE as u64).overlap(&Extent { start: 0, end: self.size })
    }

    fn range(&self, number: u64) -> Extent {
        segment_range(number, self.size)
    }
}

/// The segment that is worked on. Bits stand for its blocks, the first block lowest.
struct Segment {
    number: u64,
    /// The parent's hashes.
    known: Option<Page>,
    /// The new ones.
    page: Page,
    /// What was brought to its new state.
    seen: u128,
    /// What was written to.
    touched: u128,
}

/// What is kept of a segment that was left.
struct Left {
    seen: u128,
    touched: u128,
    tally: Tally,
}

struct Work<'p> {
    patcher: &'p Patcher<'p>,
    segment: Option<Segment>,
    left: BTreeMap<u64, Left>,
    /// The block that is being put together in `new`.
    block: Option<Extent>,
    new: Buffer,
    old: Buffer,
    plan: Plan,
    /// How far the stream has come in the image.
    front: u64,
    read: u64,
    written: u64,
}

impl<'p> Work<'p> {
    fn new(patcher: &'p Patcher<'p>) -> Self {
        Self {
            patcher,
            segment: None,
            left: BTreeMap::new(),
            block: None,
            new: Buffer::new(BLOCK_SIZE),
            old: Buffer::new(BLOCK_SIZE),
            plan: Plan::default(),
            front: 0,
            read: 0,
            written: 0,
        }
    }

    fn data(&mut self, extent: Extent, diff: &mut DiffReader<impl Read>) -> Result<()> {
        let mut at = extent.start;
        while at < extent.end {
            let piece = Extent { start: at, end: self.patcher.block_at(at).end.min(extent.end) };
            self.patcher.control.pass(piece.len())?;
            diff.read(self.piece(piece)?)?;
            self.read += piece.len();
            self.advance(piece.end);
            at = piece.end;
        }
        Ok(())
    }

    fn zero(&mut self, extent: Extent) -> Result<()> {
        let mut at = extent.start;
        while at < extent.end {
            let block = self.patcher.block_at(at);
            let piece = Extent { start: at, end: block.end.min(extent.end) };
            if piece == block {
                // Whole blocks are zeros without anyone looking at their bytes.
                let whole = extent.end / BLOCK_SIZE as u64 * BLOCK_SIZE as u64;
                let end = if extent.end == self.patcher.size { extent.end } else { whole };
                let number = at / SEGMENT_SIZE;
                let run = Extent { start: at, end }.overlap(&self.patcher.range(number));
                self.flush()?;
                self.clear(number, run, u128::MAX)?;
                at = run.end;
            } else {
                self.piece(piece)?.fill(0);
                at = piece.end;
            }
            self.advance(at);
        }
        Ok(())
    }

    /// The place of a piece of a block, where all other bytes of it are what they should be.
    fn piece(&mut self, piece: Extent) -> Result<&mut [u8]> {
        let block = self.patcher.block_at(piece.start);
        if self.block != Some(block) {
            self.flush()?;
            self.enter(block.start / SEGMENT_SIZE)?;
            if piece != block {
                self.load(block)?;
            }
            self.block = Some(block);
        }
        Ok(&mut self.new[within(block, piece.start)..within(block, piece.end)])
    }

    /// Fetches what a block holds before the next change.
    fn load(&mut self, block: Extent) -> Result<()> {
        let patcher = self.patcher;
        let length = within(block, block.end);
        let segment = self.segment.as_ref().expect("entered");
        let slot = slot_of(block);
        if segment.seen >> slot & 1 == 1 {
            // A block that did not differ was not written: what the parent has there may have rotted.
            return match Hash::of(patcher.image.read(Via::Cache, &mut self.new, block)?) {
                hash if hash == segment.page.hash(slot) => Ok(()),
                _ => Err(Error::new(Code::ImageDamaged).at(patcher.image.path()).offset(block.start)),
            };
        }
        if let (Unmentioned::Parent, Some(parent), Some(known)) =
            (patcher.unmentioned, &patcher.parent, &segment.known)
        {
            return parent.read_checked(block, known.hash(slot), &mut self.new);
        }
        self.new[..length].fill(0);
        Ok(())
    }

    /// Hashes the block that was put together, and writes what differs.
    fn flush(&mut self) -> Result<()> {
        let Some(block) = self.block.take() else { return Ok(()) };
        let segment = self.segment.as_mut().expect("entered with the block");
        let bytes = &self.new[..within(block, block.end)];
        let (hash, slot) = (Hash::of(bytes), slot_of(block));
        let before = match self.patcher.hash_before(segment, slot) {
            Some(before) if before == hash => None,
            Some(Hash::ZERO) if !self.patcher.inherits => Some(Old::Zeros),
            // Also where there should be zeros: if something is, all of it must be overwritten.
            _ => Some(self.patcher.bytes_before(segment, block, &mut self.old)?),
        };
        let granule = || self.patcher.granule(segment, block);
        let touched = before.is_some_and(|old| self.plan.compare_by(granule, block.start, bytes, old));
        self.written += self.patcher.output.apply(&mut self.plan, bytes, block.start)?;
        segment.set(slot, hash, touched);
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
        self.segment = Some(Segment { number, known, page, seen, touched });
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.flush()?;
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let patcher = self.patcher;
        let Segment { number, ref page, seen, touched, .. } = segment;
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
        // What was written will be read back: more to go through.
        let mask = touched & !before.as_ref().map_or(0, |left| left.touched);
        let to_read_back = Touched { segment: number, mask, checksum: None };
        patcher.control.add_total(to_read_back.blocks(patcher.size).bytes());
        patcher.control.add_changed(changed.saturating_sub(before.map_or(0, |left| left.tally.changed)));
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Tally>> {
        self.rehash_end()?;
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

    /// Where the image ends in another place of the same block than the parent did, the block is another one,
    /// although no byte of it need have changed.
    fn rehash_end(&mut self) -> Result<()> {
        let patcher = self.patcher;
        let Some(parent) = &patcher.parent else { return Ok(()) };
        let end = parent.size().min(patcher.size);
        let same = parent.size() == patcher.size || end.is_multiple_of(BLOCK_SIZE as u64);
        if same || patcher.unmentioned == Unmentioned::Zeros {
            return Ok(());
        }
        let block = patcher.block_at(end - 1);
        self.flush()?;
        self.enter(block.start / SEGMENT_SIZE)?;
        self.load(block)?;
        self.block = Some(block);
        self.flush()
    }

    fn advance(&mut self, to: u64) {
        self.patcher.control.add_done(to.saturating_sub(self.front));
        self.front = self.front.max(to);
    }
}

impl Patcher<'_> {
    /// The hash of what the image holds in a block now, where it is known for sure.
    fn hash_before(&self, segment: &Segment, slot: usize) -> Option<Hash> {
        if segment.seen >> slot & 1 == 1 {
            return Some(segment.page.hash(slot));
        }
        if !self.inherits {
            return Some(Hash::ZERO);
        }
        segment.known.as_ref().filter(|_| !self.compare_bytes).map(|known| known.hash(slot))
    }

    /// The bytes that the image holds in a block now.
    fn bytes_before<'b>(&self, segment: &Segment, block: Extent, buffer: &'b mut Buffer) -> Result<Old<'b>> {
        match &self.parent {
            Some(parent) if segment.seen >> slot_of(block) & 1 == 0 => parent.bytes(block, buffer),
            _ => self.image.read(Via::Cache, buffer, block).map(Old::Bytes),
        }
    }

    /// Bytes that are written together of a block: of what came of the parent, by the shape that this is in.
    fn granule(&self, segment: &Segment, block: Extent) -> usize {
        match &self.parent {
            Some(parent) if segment.seen >> slot_of(block) & 1 == 0 => parent.granule(block),
            _ => GRANULE_SIZE,
        }
    }

    /// The parent's page without the blocks that the image no longer has, and a bit for each that is not zero.
    fn inherited(&self, known: &Page, number: u64) -> (Page, u128) {
        let (mut page, mut filled) = (Page::ZERO, 0);
        for slot in blocks_of(self.range(number)).map(slot_of) {
            page.set(slot, known.hash(slot));
            filled |= u128::from(!known.hash(slot).is_zero()) << slot;
        }
        (page, filled)
    }

    fn count(&self, segment: &Segment) -> Tally {
        let Segment { number, known, page, touched, .. } = segment;
        let mut tally = Tally::default();
        for block in blocks_of(self.range(*number)) {
            let (slot, hash) = (slot_of(block), page.hash(slot_of(block)));
            if hash.is_zero() {
                tally.zero += block.len();
                tally.zero_blocks += 1;
            }
            let unknown = if self.inherits { touched >> slot & 1 == 1 } else { !hash.is_zero() };
            if known.as_ref().map_or(unknown, |known| known.hash(slot) != hash) {
                tally.changed += block.len();
            }
        }
        if *touched != 0 || known.as_ref().is_some_and(|known| known != page) {
            tally.touched =
                Some(Touched { segment: *number, mask: *touched, checksum: Some(page.checksum()) });
        }
        tally
    }
}

impl Segment {
    fn set(&mut self, slot: usize, hash: Hash, touched: bool) {
        self.page.set(slot, hash);
        self.seen |= 1 << slot;
        self.touched |= u128::from(touched) << slot;
    }
}

/// Where a byte stands in its block.
fn within(block: Extent, at: u64) -> usize {
    usize::try_from(at - block.start).expect("inside the block")
}
