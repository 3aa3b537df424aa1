//! The identity of a file under every name, and its owner. All facts come from an open descriptor, because a name can lead
//! to another file a moment later.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::process::geteuid;

use crate::error::{Context, Result};
use crate::sys::fs;

/// The identity of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// Number of its filesystem. On some it changes with each mount.
    pub device: u64,
    /// Its inode number.
    pub inode: u64,
    /// Time of its creation, in nanoseconds since 1970: `stx_btime`, statx(2). `None` if the filesystem does not keep
    /// that.
    pub birth: Option<u128>,
}

impl FileIdentity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            birth: metadata.created().ok().and_then(since).map(|birth| birth.as_nanos()),
        }
    }

    /// Whether this is the file of an earlier run. Its number can have gone to another file since, which the time of
    /// birth shows; without one nothing is proven. The number of the device changes with each mount, so it is no
    /// evidence.
    pub(crate) fn is_that_of_earlier(&self, earlier: &Self) -> bool {
        self.inode == earlier.inode && self.birth.is_some() && self.birth == earlier.birth
    }
}

/// The reason why a file is not ours alone; `None` for a plain file with one name whose owner is the caller, or the
/// owner of the repository, whom root gives the files it creates.
///
/// # Errors
/// [`crate::Code::Io`] when the directory of the repository cannot be looked at.
pub(crate) fn stranger(metadata: &Metadata, repository: &Path) -> Result<Option<&'static str>> {
    if !metadata.is_file() {
        return Ok(Some("it is not a plain file"));
    }
    if !is_owner(metadata.uid(), repository)? {
        return Ok(Some("it belongs to another user"));
    }
    // Filesystems without hard links may count none at all.
    Ok((metadata.nlink() > 1).then_some("it has a second name"))
}

/// Whether a user is the caller, or the owner of the repository.
///
/// # Errors
/// [`crate::Code::Io`] when the directory of the repository cannot be looked at.
pub(crate) fn is_owner(user: u32, repository: &Path) -> Result<bool> {
    if user == geteuid().as_raw() {
        return Ok(true);
    }
    Ok(user == fs::stat(repository).on("stat", repository)?.st_uid)
}

/// The facts of an open file.
pub(crate) fn metadata(file: &File, path: &Path) -> Result<Metadata> {
    fs::metadata(file).on("fstat", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_run_has_its_number_and_its_birth() {
        let earlier = FileIdentity { device: 1, inode: 2, birth: Some(3) };
        assert!(FileIdentity { device: 9, ..earlier }.is_that_of_earlier(&earlier));
        for other in [
            FileIdentity { inode: 9, ..earlier },
            FileIdentity { birth: Some(9), ..earlier },
            FileIdentity { birth: None, ..earlier },
        ] {
            assert!(!other.is_that_of_earlier(&earlier));
            assert!(!earlier.is_that_of_earlier(&other));
        }
        let unborn = FileIdentity { birth: None, ..earlier };
        assert!(!unborn.is_that_of_earlier(&unborn));
    }

    #[test]
    fn a_file_with_a_second_name_is_not_ours_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (path, second) = (directory.path().join("file"), directory.path().join("second"));
        let file = File::create(&path).unwrap();
        let reason = || stranger(&file.metadata().unwrap(), directory.path()).unwrap();
        assert_eq!(reason(), None);
        std::fs::hard_link(&path, &second).unwrap();
        assert_eq!(reason(), Some("it has a second name"));
        std::fs::remove_file(&second).unwrap();
        assert_eq!(reason(), None);
        let directory = File::open(directory.path()).unwrap().metadata().unwrap();
        assert_eq!(stranger(&directory, Path::new("/")).unwrap(), Some("it is not a plain file"));
    }

    /// As root; others cannot give files away.
    #[test]
    fn a_file_of_another_user_is_not_ours() {
        if !geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("file")).unwrap();
        let chown = |path: &Path, user| std::os::unix::fs::chown(path, Some(user), None).unwrap();
        chown(&directory.path().join("file"), 54_321);
        let reason = || stranger(&file.metadata().unwrap(), directory.path()).unwrap();
        assert_eq!(reason(), Some("it belongs to another user"));
        chown(directory.path(), 54_321);
        assert_eq!(reason(), None);
    }
}
