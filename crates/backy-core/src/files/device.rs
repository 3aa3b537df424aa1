//! Regular files and block devices: opened by a path, and their sizes.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::place::check_resolved;
use crate::files::planted::refuse_second_name;
use crate::files::resolve::{Resolved, with_resolved};
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
    with_resolved(path, |resolved| {
        if resolved.kind()? != FileType::BlockDevice {
            return Ok(false);
        }
        match open_exclusively(resolved, OFlags::RDONLY) {
            Err(error) if error.errno == Some(Errno::BUSY) => Ok(true),
            result => result.map(|_| false),
        }
    })
}

/// Opens a block device exclusively: `O_EXCL`, open(2). Fails with `BUSY` if the device stays in use. It tries several
/// times, because [`is_busy`] holds a device for a moment.
pub(crate) fn open_exclusively(resolved: &Resolved, access: OFlags) -> Result<File> {
    let mut attempts = 1;
    loop {
        match resolved.open(access | OFlags::NONBLOCK | OFlags::EXCL) {
            Err(error) if error.errno == Some(Errno::BUSY) && attempts < BUSY_ATTEMPTS => {
                std::thread::sleep(BUSY_PAUSE);
            }
            result => return result,
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
/// [`Code::NoPlace`] for a file between devices, [`Code::LinkForeign`], [`Code::FileForeign`],
/// [`Code::FileReplaced`].
pub fn describe(path: &Path) -> Result<Facts> {
    with_resolved(path, |resolved| {
        let file = open_resolved(resolved)?;
        refuse_second_name(&file, resolved)?;
        let facts = facts(&file, path)?.ok_or_else(|| Error::new(Code::SourceKind).at(path))?;
        if facts.kind == Kind::File {
            check_resolved(resolved)?;
        }
        Ok(facts)
    })
}

/// Opens a source for reading only: a regular file or a block device. No symbolic link of a stranger is followed.
///
/// # Errors
/// [`Code::SourceKind`], [`Code::LinkForeign`], [`Code::FileReplaced`], [`Code::Io`].
pub(crate) fn open_source(path: &Path) -> Result<File> {
    with_resolved(path, open_resolved)
}

/// The same for a path that is resolved. Other kinds of files are not opened: the other end of a pipe would notice, and
/// some devices start to work.
pub(crate) fn open_resolved(resolved: &Resolved) -> Result<File> {
    match resolved.kind()? {
        // NONBLOCK has no meaning for either. It matters for a pipe that takes the name now.
        FileType::RegularFile | FileType::BlockDevice => resolved.open(OFlags::RDONLY | OFlags::NONBLOCK),
        _ => Err(Error::new(Code::SourceKind).at(&resolved.path)),
    }
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
    use crate::files::resolve::resolve;
    use crate::sys::faults::{Fault, Injection, watch};

    #[test]
    fn a_device_that_others_ask_about_is_not_in_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let resolved = resolve(file.path()).unwrap();
        let open = |lasting| {
            let injection = Injection { at: 0, fault: Fault::Fails(Errno::BUSY), lasting };
            let result = watch(Some(injection), || open_exclusively(&resolved, OFlags::RDWR)).0;
            result.map(drop).map_err(|error| error.errno)
        };
        assert_eq!(open(false), Ok(()));
        assert_eq!(open(true), Err(Some(Errno::BUSY)));
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
