//! The proof that the disk has what was written: read back past the cache, before anything is sealed or called restored.
//! It notices dropped, misdirected and torn writes of a device that reported success.

use crate::block::{BLOCK_SIZE, BLOCKS_PER_SEGMENT, Hash, SEGMENT_SIZE, blocks_of, slot_of};
use crate::buffer::Buffer;
use crate::control::Control;
use crate::error::{Code, Error, Result};
use crate::extent::{Extent, ExtentMap};
use crate::image::expected;
use crate::index::IndexReader;
use crate::pool;
use crate::read::{READ_SIZE, Reader, Via, windows_of};

/// A segment that was written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touched {
    /// Its number.
    pub segment: u64,
    /// A bit for each of its blocks that was written to, the first block lowest.
    pub mask: u128,
    /// Checksum of its page of the index, as it should be on disk, if that was written, too.
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

/// Reads every block of a file that was written to, and every page of the index that was, from the disk.
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
    written.distrust_cache();
    // A restore wrote none of it, and has checked it as a whole.
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
                let bytes = written.read(Via::Disk, buffer, window)?;
                for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                    if Hash::of(bytes) != expected(&page, block.start) {
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
