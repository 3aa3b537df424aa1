//! Writing an index, if possible over a clone of the parent's.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Code, Context, Result};
use crate::files::clone::{Cloned, clone_file};
use crate::files::durable::close;
use crate::files::ownership::give_to_owner;
use crate::files::positioned::write_at;
use crate::image::header::Header;
use crate::image::index::{IndexReader, read_page};
use crate::image::page::{Page, index_length, page_length, page_offset};
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// An index being written. If possible it is a clone of the parent's, patched page by page.
pub(crate) struct IndexWriter {
    path: PathBuf,
    file: File,
    image_size: u64,
    /// The index that the pages were cloned from.
    base: Option<IndexReader>,
}

impl IndexWriter {
    /// Creates the index of an image of `image_size` bytes, if possible as a clone of `base`; the name must
    /// be free.
    pub(crate) fn create(
        path: &Path,
        image_size: u64,
        base: Option<IndexReader>,
        control: &Control,
    ) -> Result<Self> {
        let clone = base.as_ref().map(|base| clone_file(&base.file, path, control));
        let (file, base) = match clone {
            Some(Ok(Cloned::Shared(file))) => (file, base),
            Some(Err(error)) if error.code == Code::Cancelled => return Err(error),
            // A fresh index is as good, only larger.
            Some(Ok(Cloned::Refused(_)) | Err(_)) | None => (platform::create(path).on("open", path)?, None),
        };
        give_to_owner(&file, path)?;
        fs::ftruncate(&file, index_length(image_size)).on("ftruncate", path)?;
        Ok(Self { path: path.to_owned(), file, image_size, base })
    }

    /// Writes the hashes of a segment, unless they are there already.
    pub(crate) fn put(&self, segment: u64, page: &Page) -> Result<()> {
        let before = self.base.as_ref().map_or(Ok(Page::ZERO), |base| base.page(segment))?;
        if before == *page {
            return Ok(());
        }
        self.rewrite(segment, page)
    }

    /// Writes the hashes of a segment unconditionally.
    pub(crate) fn rewrite(&self, segment: u64, page: &Page) -> Result<()> {
        let start = page_offset(segment);
        let bytes = &page.0[..page_length(segment, self.image_size)];
        if *page == Page::ZERO && platform::punch_hole(&self.file, start, bytes.len() as u64).is_ok() {
            return Ok(());
        }
        write_at(&self.file, &self.path, bytes, start)
    }

    /// The hashes of a segment as they were put.
    pub(crate) fn page(&self, segment: u64) -> Result<Page> {
        read_page(&self.file, &self.path, segment, self.image_size)
    }

    /// Writes the header and makes the index durable.
    pub(crate) fn finish(self, zero_blocks: u64) -> Result<()> {
        let header = Header { image_size: self.image_size, zero_blocks };
        write_at(&self.file, &self.path, &header.encode(), 0)?;
        platform::sync(&self.file).on("fsync", &self.path)?;
        close(self.file, &self.path)
    }
}
