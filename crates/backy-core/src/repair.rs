//! Mending a sealed image: what the index says of a block, from a place that has just that and is another one on the
//! disk. This alone may change a sealed image, and never to anything but what was sealed.
//!
//! The good bytes are written to a file of their own, made durable and read back, before the image refers to them in
//! one step; so a mend that fails, or is cut short, leaves the block as bad as it was. The bad bytes are kept.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE};
use crate::buffer::{ALIGNMENT, Buffer};
use crate::control::Control;
use crate::device::{self, Kind};
use crate::directory::make_directory;
use crate::durable::{Existing, close, directory_of, temporary_beside, write_file_by};
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::extent::Extent;
use crate::image::{Image, ImageOptions, expected};
use crate::index::IndexReader;
use crate::output::{Output, write_at};
use crate::places::lie_apart;
use crate::platform;
use crate::read::{Reader, Via};
use crate::sys::fs;

/// What to mend, and what with.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// The image, as its record has it.
    pub image: ImageOptions,
    /// Where its bad blocks start, in bytes.
    pub blocks: Vec<u64>,
    /// Where the right bytes may be, the best place first.
    pub donors: Vec<Donor>,
    /// What the names of the files begin with that get the bad bytes: `.OFFSET.block` is added.
    pub evidence: PathBuf,
}

/// A file or device that may have the right bytes, at the same offset.
#[derive(Debug, Clone)]
pub struct Donor {
    /// Where it is.
    pub path: PathBuf,
    /// Its index, if it is an image of ours: then nothing is read in vain.
    pub index: Option<PathBuf>,
}

/// What became of a block that is bad.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// What was wrong with it.
    pub block: BadBlock,
    /// How it ended.
    pub outcome: Outcome,
}

/// How the mending of a block ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is what it was when it was sealed, durably.
    Healed {
        /// Where the bytes come from; `None` for zeros, which come from nowhere.
        from: Option<PathBuf>,
        /// The file that has the bad bytes.
        evidence: PathBuf,
    },
    /// It is as bad as before, for this reason.
    Left(String),
}

/// Mends the blocks of an image that are bad; those that are good are passed over. That a block cannot be mended is a
/// result, not an error.
///
/// # Errors
/// [`Code::IndexDamaged`], [`Code::ImageDamaged`] when the image is longer than it was, [`Code::Io`] when it cannot be
/// opened, [`Code::Cancelled`].
pub fn repair_image(options: &RepairOptions, control: &Control) -> Result<Vec<Repaired>> {
    let image = Image::open(&options.image)?;
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
                None => mend(options, &image, &block).unwrap_or_else(|error| {
                    // What could not be made durable is not tried again: a disk that fails is not written to.
                    given_up = error.syscall.filter(|call| *call == "fsync").map(|_| error.to_string());
                    Outcome::Left(error.to_string())
                }),
            };
            repaired.push(Repaired { block, outcome });
        }
        control.add_done(BLOCK_SIZE as u64);
    }
    Ok(repaired)
}

/// What is wrong with a block, by what is on the disk now.
fn inspect(image: &Image, range: Extent, buffer: &mut Buffer) -> Result<Option<BadBlock>> {
    if range.is_empty() {
        return Ok(None);
    }
    let mut bad = Vec::new();
    image.reader.distrust_cache();
    image.read_checked(Via::Disk, buffer, range, &image.page(range.start / SEGMENT_SIZE)?, &mut bad)?;
    Ok(bad.pop())
}

fn mend(options: &RepairOptions, image: &Image, block: &BadBlock) -> Result<Outcome> {
    let range = Extent::at(block.offset, block.length);
    let (from, good) = if block.expected.is_zero() {
        (None, None)
    } else {
        match find(options, image, block)? {
            Ok((donor, good)) => (Some(donor), Some(good)),
            Err(reason) => return Ok(Outcome::Left(reason)),
        }
    };
    let evidence = keep_evidence(&options.evidence, image, range)?;
    match good {
        Some(good) => put(image, &good[..length_of(range)], range)?,
        None => clear(image, range)?,
    }
    if inspect(image, range, &mut Buffer::new(BLOCK_SIZE))?.is_some() {
        return Err(Error::new(Code::ReadBack).at(image.reader.path()).offset(range.start));
    }
    Ok(Outcome::Healed { from, evidence })
}

/// The first donor with the right bytes in another place, and the bytes; or why there is none.
fn find(
    options: &RepairOptions,
    image: &Image,
    block: &BadBlock,
) -> Result<std::result::Result<(PathBuf, Buffer), String>> {
    let range = Extent::at(block.offset, block.length);
    let mut reason = String::from("no other place has these bytes");
    for donor in &options.donors {
        // What is wrong with a donor is no reason not to ask the next one.
        let Ok(Some((file, good))) = ask(donor, range, block.expected) else { continue };
        match lie_apart((image.reader.file(), range), (&file, range), &donor.path)? {
            Ok(true) => return Ok(Ok((donor.path.clone(), good))),
            Ok(false) => {
                reason = String::from("every other place that has these bytes is the same one on the disk");
            }
            Err(unknown) => reason = unknown,
        }
    }
    Ok(Err(reason))
}

/// The bytes that a donor has on its disk, if they are the right ones.
fn ask(donor: &Donor, range: Extent, expected_hash: Hash) -> Result<Option<(File, Buffer)>> {
    let reader = if let Some(index) = &donor.index {
        let page = IndexReader::open(index)?.page(range.start / SEGMENT_SIZE)?;
        if expected(&page, range.start) != expected_hash {
            return Ok(None);
        }
        Reader::open(&donor.path)?
    } else {
        Reader::new(device::open_source(&donor.path)?, &donor.path)
    };
    reader.distrust_cache();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    let is_right = Hash::of(reader.read(Via::Disk, &mut buffer, range)?) == expected_hash;
    Ok(is_right.then_some((fs::duplicate(reader.file()).on("dup", &donor.path)?, buffer)))
}

/// Writes what is there now to a file, sector by sector; zeros stand for those that cannot be read.
fn keep_evidence(prefix: &Path, image: &Image, range: Extent) -> Result<PathBuf> {
    let mut name = prefix.as_os_str().to_owned();
    name.push(format!(".{}.block", range.start));
    let path = PathBuf::from(name);
    make_directory(directory_of(&path))?;
    let mut bytes = Buffer::new(BLOCK_SIZE);
    let mut sector = Buffer::new(ALIGNMENT);
    for part in range.pieces(ALIGNMENT as u64) {
        let at = length_of(Extent { start: range.start, end: part.start });
        if let Ok(read) = image.reader.read(Via::Disk, &mut sector, part) {
            bytes[at..at + read.len()].copy_from_slice(read);
        }
    }
    let kept = |file: &mut dyn Write| file.write_all(&bytes[..length_of(range)]);
    match write_file_by(&path, 0o400, Existing::Keep, kept) {
        // An earlier attempt in the same run kept it.
        Err(Error { errno: Some(Errno::EXIST), .. }) => Ok(path),
        result => result.map(|()| path),
    }
}

/// Lets the image have these bytes, in blocks of the disk that they have never been in.
fn put(image: &Image, bytes: &[u8], range: Extent) -> Result<()> {
    let path = image.reader.path();
    let temporary = temporary_beside(path);
    let fresh = platform::create(&temporary).on("open", &temporary)?;
    let result = fill(&fresh, &temporary, bytes).and_then(|()| {
        let target = open_sealed(image)?;
        match platform::clone_range(&fresh, &target, range.len(), range.start) {
            // No reflinks: the bad block is nobody else's, and is written where it is.
            Err(errno) if platform::never_clones(errno) => write_at(&target, path, bytes, range.start)?,
            result => result.on("ioctl_ficlonerange", path).map_err(|error| error.offset(range.start))?,
        }
        platform::sync(&target).on("fsync", path)?;
        close(target, path)
    });
    // Best effort: a name that starts like this is a leftover that the next purge takes.
    let _ = fs::unlink(&temporary);
    result
}

/// Writes, makes durable and reads back.
fn fill(file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
    write_at(file, path, bytes, 0)?;
    platform::sync(file).on("fsync", path)?;
    let reader = Reader::open(path)?;
    reader.distrust_cache();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    if reader.read(Via::Disk, &mut buffer, Extent::at(0, bytes.len() as u64))? != bytes {
        return Err(Error::new(Code::ReadBack).at(path).offset(0));
    }
    Ok(())
}

/// Makes a block zeros, which needs no donor.
fn clear(image: &Image, range: Extent) -> Result<()> {
    let output = Output::existing(open_sealed(image)?, image.reader.path(), Kind::File);
    output.clear(range)?;
    output.finish()
}

/// Opens the image for writing, at its full size. Its mode, 0400, keeps even the owner out, and is back at once.
fn open_sealed(image: &Image) -> Result<File> {
    let path = image.reader.path();
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = || fs::open(path, flags, Mode::empty());
    let opened = match open() {
        Err(Errno::ACCESS) => {
            fs::fchmod(image.reader.file(), Mode::RUSR | Mode::WUSR).on("fchmod", path)?;
            let opened = open();
            fs::fchmod(image.reader.file(), Mode::RUSR).on("fchmod", path)?;
            opened
        }
        opened => opened,
    };
    let file: File = opened.on("open", path)?.into();
    if fs::metadata(&file).on("fstat", path)?.len() < image.size {
        fs::ftruncate(&file, image.size).on("ftruncate", path)?;
    }
    Ok(file)
}

fn length_of(range: Extent) -> usize {
    usize::try_from(range.len()).expect("at most a block")
}
