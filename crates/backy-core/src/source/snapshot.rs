//! A snapshot of a source file: a clone, of one instant, that nobody writes to.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use rustix::fd::AsFd;
use rustix::fs::Mode;

use crate::error::{Code, Context, Error, Result};
use crate::files::begun;
use crate::files::clone::{Cloned, clone_file, clone_file_at};
use crate::files::device::{self, Kind};
use crate::files::identity::{FileIdentity, metadata};
use crate::files::ownership::{give_to_owner, give_to_owner_of};
use crate::files::planted::refuse_second_name;
use crate::files::resolve::with_resolved;
use crate::platform;
use crate::source::snapshot_directory::SnapshotDirectory;
use crate::sys::fs;
use crate::work::control::Control;

/// A snapshot that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenSnapshot {
    /// Size in bytes.
    pub size: u64,
    /// The file that it is.
    pub identity: FileIdentity,
}

impl TakenSnapshot {
    fn of(clone: &File, path: &Path) -> Result<Self> {
        let metadata = metadata(clone, path)?;
        Ok(Self { size: metadata.len(), identity: FileIdentity::of(&metadata) })
    }
}

/// Clones a file to the name of a new image, which must be free, where one filesystem has both: the snapshot is the
/// image from the beginning, and has no name in a directory of anybody else. Whoever completes the image makes it
/// durable.
///
/// # Errors
/// As [`take_snapshot`].
pub fn clone_source(source: &Path, image: &Path, control: &Control) -> Result<TakenSnapshot> {
    let file = open_file(source)?;
    let clone = shared(clone_file(&file, image, control)?, source)?;
    let finished = give_to_owner(&clone, image).and_then(|()| TakenSnapshot::of(&clone, image));
    if finished.is_err() {
        // Best effort: the unfinished record says that it may go.
        let _ = fs::unlink(image);
    }
    finished
}

/// Clones a file to `name` in a new directory of ours, whose own name must be free, and makes that durable: an earlier
/// snapshot is compared with later ones, so a power cut must not leave less of it than was read. Both get the owner of the
/// directory `repository`, which they belong to.
///
/// # Errors
/// [`Code::ReflinkUnsupported`] if the filesystem cannot clone, [`Code::SourceKind`] for everything except files,
/// [`Code::SourceRestoring`] while a restore writes to it, [`Code::Cancelled`], [`Code::Io`]. Nothing is left behind.
pub fn take_snapshot(
    source: &Path,
    directory: &Path,
    name: &OsStr,
    repository: &Path,
    control: &Control,
) -> Result<TakenSnapshot> {
    let file = open_file(source)?;
    let directory = SnapshotDirectory::make(directory, name)?;
    let taken = fill(&directory, &file, source, repository, control);
    if taken.is_err() {
        // A failure does not matter: its name shows whose leftover it is.
        let _ = directory.discard();
    }
    taken
}

fn fill(
    directory: &SnapshotDirectory,
    file: &File,
    source: &Path,
    repository: &Path,
    control: &Control,
) -> Result<TakenSnapshot> {
    let path = &directory.file_path();
    let clone = shared(clone_file_at(file, directory.as_fd(), directory.name(), control)?, source)?;
    fs::fchmod(&clone, Mode::RUSR).on("fchmod", path)?;
    give_to_owner_of(&clone, path, repository)?;
    platform::sync(&clone).on("fsync", path)?;
    directory.finish(repository)?;
    TakenSnapshot::of(&clone, path)
}

/// Opens a source that can be cloned.
fn open_file(source: &Path) -> Result<File> {
    let file = with_resolved(source, |resolved| {
        let file = device::open_resolved(resolved)?;
        refuse_second_name(&file, resolved).map(|()| file)
    })?;
    match device::facts(&file, source)? {
        Some(facts) if facts.kind == Kind::File => {}
        Some(_) => return Err(refused(source, "a block device cannot be cloned")),
        None => return Err(Error::new(Code::SourceKind).at(source)),
    }
    begun::guard_source(&file, source)?;
    Ok(file)
}

fn shared(cloned: Cloned, source: &Path) -> Result<File> {
    match cloned {
        Cloned::Shared(clone) => Ok(clone),
        Cloned::Refused(refusal) => Err(refused(source, &refusal.reason)),
    }
}

fn refused(source: &Path, reason: &str) -> Error {
    Error::new(Code::ReflinkUnsupported).at(source).detail(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    /// The filesystem of the temporary directory decides. Nothing else is left in either case.
    #[test]
    fn it_is_a_read_only_copy_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("disk"), vec![7; 100_000]).unwrap();
        let take = || {
            let (disk, snapshot, name) = (path("disk"), path("snapshot"), OsStr::new("disk"));
            take_snapshot(&disk, &snapshot, name, directory.path(), &Control::default())
        };
        match take() {
            Ok(taken) => {
                let file = path("snapshot").join("disk");
                let metadata = std::fs::metadata(&file).unwrap();
                assert_eq!((taken.size, taken.identity), (100_000, FileIdentity::of(&metadata)));
                assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(path("disk")).unwrap());
                assert_eq!((mode(&file), mode(&path("snapshot"))), (0o400, 0o700));
            }
            Err(error) => {
                assert_eq!(error.code, Code::ReflinkUnsupported);
                assert!(!path("snapshot").exists());
            }
        }
        match clone_source(&path("disk"), &path("image"), &Control::default()) {
            Ok(taken) => {
                let metadata = std::fs::metadata(path("image")).unwrap();
                assert_eq!((taken.size, taken.identity), (100_000, FileIdentity::of(&metadata)));
                assert_eq!(std::fs::read(path("image")).unwrap(), std::fs::read(path("disk")).unwrap());
                assert_eq!(mode(&path("image")), 0o600);
            }
            Err(error) => {
                assert_eq!(error.code, Code::ReflinkUnsupported);
                assert!(!path("image").exists());
            }
        }
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("disk"), "disk").unwrap();
        std::fs::write(path("precious"), "precious").unwrap();
        let (disk, precious, control) = (path("disk"), path("precious"), Control::default());
        let name = OsStr::new("disk");
        for error in [
            take_snapshot(&disk, &precious, name, directory.path(), &control).unwrap_err(),
            clone_source(&disk, &precious, &control).unwrap_err(),
        ] {
            assert_eq!(error.errno, Some(rustix::io::Errno::EXIST));
        }
        assert_eq!(std::fs::read(path("precious")).unwrap(), b"precious");
        let missing = path("missing/snapshot");
        assert_eq!(
            take_snapshot(&disk, &missing, name, directory.path(), &control).unwrap_err().code,
            Code::Io
        );
        for error in [
            take_snapshot(directory.path(), &path("new"), name, directory.path(), &control).unwrap_err(),
            clone_source(directory.path(), &path("new"), &control).unwrap_err(),
        ] {
            assert_eq!(error.code, Code::SourceKind);
        }
        assert!(!path("new").exists());
    }
}
