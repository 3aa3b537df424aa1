//! Comparing a whole image with its index. It continues after a bad block, so that all of them are named.

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_in, blocks_of, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, Part};
use crate::check::mapping::{WINDOW_SIZE, Window};
use crate::check::report::{Report, ReportWriter};
use crate::error::{BadBlock, BadBlocks, Context, Error, Found, Result};
use crate::image::page::Page;
use crate::image::reader::{READ_SIZE, Via, windows_of};
use crate::image::sealed::{Image, ImageOptions, expect_zeros};
use crate::work::control::Control;
use crate::work::pool;

/// Findings about an image. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyStats {
    /// Blocks of the image.
    pub blocks: u64,
    /// Read from the image, without its holes.
    pub bytes_read: u64,
    /// Number of blocks that differ from the index.
    pub bad_count: u64,
    /// The first of these, in order: [`crate::MOST_BAD_BLOCKS`].
    pub bad_blocks: Vec<BadBlock>,
    /// The reason why the report could not be written. The findings count all the same.
    pub report_problem: Option<String>,
}

/// Compares every block of an image with its index. Cached blocks are read through the page cache, others past it. A
/// report lists every bad block in a file. Without bad blocks there is no file.
///
/// # Errors
/// [`crate::Code::IndexDamaged`] without a good index, [`crate::Code::Io`], [`crate::Code::Cancelled`]. Bad blocks are
/// no error.
pub fn verify_image(
    options: &ImageOptions,
    report: Option<&Report>,
    control: &Control,
) -> Result<VerifyStats> {
    verify(options, report, control, false)
}

/// The same, but cached blocks are hashed in place, through a memory map. `bench/` shows which of the two is faster on
/// a machine.
///
/// # Errors
/// As [`verify_image`].
pub fn verify_mapped_image(
    options: &ImageOptions,
    report: Option<&Report>,
    control: &Control,
) -> Result<VerifyStats> {
    verify(options, report, control, true)
}

fn verify(
    options: &ImageOptions,
    report: Option<&Report>,
    control: &Control,
    mapped: bool,
) -> Result<VerifyStats> {
    report.map_or(Ok(()), Report::expect_free)?;
    let image = Image::open(options, control)?;
    let mut writer = report.map(Report::writer);
    let bad = find_bad_blocks(&image, mapped, control, |block| {
        if let Some(writer) = &mut writer {
            writer.add(block);
        }
    })?;
    let written = writer.map_or(Ok(()), ReportWriter::finish);
    Ok(VerifyStats {
        blocks: blocks_in(image.size),
        bytes_read: image.data_bytes(),
        bad_count: bad.count,
        bad_blocks: bad.first,
        report_problem: written.err().map(|error| error.to_string()),
    })
}

/// Every block that is not what the index says; `tell` hears of each of them, in order.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(crate) fn find_bad_blocks(
    image: &Image,
    mapped: bool,
    control: &Control,
    mut tell: impl FnMut(&BadBlock) + Send,
) -> Result<BadBlocks> {
    control.add_total(image.data_bytes());
    let verification = Verification { image, mapped, control };
    let buffer = || Buffer::new(READ_SIZE);
    let work = |buffer: &mut Buffer, segment| verification.segment(segment, buffer);
    let mut all = BadBlocks::default();
    let take = |bad: Vec<BadBlock>| {
        bad.iter().for_each(&mut tell);
        all.extend(bad);
    };
    pool::for_each(segments_of(&image.filled()), control, buffer, work, take)?;
    Ok(all)
}

/// The context in which all segments are verified.
struct Verification<'a> {
    image: &'a Image,
    /// Whether cached blocks are hashed through a memory map.
    mapped: bool,
    control: &'a Control,
}

impl Verification<'_> {
    fn segment(&self, segment: u64, buffer: &mut Buffer) -> Result<Vec<BadBlock>> {
        let page = self.image.page(segment)?;
        let range = self.image.range(segment);
        let mut bad = Vec::new();
        for part in self.image.parts(range) {
            match part {
                Part::Hole(hole) => expect_zeros(hole, &page, &mut bad),
                Part::Data(data) => match self.image.reader.way(data) {
                    Via::Cache if self.mapped => self.map(data, &page, &mut bad)?,
                    via => self.read(via, data, &page, buffer, &mut bad)?,
                },
            }
        }
        Ok(bad)
    }

    fn map(&self, data: Extent, page: &Page, bad: &mut Vec<BadBlock>) -> Result<()> {
        let reader = &self.image.reader;
        for range in data.pieces(WINDOW_SIZE as u64) {
            let window = Window::map(reader.file(), range)
                .on("mmap", reader.path())
                .map_err(|error: Error| error.offset(range.start))?;
            for block in blocks_of(range) {
                self.control.pass(block.len())?;
                let expected = page.hash_at(block.start);
                let found = match window.look(Extent::at(block.start - range.start, block.len()), Hash::of) {
                    Ok(hash) if hash == expected => continue,
                    Ok(hash) => Found::Other(hash),
                    Err(_) => Found::Unreadable(rustix::io::Errno::IO),
                };
                bad.push(BadBlock { offset: block.start, length: block.len(), expected, found });
            }
            self.control.add_done(range.len());
        }
        Ok(())
    }

    fn read(
        &self,
        via: Via,
        data: Extent,
        page: &Page,
        buffer: &mut Buffer,
        bad: &mut Vec<BadBlock>,
    ) -> Result<()> {
        for window in windows_of(data) {
            self.control.pass(window.len())?;
            self.image.read_checked(via, buffer, window, page, bad)?;
            self.control.add_done(window.len());
        }
        Ok(())
    }
}

const _: () = assert!(WINDOW_SIZE.is_multiple_of(BLOCK_SIZE), "windows hold whole blocks");
