//! Mending a sealed image. A bad block gets the bytes that the index names, from another place on the disk. Nothing
//! else may change a sealed image, and this restores only the sealed bytes.
//!
//! The good bytes are written to a new file, made durable and read back. Then the image refers to them in one step. So
//! a mend that fails, or is interrupted, leaves the block as it was. The bad bytes are kept.

use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::bytes::block::{BLOCK_SIZE, SEGMENT_SIZE};
use crate::bytes::buffer::{ALIGNMENT, Buffer};
use crate::bytes::extent::Extent;
use crate::check::donor::{Donor, find};
use crate::check::overwrite::{clear, put};
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::files::directory::make_directory;
use crate::files::durable::{Existing, write_file_by};
use crate::files::names::directory_of;
use crate::image::reader::Via;
use crate::image::sealed::{Image, ImageOptions};
use crate::sys::fs;
use crate::work::control::Control;

/// The blocks to mend, and the places of their bytes.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// The image, and the facts in its record.
    pub image: ImageOptions,
    /// Offsets of its bad blocks in bytes.
    pub blocks: Vec<u64>,
    /// Files that may have the right bytes, the best one first.
    pub donors: Vec<Donor>,
    /// Prefix of the files that get the bad bytes: `.OFFSET.block` is added.
    pub evidence: PathBuf,
}

/// The result for a bad block.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// The damage.
    pub block: BadBlock,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of mending a block.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The block has its sealed bytes again, durably.
    Healed {
        /// The donor of the bytes; `None` for zeros, which need none.
        from: Option<PathBuf>,
        /// The file that has the bad bytes.
        evidence: PathBuf,
    },
    /// The block is as bad as before, for this reason.
    Left(String),
}

/// Mends the bad blocks of an image, and passes over good ones. A block that cannot be mended is a result, not an
/// error.
///
/// # Errors
/// [`Code::IndexDamaged`], [`Code::ImageDamaged`] when the image is longer than it was, [`Code::Io`] when it cannot be
/// opened, [`Code::Cancelled`].
pub fn repair_image(options: &RepairOptions, control: &Control) -> Result<Vec<Repaired>> {
    let image = Image::open(&options.image, control)?;
    let mut buffer = Buffer::new(BLOCK_SIZE);
    let mut repaired = Vec::new();
    let mut given_up: Option<String> = None;
    control.add_total((options.blocks.len() * BLOCK_SIZE) as u64);
    for start in &options.blocks {
        control.check()?;
        let size = Extent { start: 0, end: image.size };
        let range =
            Extent::at(start / BLOCK_SIZE as u64 * BLOCK_SIZE as u64, BLOCK_SIZE as u64).overlap(&size);
        if let Some(block) = inspect(&image, range, &mut buffer)? {
            let outcome = match &given_up {
                Some(reason) => Outcome::Left(reason.clone()),
                None => mend(options, &image, &block, control).unwrap_or_else(|error| {
                    // A failed fsync is final: a disk that fails is not written to again.
                    given_up = error.syscall.filter(|call| *call == "fsync").map(|_| error.to_string());
                    Outcome::Left(error.to_string())
                }),
            };
            control.check()?;
            repaired.push(Repaired { block, outcome });
        }
        control.add_done(BLOCK_SIZE as u64);
    }
    Ok(repaired)
}

/// Finds the damage of a block on the disk.
fn inspect(image: &Image, range: Extent, buffer: &mut Buffer) -> Result<Option<BadBlock>> {
    if range.is_empty() {
        return Ok(None);
    }
    let mut bad = Vec::new();
    image.reader.distrust_cache();
    image.read_checked(Via::Disk, buffer, range, &image.page(range.start / SEGMENT_SIZE)?, &mut bad)?;
    Ok(bad.pop())
}

fn mend(options: &RepairOptions, image: &Image, block: &BadBlock, control: &Control) -> Result<Outcome> {
    let range = Extent::at(block.offset, block.length);
    let (from, good) = if block.expected.is_zero() {
        (None, None)
    } else {
        match find(&options.donors, image, block, control)? {
            Ok((donor, good)) => (Some(donor), Some(good)),
            Err(reason) => return Ok(Outcome::Left(reason)),
        }
    };
    let evidence = keep_evidence(&options.evidence, image, range)?;
    match good {
        Some(good) => put(image, &good[..length_of(range)], range, control)?,
        None => clear(image, range)?,
    }
    if inspect(image, range, &mut Buffer::new(BLOCK_SIZE))?.is_some() {
        return Err(Error::new(Code::ReadBack).at(image.reader.path()).offset(range.start));
    }
    Ok(Outcome::Healed { from, evidence })
}

/// Writes the bad bytes to a file, sector by sector. Unreadable sectors and the missing end of a truncated image become
/// zeros.
fn keep_evidence(prefix: &Path, image: &Image, range: Extent) -> Result<PathBuf> {
    let mut name = prefix.as_os_str().to_owned();
    name.push(format!(".{}.block", range.start));
    let path = PathBuf::from(name);
    make_directory(directory_of(&path))?;
    let mut bytes = Buffer::new(BLOCK_SIZE);
    let mut sector = Buffer::new(ALIGNMENT);
    let end = fs::metadata(image.reader.file()).on("fstat", image.reader.path())?.len();
    for part in range.overlap(&Extent { start: 0, end }).pieces(ALIGNMENT as u64) {
        let at = length_of(Extent { start: range.start, end: part.start });
        if let Ok(read) = image.reader.read(Via::Disk, &mut sector, part) {
            bytes[at..at + read.len()].copy_from_slice(read);
        }
    }
    let kept = |file: &mut dyn Write| file.write_all(&bytes[..length_of(range)]);
    match write_file_by(&path, 0o400, Existing::Keep, kept) {
        // An earlier attempt of the same run has kept it.
        Err(Error { errno: Some(Errno::EXIST), .. }) => Ok(path),
        result => result.map(|()| path),
    }
}

fn length_of(range: Extent) -> usize {
    usize::try_from(range.len()).expect("at most a block")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::WriteOptions;
    use crate::backup::write::write_image;
    use crate::fault_tests::scratch::Scratch;
    use crate::platform;
    use crate::sys::faults::{Fault, Injection, watch};
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    const BLOCK: u64 = BLOCK_SIZE as u64;

    /// An image of two blocks, its `source`, and the bytes of both.
    fn image_in(directory: &Path) -> (ImageOptions, Vec<u8>) {
        let path = |name: &str| directory.join(name);
        let bytes: Vec<u8> = (0..2 * BLOCK_SIZE).map(|at| (at % 251) as u8 | 1).collect();
        std::fs::write(path("source"), &bytes).unwrap();
        let source = path("source").into();
        let options =
            WriteOptions { source, image: path("image"), index: path("index"), ..WriteOptions::default() };
        let stats = write_image(&options, &Control::default()).unwrap();
        let WriteOptions { image, index, .. } = options;
        (ImageOptions { image, index, size: stats.size, digest: stats.digest }, bytes)
    }

    fn truncate(options: &ImageOptions, length: u64) -> Image {
        File::options().write(true).open(&options.image).unwrap().set_len(length).unwrap();
        Image::open(options, &Control::default()).unwrap()
    }

    #[test]
    fn the_evidence_of_a_truncated_image_has_all_that_is_left_of_the_block() {
        let directory = tempfile::tempdir().unwrap();
        let (options, bytes) = image_in(directory.path());
        let second = Extent::at(BLOCK, BLOCK);
        // These ends lie in its last sector, behind its first byte, at its start, and before it.
        for end in [2 * BLOCK_SIZE - 777, BLOCK_SIZE + 1, BLOCK_SIZE, BLOCK_SIZE - 1] {
            let image = truncate(&options, end as u64);
            let evidence = keep_evidence(&directory.path().join(end.to_string()), &image, second).unwrap();
            let mut expected = bytes[..end].to_vec();
            expected.resize(2 * BLOCK_SIZE, 0);
            assert!(std::fs::read(evidence).unwrap() == expected[BLOCK_SIZE..], "cut at {end}");
        }
    }

    /// A stray write into a clone has a place of its own. The rest of the block still lies where the donor's does.
    #[test]
    fn a_donor_may_share_what_is_good_of_the_block() {
        let scratch = Scratch::new();
        let directory = scratch.directory("repair");
        let (image, bytes) = image_in(&directory);
        let older = directory.join("older");
        // Without clones, no donor can be mistaken for the bad bytes.
        if platform::create_clone(&File::open(&image.image).unwrap(), rustix::fs::CWD, &older, &|_| true)
            .is_err()
        {
            return;
        }
        let file = File::options().write(true).open(&image.image).unwrap();
        file.write_all_at(&[0], BLOCK + 5000).unwrap();
        file.sync_all().unwrap();
        let donors = vec![Donor { path: older, index: Some(image.index.clone()) }];
        let options =
            RepairOptions { image, blocks: vec![BLOCK], donors, evidence: directory.join("evidence") };

        let repaired = repair_image(&options, &Control::default()).unwrap();

        assert!(matches!(repaired[0].outcome, Outcome::Healed { .. }), "{:?}", repaired[0].outcome);
        assert!(std::fs::read(&options.image.image).unwrap() == bytes);
    }

    #[test]
    fn a_donor_that_does_not_tell_where_it_lies_is_no_reason_not_to_ask_the_next_one() {
        let scratch = Scratch::new();
        let directory = scratch.directory("repair");
        let (options, _) = image_in(&directory);
        let donors =
            ["source", "copy"].map(|name| Donor { path: directory.join(name), index: None }).to_vec();
        std::fs::copy(&donors[0].path, &donors[1].path).unwrap();
        let image = truncate(&options, BLOCK);
        let block = inspect(&image, Extent::at(BLOCK, BLOCK), &mut Buffer::new(BLOCK_SIZE)).unwrap().unwrap();
        let options = RepairOptions {
            image: options,
            blocks: vec![BLOCK],
            donors,
            evidence: directory.join("evidence"),
        };
        let search =
            || find(&options.donors, &image, &block, &Control::default()).unwrap().map(|(path, _)| path);
        // A filesystem without extent maps has nothing to test here.
        let (Ok(first), calls) = watch(None, search) else { return };
        assert_eq!(first, options.donors[0].path);

        let at = calls.iter().position(|call| call.name == "ioctl_fiemap").unwrap();
        let once = Injection { at, fault: Fault::Fails(Errno::IO), lasting: false };

        assert_eq!(watch(Some(once), search).0.unwrap(), options.donors[1].path);
        let reason = watch(Some(Injection { lasting: true, ..once }), search).0.unwrap_err();
        assert!(reason.contains("ioctl_fiemap failed"), "{reason}");
    }
}
