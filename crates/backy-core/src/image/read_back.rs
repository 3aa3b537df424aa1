//! The proof that the disk has the written bytes: they are read back past the cache before anything counts as sealed or
//! restored. It finds dropped, misdirected and torn writes of a device that reported success.

use crate::bytes::block::{BLOCK_SIZE, BLOCKS_PER_SEGMENT, Hash, SEGMENT_SIZE, blocks_of, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::number_set::NumberSet;
use crate::error::{Code, Error, Result};
use crate::image::index::IndexReader;
use crate::image::page::Page;
use crate::image::reader::{READ_SIZE, Reader, windows_of};
use crate::work::control::Control;
use crate::work::pool;

/// The written parts of an image and of its index, which are to be read back.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// The blocks of the image, by number.
    blocks: NumberSet,
    /// The pages of the index, by the number of their segment.
    pages: NumberSet,
    /// The checksum of all these pages, as they should be on the disk.
    checksum: Checksum,
}

/// A checksum of pages of an index, in any order: the exclusive or of the hashes of each page with its place.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checksum([u8; Hash::SIZE]);

impl Checksum {
    /// The checksum of one page.
    pub(crate) fn of(segment: u64, page: &Page) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&segment.to_le_bytes()).update(page.bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// Adds a page, or takes one out that was added before.
    pub(crate) fn toggle(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
    }
}

impl Touched {
    /// Adds blocks of a segment as bits, the first block lowest, and its page, if it was written and not added before.
    pub(crate) fn add(&mut self, segment: u64, blocks: u128, page: Option<Checksum>) {
        if blocks != 0 {
            self.blocks.set(segment, blocks | self.blocks.mask(segment));
        }
        if let Some(checksum) = page {
            self.pages.insert(segment);
            self.checksum.toggle(checksum);
        }
    }

    /// Takes out a page whose contents are known, if it was added.
    pub(crate) fn forget_page(&mut self, segment: u64, page: &Page) {
        if self.pages.has(segment) {
            self.pages.remove(segment);
            self.checksum.toggle(Checksum::of(segment, page));
        }
    }

    /// The blocks.
    pub(crate) fn blocks(&self) -> &NumberSet {
        &self.blocks
    }
}

/// A bit for each of these blocks of one segment, the first block of the segment lowest.
pub(crate) fn mask_of(blocks: impl Iterator<Item = Extent>) -> u128 {
    blocks.fold(0, |mask, block| mask | 1 << slot_of(block))
}

/// Blocks of a segment of an image of `size` bytes that stand in a mask, neighbours together.
pub(crate) fn blocks_in_mask(segment: u64, mask: u128, size: u64) -> ExtentMap {
    let start = segment * SEGMENT_SIZE;
    let blocks = (0..BLOCKS_PER_SEGMENT).filter(|block| mask >> block & 1 == 1);
    let extents = blocks.map(|block| Extent::at(start + (block * BLOCK_SIZE) as u64, BLOCK_SIZE as u64));
    let image = Extent { start: 0, end: size };
    ExtentMap::normalise(extents.map(|extent| extent.overlap(&image)).collect())
}

/// Reads from the disk every block and every page of the index that was written to.
///
/// # Errors
/// [`Code::ReadBack`] naming the first place that differs; [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn read_back(
    written: &Reader,
    index: &IndexReader,
    size: u64,
    touched: &Touched,
    control: &Control,
) -> Result<()> {
    // Large pages can only be dropped as a whole.
    if !written.is_direct() {
        written.distrust_cache();
    }
    // A restore writes no index, and has checked it as a whole.
    if !touched.pages.is_empty() {
        index.distrust_cache();
        read_pages_back(index, touched, control)?;
    }
    let check = |buffer: &mut Buffer, (segment, mask)| {
        let page = index.page(segment)?;
        for range in blocks_in_mask(segment, mask, size).extents() {
            for window in windows_of(*range) {
                control.pass(window.len())?;
                let bytes = written.read_disk(buffer, window)?;
                for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                    if Hash::of(bytes) != page.hash_at(block.start) {
                        return Err(Error::new(Code::ReadBack).at(written.path()).offset(block.start));
                    }
                }
                control.add_done(window.len());
            }
        }
        Ok(())
    };
    pool::for_each(touched.blocks.groups(), control, || Buffer::new(READ_SIZE), check, |()| ())
}

fn read_pages_back(index: &IndexReader, touched: &Touched, control: &Control) -> Result<()> {
    let mut found = Checksum::default();
    let read = |(): &mut (), segment| Ok(Checksum::of(segment, &index.page(segment)?));
    pool::for_each(touched.pages.numbers(), control, || (), read, |checksum| found.toggle(checksum))?;
    if found == touched.checksum { Ok(()) } else { Err(Error::new(Code::ReadBack).at(index.path())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::WriteOptions;
    use crate::backup::write::write_image;
    use crate::image::sealed::ImageOptions;
    use crate::platform;
    use crate::restore::run::{Target, restore_image};

    #[test]
    fn a_checksum_of_pages_knows_what_is_where_and_no_order() {
        let page = |byte| {
            let mut page = Page::ZERO;
            page.set(3, Hash([byte; 32]));
            page
        };
        let sum = |pages: &[(u64, u8)]| {
            let mut touched = Touched::default();
            for (segment, byte) in pages {
                touched.add(*segment, 0, Some(Checksum::of(*segment, &page(*byte))));
            }
            touched
        };
        let mut both = sum(&[(1, 7), (2, 8)]);
        assert_eq!(both.checksum, sum(&[(2, 8), (1, 7)]).checksum);
        assert_ne!(both.checksum, sum(&[(1, 8), (2, 7)]).checksum);
        both.forget_page(1, &page(7));
        both.add(1, 0, Some(Checksum::of(1, &page(9))));
        assert_eq!(both.checksum, sum(&[(1, 9), (2, 8)]).checksum);
    }

    /// It needs a kernel that shows the page cache.
    #[test]
    fn blocks_that_were_not_written_stay_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (image, index, target) = (path("image"), path("index"), path("target"));
        let length = 40 * BLOCK_SIZE;
        std::fs::write(path("source"), vec![7; length]).unwrap();
        let source = path("source").into();
        let options =
            WriteOptions { source, image: image.clone(), index: index.clone(), ..Default::default() };
        let stats = write_image(&options, &Control::default()).unwrap();
        let mut drifted = vec![7; length];
        drifted[5 * BLOCK_SIZE] = 8;
        std::fs::write(&target, &drifted).unwrap();
        let file = std::fs::File::open(&target).unwrap();
        file.sync_all().unwrap();
        let resident = || platform::resident_bytes(&file, 0, length as u64);
        let before = resident();

        let options = ImageOptions { image, index, size: stats.size, digest: stats.digest };
        restore_image(&options, Target::Path(target.clone()), false, &Control::default()).unwrap();

        // Pages may be as large as several blocks.
        assert!(resident().zip(before).is_none_or(|(now, before)| now >= before / 2));
        assert_eq!(std::fs::read(&target).unwrap(), vec![7; length]);
    }
}
