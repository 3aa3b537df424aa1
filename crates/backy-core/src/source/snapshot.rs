//! Snapshots of source files. A snapshot is a clone of one instant beside the file, and nobody writes to it.

use std::path::Path;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use rustix::fs::Mode;

use crate::error::{Code, Context, Error, Result};
use crate::files::begun;
use crate::files::clone::{Cloned, clone_file};
use crate::files::device::{self, Kind};
use crate::files::durable::sync_directory_of;
use crate::files::ownership::give_to_owner_of;
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// A new snapshot, and the facts that identify it under every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenSnapshot {
    /// Size in bytes.
    pub size: u64,
    /// Number of its filesystem. On some it changes with each mount.
    pub device: u64,
    /// Its inode number.
    pub inode: u64,
    /// Time of its creation, in nanoseconds since 1970; `None` if the filesystem does not keep that.
    pub birth: Option<u128>,
}

impl TakenSnapshot {
    fn of(metadata: &Metadata) -> Self {
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
        Self {
            size: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
            birth: metadata.created().ok().and_then(since).map(|birth| birth.as_nanos()),
        }
    }
}

/// Clones a file to a name beside it, which must be free, and makes the clone durable. Later snapshots are compared
/// with it, so it must be complete after a power cut. It gets the owner of the directory `repository`, to which it
/// belongs.
///
/// # Errors
/// [`Code::ReflinkUnsupported`] if the filesystem cannot clone, [`Code::SourceKind`] for everything except files,
/// [`Code::SourceRestoring`] while a restore writes to it, [`Code::Cancelled`], [`Code::Io`]. Nothing is left behind.
pub fn take_snapshot(
    source: &Path,
    snapshot: &Path,
    repository: &Path,
    control: &Control,
) -> Result<TakenSnapshot> {
    let file = device::open_source(source)?;
    match device::facts(&file, source)? {
        Some(facts) if facts.kind == Kind::File => {}
        Some(_) => return Err(refused(source, "a block device cannot be cloned")),
        None => return Err(Error::new(Code::SourceKind).at(source)),
    }
    begun::guard_source(&file, source)?;
    let clone = match clone_file(&file, snapshot, control)? {
        Cloned::Shared(clone) => clone,
        Cloned::Refused(refusal) => return Err(refused(source, &refusal.reason)),
    };
    let finished = fs::fchmod(&clone, Mode::RUSR)
        .on("fchmod", snapshot)
        .and_then(|()| give_to_owner_of(&clone, snapshot, repository))
        .and_then(|()| platform::sync(&clone).on("fsync", snapshot))
        .and_then(|()| sync_directory_of(snapshot))
        .and_then(|()| fs::metadata(&clone).on("fstat", snapshot));
    if finished.is_err() {
        // A failure does not matter: its name shows whose leftover it is.
        let _ = fs::unlink(snapshot);
    }
    finished.map(|metadata| TakenSnapshot::of(&metadata))
}

fn refused(source: &Path, reason: &str) -> Error {
    Error::new(Code::ReflinkUnsupported).at(source).detail(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// The filesystem of the temporary directory decides. Nothing else is left in either case.
    #[test]
    fn it_is_a_read_only_copy_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("disk"), vec![7; 100_000]).unwrap();
        match take_snapshot(&path("disk"), &path("snapshot"), directory.path(), &Control::default()) {
            Ok(taken) => {
                let metadata = std::fs::metadata(path("snapshot")).unwrap();
                assert_eq!((taken.size, taken.inode), (100_000, metadata.ino()));
                assert_eq!(std::fs::read(path("snapshot")).unwrap(), std::fs::read(path("disk")).unwrap());
                let mode = std::fs::metadata(path("snapshot")).unwrap().permissions().mode();
                assert_eq!(mode & 0o7777, 0o400);
            }
            Err(error) => {
                assert_eq!(error.code, Code::ReflinkUnsupported);
                assert!(!path("snapshot").exists());
            }
        }
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("disk"), "disk").unwrap();
        std::fs::write(path("precious"), "precious").unwrap();
        let error = take_snapshot(&path("disk"), &path("precious"), directory.path(), &Control::default())
            .unwrap_err();
        assert_eq!(error.errno, Some(rustix::io::Errno::EXIST));
        assert_eq!(std::fs::read(path("precious")).unwrap(), b"precious");
        let missing = path("missing/snapshot");
        assert_eq!(
            take_snapshot(&path("disk"), &missing, directory.path(), &Control::default()).unwrap_err().code,
            Code::Io
        );
        assert_eq!(
            take_snapshot(directory.path(), &path("new"), directory.path(), &Control::default())
                .unwrap_err()
                .code,
            Code::SourceKind
        );
    }
}
