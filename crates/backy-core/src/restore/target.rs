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
use crate::files::place::{check_place, check_resolved};
use crate::files::planted::refuse_foreign_file;
use crate::files::resolve::{Resolved, resolve, with_resolved};
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
/// Returns the permissions of a file that exists.
///
/// # Errors
/// [`Code::TargetBusy`], [`Code::TargetKind`], [`Code::TargetProtected`], [`Code::TargetSmall`], [`Code::LinkForeign`],
/// [`Code::FileForeign`], [`Code::FileReplaced`], [`Code::NoPlace`], [`Code::Io`].
pub fn check_target(path: &Path, size: u64) -> Result<Option<u32>> {
    if !exists(path)? {
        return find_new(path).map(|_| None);
    }
    let OpenTarget { file, facts } = open_target(path, size)?;
    if facts.kind == Kind::Device {
        return Ok(None);
    }
    let mode = Mode::from_raw_mode(fs::fstat(&file).on("fstat", path)?.st_mode).as_raw_mode();
    #[allow(clippy::useless_conversion, reason = "u16 on macOS")]
    Ok(Some(mode.into()))
}

/// Whether a target is there already.
///
/// # Errors
/// [`Code::NoPlace`] for a directory that is missing, [`Code::LinkForeign`], [`Code::Io`].
pub(crate) fn exists(path: &Path) -> Result<bool> {
    match resolve(path) {
        Err(error) if error.errno == Some(Errno::NOENT) => {
            check_place(path)?;
            Err(error.at(directory_of(path)))
        }
        result => result.map(|resolved| resolved.exists()),
    }
}

/// Finds the directory for a new file. Refuses one where none can be kept, or could not get its name in the end.
///
/// # Errors
/// [`Code::TargetProtected`], [`Code::NoPlace`], [`Code::LinkForeign`], [`Code::Io`]; `EEXIST` for a name that is taken.
pub(crate) fn find_new(path: &Path) -> Result<Resolved> {
    let resolved = resolve(path)?;
    // A link that leads nowhere has the name, too.
    if resolved.exists() || resolved.is_link {
        return Err(Error::io("open", path, Errno::EXIST));
    }
    check_resolved(&resolved)?;
    match resolved.list_directory() {
        // A user who may not list a directory may still create a file in it.
        Err(Errno::ACCESS) => {}
        result => {
            let directory = directory_of(path);
            refuse_protected(&result.on("open", directory)?, directory)?;
        }
    }
    Ok(resolved)
}

/// Opens an existing target.
///
/// # Errors
/// As [`check_target`].
pub(crate) fn open_target(path: &Path, size: u64) -> Result<OpenTarget> {
    let file = with_resolved(path, |resolved| {
        let kind = kind_of(resolved)?;
        if kind == Kind::File {
            check_resolved(resolved)?;
        }
        let file = open(resolved, kind)?;
        refuse_foreign_file(&file, resolved)?;
        Ok(file)
    })?;
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

fn kind_of(resolved: &Resolved) -> Result<Kind> {
    let other = |kind: &str| Err(Error::new(Code::TargetKind).at(&resolved.path).detail(kind));
    match resolved.kind()? {
        FileType::RegularFile => Ok(Kind::File),
        FileType::BlockDevice => Ok(Kind::Device),
        FileType::Directory => other("a directory"),
        FileType::Fifo => other("a pipe"),
        FileType::Socket => other("a socket"),
        FileType::CharacterDevice => other("a character device"),
        _ => other("something else"),
    }
}

fn open(resolved: &Resolved, kind: Kind) -> Result<File> {
    let opened = match kind {
        Kind::Device => device::open_exclusively(resolved, OFlags::RDWR),
        Kind::File => resolved.open(OFlags::RDWR | OFlags::NONBLOCK),
    };
    opened.map_err(|error| explain(resolved, error))
}

/// The reason why a target cannot be opened for writing.
fn explain(resolved: &Resolved, error: Error) -> Error {
    let path = &resolved.path;
    match error.errno {
        Some(Errno::BUSY) => busy(path, platform::claims_on(path)),
        // A program that runs, or a file that the kernel swaps to.
        Some(Errno::TXTBSY) => busy(path, holders_at(path)),
        Some(Errno::PERM | Errno::ACCESS | Errno::ROFS) => {
            let readable = device::open_resolved(resolved);
            readable.and_then(|file| refuse_protected(&file, path)).err().unwrap_or(error)
        }
        _ => error,
    }
}

fn refuse_protected(file: &File, path: &Path) -> Result<()> {
    platform::protection_of(file).map_or(Ok(()), |protection: Protection| {
        Err(Error::new(Code::TargetProtected).at(path).detail(protection.name()))
    })
}
