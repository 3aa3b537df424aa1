//! A sealed image with its index, which proves that its bytes are right.

use std::path::{Path, PathBuf};

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of, segment_range};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap, Part};
use crate::disk::sparse;
use crate::error::{BadBlock, Code, Context, Error, Found, Result};
use crate::files::device::{Facts, Kind};
use crate::image::index::IndexReader;
use crate::image::page::Page;
use crate::image::read_back::{Touched, read_back};
use crate::image::reader::{Reader, Via};
use crate::sys::fs;
use crate::work::control::Control;

/// An image, and the facts in its record.
#[derive(Debug, Clone)]
pub struct ImageOptions {
    /// The image.
    pub image: PathBuf,
    /// Its index.
    pub index: PathBuf,
    /// Its size in bytes, from the record.
    pub size: u64,
    /// BLAKE3 of its index, from the record.
    pub digest: Hash,
}

impl ImageOptions {
    /// Opens the index and checks it against the record.
    pub(crate) fn open_index(&self, control: &Control) -> Result<IndexReader> {
        let index = IndexReader::open(&self.index, control)?;
        index.expect(self.size, &self.digest, control).map(|()| index)
    }

    /// Fails if a source of `size` bytes differs from the image in size.
    pub(crate) fn expect_size(&self, size: u64, source: &Path) -> Result<()> {
        if size == self.size {
            return Ok(());
        }
        let detail = format!("from {} to {size} bytes", self.size);
        Err(Error::new(Code::SourceResized).at(source).detail(detail))
    }

    /// The error for an image of a wrong length.
    pub(crate) fn wrong_length(&self, length: u64) -> Error {
        let detail = format!("it has {length} bytes, the record says {}", self.size);
        Error::new(Code::ImageDamaged).at(&self.image).detail(detail)
    }
}

/// An image open for checked reading.
pub(crate) struct Image {
    pub reader: Reader,
    index: IndexReader,
    pub size: u64,
    /// The ranges with data, in whole blocks. The rest reads as zeros.
    data: ExtentMap,
}

impl Image {
    /// Opens image and index and checks them against the record.
    ///
    /// # Errors
    /// [`Code::IndexDamaged`], [`Code::ImageDamaged`] when the image is longer than it was, [`Code::Io`],
    /// [`Code::Cancelled`].
    pub(crate) fn open(options: &ImageOptions, control: &Control) -> Result<Self> {
        let image = Self::open_with_tail(options, control)?;
        match fs::metadata(image.reader.file()).on("fstat", &options.image)?.len() {
            length if length > options.size => Err(options.wrong_length(length)),
            _ => Ok(image),
        }
    }

    /// The same, but ignores bytes behind the end of the image.
    ///
    /// # Errors
    /// [`Code::IndexDamaged`], [`Code::Io`].
    pub(crate) fn open_with_tail(options: &ImageOptions, control: &Control) -> Result<Self> {
        let index = options.open_index(control)?;
        let path: &Path = &options.image;
        let reader = Reader::open(path)?;
        let length = fs::metadata(reader.file()).on("fstat", path)?.len();
        let facts = Facts { kind: Kind::File, size: length };
        let mut data = sparse::data_extents(reader.file(), facts, path, BLOCK_SIZE as u64, control)?;
        // The missing end of a truncated image is no hole: it is read, and found missing.
        data = data.union(&ExtentMap::normalise(vec![Extent { start: length, end: options.size }]));
        Ok(Self { reader, index, size: options.size, data: data.align(BLOCK_SIZE as u64, options.size) })
    }

    /// Takes a source in the place of the image that was made of it. `data` has the ranges of the source with data, in
    /// whole blocks.
    ///
    /// # Errors
    /// [`Code::IndexDamaged`], [`Code::SourceResized`] when `size` is not that of the image, [`Code::Cancelled`].
    pub(crate) fn of_source(
        options: &ImageOptions,
        reader: Reader,
        (size, data): (u64, ExtentMap),
        control: &Control,
    ) -> Result<Self> {
        let index = options.open_index(control)?;
        options.expect_size(size, reader.path())?;
        Ok(Self { reader, index, size: options.size, data })
    }

    /// The ranges in which the file has data or the index has hashes, in whole blocks. All other segments are zeros,
    /// and should be.
    pub(crate) fn filled(&self) -> ExtentMap {
        self.data.union(&self.hashes())
    }

    /// The ranges for which the index may have anything but zeros, in whole segments.
    pub(crate) fn hashes(&self) -> ExtentMap {
        self.index.filled()
    }

    /// The bytes of a segment.
    pub(crate) fn range(&self, segment: u64) -> Extent {
        segment_range(segment, self.size)
    }

    /// The hashes that a segment should have.
    pub(crate) fn page(&self, segment: u64) -> Result<Page> {
        self.index.page(segment)
    }

    /// All of a range, split into data and holes, in whole blocks.
    pub(crate) fn parts(&self, range: Extent) -> impl Iterator<Item = Part> + '_ {
        self.data.parts(range)
    }

    /// Reads back from the disk the blocks that were written to a target. The writer has added these bytes to the
    /// total.
    ///
    /// # Errors
    /// [`Code::ReadBack`], [`Code::Io`], [`Code::Cancelled`].
    pub(crate) fn read_back(&self, target: &Reader, touched: &Touched, control: &Control) -> Result<()> {
        read_back(target, &self.index, self.size, touched, control)
    }

    /// The ranges with data, in whole blocks.
    pub(crate) fn data(&self) -> &ExtentMap {
        &self.data
    }

    /// Bytes of data in the file.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data.bytes()
    }

    /// Reads blocks of one segment. Blocks with a wrong hash are added to `bad`, and replaced by zeros.
    pub(crate) fn read_checked<'b>(
        &self,
        via: Via,
        buffer: &'b mut Buffer,
        window: Extent,
        page: &Page,
        bad: &mut Vec<BadBlock>,
    ) -> Result<&'b mut [u8]> {
        let length = usize::try_from(window.len()).expect("a window of one read");
        if let Err(error) = self.reader.read(via, buffer, window) {
            let errno = error.unreadable().ok_or(error)?;
            if window.len() > BLOCK_SIZE as u64 {
                return self.read_blocks(via, buffer, window, page, bad);
            }
            buffer[..length].fill(0);
            let expected = page.hash_at(window.start);
            bad.push(BadBlock {
                offset: window.start,
                length: window.len(),
                expected,
                found: Found::Unreadable(errno),
            });
            return Ok(&mut buffer[..length]);
        }
        let bytes = &mut buffer[..length];
        for (number, block) in bytes.chunks_mut(BLOCK_SIZE).enumerate() {
            let offset = window.start + (number * BLOCK_SIZE) as u64;
            let (expected, found) = (page.hash_at(offset), Hash::of(block));
            if expected != found {
                block.fill(0);
                bad.push(BadBlock {
                    offset,
                    length: block.len() as u64,
                    expected,
                    found: Found::Other(found),
                });
            }
        }
        Ok(bytes)
    }

    /// Reads one block after the other, after reading all at once has failed.
    fn read_blocks<'b>(
        &self,
        via: Via,
        buffer: &'b mut Buffer,
        window: Extent,
        page: &Page,
        bad: &mut Vec<BadBlock>,
    ) -> Result<&'b mut [u8]> {
        let length = usize::try_from(window.len()).expect("a window of one read");
        let mut single = Buffer::new(BLOCK_SIZE);
        for block in blocks_of(window) {
            let bytes = self.read_checked(via, &mut single, block, page, bad)?;
            let at = usize::try_from(block.start - window.start).expect("inside the window");
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Ok(&mut buffer[..length])
    }
}

/// Adds the blocks of a hole that should hold data to `bad`: a lost extent reads as zeros.
pub(crate) fn expect_zeros(hole: Extent, page: &Page, bad: &mut Vec<BadBlock>) {
    for block in blocks_of(hole) {
        let expected = page.hash_at(block.start);
        if !expected.is_zero() {
            let found = Found::Other(Hash::ZERO);
            bad.push(BadBlock { offset: block.start, length: block.len(), expected, found });
        }
    }
}
