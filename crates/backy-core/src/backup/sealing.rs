//! The end of every backup: image and index are made durable, then read back from the disk and compared.

use crate::backup::options::{WriteOptions, WriteStats};
use crate::backup::tally::Totals;
use crate::disk::fiemap;
use crate::error::Result;
use crate::image::index::IndexReader;
use crate::image::index_writer::IndexWriter;
use crate::image::output::Output;
use crate::image::read_back::read_back;
use crate::image::reader::Reader;
use crate::work::control::Control;

/// Image and index after the last write.
pub(crate) struct Written<'a> {
    pub options: &'a WriteOptions,
    /// Size of the image in bytes.
    pub size: u64,
    pub output: Output,
    pub index: IndexWriter,
    pub totals: Totals,
}

/// Image and index after their fsync. The disk may still have lied.
pub(crate) struct Durable<'a> {
    options: &'a WriteOptions,
    size: u64,
    totals: Totals,
    /// The new index.
    pub index: IndexReader,
}

impl<'a> Written<'a> {
    /// Makes both files durable.
    pub(crate) fn make_durable(self, control: &Control) -> Result<Durable<'a>> {
        let Self { options, size, output, index, totals } = self;
        output.finish()?;
        index.finish(totals.zero_blocks)?;
        Ok(Durable { options, size, totals, index: IndexReader::open(&options.index, control)? })
    }
}

impl Durable<'_> {
    /// Reads back what was written, and returns what the totals say. The caller adds how the revision came about.
    pub(crate) fn prove(self, control: &Control) -> Result<WriteStats> {
        let Self { options, size, totals, index } = self;
        read_back(&Reader::open(&options.image)?, &index, size, &totals.touched, control)?;
        Ok(WriteStats {
            size,
            digest: index.digest(control)?,
            bytes_read: totals.read,
            bytes_written: totals.written,
            bytes_changed: totals.changed,
            bytes_zero: totals.zero,
            unshared: None,
            fallback: None,
            narrowed: false,
            source_cloned: false,
            extents: fiemap::extents_of(&options.image)?,
            hint_failures: totals.surprises.first,
        })
    }
}
