//! Restoring onto an existing file or device. It first finds the differences and checks that the image can supply them,
//! and only then writes. A damaged image leaves the target as it was.

use std::fs::File;
use std::path::Path;

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap, Part};
use crate::bytes::granule::{Old, Plan};
use crate::disk::sparse;
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::files::begun;
use crate::files::device::{Facts, Kind};
use crate::files::holders::refuse_held;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::{Touched, mask_of};
use crate::image::reader::{READ_SIZE, Reader, Via, windows_of};
use crate::image::sealed::Image;
use crate::restore::outcome::{Restored, touched_in};
use crate::restore::target::{OpenTarget, open_target};
use crate::sys::fs;
use crate::work::control::Control;
use crate::work::pool;

/// A file or device with old bytes that is about to become the image.
pub(crate) struct Differential<'a> {
    image: &'a Image,
    control: &'a Control,
    file: File,
    facts: Facts,
    reader: Reader,
    /// The ranges of the target that may hold anything but zeros, in whole blocks.
    data: ExtentMap,
}

/// The differences in a segment of the target.
#[derive(Default)]
pub(crate) struct Differing {
    /// Blocks that the image can supply.
    blocks: Vec<Extent>,
    /// Blocks that the image cannot supply.
    pub bad: Vec<BadBlock>,
}

/// Memory that one thread reuses.
struct Buffers {
    new: Buffer,
    old: Buffer,
    plan: Plan,
}

impl Buffers {
    fn new() -> Self {
        Self { new: Buffer::new(READ_SIZE), old: Buffer::new(READ_SIZE), plan: Plan::default() }
    }
}

impl<'a> Differential<'a> {
    /// Opens a target.
    pub(crate) fn open(image: &'a Image, control: &'a Control, path: &Path) -> Result<Self> {
        let OpenTarget { file, facts } = open_target(path, image.size)?;
        let data = sparse::data_extents(&file, facts, path)?.align(BLOCK_SIZE as u64, image.size);
        let reader = Reader::of(facts.kind, fs::duplicate(&file).on("dup", path)?, path);
        Ok(Self { image, control, file, facts, reader, data })
    }

    /// Whether the target is a file or a device.
    pub(crate) fn kind(&self) -> Kind {
        self.facts.kind
    }

    /// Finds the differences, segment by segment. Writes nothing.
    pub(crate) fn compare(&self) -> Result<Vec<Differing>> {
        self.control.add_total(self.image.size);
        pool::for_each(&self.image.segments(), self.control, Buffers::new, |buffers, number| {
            self.compare_segment(buffers, number)
        })
    }

    /// Writes the differences, makes them durable and reads them back. A file is marked as incomplete meanwhile.
    pub(crate) fn write(&self, differing: &[Differing]) -> Result<Vec<Restored>> {
        let path = self.reader.path();
        // Comparing may have taken hours.
        refuse_held(&self.file, path)?;
        let changes = !self.is_same(differing);
        if changes {
            begun::mark(&self.file, path, self.image.reader.path())?;
        }
        let restored = self.write_all(differing);
        let result = restored.and_then(|restored| {
            // An earlier restore may have left its mark on a complete file.
            if differing.iter().all(|differing| differing.bad.is_empty()) {
                begun::unmark(&self.file, path)?;
            }
            Ok(restored)
        });
        result.map_err(|error| if changes { error.begun() } else { error })
    }

    /// Whether the target equals the image already.
    fn is_same(&self, differing: &[Differing]) -> bool {
        let is_sized = self.facts.kind == Kind::Device || self.facts.size == self.image.size;
        is_sized && differing.iter().all(|differing| differing.blocks.is_empty())
    }

    fn write_all(&self, differing: &[Differing]) -> Result<Vec<Restored>> {
        let path = self.reader.path();
        if self.facts.kind == Kind::File {
            fs::ftruncate(&self.file, self.image.size).on("ftruncate", path)?;
        }
        let output = Output::existing(fs::duplicate(&self.file).on("dup", path)?, path, self.facts.kind);
        let restored =
            pool::for_each(&self.image.segments(), self.control, Buffers::new, |buffers, number| {
                let differing = &differing[usize::try_from(number).expect("one entry a segment")];
                self.write_segment(buffers, number, &differing.blocks, &output)
            })?;
        output.finish()?;
        self.image.read_back(&self.reader, &touched_in(&restored), self.control)?;
        Ok(restored)
    }

    fn compare_segment(&self, buffers: &mut Buffers, number: u64) -> Result<Differing> {
        let (page, range) = (self.image.page(number)?, self.image.range(number));
        let mut differing = Differing::default();
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
        differing: &mut Differing,
    ) -> Result<()> {
        if hash == page.hash_at(block.start) {
            return Ok(());
        }
        self.control.pass(block.len())?;
        let bad = differing.bad.len();
        let via = self.image.reader.way(block);
        self.image.read_checked(via, buffer, block, page, &mut differing.bad)?;
        if differing.bad.len() == bad {
            differing.blocks.push(block);
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
        blocks: &[Extent],
        output: &Output,
    ) -> Result<Restored> {
        let mut restored = Restored::default();
        if blocks.is_empty() {
            return Ok(restored);
        }
        let page = self.image.page(number)?;
        let Buffers { new, old, plan } = buffers;
        let mut cleared = ExtentMap::default();
        for block in blocks {
            self.control.pass(block.len())?;
            let mut bad = Vec::new();
            let bytes = self.image.read_checked(Via::Cache, new, *block, &page, &mut bad)?;
            if !bad.is_empty() {
                // The block was good a moment ago. The target has changed already, so the restore fails.
                return Err(Error {
                    bad_blocks: bad,
                    ..Error::new(Code::ImageDamaged).at(self.image.reader.path())
                });
            }
            plan.compare(block.start, bytes, Old::Bytes(self.read(Via::Cache, old, *block)?));
            restored.read += block.len();
            restored.written += output.apply_writes(plan, bytes, block.start, &mut cleared)?;
            self.control.add_done(block.len());
        }
        output.clear_all(&cleared)?;
        output.start_writeback(self.image.range(number));
        let mask = mask_of(blocks.iter().copied());
        restored.touched = Some(Touched { segment: number, mask, checksum: None });
        Ok(restored)
    }

    /// The bytes of the target, with zeros behind its old end.
    fn read<'b>(&self, via: Via, buffer: &'b mut Buffer, range: Extent) -> Result<&'b [u8]> {
        let there = range.overlap(&Extent { start: 0, end: self.facts.size });
        let length = usize::try_from(range.len()).expect("a range of one read");
        let read = if there.is_empty() { 0 } else { self.reader.read(via, buffer, there)?.len() };
        buffer[read..length].fill(0);
        Ok(&buffer[..length])
    }
}
