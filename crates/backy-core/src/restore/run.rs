//! Restoring an image. Every block is checked against the index on its way to the target. Success means that the target
//! is complete and durable.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::error::{BadBlocks, Code, Context, Error, Result};
use crate::files::device::Kind;
use crate::image::output::Output;
use crate::image::reader::Reader;
use crate::image::sealed::{Image, ImageOptions};
use crate::restore::as_clone::restore_clone;
use crate::restore::outcome::{RestoreStats, Restored, TargetKind};
use crate::restore::partial::{Partial, create_whole};
use crate::restore::target::{exists, find_new};
use crate::restore::to_existing::Differential;
use crate::restore::to_program::{self, CommandTarget};
use crate::restore::{to_new_file, to_stream};
use crate::sys::fs;
use crate::work::control::Control;

/// The target of a restore.
#[derive(Debug)]
pub enum Target {
    /// A file that may exist, or a block device.
    Path(PathBuf),
    /// A file that must not exist, on the filesystem of the image. It shares all blocks with the image, and no block is
    /// checked.
    Clone(PathBuf),
    /// A pipe, or anything else that takes bytes in order.
    Stream(OwnedFd),
    /// A target that programs read and write for us.
    Command(CommandTarget),
}

/// Restores an image. Without `force`, a damaged image leaves a target file or device as it was, unless nearly all of
/// the target differs: then each block is checked as it is written, and damage leaves the target incomplete.
///
/// With `force`, bad blocks are left out: they become holes in a new file, zeros in a stream, and stay as they are
/// elsewhere. Bytes behind the end of the image are left out, too.
///
/// Bytes that are written to files and devices are read back from the disk before they count.
///
/// # Errors
/// [`Code::ImageDamaged`] with every bad block, [`Code::IndexDamaged`], [`Code::TargetSmall`], [`Code::TargetBusy`],
/// [`Code::TargetKind`], [`Code::TargetProtected`], [`Code::NoPlace`], [`Code::CloneRefused`], [`Code::ProgramFailed`],
/// [`Code::DiffDamaged`], [`Code::ReadBack`], [`Code::Cancelled`], [`Code::Io`].
pub fn restore_image(
    options: &ImageOptions,
    target: Target,
    force: bool,
    control: &Control,
) -> Result<RestoreStats> {
    let open = || {
        let image =
            if force { Image::open_with_tail(options, control) } else { Image::open(options, control) };
        Ok(Restore { image: image?, force, control })
    };
    match target {
        Target::Clone(path) => restore_clone(options, &path, control),
        Target::Stream(stream) => open()?.stream(&stream.into()),
        Target::Command(command) => open()?.command(&command),
        Target::Path(path) if exists(&path)? => open()?.existing(&path),
        Target::Path(path) => open()?.new_file(&path),
    }
}

struct Restore<'a> {
    image: Image,
    force: bool,
    control: &'a Control,
}

impl Restore<'_> {
    /// Writes under another name beside the target, which appears only when it is complete.
    fn new_file(&self, path: &Path) -> Result<RestoreStats> {
        create_whole(&find_new(path)?, |partial: &Partial| {
            let (file, path) = (partial.create()?, &partial.path);
            let written = fs::duplicate(&file).on("dup", path)?;
            let output = Output::fresh(file, path, self.image.size)?;
            let restored = to_new_file::fill(&self.image, output, self.control)?;
            self.refuse_damage(&restored.bad)?;
            self.image.read_back(&Reader::new(written, path), &restored.touched, self.control)?;
            self.stats(restored, TargetKind::NewFile)
        })
    }

    fn existing(&self, path: &Path) -> Result<RestoreStats> {
        let target = Differential::open(&self.image, self.control, path)?;
        let kind = if target.kind() == Kind::Device { TargetKind::Device } else { TargetKind::File };
        if target.is_worth_little()? {
            let restored = target.replace()?;
            return self.stats(restored, kind).map_err(Error::begun);
        }
        let differing = target.compare()?;
        self.refuse_damage(&differing.bad)?;
        let restored = target.write(&differing)?;
        self.stats(Restored { bad: differing.bad, ..restored }, kind)
    }

    fn command(&self, command: &CommandTarget) -> Result<RestoreStats> {
        let differences = to_program::compare(&self.image, command, self.control)?;
        self.refuse_damage(&differences.bad)?;
        let restored =
            to_program::write(&self.image, command, &differences, self.control).map_err(Error::begun)?;
        self.stats(Restored { bad: differences.bad, ..restored }, TargetKind::Command)
    }

    fn stream(&self, stream: &File) -> Result<RestoreStats> {
        let mut all = Restored::default();
        let streamed = to_stream::send(&self.image, stream, self.force, self.control, &mut all);
        let result = streamed.and_then(|()| self.refuse_damage(&all.bad));
        let written = all.written;
        result.map_err(|error| if written > 0 { error.begun() } else { error })?;
        self.stats(all, TargetKind::Stream)
    }

    fn stats(&self, restored: Restored, kind: TargetKind) -> Result<RestoreStats> {
        self.refuse_damage(&restored.bad)?;
        let Restored { read: bytes_read, written: bytes_written, bad, .. } = restored;
        let BadBlocks { first: bad_blocks, count: bad_count } = bad;
        Ok(RestoreStats { size: self.image.size, bytes_read, bytes_written, bad_count, bad_blocks, kind })
    }

    fn refuse_damage(&self, bad: &BadBlocks) -> Result<()> {
        if bad.is_empty() || self.force {
            return Ok(());
        }
        Err(Error::new(Code::ImageDamaged).at(self.image.reader.path()).all_bad(bad.clone()))
    }
}
