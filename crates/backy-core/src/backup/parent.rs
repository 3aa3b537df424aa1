//! The revision that a new one starts from.

use std::path::Path;

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of, segment_range, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, ExtentMap, Part};
use crate::bytes::granule::{Old, Plan};
use crate::disk::sparse;
use crate::error::{BadBlock, Code, Context, Error, Found, Result};
use crate::files::device::{Facts, Kind};
use crate::image::granularity::Granularity;
use crate::image::index::IndexReader;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::reader::Reader;
use crate::image::sealed::expect_zeros;
use crate::sys::fs;
use crate::work::control::Control;
use crate::work::pool;

/// An earlier image, with its index if that can be used.
pub(crate) struct Parent {
    pub image: Reader,
    pub index: Option<IndexReader>,
    /// The reason why the index is of no use, if it is not: then every byte must be compared.
    pub without_index: Option<String>,
    size: u64,
    granularity: Granularity,
}

impl Parent {
    /// Opens image and index. `digest` is the digest of the index in the record. A damaged index is no error: it costs
    /// time, not data.
    pub(crate) fn open(
        image: &Path,
        index: Option<&Path>,
        digest: Option<&Hash>,
        control: &Control,
    ) -> Result<Self> {
        let reader = Reader::open(image)?;
        let size = fs::metadata(reader.file()).on("fstat", image)?.len();
        let (index, without_index) = match index.map(|index| IndexReader::open(index, control)) {
            Some(Ok(index)) if index.header().image_size != size => {
                (None, Some("the index of the parent is for another size".to_owned()))
            }
            Some(Ok(index)) => {
                // Blocks that are not read are known by these hashes only, and a clone gets the hashes from the disk.
                index.distrust_cache();
                let expected = digest.map_or(Ok(()), |digest| index.expect(size, digest, control));
                control.check()?;
                if expected.is_err() {
                    (None, Some("the index of the parent is not the one that its record names".to_owned()))
                } else {
                    (Some(index), None)
                }
            }
            Some(Err(error)) if error.code == Code::Cancelled => return Err(error),
            Some(Err(error)) => (None, Some(format!("the index of the parent cannot be used ({error})"))),
            None => (None, Some("the parent has no index".to_owned())),
        };
        Ok(Self { image: reader, index, without_index, size, granularity: Granularity::default() })
    }

    /// Bytes of its image.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The ranges in which its image may hold anything but zeros, in whole blocks.
    ///
    /// # Errors
    /// [`Code::Io`], [`Code::Cancelled`].
    pub(crate) fn data(&self, control: &Control) -> Result<ExtentMap> {
        let facts = Facts { kind: Kind::File, size: self.size };
        sparse::data_extents(self.image.file(), facts, self.image.path(), BLOCK_SIZE as u64, control)
    }

    /// The ranges in which it may have anything but zeros, by its hashes. If these are of no use, its image tells,
    /// provided that the new one `inherits` it.
    ///
    /// # Errors
    /// [`Code::Io`], [`Code::Cancelled`].
    pub(crate) fn filled(&self, inherits: bool, compare_bytes: bool, control: &Control) -> Result<ExtentMap> {
        let hashes = self.index.as_ref().map(IndexReader::filled);
        if inherits && (compare_bytes || hashes.is_none()) {
            return Ok(self.data(control)?.union(&hashes.unwrap_or_default()));
        }
        Ok(hashes.unwrap_or_default())
    }

    /// The granule size for a block of a clone, in bytes.
    pub(crate) fn granule(&self, block: Extent) -> usize {
        self.granularity.granule(self.image.file(), block)
    }

    /// The bytes that a clone, brought to the new size, has in a block.
    pub(crate) fn bytes<'b>(&self, block: Extent, buffer: &'b mut Buffer) -> Result<Old<'b>> {
        let kept = block.overlap(&Extent { start: 0, end: self.size });
        if kept.is_empty() {
            return Ok(Old::Zeros);
        }
        let read = match self.image.read(self.image.way(kept), buffer, kept) {
            // A bad sector of the parent must not cost the new revision: the block is written whole.
            Err(error) if error.unreadable().is_some() => return Ok(Old::Unknown),
            result => result?.len(),
        };
        let length = usize::try_from(block.len()).expect("at most a block");
        buffer[read..length].fill(0);
        Ok(Old::Bytes(&buffer[..length]))
    }

    /// Copies all its bytes into a fresh image, for filesystems that cannot clone, and checks them.
    ///
    /// # Errors
    /// [`Code::ImageDamaged`], [`Code::Io`], [`Code::Cancelled`].
    pub(crate) fn copy_to(&self, output: &Output, size: u64, control: &Control) -> Result<u64> {
        let index = self.index.as_ref().expect("a parent that is copied has an index");
        let kept = size.min(self.size);
        let data = self.data(control)?.align(BLOCK_SIZE as u64, kept);
        let busy = data.union(&index.filled()).align(BLOCK_SIZE as u64, kept);
        control.add_total(data.bytes());
        let scratch = || (Buffer::new(BLOCK_SIZE), Plan::default());
        let mut total = 0;
        let copy = |(buffer, plan): &mut (Buffer, Plan), number| {
            let page = index.page(number)?;
            let mut written = 0;
            for part in data.parts(segment_range(number, kept)) {
                let range = match part {
                    Part::Data(range) => range,
                    Part::Hole(hole) => {
                        self.expect_zeros(hole, &page)?;
                        continue;
                    }
                };
                let blank = if output.reserve(range)? { Old::Unknown } else { Old::Zeros };
                for block in blocks_of(range) {
                    control.pass(block.len())?;
                    self.read_checked(block, page.hash_at(block.start), buffer)?;
                    let bytes = &buffer[..usize::try_from(block.len()).expect("at most a block")];
                    plan.compare(block.start, bytes, blank);
                    written += output.apply(plan, bytes, block.start)?;
                    control.add_done(block.len());
                }
            }
            Ok(written)
        };
        pool::for_each(segments_of(&busy), control, scratch, copy, |written| total += written)?;
        Ok(total)
    }

    /// Fills the front of `buffer` with the bytes that a clone has in a block, and compares them with the index. They
    /// become part of a new hash, which must not seal their rot.
    ///
    /// # Errors
    /// [`Code::ImageDamaged`], [`Code::Io`].
    pub(crate) fn read_checked(&self, block: Extent, expected: Hash, buffer: &mut Buffer) -> Result<()> {
        let length = usize::try_from(block.len()).expect("at most a block");
        // The hash is that of the parent's block, which may have another length.
        let own = Extent::at(block.start, BLOCK_SIZE as u64).overlap(&Extent { start: 0, end: self.size });
        let (read, found) = if own.is_empty() || expected.is_zero() {
            (0, Found::Other(expected))
        } else {
            match self.image.read(self.image.way(own), buffer, own) {
                Ok(bytes) => (bytes.len(), Found::Other(Hash::of(bytes))),
                Err(error) => (0, Found::Unreadable(error.unreadable().ok_or(error)?)),
            }
        };
        if found != Found::Other(expected) {
            return Err(self.damaged(BadBlock { offset: own.start, length: own.len(), expected, found }));
        }
        buffer[read.min(length)..length].fill(0);
        Ok(())
    }
    /// Fails if a hole should hold data.
    fn expect_zeros(&self, hole: Extent, page: &Page) -> Result<()> {
        let mut bad = Vec::new();
        expect_zeros(hole, page, &mut bad);
        bad.pop().map_or(Ok(()), |bad| Err(self.damaged(bad)))
    }

    fn damaged(&self, bad: BadBlock) -> Error {
        Error::new(Code::ImageDamaged).at(self.image.path()).bad([bad])
    }
}
