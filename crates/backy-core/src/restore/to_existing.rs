//! Restoring onto an existing file or device. It first finds the differences and checks that the image can supply them,
//! and only then writes. A damaged image leaves the target as it was.

use std::fs::File;
use std::path::Path;

use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of, segments_of, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap, Part};
use crate::bytes::granule::{Old, Plan};
use crate::bytes::number_set::NumberSet;
use crate::disk::sparse;
use crate::error::{BadBlock, BadBlocks, Code, Context, Error, Result};
use crate::files::begun;
use crate::files::device::{Facts, Kind};
use crate::files::holders::refuse_held;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::blocks_in_mask;
use crate::image::reader::{READ_SIZE, Reader, Via, windows_of};
use crate::image::sealed::Image;
use crate::restore::outcome::{Restored, RestoredSegment};
use crate::restore::target::{OpenTarget, open_target};
use crate::sys::fs;
use crate::work::control::Control;
use crate::work::pool;

/// A file or device with old bytes that is about to become the image.
pub(crate) struct Differential<'a> {
    pub(super) image: &'a Image,
    pub(super) control: &'a Control,
    pub(super) file: File,
    pub(super) facts: Facts,
    pub(super) reader: Reader,
    /// The ranges of the target that may hold anything but zeros, in whole blocks.
    pub(super) data: ExtentMap,
}

/// The differences of the target.
#[derive(Default)]
pub(crate) struct Differing {
    /// Blocks that the image can supply, by number.
    blocks: NumberSet,
    /// Blocks that the image cannot supply.
    pub bad: BadBlocks,
}

/// The differences in a segment of the target.
#[derive(Default)]
struct DifferingSegment {
    number: u64,
    /// A bit for each block that the image can supply.
    blocks: u128,
    bad: Vec<BadBlock>,
}

/// Memory that one thread reuses.
pub(super) struct Buffers {
    pub(super) new: Buffer,
    pub(super) old: Buffer,
    pub(super) plan: Plan,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { new: Buffer::new(READ_SIZE), old: Buffer::new(READ_SIZE), plan: Plan::default() }
    }
}

impl<'a> Differential<'a> {
    /// Opens a target.
    pub(crate) fn open(image: &'a Image, control: &'a Control, path: &Path) -> Result<Self> {
        let OpenTarget { file, facts } = open_target(path, image.size)?;
        let data = sparse::data_extents(&file, facts, path, BLOCK_SIZE as u64, control)?
            .align(BLOCK_SIZE as u64, image.size);
        let reader = Reader::of(facts.kind, fs::duplicate(&file).on("dup", path)?, path);
        Ok(Self { image, control, file, facts, reader, data })
    }

    /// Whether the target is a file or a device.
    pub(crate) fn kind(&self) -> Kind {
        self.facts.kind
    }

    /// Finds the differences. Writes nothing. Segments that are zeros on both sides are passed over.
    pub(crate) fn compare(&self) -> Result<Differing> {
        let filled = self.data.union(&self.image.filled()).align(SEGMENT_SIZE, self.image.size);
        self.control.add_total(filled.bytes());
        let mut differing = Differing::default();
        let work = |buffers: &mut Buffers, number| self.compare_segment(buffers, number);
        let take = |segment: DifferingSegment| {
            differing.blocks.set(segment.number, segment.blocks);
            differing.bad.extend(segment.bad);
        };
        pool::for_each(segments_of(&filled), self.control, Buffers::new, work, take)?;
        Ok(differing)
    }

    /// Writes the differences, makes them durable and reads them back. A file is marked as incomplete meanwhile.
    pub(crate) fn write(&self, differing: &Differing) -> Result<Restored> {
        let path = self.reader.path();
        // Comparing may have taken hours.
        refuse_held(&self.file, path)?;
        let changes = !self.is_same(differing);
        if changes {
            begun::mark(&self.file, path, self.image.reader.path())?;
        }
        let restored = self.write_all(&differing.blocks);
        let result = restored.and_then(|restored| {
            // An earlier restore may have left its mark on a complete file.
            if differing.bad.is_empty() {
                begun::unmark(&self.file, path)?;
            }
            Ok(restored)
        });
        result.map_err(|error| if changes { error.begun() } else { error })
    }

    /// Whether the target equals the image already.
    fn is_same(&self, differing: &Differing) -> bool {
        let is_sized = self.facts.kind == Kind::Device || self.facts.size == self.image.size;
        is_sized && differing.blocks.is_empty()
    }

    fn write_all(&self, blocks: &NumberSet) -> Result<Restored> {
        let output = self.open_output()?;
        let mut restored = Restored::default();
        let work = |buffers: &mut Buffers, (number, mask)| self.write_segment(buffers, number, mask, &output);
        let take = |segment| restored.add(segment);
        pool::for_each(blocks.groups(), self.control, Buffers::new, work, take)?;
        output.finish()?;
        self.image.read_back(&self.reader, &restored.touched, self.control)?;
        Ok(restored)
    }

    /// Opens the target for writing, and gives a file the size of the image.
    pub(super) fn open_output(&self) -> Result<Output> {
        let path = self.reader.path();
        if self.facts.kind == Kind::File {
            fs::ftruncate(&self.file, self.image.size).on("ftruncate", path)?;
        }
        Ok(Output::existing(fs::duplicate(&self.file).on("dup", path)?, path, self.facts.kind))
    }

    fn compare_segment(&self, buffers: &mut Buffers, number: u64) -> Result<DifferingSegment> {
        let (page, range) = (self.image.page(number)?, self.image.range(number));
        let mut differing = DifferingSegment { number, ..DifferingSegment::default() };
        let Buffers { new, old, .. } = buffers;
        for part in self.data.parts(range) {
            match part {
                Part::Hole(hole) => {
                    for block in blocks_of(hole) {
                        self.compare_block(new, block, Hash::ZERO, &page, &mut differing)?;
                    }
                }
                Part::Data(data) => {
                    let via = self.reader.way(data);
                    for window in windows_of(data) {
                        self.control.pass(window.len())?;
                        let bytes = self.read(via, old, window)?;
                        for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                            self.compare_block(new, block, Hash::of(bytes), &page, &mut differing)?;
                        }
                    }
                }
            }
        }
        self.control.add_done(range.len());
        Ok(differing)
    }

    /// Notes a block that differs on the target, and checks that the image can supply it.
    fn compare_block(
        &self,
        buffer: &mut Buffer,
        block: Extent,
        hash: Hash,
        page: &Page,
        differing: &mut DifferingSegment,
    ) -> Result<()> {
        if hash == page.hash_at(block.start) {
            return Ok(());
        }
        self.control.pass(block.len())?;
        let bad = differing.bad.len();
        let via = self.image.reader.way(block);
        self.image.read_checked(via, buffer, block, page, &mut differing.bad)?;
        if differing.bad.len() == bad {
            differing.blocks |= 1 << slot_of(block);
            // It will be written, then read back.
            self.control.add_total(2 * block.len());
            self.control.add_changed(block.len());
        }
        Ok(())
    }

    fn write_segment(
        &self,
        buffers: &mut Buffers,
        number: u64,
        blocks: u128,
        output: &Output,
    ) -> Result<RestoredSegment> {
        let mut restored = RestoredSegment { number, blocks, ..RestoredSegment::default() };
        let page = self.image.page(number)?;
        let Buffers { new, old, plan } = buffers;
        let mut cleared = ExtentMap::default();
        let blocks = blocks_in_mask(number, blocks, self.image.size);
        for block in blocks.extents().iter().flat_map(|range| blocks_of(*range)) {
            self.control.pass(block.len())?;
            let mut bad = Vec::new();
            let bytes = self.image.read_checked(Via::Cache, new, block, &page, &mut bad)?;
            if !bad.is_empty() {
                // The block was good a moment ago. The target has changed already, so the restore fails.
                return Err(Error::new(Code::ImageDamaged).at(self.image.reader.path()).bad(bad));
            }
            plan.compare(block.start, bytes, Old::Bytes(self.read(Via::Cache, old, block)?));
            restored.read += block.len();
            restored.written += output.apply_writes(plan, bytes, block.start, &mut cleared)?;
            self.control.add_done(block.len());
        }
        output.clear_all(&cleared)?;
        output.start_writeback(self.image.range(number));
        Ok(restored)
    }

    /// The bytes of the target, with zeros behind its old end.
    pub(super) fn read<'b>(&self, via: Via, buffer: &'b mut Buffer, range: Extent) -> Result<&'b [u8]> {
        let there = range.overlap(&Extent { start: 0, end: self.facts.size });
        let length = usize::try_from(range.len()).expect("a range of one read");
        let read = if there.is_empty() { 0 } else { self.reader.read(via, buffer, there)?.len() };
        buffer[read..length].fill(0);
        Ok(&buffer[..length])
    }
}
