//! The proof that the disk has the written bytes: they are read back past the cache before anything counts as sealed or
//! restored. It finds dropped, misdirected and torn writes of a device that reported success.

use crate::bytes::block::{BLOCK_SIZE, BLOCKS_PER_SEGMENT, Hash, SEGMENT_SIZE, blocks_of, slot_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::error::{Code, Error, Result};
use crate::image::index::IndexReader;
use crate::image::reader::{READ_SIZE, Reader, windows_of};
use crate::work::control::Control;
use crate::work::pool;

/// A segment that was written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touched {
    /// Its number.
    pub segment: u64,
    /// A bit for each of its blocks that was written to, the first block lowest.
    pub mask: u128,
    /// Checksum of its page of the index, if that was written, too.
    pub checksum: Option<[u8; 32]>,
}

/// A bit for each of these blocks of one segment, the first block of the segment lowest.
pub(crate) fn mask_of(blocks: impl Iterator<Item = Extent>) -> u128 {
    blocks.fold(0, |mask, block| mask | 1 << slot_of(block))
}

impl Touched {
    /// The blocks that were written to, neighbours together; `size` is that of the image.
    pub(crate) fn blocks(&self, size: u64) -> ExtentMap {
        let start = self.segment * SEGMENT_SIZE;
        let blocks = (0..BLOCKS_PER_SEGMENT).filter(|block| self.mask >> block & 1 == 1);
        let extents = blocks.map(|block| Extent::at(start + (block * BLOCK_SIZE) as u64, BLOCK_SIZE as u64));
        let image = Extent { start: 0, end: size };
        ExtentMap::normalise(extents.map(|extent| extent.overlap(&image)).collect())
    }
}

/// Reads from the disk every block and every page of the index that was written to.
///
/// # Errors
/// [`Code::ReadBack`] naming the first place that differs; [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn read_back(
    written: &Reader,
    index: &IndexReader,
    size: u64,
    touched: &[Touched],
    control: &Control,
) -> Result<()> {
    // Large pages can only be dropped as a whole.
    if !written.is_direct() {
        written.distrust_cache();
    }
    // A restore writes no index, and has checked it as a whole.
    if touched.iter().any(|touched| touched.checksum.is_some()) {
        index.distrust_cache();
    }
    let items: Vec<u64> = (0..touched.len() as u64).collect();
    let check = |buffer: &mut Buffer, item: u64| {
        let touched = &touched[usize::try_from(item).expect("an index of the slice")];
        let page = index.page(touched.segment)?;
        if touched.checksum.is_some_and(|checksum| checksum != page.checksum()) {
            return Err(Error::new(Code::ReadBack).at(index.path()));
        }
        for range in touched.blocks(size).extents() {
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
    pool::for_each(&items, control, || Buffer::new(READ_SIZE), check).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::WriteOptions;
    use crate::backup::write::write_image;
    use crate::image::sealed::ImageOptions;
    use crate::platform;
    use crate::restore::run::{Target, restore_image};

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
