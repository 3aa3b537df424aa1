//! Comparing a whole image with its index. It continues after a bad block, so that all of them are named.

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_in, blocks_of, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, Part};
use crate::check::mapping::{WINDOW_SIZE, Window};
use crate::check::proof::{Loan, Proof, Verified, places_of};
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
    /// Not read again, because the image before has them at the same place on the disk.
    pub bytes_shared: u64,
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
    let image = Image::open(options, control)?;
    verify(&image, report, &Reading::plain(false), control).map(|(stats, _)| stats)
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
    let image = Image::open(options, control)?;
    verify(&image, report, &Reading::plain(true), control).map(|(stats, _)| stats)
}

/// Verifies one image of several. Blocks at the same place on the disk as in the image before are not read again: the
/// findings about them hold for this image, too. The page cache is left aside, because a file's own cached pages say
/// nothing of the blocks that it shares.
///
/// # Errors
/// As [`verify_image`]. The next image is read in full then.
pub fn verify_next_image(
    options: &ImageOptions,
    report: Option<&Report>,
    verified: &mut Verified,
    control: &Control,
) -> Result<VerifyStats> {
    let before = verified.0.take();
    let image = Image::open(options, control)?;
    let loan = before.as_ref().map_or(Ok(None), |proof| proof.loan(&image, control))?;
    let places = match &loan {
        Some(loan) => Some(loan.places),
        None => places_of(&image, control)?,
    };
    let reading = Reading { mapped: false, past_cache: places.is_some(), loan };
    let (stats, bad) = verify(&image, report, &reading, control)?;
    drop(reading);
    verified.0 = places.and_then(|places| Proof::new(image, places, &bad));
    Ok(stats)
}

fn verify(
    image: &Image,
    report: Option<&Report>,
    reading: &Reading<'_>,
    control: &Control,
) -> Result<(VerifyStats, BadBlocks)> {
    report.map_or(Ok(()), Report::expect_free)?;
    let mut writer = report.map(Report::writer);
    let (bad, bytes_read) = compare(image, reading, control, |block| {
        if let Some(writer) = &mut writer {
            writer.add(block);
        }
    })?;
    let written = writer.map_or(Ok(()), ReportWriter::finish);
    let stats = VerifyStats {
        blocks: blocks_in(image.size),
        bytes_read,
        bytes_shared: image.data_bytes() - bytes_read,
        bad_count: bad.count,
        bad_blocks: bad.first.clone(),
        report_problem: written.err().map(|error| error.to_string()),
    };
    Ok((stats, bad))
}

/// Every block that is not what the index says; `tell` hears of each of them, in order.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(crate) fn find_bad_blocks(
    image: &Image,
    control: &Control,
    tell: impl FnMut(&BadBlock) + Send,
) -> Result<BadBlocks> {
    compare(image, &Reading::plain(false), control, tell).map(|(bad, _)| bad)
}

/// The same, and the bytes that were read.
fn compare(
    image: &Image,
    reading: &Reading<'_>,
    control: &Control,
    mut tell: impl FnMut(&BadBlock) + Send,
) -> Result<(BadBlocks, u64)> {
    control.add_total(image.data_bytes());
    let verification = Verification { image, reading, control };
    let buffer = || Buffer::new(READ_SIZE);
    let work = |buffer: &mut Buffer, segment| verification.segment(segment, buffer);
    let (mut all, mut bytes_read) = (BadBlocks::default(), 0);
    let take = |Findings { bad, read }: Findings| {
        bad.iter().for_each(&mut tell);
        all.extend(bad);
        bytes_read += read;
    };
    pool::for_each(segments_of(&image.filled()), control, buffer, work, take)?;
    Ok((all, bytes_read))
}

/// The way in which an image is read.
struct Reading<'p> {
    /// Whether cached blocks are hashed through a memory map.
    mapped: bool,
    /// Whether cached blocks are read from the disk all the same.
    past_cache: bool,
    /// The blocks that need not be read.
    loan: Option<Loan<'p>>,
}

impl Reading<'_> {
    fn plain(mapped: bool) -> Self {
        Self { mapped, past_cache: false, loan: None }
    }
}

/// The findings about one segment.
#[derive(Default)]
struct Findings {
    bad: Vec<BadBlock>,
    /// Bytes that were read.
    read: u64,
}

/// The context in which all segments are verified.
struct Verification<'a> {
    image: &'a Image,
    reading: &'a Reading<'a>,
    control: &'a Control,
}

impl Verification<'_> {
    fn segment(&self, segment: u64, buffer: &mut Buffer) -> Result<Findings> {
        let page = self.image.page(segment)?;
        let mut findings = Findings::default();
        for part in self.image.parts(self.image.range(segment)) {
            match (part, &self.reading.loan) {
                (Part::Hole(hole), _) => expect_zeros(hole, &page, &mut findings.bad),
                (Part::Data(data), None) => self.read(data, &page, buffer, &mut findings)?,
                (Part::Data(data), Some(loan)) => {
                    self.borrow(segment, data, (&page, loan), buffer, &mut findings)?;
                }
            }
        }
        Ok(findings)
    }

    /// Reads what the loan does not prove.
    fn borrow(
        &self,
        segment: u64,
        data: Extent,
        (page, loan): (&Page, &Loan<'_>),
        buffer: &mut Buffer,
        findings: &mut Findings,
    ) -> Result<()> {
        for part in loan.unproved.parts(data) {
            match part {
                Part::Data(unproved) => self.read(unproved, page, buffer, findings)?,
                Part::Hole(proved) => {
                    self.control.check()?;
                    loan.judge(segment, proved, page, &mut findings.bad)?;
                    self.control.add_done(proved.len());
                }
            }
        }
        Ok(())
    }

    fn read(&self, data: Extent, page: &Page, buffer: &mut Buffer, findings: &mut Findings) -> Result<()> {
        let reader = &self.image.reader;
        findings.read += data.len();
        let via = if self.reading.past_cache { Via::Disk } else { reader.way(data) };
        match via {
            Via::Cache if self.reading.mapped => self.map(data, page, &mut findings.bad),
            via => self.read_via(via, data, page, buffer, &mut findings.bad),
        }
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

    fn read_via(
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
