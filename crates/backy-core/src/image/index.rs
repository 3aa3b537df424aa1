//! The index: the block hashes of one image in a file beside it. `docs/reference/format.md` describes every byte.
//!
//! A page of the index has 4096 bytes and holds the hashes of one segment, so an index cloned from the parent's costs
//! only the changed pages. All bytes from the disk may be hostile.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::bytes::block::{Hash, SEGMENT_SIZE};
use crate::bytes::extent::{Extent, ExtentMap};
use crate::disk::sparse;
use crate::error::{Code, Context, Error, Result};
use crate::files::device::{Facts, Kind};
use crate::files::positioned::read_up_to;
use crate::image::digest::digest;
use crate::image::header::{Header, PAGE_SIZE};
use crate::image::page::{Page, index_length, page_length, page_offset};
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// An index open for reading. Its header and length were checked.
pub struct IndexReader {
    path: PathBuf,
    pub(super) file: File,
    header: Header,
    /// The ranges that are no hole. The index of 4 TiB of holes has 131,072 pages that need not be read.
    data: ExtentMap,
}

impl IndexReader {
    /// Opens an index and checks its header. Symbolic links are not followed.
    ///
    /// # Errors
    /// [`Code::Io`] when it cannot be read, [`Code::IndexDamaged`] when its header or length is wrong,
    /// [`Code::Cancelled`].
    pub fn open(path: &Path, control: &Control) -> Result<Self> {
        let file = fs::open_plain(path).on("open", path)?;
        let damaged = |why: String| Error::new(Code::IndexDamaged).at(path).detail(why);
        let length = fs::metadata(&file).on("fstat", path)?.len();
        let mut bytes = [0; PAGE_SIZE];
        if read_up_to(&file, path, &mut bytes, 0)? < PAGE_SIZE {
            return Err(damaged(format!("it has {length} bytes, less than a header")));
        }
        let header = Header::decode(&bytes).map_err(damaged)?;
        let expected = index_length(header.image_size);
        if length != expected {
            return Err(damaged(format!("it has {length} bytes instead of {expected}")));
        }
        let facts = Facts { kind: Kind::File, size: length };
        let data = sparse::data_extents(&file, facts, path, PAGE_SIZE as u64, control)?;
        Ok(Self { path: path.to_owned(), file, header, data })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The decoded header.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// The hashes of a segment; zeros for one behind the end.
    ///
    /// # Errors
    /// [`Code::Io`]; [`Code::IndexDamaged`] when it has become shorter since it was opened.
    pub fn page(&self, segment: u64) -> Result<Page> {
        if self.is_hole(segment) {
            return Ok(Page::ZERO);
        }
        read_page(&self.file, &self.path, segment, self.header.image_size)
    }

    /// Whether all blocks of a segment are zeros, known without reading a page.
    pub(crate) fn is_hole(&self, segment: u64) -> bool {
        self.data.within(Extent::at(page_offset(segment), PAGE_SIZE as u64)).next().is_none()
    }

    /// The part of the image whose hashes are not known to be zeros without reading a page, in whole segments.
    pub(crate) fn filled(&self) -> ExtentMap {
        let header = Extent { start: 0, end: PAGE_SIZE as u64 };
        let mut filled = ExtentMap::default();
        for extent in self.data.subtract(&ExtentMap::normalise(vec![header])).extents() {
            let first = (extent.start - header.end) / PAGE_SIZE as u64;
            let end = (extent.end - header.end).div_ceil(PAGE_SIZE as u64);
            filled.append(Extent { start: first * SEGMENT_SIZE, end: end * SEGMENT_SIZE });
        }
        filled.align(1, self.header.image_size)
    }

    /// BLAKE3 of the whole index: the `digest` of a record. Holes of the index cost nothing.
    ///
    /// # Errors
    /// As [`Self::page`]; [`Code::Cancelled`].
    pub fn digest(&self, control: &Control) -> Result<Hash> {
        digest(index_length(self.header.image_size), &self.data, control, |range, buffer| {
            read_whole(&self.file, &self.path, buffer, range.start)
        })
    }

    /// Fails unless this is the index of an image of this size, with this digest.
    ///
    /// # Errors
    /// [`Code::IndexDamaged`] naming both values; [`Code::Io`], [`Code::Cancelled`].
    pub fn expect(&self, image_size: u64, digest: &Hash, control: &Control) -> Result<()> {
        let damaged = |why: String| Err(Error::new(Code::IndexDamaged).at(&self.path).detail(why));
        if self.header.image_size != image_size {
            let size = self.header.image_size;
            return damaged(format!("it is for an image of {size} bytes, the record says {image_size}"));
        }
        let found = self.digest(control)?;
        if found != *digest {
            return damaged(format!("its digest is {found}, the record says {digest}"));
        }
        Ok(())
    }

    /// Drops the page cache of the file, so that the next read comes from the disk.
    pub(crate) fn distrust_cache(&self) {
        platform::drop_cache(&self.file);
    }
}

/// Reads the hashes of a segment.
pub(super) fn read_page(file: &File, path: &Path, segment: u64, image_size: u64) -> Result<Page> {
    let mut page = Page::ZERO;
    read_whole(file, path, &mut page.0[..page_length(segment, image_size)], page_offset(segment))?;
    Ok(page)
}

/// Fills the buffer. A missing end of the index is damage: only holes are zeros.
fn read_whole(file: &File, path: &Path, buffer: &mut [u8], start: u64) -> Result<()> {
    let count = read_up_to(file, path, buffer, start)?;
    if count < buffer.len() {
        let end = start + count as u64;
        return Err(Error::new(Code::IndexDamaged).at(path).detail(format!("it ends at byte {end}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::block::{BLOCK_SIZE, BLOCKS_PER_SEGMENT, SEGMENT_SIZE, blocks_in, segments_of};
    use crate::image::index_writer::IndexWriter;
    use crate::work::control::Control;
    use proptest::prelude::*;
    use std::os::unix::fs::MetadataExt;

    fn page_of(seed: u8, blocks: usize) -> Page {
        let mut page = Page::ZERO;
        (0..blocks).for_each(|block| page.set(block, Hash([seed; 32])));
        page
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            prop_assert_eq!(IndexReader::open(file.path(), &Control::default()).err().unwrap().code, Code::IndexDamaged);
        }

        /// The simple model: a vector of hashes. Two generations, the second patched over the first.
        #[test]
        fn pages_come_back_after_a_patch(
            first in prop::collection::vec(0..3u8, 1..4),
            second in prop::collection::vec(0..3u8, 1..4),
            missing in 0..BLOCKS_PER_SEGMENT,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let paths = [directory.path().join("1"), directory.path().join("2")];
            let mut parent = None;
            for (generation, path) in [first, second].iter().zip(&paths) {
                let blocks = generation.len() * BLOCKS_PER_SEGMENT - missing;
                let base = parent.map(|path: &PathBuf| IndexReader::open(path, &Control::default()).unwrap());
                let writer = IndexWriter::create(path, (blocks * BLOCK_SIZE) as u64, base, &Control::default()).unwrap();
                let pages: Vec<Page> = generation
                    .iter()
                    .enumerate()
                    .map(|(at, seed)| page_of(*seed, (blocks - at * BLOCKS_PER_SEGMENT).min(BLOCKS_PER_SEGMENT)))
                    .collect();
                for (segment, page) in pages.iter().enumerate() {
                    writer.put(segment as u64, page).unwrap();
                }
                writer.finish(0).unwrap();
                let reader = IndexReader::open(path, &Control::default()).unwrap();
                for (segment, page) in pages.iter().enumerate() {
                    prop_assert!(reader.page(segment as u64).unwrap() == *page);
                }
                let filled = (0..pages.len() as u64).filter(|segment| !reader.is_hole(*segment));
                prop_assert!(segments_of(&reader.filled()).eq(filled));
                let whole = std::fs::read(path).unwrap();
                prop_assert_eq!(whole.len() as u64, index_length((blocks * BLOCK_SIZE) as u64));
                prop_assert_eq!(reader.digest(&Control::default()).unwrap().0, *blake3::hash(&whole).as_bytes());
                parent = Some(path);
            }
        }
    }

    #[test]
    fn the_index_of_holes_is_a_hole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        let size = 100 * 1024 * SEGMENT_SIZE;
        let writer = IndexWriter::create(&path, size, None, &Control::default()).unwrap();
        writer.put(7, &Page::ZERO).unwrap();
        writer.finish(blocks_in(size)).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.len(), index_length(size));
        assert!(metadata.blocks() * 512 <= 64 * 1024, "{} sectors", metadata.blocks());
        assert!(IndexReader::open(&path, &Control::default()).unwrap().page(7).unwrap() == Page::ZERO);
    }

    #[test]
    fn a_wrong_length_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        IndexWriter::create(&path, 1 << 30, None, &Control::default()).unwrap().finish(0).unwrap();
        for length in [0, 4095, index_length(1 << 30) - 1, index_length(1 << 30) + 1] {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            assert_eq!(
                IndexReader::open(&path, &Control::default()).err().unwrap().code,
                Code::IndexDamaged,
                "{length}"
            );
        }
    }

    #[test]
    fn an_open_index_that_is_cut_off_is_damaged_and_not_taken_for_zeros() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        let size = 2 * SEGMENT_SIZE;
        let writer = IndexWriter::create(&path, size, None, &Control::default()).unwrap();
        let page = page_of(7, BLOCKS_PER_SEGMENT);
        writer.put(0, &page).unwrap();
        writer.put(1, &page).unwrap();
        let cut = |length| File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        cut(index_length(size) - 1);
        assert_eq!(writer.page(1).err().unwrap().code, Code::IndexDamaged);
        cut(index_length(size));
        writer.finish(0).unwrap();

        let reader = IndexReader::open(&path, &Control::default()).unwrap();
        cut(index_length(size) - 1);

        assert!(reader.page(0).unwrap() == page);
        let error = reader.page(1).err().unwrap();
        assert_eq!((error.code, error.path), (Code::IndexDamaged, Some(path)));
        assert_eq!(error.detail.unwrap(), format!("it ends at byte {}", index_length(size) - 1));
        assert_eq!(reader.digest(&Control::default()).unwrap_err().code, Code::IndexDamaged);
    }

    #[test]
    fn another_index_than_the_record_names_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        IndexWriter::create(&path, 1 << 30, None, &Control::default()).unwrap().finish(0).unwrap();
        let reader = IndexReader::open(&path, &Control::default()).unwrap();
        let digest = reader.digest(&Control::default()).unwrap();
        assert!(reader.expect(1 << 30, &digest, &Control::default()).is_ok());
        assert_eq!(
            reader.expect(1 << 29, &digest, &Control::default()).unwrap_err().code,
            Code::IndexDamaged
        );
        assert_eq!(
            reader.expect(1 << 30, &Hash::ZERO, &Control::default()).unwrap_err().code,
            Code::IndexDamaged
        );
    }
}
