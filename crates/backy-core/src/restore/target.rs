//! Targets of a restore. Everything that rules out a target is found before an image is read, and before a byte of the
//! target is compared.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::begun;
use crate::files::device::{self, Facts, Kind};
use crate::files::holders::{busy, holders_at, refuse_held};
use crate::files::names::directory_of;
use crate::files::place::check_place;
use crate::platform::{self, Protection};
use crate::sys::fs;

/// An existing file or block device that may be written to. While it is open, no other restore, no backup and no QEMU
/// can use it.
pub(crate) struct OpenTarget {
    pub file: File,
    pub facts: Facts,
}

/// Checks whether an image of `size` bytes can be restored to `path`, which may be a new file. Nothing is changed.
///
/// # Errors
/// [`Code::TargetBusy`], [`Code::TargetKind`], [`Code::TargetProtected`], [`Code::TargetSmall`], [`Code::NoPlace`],
/// [`Code::Io`].
pub fn check_target(path: &Path, size: u64) -> Result<()> {
    match fs::stat(path) {
        Err(Errno::NOENT) => check_new(path),
        result => result.on("stat", path).and_then(|_| open_target(path, size)).map(drop),
    }
}

/// Refuses a new file in a place that keeps no files, or in a protected directory.
///
/// # Errors
/// [`Code::TargetProtected`], [`Code::NoPlace`], [`Code::Io`].
pub(crate) fn check_new(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    check_place(directory)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match fs::open(directory, flags, Mode::empty()) {
        // A user who may not list a directory may still create a file in it.
        Err(Errno::ACCESS) => Ok(()),
        result => refuse_protected(&result.on("open", directory)?.into(), directory),
    }
}

/// Opens an existing target.
///
/// # Errors
/// As [`check_target`].
pub(crate) fn open_target(path: &Path, size: u64) -> Result<OpenTarget> {
    let kind = kind_of(path)?;
    if kind == Kind::File {
        check_place(path)?;
    }
    let file = open(path, kind)?;
    let facts = device::facts(&file, path)?.ok_or_else(|| Error::new(Code::TargetKind).at(path))?;
    refuse_protected(&file, path)?;
    // Two restores at a time would both report success, and leave a mixture. Some filesystems have no locks.
    if fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Err(busy(path, holders_at(path)));
    }
    platform::keep_qemu_out(&file);
    refuse_held(&file, path)?;
    begun::guard_target(&file, path)?;
    if facts.kind == Kind::Device && facts.size < size {
        let detail = format!("it has {} bytes, the image {size}", facts.size);
        return Err(Error::new(Code::TargetSmall).at(path).detail(detail));
    }
    Ok(OpenTarget { file, facts })
}

fn kind_of(path: &Path) -> Result<Kind> {
    let other = |kind: &str| Err(Error::new(Code::TargetKind).at(path).detail(kind));
    match FileType::from_raw_mode(fs::stat(path).on("stat", path)?.st_mode) {
        FileType::RegularFile => Ok(Kind::File),
        FileType::BlockDevice => Ok(Kind::Device),
        FileType::Directory => other("a directory"),
        FileType::Fifo => other("a pipe"),
        FileType::Socket => other("a socket"),
        FileType::CharacterDevice => other("a character device"),
        _ => other("something else"),
    }
}

fn open(path: &Path, kind: Kind) -> Result<File> {
    let opened = match kind {
        Kind::Device => device::open_exclusively(path, OFlags::RDWR),
        Kind::File => {
            fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).map(File::from)
        }
    };
    match opened {
        Err(Errno::BUSY) => Err(busy(path, platform::claims_on(path))),
        // The file is a running program, or the kernel swaps to it.
        Err(Errno::TXTBSY) => Err(busy(path, holders_at(path))),
        Err(errno @ (Errno::PERM | Errno::ACCESS | Errno::ROFS)) => {
            device::open_source(path).and_then(|file| refuse_protected(&file, path))?;
            Err(Error::io("open", path, errno))
        }
        result => result.on("open", path),
    }
}

fn refuse_protected(file: &File, path: &Path) -> Result<()> {
    platform::protection_of(file).map_or(Ok(()), |protection: Protection| {
        Err(Error::new(Code::TargetProtected).at(path).detail(protection.name()))
    })
}
