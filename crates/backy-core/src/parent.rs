//! The revision that a new one starts from.

use std::path::Path;

use rustix::io::Errno;

use crate::block::Hash;
use crate::buffer::Buffer;
use crate::error::{Context, Result};
use crate::extent::Extent;
use crate::granule::Old;
use crate::index::IndexReader;
use crate::read::Reader;

/// An earlier image, with its index if that can be used.
pub(crate) struct Parent {
    pub image: Reader,
    pub index: Option<IndexReader>,
    /// Why the index is of no use, where it is not: every byte must be compared then.
    pub without_index: Option<String>,
    size: u64,
}

impl Parent {
    /// Opens image and index; `digest` is what the record says of the index. A damaged index is not an error: it costs
    /// time, not data.
    pub(crate) fn open(image: &Path, index: Option<&Path>, digest: Option<&Hash>) -> Result<Self> {
        let reader = Reader::open(image)?;
        let size = reader.file().metadata().on("fstat", image)?.len();
        let (index, without_index) = match index.map(IndexReader::open) {
            Some(Ok(index)) if index.header().image_size != size => {
                (None, Some("the index of the parent is for another size".to_owned()))
            }
            // What is not read is known by nothing but these hashes.
            Some(Ok(index)) if digest.is_some_and(|digest| index.expect(size, digest).is_err()) => {
                (None, Some("the index of the parent is not the one that its record names".to_owned()))
            }
            Some(Ok(index)) => (Some(index), None),
            Some(Err(error)) => (None, Some(format!("the index of the parent cannot be used ({error})"))),
            None => (None, Some("the parent has no index".to_owned())),
        };
        Ok(Self { image: reader, index, without_index, size })
    }

    /// Bytes of its image.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes that a clone, brought to the new size, has in a block.
    pub(crate) fn bytes<'b>(&self, block: Extent, buffer: &'b mut Buffer) -> Result<Old<'b>> {
        let kept = block.overlap(&Extent { start: 0, end: self.size });
        if kept.is_empty() {
            return Ok(Old::Zeros);
        }
        let read = match self.image.read(self.image.way(kept), buffer, kept) {
            // A bad sector of the parent is no reason to lose the new revision: the block is written whole.
            Err(error) if error.errno == Some(Errno::IO) => return Ok(Old::Unknown),
            result => result?.len(),
        };
        let length = usize::try_from(block.len()).expect("at most a block");
        buffer[read..length].fill(0);
        Ok(Old::Bytes(&buffer[..length]))
    }
}
