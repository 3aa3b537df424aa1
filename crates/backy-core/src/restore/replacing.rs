//! Restoring onto a target that has little worth keeping: each block is checked as it is written, in one pass, and no old
//! byte is read that the image replaces.

use crate::bytes::block::{BLOCK_SIZE, GRANULE_SIZE, Hash, SEGMENT_SIZE, blocks_of, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap, Part};
use crate::bytes::granule::Old;
use crate::error::{Error, Result};
use crate::files::begun;
use crate::files::holders::refuse_held;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::mask_of;
use crate::image::reader::windows_of;
use crate::image::sealed::expect_zeros;
use crate::restore::outcome::{Restored, RestoredSegment};
use crate::restore::to_existing::{Buffers, Differential};
use crate::work::pool;

/// Bytes of data below which comparing first costs nobody anything.
const SMALLEST: u64 = 64 << 20;

/// Number of blocks that are looked at.
const SAMPLE: u64 = 64;

/// A target is replaced if this share of the sample differs, in percent.
const DIFFERING_PERCENT: usize = 90;

impl Differential<'_> {
    /// Whether nearly everything differs, as a sample of the blocks tells. A small target, and an image with a bad block
    /// in the sample, are compared first all the same: that leaves the target alone if the image is damaged.
    ///
    /// # Errors
    /// [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(crate) fn is_worth_little(&self) -> Result<bool> {
        let data = self.image.data();
        if data.bytes() < SMALLEST {
            return Ok(false);
        }
        let mut buffers = Buffers::new();
        let (mut granules, mut differing) = (0, 0);
        for block in sample_of(data) {
            self.control.check()?;
            let page = self.image.page(block.start / SEGMENT_SIZE)?;
            let mut bad = Vec::new();
            let via = self.image.reader.way(block);
            let new = self.image.read_checked(via, &mut buffers.new, block, &page, &mut bad)?;
            if !bad.is_empty() {
                return Ok(false);
            }
            let old = self.read(self.reader.way(block), &mut buffers.old, block)?;
            let pairs = new.chunks(GRANULE_SIZE).zip(old.chunks(GRANULE_SIZE));
            differing += pairs.filter(|(new, old)| new != old).count();
            granules += new.len().div_ceil(GRANULE_SIZE);
        }
        Ok(differing * 100 >= granules * DIFFERING_PERCENT)
    }

    /// Writes the whole image, makes it durable and reads it back. A file is marked as incomplete meanwhile. Bad blocks
    /// of the image are left out: the target keeps the mark and its old bytes there.
    ///
    /// # Errors
    /// [`crate::Code::TargetBusy`], [`crate::Code::ReadBack`], [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(crate) fn replace(&self) -> Result<Restored> {
        let path = self.reader.path();
        refuse_held(&self.file, path)?;
        begun::mark(&self.file, path, self.image.reader.path())?;
        let restored = self.replace_all().and_then(|restored| {
            if restored.bad.is_empty() {
                begun::unmark(&self.file, path)?;
            }
            Ok(restored)
        });
        restored.map_err(Error::begun)
    }

    fn replace_all(&self) -> Result<Restored> {
        let output = self.open_output()?;
        let filled = self.data.union(&self.image.filled()).align(SEGMENT_SIZE, self.image.size);
        // Everything that is written is read back.
        self.control.add_total(filled.bytes() + self.image.data_bytes());
        let mut restored = Restored::default();
        let work = |buffers: &mut Buffers, number| self.replace_segment(buffers, number, &output);
        pool::for_each(segments_of(&filled), self.control, Buffers::new, work, |segment| {
            restored.add(segment);
        })?;
        output.finish()?;
        self.image.read_back(&self.reader, &restored.touched, self.control)?;
        Ok(restored)
    }

    fn replace_segment(
        &self,
        buffers: &mut Buffers,
        number: u64,
        output: &Output,
    ) -> Result<RestoredSegment> {
        let (page, range) = (self.image.page(number)?, self.image.range(number));
        let mut restored = RestoredSegment { number, ..RestoredSegment::default() };
        let mut cleared = ExtentMap::default();
        for part in self.image.parts(range) {
            match part {
                Part::Data(data) => {
                    self.write_data(buffers, data, &page, output, (&mut restored, &mut cleared))?;
                }
                Part::Hole(hole) => {
                    expect_zeros(hole, &page, &mut restored.bad);
                    self.find_data(&mut buffers.old, hole, &mut cleared)?;
                }
            }
        }
        let bad =
            ExtentMap::normalise(restored.bad.iter().map(|bad| Extent::at(bad.offset, bad.length)).collect());
        let cleared = cleared.subtract(&bad);
        let touched = cleared.align(BLOCK_SIZE as u64, self.image.size);
        restored.blocks |= mask_of(touched.extents().iter().flat_map(|range| blocks_of(*range)));
        output.clear_all(&cleared)?;
        output.start_writeback(range);
        self.control.add_done(range.len());
        Ok(restored)
    }

    fn write_data(
        &self,
        Buffers { new, plan, .. }: &mut Buffers,
        data: Extent,
        page: &Page,
        output: &Output,
        (restored, cleared): (&mut RestoredSegment, &mut ExtentMap),
    ) -> Result<()> {
        let via = self.image.reader.way(data);
        for window in windows_of(data) {
            self.control.pass(window.len())?;
            let before = restored.bad.len();
            let bytes = self.image.read_checked(via, new, window, page, &mut restored.bad)?;
            restored.read += window.len();
            let bad = mask_of(restored.bad[before..].iter().map(|bad| Extent::at(bad.offset, bad.length)));
            for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                let bit = mask_of(std::iter::once(block));
                if bad & bit == 0 {
                    plan.compare(block.start, bytes, Old::Unknown);
                    restored.blocks |= bit;
                    self.control.add_changed(block.len());
                }
            }
            restored.written += output.apply_writes(plan, bytes, window.start, cleared)?;
        }
        Ok(())
    }

    /// Adds the blocks of a hole of the image in which the target has anything but zeros.
    fn find_data(&self, buffer: &mut Buffer, hole: Extent, found: &mut ExtentMap) -> Result<()> {
        for part in self.data.parts(hole) {
            let Part::Data(data) = part else { continue };
            for window in windows_of(data) {
                self.control.pass(window.len())?;
                let bytes = self.read(self.reader.way(window), buffer, window)?;
                for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                    if Hash::of(bytes) != Hash::ZERO {
                        found.append(block);
                        self.control.add_changed(block.len());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Blocks at even distances in the data, [`SAMPLE`] of them at most.
fn sample_of(data: &ExtentMap) -> impl Iterator<Item = Extent> + '_ {
    let step = (data.bytes() / BLOCK_SIZE as u64).div_ceil(SAMPLE).max(1);
    let blocks = data.extents().iter().flat_map(|range| blocks_of(*range));
    blocks.step_by(usize::try_from(step).expect("blocks fit into memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::indexing::index_image;
    use crate::image::sealed::{Image, ImageOptions};
    use crate::work::control::Control;
    use proptest::prelude::*;
    use std::path::Path;

    const BLOCK: usize = BLOCK_SIZE;

    /// Bytes of a disk whose quarters of blocks hold these values.
    fn disk(values: &[u8], tail: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| vec![*value; BLOCK / 4]).collect();
        bytes.truncate(bytes.len() - tail);
        bytes
    }

    fn write_sparse(path: &Path, bytes: &[u8]) {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::create(path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        for (number, piece) in
            bytes.chunks(4096).enumerate().filter(|(_, piece)| piece.iter().any(|byte| *byte != 0))
        {
            file.write_all_at(piece, number as u64 * 4096).unwrap();
        }
    }

    fn seal(directory: &Path, bytes: &[u8]) -> ImageOptions {
        let (image, index) = (directory.join("image"), directory.join("index"));
        write_sparse(&image, bytes);
        let stats = index_image(&image, &index, &Control::default()).unwrap();
        ImageOptions { image, index, size: stats.size, digest: stats.digest }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_replaced_target_is_the_image_but_for_its_bad_blocks(
            new in prop::collection::vec(0..3u8, 1..40),
            old in prop::collection::vec(0..3u8, 0..48),
            (tail, rotten) in (0..5000usize, prop::option::of(0..40usize)),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let (mut expected, before) = (disk(&new, tail), disk(&old, 0));
            let options = seal(directory.path(), &expected);
            let rotten = rotten.map(|quarter| (quarter * BLOCK / 4) % expected.len());
            if let Some(at) = rotten {
                use std::os::unix::fs::FileExt;
                std::fs::File::options().write(true).open(&options.image).unwrap().write_all_at(b"r", at as u64).unwrap();
            }
            let target = directory.path().join("target");
            write_sparse(&target, &before);
            let control = Control::default();
            let image = Image::open(&options, &control).unwrap();
            let restored = Differential::open(&image, &control, &target).unwrap().replace().unwrap();
            if let Some(at) = rotten {
                let (start, end) = (at / BLOCK * BLOCK, (at / BLOCK * BLOCK + BLOCK).min(expected.len()));
                let mut kept = before;
                kept.resize(expected.len(), 0);
                expected[start..end].copy_from_slice(&kept[start..end]);
                prop_assert_eq!(restored.bad.first.iter().map(|bad| bad.offset).collect::<Vec<_>>(), [start as u64]);
            } else {
                prop_assert!(restored.bad.is_empty());
            }
            prop_assert!(std::fs::read(&target).unwrap() == expected);
        }
    }

    #[test]
    fn the_sample_is_small_and_spread_over_all_data() {
        let block = BLOCK_SIZE as u64;
        let data =
            ExtentMap::normalise(vec![Extent::at(0, 500 * block), Extent::at(900 * block, 500 * block)]);
        let sample: Vec<u64> = sample_of(&data).map(|part| part.start / block).collect();
        assert!(sample.len() > 50 && sample.len() as u64 <= SAMPLE, "{}", sample.len());
        assert!(sample.iter().filter(|number| **number >= 900).count() > 20);
        let few = ExtentMap::normalise(vec![Extent::at(0, 3 * block)]);
        assert_eq!(sample_of(&few).count(), 3);
    }
}
