//! The traces of a restore on its target. While it runs, it holds a lock, so that no backup reads a mixture. A file
//! also bears a mark from the first write until it is complete. The mark survives a kill and a power cut.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::device::{self, Kind};
use crate::files::holders::holders_of;
use crate::platform;
use crate::sys::fs::{self, Guard};

/// The extended attribute of a file that a restore has begun to write, xattr(7). Its value is the path of the image:
/// the directory is the repository, the name is the id of the revision.
const MARK: &str = "user.backy.restoring";

/// The longest path.
const LONGEST_MARK: usize = 4096;

/// The traces of restores on a file or device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Whether a restore is running.
    pub running: bool,
    /// The image that an unfinished restore has begun to write.
    pub image: Option<PathBuf>,
    /// Whether the target can bear a mark. Devices cannot, and neither can files without attributes.
    pub marks: bool,
}

/// Looks for a restore to the file or device at `path` that is running or incomplete.
///
/// # Errors
/// [`Code::Io`] when it cannot be opened for reading.
pub fn find_begun(path: &Path) -> Result<Begun> {
    let file = device::open_source(path)?;
    let running = match fs::is_guarded(&file) {
        Err(errno) if has_no_locks(errno) => false,
        result => result.on("fcntl", path)?,
    };
    if device::facts(&file, path)?.is_none_or(|facts| facts.kind == Kind::Device) {
        return Ok(Begun { running, image: None, marks: false });
    }
    let mut value = vec![0; LONGEST_MARK];
    let (image, marks) = match fs::fgetxattr(&file, MARK, &mut value) {
        Ok(length) => (Some(PathBuf::from(OsStr::from_bytes(&value[..length]))), true),
        Err(platform::NO_ATTRIBUTE) => (None, true),
        Err(errno) if has_no_attributes(errno) => (None, false),
        Err(errno) => return Err(Error::io("fgetxattr", path, errno)),
    };
    Ok(Begun { running, image, marks })
}

/// Removes the mark of an unfinished restore from a file, durably. A file without a mark stays as it is.
///
/// # Errors
/// [`Code::Io`].
pub fn forget_begun(path: &Path) -> Result<()> {
    unmark(&device::open_source(path)?, path)
}

/// Locks a target against backups and other restores until it is closed.
pub(crate) fn guard_target(file: &File, path: &Path) -> Result<()> {
    guard(file, path, Guard::Exclusive, Code::TargetBusy)
}

/// Locks a source against restores until it is closed. Fails while a restore is writing to it.
pub(crate) fn guard_source(file: &File, path: &Path) -> Result<()> {
    guard(file, path, Guard::Shared, Code::SourceRestoring)
}

/// Marks a target durably as incomplete, if it is a file that can bear the mark. `image` is the restored image.
pub(crate) fn mark(file: &File, path: &Path, image: &Path) -> Result<()> {
    match fs::fsetxattr(file, MARK, image.as_os_str().as_bytes()) {
        Err(errno) if has_no_attributes(errno) => Ok(()),
        result => result.on("fsetxattr", path).and_then(|()| platform::sync(file).on("fsync", path)),
    }
}

/// Removes the mark from a complete target, durably.
pub(crate) fn unmark(file: &File, path: &Path) -> Result<()> {
    match fs::fremovexattr(file, MARK) {
        Err(errno) if errno == platform::NO_ATTRIBUTE || has_no_attributes(errno) => Ok(()),
        result => result.on("fremovexattr", path).and_then(|()| platform::sync(file).on("fsync", path)),
    }
}

fn guard(file: &File, path: &Path, guard: Guard, busy: Code) -> Result<()> {
    match fs::lock_guard(file, guard) {
        Err(Errno::WOULDBLOCK) => Err(Error { holders: holders_of(file), ..Error::new(busy).at(path) }),
        Err(errno) if has_no_locks(errno) => Ok(()),
        result => result.on("fcntl", path),
    }
}

/// Some filesystems have no locks.
fn has_no_locks(errno: Errno) -> bool {
    matches!(errno, Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}

/// Device nodes cannot have user attributes (EPERM), and some filesystems have none at all.
fn has_no_attributes(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> File {
        File::options().read(true).write(true).open(path).unwrap()
    }

    #[test]
    fn a_restore_and_backups_keep_out_of_each_others_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        std::fs::write(&path, "disk").unwrap();
        let (target, source, other) = (open(&path), File::open(&path).unwrap(), File::open(&path).unwrap());
        guard_target(&target, &path).unwrap();
        assert!(find_begun(&path).unwrap().running);
        assert_eq!(guard_source(&source, &path).unwrap_err().code, Code::SourceRestoring);
        drop(target);
        assert!(!find_begun(&path).unwrap().running);
        guard_source(&source, &path).unwrap();
        guard_source(&other, &path).unwrap();
        assert!(!find_begun(&path).unwrap().running, "a backup is no restore");
        assert_eq!(guard_target(&open(&path), &path).unwrap_err().code, Code::TargetBusy);
    }

    #[test]
    fn a_mark_stays_until_it_is_taken_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        std::fs::write(&path, "disk").unwrap();
        // The filesystem of the temporary directory may have no attributes.
        let marks = find_begun(&path).unwrap().marks;
        let begun = |image| Begun { running: false, image, marks };
        mark(&open(&path), &path, Path::new("/srv/backy/1")).unwrap();
        assert_eq!(find_begun(&path).unwrap(), begun(marks.then(|| "/srv/backy/1".into())));
        forget_begun(&path).unwrap();
        forget_begun(&path).unwrap();
        assert_eq!(find_begun(&path).unwrap(), begun(None));
    }
}
