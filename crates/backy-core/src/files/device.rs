//! Regular files and block devices: opened by a path, and their sizes.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::place::check_place;
use crate::platform;
use crate::sys::fs;

/// Kinds of files that hold an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A block device.
    Device,
}

/// Facts about an image or source before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// File or device.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
}

/// Whether a block device is mounted, or part of a device in use. Then the kernel refuses `O_EXCL` to everybody else,
/// open(2). Files are never busy.
///
/// # Errors
/// [`Code::Io`] when it cannot be opened for reading.
pub fn is_busy(path: &Path) -> Result<bool> {
    let file = open_source(path)?;
    if facts(&file, path)?.is_none_or(|facts| facts.kind == Kind::File) {
        return Ok(false);
    }
    match open_exclusively(path, OFlags::RDONLY) {
        Err(Errno::BUSY) => Ok(true),
        result => result.map(|_| false).on("open", path),
    }
}

/// Opens a block device exclusively: `O_EXCL`, open(2). Fails with `BUSY` if the device stays in use. It tries several
/// times, because [`is_busy`] holds a device for a moment.
pub(crate) fn open_exclusively(path: &Path, access: OFlags) -> rustix::io::Result<File> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::EXCL;
    let mut attempts = 1;
    loop {
        match fs::open(path, flags, Mode::empty()) {
            Err(Errno::BUSY) if attempts < BUSY_ATTEMPTS => std::thread::sleep(BUSY_PAUSE),
            result => return result.map(File::from),
        }
        attempts += 1;
    }
}

const BUSY_ATTEMPTS: u32 = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Kind and size of the file or device at `path`. Symbolic links are followed.
///
/// # Errors
/// [`Code::Io`] when it cannot be opened for reading, [`Code::SourceKind`] for directories, pipes and the like,
/// [`Code::NoPlace`] for a file between devices.
pub fn describe(path: &Path) -> Result<Facts> {
    let file = open_source(path)?;
    let facts = facts(&file, path)?.ok_or_else(|| Error::new(Code::SourceKind).at(path))?;
    if facts.kind == Kind::File {
        check_place(path)?;
    }
    Ok(facts)
}

/// Opens a source for reading only.
pub(crate) fn open_source(path: &Path) -> Result<File> {
    // NONBLOCK: opening a pipe without a writer would hang. It has no meaning for files and devices.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::empty()).on("open", path)?.into())
}

/// Kind and size of an open file or device; `None` for everything else.
pub(crate) fn facts(file: &File, path: &Path) -> Result<Option<Facts>> {
    let stat = fs::fstat(file).on("fstat", path)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(Facts { kind: Kind::File, size: stat.st_size.cast_unsigned() }),
        FileType::BlockDevice => {
            Some(Facts { kind: Kind::Device, size: platform::device_size(file).on("ioctl", path)? })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::faults::{Fault, Injection, watch};

    #[test]
    fn a_device_that_others_ask_about_is_not_in_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = |lasting| {
            let injection = Injection { at: 0, fault: Fault::Fails(Errno::BUSY), lasting };
            watch(Some(injection), || open_exclusively(file.path(), OFlags::RDWR).map(drop)).0
        };
        assert_eq!(open(false), Ok(()));
        assert_eq!(open(true), Err(Errno::BUSY));
    }

    #[test]
    fn a_file_has_its_size_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("image"), directory.path().join("link"));
        std::fs::write(&file, [1; 1000]).unwrap();
        std::os::unix::fs::symlink("image", &link).unwrap();
        assert_eq!(describe(&link).unwrap(), Facts { kind: Kind::File, size: 1000 });
    }

    #[test]
    fn a_directory_is_no_source() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(describe(directory.path()).unwrap_err().code, Code::SourceKind);
    }
}
