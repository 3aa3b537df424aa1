//! Giving the data back: every block is checked against the index on its way to the target, and success is
//! only reported for a target that is complete and durable.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::bytes::buffer::Buffer;
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::files::device::{self, Kind};
use crate::files::holders::refuse_attached;
use crate::image::read_back::Touched;
use crate::image::reader::{READ_SIZE, Reader, windows_of};
use crate::image::sealed::{Image, ImageOptions};
use crate::platform;
use crate::restore::as_clone::restore_clone;
use crate::restore::partial::{Partial, create_whole};
use crate::restore::target::check_new;
use crate::restore::to_existing::Differential;
use crate::restore::to_new_file;
use crate::restore::to_program::{self, CommandTarget};
use crate::sys::{fs, io};
use crate::work::control::Control;

/// Where an image is restored to.
#[derive(Debug)]
pub enum Target {
    /// A file that may exist, or a block device.
    Path(PathBuf),
    /// A file that must not exist, on the filesystem of the image: it shares all blocks with it, and no block is
    /// checked.
    Clone(PathBuf),
    /// A pipe or whatever else takes bytes in order.
    Stream(OwnedFd),
    /// What programs read and write for us.
    Command(CommandTarget),
}

/// What kind of target it turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A file that was not there before.
    NewFile,
    /// The same, sharing the blocks of the image.
    Clone,
    /// A file that was: only what differed was written.
    File,
    /// A block device: only what differed was written.
    Device,
    /// Bytes in order.
    Stream,
    /// Programs took it: only what differed was handed over.
    Command,
}

/// What a restore did. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStats {
    /// Size of the image.
    pub size: u64,
    /// Read from the image.
    pub bytes_read: u64,
    /// Written to the target.
    pub bytes_written: u64,
    /// What was not restored, with `force`.
    pub bad_blocks: Vec<BadBlock>,
    /// What kind of target it was.
    pub kind: TargetKind,
}

/// Restores an image. Without `force`, a damaged image leaves a target file or device as it was.
///
/// With `force`, blocks that are not what they were are left out: holes in a new file, zeros in a stream,
/// the old bytes elsewhere; so is what the image has behind its end.
///
/// What is written to files and devices is read back from the disk before it counts.
///
/// # Errors
/// [`Code::ImageDamaged`] with every bad block, [`Code::IndexDamaged`], [`Code::TargetSmall`],
/// [`Code::TargetBusy`], [`Code::TargetKind`], [`Code::TargetProtected`], [`Code::NoPlace`], [`Code::CloneRefused`], [`Code::ProgramFailed`], [`Code::DiffDamaged`],
/// [`Code::ReadBack`], [`Code::Cancelled`], [`Code::Io`].
pub fn restore_image(
    options: &ImageOptions,
    target: Target,
    force: bool,
    control: &Control,
) -> Result<RestoreStats> {
    let open = || {
        let image = if force { Image::open_with_tail(options) } else { Image::open(options) };
        Ok(Restore { image: image?, force, control })
    };
    match target {
        Target::Clone(path) => restore_clone(options, &path, control),
        Target::Stream(stream) => open()?.stream(&stream.into()),
        Target::Command(command) => open()?.command(&command),
        Target::Path(path) => match fs::stat(&path) {
            Err(Errno::NOENT) => open()?.new_file(&path),
            result => {
                result.on("stat", &path)?;
                open()?.existing(&path)
            }
        },
    }
}

struct Restore<'a> {
    image: Image,
    force: bool,
    control: &'a Control,
}

/// What became of a part of the target. Sizes in bytes.
#[derive(Default)]
pub(crate) struct Restored {
    pub read: u64,
    pub written: u64,
    pub bad: Vec<BadBlock>,
    /// What of it is to be read back.
    pub touched: Option<Touched>,
}

impl Restore<'_> {
    /// Writes under another name beside the target, which appears only when it is complete.
    fn new_file(&self, path: &Path) -> Result<RestoreStats> {
        check_new(path)?;
        create_whole(path, |partial: &Partial| {
            let segments = to_new_file::fill(&self.image, partial, self.control)?;
            let touched = touched_in(&segments);
            let stats = self.stats(segments, TargetKind::NewFile)?;
            self.image.read_back(&Reader::open(&partial.path)?, &touched, self.control)?;
            Ok(stats)
        })
    }

    fn existing(&self, path: &Path) -> Result<RestoreStats> {
        let target = Differential::open(&self.image, self.control, path)?;
        let kind = if target.kind() == Kind::Device { TargetKind::Device } else { TargetKind::File };
        let differing = target.compare()?;
        let bad: Vec<BadBlock> = differing.iter().flat_map(|differing| differing.bad.clone()).collect();
        self.refuse_damage(&bad)?;
        let mut restored = target.write(&differing)?;
        restored.push(Restored { bad, ..Restored::default() });
        self.stats(restored, kind)
    }

    fn command(&self, command: &CommandTarget) -> Result<RestoreStats> {
        let lack = to_program::compare(&self.image, command, self.control)?;
        self.refuse_damage(&lack.bad)?;
        let restored = to_program::write(&self.image, command, &lack, self.control).map_err(Error::begun)?;
        self.stats(vec![restored, Restored { bad: lack.bad, ..Restored::default() }], TargetKind::Command)
    }

    fn stream(&self, stream: &File) -> Result<RestoreStats> {
        let mut all = Restored::default();
        let streamed = self.stream_blocks(stream, &mut all);
        let result = streamed.and_then(|()| self.refuse_damage(&all.bad));
        let written = all.written;
        result.map_err(|error| if written > 0 { error.begun() } else { error })?;
        self.stats(vec![all], TargetKind::Stream)
    }

    /// One block after the other. At the first bad one writing ends, but checking goes on to name them all.
    fn stream_blocks(&self, stream: &File, all: &mut Restored) -> Result<()> {
        let path = Path::new("-");
        refuse_attached(stream, path)?;
        let mut buffer = Buffer::new(READ_SIZE);
        self.control.add_total(self.image.size);
        for number in self.image.segments() {
            let (page, range) = (self.image.page(number)?, self.image.range(number));
            let via = self.image.reader.way(range);
            for window in windows_of(range) {
                self.control.pass(window.len())?;
                let bytes = self.image.read_checked(via, &mut buffer, window, &page, &mut all.bad)?;
                if all.bad.is_empty() || self.force {
                    write_stream(stream, bytes).on("write", path)?;
                    all.written += window.len();
                }
                all.read += window.len();
                self.control.add_done(window.len());
            }
        }
        // A pipe or a terminal keeps nothing.
        if device::facts(stream, path)?.is_some() {
            platform::sync(stream).on("fsync", path)?;
        }
        Ok(())
    }

    fn stats(&self, segments: Vec<Restored>, kind: TargetKind) -> Result<RestoreStats> {
        let bytes_read = segments.iter().map(|segment| segment.read).sum();
        let bytes_written = segments.iter().map(|segment| segment.written).sum();
        let bad_blocks: Vec<BadBlock> = segments.into_iter().flat_map(|segment| segment.bad).collect();
        self.refuse_damage(&bad_blocks)?;
        Ok(RestoreStats { size: self.image.size, bytes_read, bytes_written, bad_blocks, kind })
    }

    fn refuse_damage(&self, bad: &[BadBlock]) -> Result<()> {
        if bad.is_empty() || self.force {
            return Ok(());
        }
        Err(Error { bad_blocks: bad.to_vec(), ..Error::new(Code::ImageDamaged).at(self.image.reader.path()) })
    }
}

/// What of a target was written to.
pub(crate) fn touched_in(restored: &[Restored]) -> Vec<Touched> {
    restored.iter().filter_map(|restored| restored.touched).collect()
}

fn write_stream(stream: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match io::retry_on_intr(|| io::write(stream, bytes)) {
            Ok(count) => bytes = &bytes[count..],
            // The other end set its pipe to non-blocking: wait until it takes more.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(stream, PollFlags::OUT)], None)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
