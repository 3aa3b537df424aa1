//! A file or block device that is backed up. It is opened for reading only.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::extent::ExtentMap;
use crate::disk::sparse;
use crate::error::{Code, Context, Error, Result};
use crate::files::begun;
use crate::files::device::{self, Facts};
use crate::files::identity::{FileIdentity, metadata, stranger};
use crate::image::header::check_size;
use crate::image::reader::Reader;
use crate::source::input::PathInput;
use crate::sys::fs;
use crate::work::control::Control;

/// An open source.
pub(crate) struct Source {
    pub reader: Reader,
    /// Its size in bytes when it was opened.
    pub size: u64,
    /// The ranges that may hold anything but zeros, in whole blocks.
    pub data: ExtentMap,
}

impl Source {
    /// Opens a source of a revision in a repository. While it is open, no restore writes to it.
    ///
    /// # Errors
    /// [`Code::SnapshotReplaced`], [`Code::SourceKind`], [`Code::SourceRestoring`], [`Code::TooLarge`], [`Code::Io`],
    /// [`Code::Cancelled`].
    pub(crate) fn open(input: &PathInput, repository: &Path, control: &Control) -> Result<Self> {
        let path = &input.path;
        let file = match &input.identity {
            None => device::open_source(path)?,
            Some(identity) => open_snapshot(path, identity, repository)?,
        };
        let facts = device::facts(&file, path)?.ok_or_else(|| Error::new(Code::SourceKind).at(path))?;
        check_size(facts.size, path)?;
        begun::guard_source(&file, path)?;
        let data = sparse::data_extents(&file, facts, path, BLOCK_SIZE as u64, control)?;
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

/// Opens a snapshot of ours. Its name proves nothing where others write to its directory.
fn open_snapshot(path: &Path, identity: &FileIdentity, repository: &Path) -> Result<File> {
    let replaced = |reason: &str| Err(Error::new(Code::SnapshotReplaced).at(path).detail(reason));
    let file = match fs::open_plain(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return replaced("it is gone"),
        Err(Errno::LOOP) => return replaced("a symbolic link is in its place"),
        result => result.on("open", path)?,
    };
    let metadata = metadata(&file, path)?;
    let found = FileIdentity::of(&metadata);
    if found != *identity && !found.is_that_of_earlier(identity) {
        return replaced("another file is in its place");
    }
    match stranger(&metadata, repository)? {
        Some(reason) => replaced(reason),
        None => Ok(file),
    }
}
