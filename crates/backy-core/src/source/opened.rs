//! A file or block device that is backed up. It is opened for reading only.

use std::path::Path;

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::extent::ExtentMap;
use crate::disk::sparse;
use crate::error::{Code, Error, Result};
use crate::files::begun;
use crate::files::device::{self, Facts};
use crate::image::reader::Reader;

/// An open source.
pub(crate) struct Source {
    pub reader: Reader,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// The ranges that may hold anything but zeros, in whole blocks.
    pub data: ExtentMap,
}

impl Source {
    /// Opens the file or device at `path`. While it is open, no restore writes to it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = device::open_source(path)?;
        let facts = device::facts(&file, path)?.ok_or_else(|| Error::new(Code::SourceKind).at(path))?;
        begun::guard_source(&file, path)?;
        let data = sparse::data_extents(&file, facts, path)?.align(BLOCK_SIZE as u64, facts.size);
        Ok(Self { reader: Reader::of(facts.kind, file, path), size: facts.size, data })
    }

    /// Fails if the size of the source has changed.
    pub(crate) fn expect_same_size(&self) -> Result<()> {
        let path = self.reader.path();
        let now = device::facts(self.reader.file(), path)?.map_or(0, |Facts { size, .. }| size);
        if now == self.size {
            return Ok(());
        }
        Err(Error::new(Code::SourceResized).at(path).detail(format!("from {} to {now} bytes", self.size)))
    }
}
