//! The end of every backup: image and index are made durable, then read back from the disk and compared.

use crate::backup::options::{WriteOptions, WriteStats};
use crate::backup::tally::Tally;
use crate::disk::fiemap;
use crate::error::Result;
use crate::image::index::IndexReader;
use crate::image::index_writer::IndexWriter;
use crate::image::output::Output;
use crate::image::read_back::{Touched, read_back};
use crate::image::reader::Reader;
use crate::work::control::Control;

/// Image and index after the last write.
pub(crate) struct Written<'a> {
    pub options: &'a WriteOptions,
    /// Size of the image in bytes.
    pub size: u64,
    pub output: Output,
    pub index: IndexWriter,
    pub tallies: Vec<Tally>,
}

/// Image and index after their fsync. The disk may still have lied.
pub(crate) struct Durable<'a> {
    options: &'a WriteOptions,
    size: u64,
    tallies: Vec<Tally>,
    /// The new index.
    pub index: IndexReader,
}

impl<'a> Written<'a> {
    /// Makes both files durable.
    pub(crate) fn make_durable(self) -> Result<Durable<'a>> {
        let Self { options, size, output, index, tallies } = self;
        output.finish()?;
        index.finish(tallies.iter().map(|tally| tally.zero_blocks).sum())?;
        Ok(Durable { options, size, tallies, index: IndexReader::open(&options.index)? })
    }
}

impl Durable<'_> {
    /// Reads back the written blocks, and returns the figures of the tallies. The caller adds the rest.
    pub(crate) fn prove(self, control: &Control) -> Result<WriteStats> {
        let Self { options, size, tallies, index } = self;
        let touched: Vec<Touched> = tallies.iter().filter_map(|tally| tally.touched).collect();
        read_back(&Reader::open(&options.image)?, &index, size, &touched, control)?;
        let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
        Ok(WriteStats {
            size,
            digest: index.digest()?,
            bytes_read: sum(|tally| tally.read),
            bytes_written: sum(|tally| tally.written),
            bytes_changed: sum(|tally| tally.changed),
            bytes_zero: sum(|tally| tally.zero),
            unshared: None,
            fallback: None,
            narrowed: false,
            source_cloned: false,
            extents: fiemap::extents_of(&options.image)?,
            hint_failures: tallies.into_iter().flat_map(|tally| tally.surprises).collect(),
        })
    }
}
