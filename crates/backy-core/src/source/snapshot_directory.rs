//! The directory beside a source that holds one snapshot. Others may write to the directory of the source, so names in
//! that lead wherever they want. Nobody but us can do anything in this one, and it is used through its descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Code, Context, Error, Result};
use crate::files::durable::sync_directory_of;
use crate::files::identity::{FileIdentity, is_owner, metadata};
use crate::files::names::directory_of;
use crate::files::ownership::give_to_owner_of;
use crate::platform;
use crate::sys::fs;

/// Permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// An open directory of ours. Whatever its own name becomes, that of the snapshot in it stays.
pub(crate) struct SnapshotDirectory {
    path: PathBuf,
    /// The name of the snapshot, the only file in it.
    name: OsString,
    /// The directory that it lies in.
    around: File,
    directory: File,
}

impl SnapshotDirectory {
    /// Makes it. The name must be free.
    ///
    /// # Errors
    /// [`Code::ReflinkUnsupported`] when another directory is in its place a moment later, [`Code::Io`].
    pub(crate) fn make(path: &Path, name: &OsStr) -> Result<Self> {
        let around = open_directory_of(path)?;
        fs::mkdir_at(&around, name_of(path), Mode::RWXU).on("mkdir", path)?;
        let made = open_in(&around, path)
            .on("open", path)
            .map(|directory| Self { path: path.to_owned(), name: name.to_owned(), around, directory })
            .and_then(|made| made.expect_new().map(|()| made));
        if made.is_err() {
            // Best effort: it removes nothing but an empty directory, in a place where others write.
            let _ = fs::rmdir(path);
        }
        made
    }

    /// A directory of our own that has nothing in it cannot be an older one that somebody put there.
    fn expect_new(&self) -> Result<()> {
        let facts = metadata(&self.directory, &self.path)?;
        let is_new = facts.uid() == geteuid().as_raw()
            && facts.mode() & OTHERS == 0
            && fs::is_empty(&self.directory).on("getdents", &self.path)?;
        if is_new {
            return Ok(());
        }
        let detail = "the directory that was made for it is not ours alone";
        Err(Error::new(Code::ReflinkUnsupported).at(&self.path).detail(detail))
    }

    /// The name of the snapshot in it.
    pub(crate) fn name(&self) -> &Path {
        Path::new(&self.name)
    }

    /// The path of the snapshot, for messages.
    pub(crate) fn file_path(&self) -> PathBuf {
        self.path.join(&self.name)
    }

    /// Makes the name of the snapshot durable, and gives the directory to the owner of the repository. A power cut may
    /// still take the name of the directory: then there is nothing to compare with, and everything is read.
    pub(crate) fn finish(&self, repository: &Path) -> Result<()> {
        give_to_owner_of(&self.directory, &self.path, repository)?;
        platform::sync(&self.directory).on("fsync", &self.path)
    }

    /// Removes it along with the snapshot, durably.
    fn remove(&self) -> Result<()> {
        self.discard()?;
        platform::sync(&self.around).on("fsync", directory_of(&self.path))
    }

    /// The same, whether that lasts or not.
    pub(crate) fn discard(&self) -> Result<()> {
        match fs::unlink_at(&self.directory, self.name()) {
            Err(Errno::NOENT) => {}
            result => result.on("unlink", &self.file_path())?,
        }
        fs::rmdir_at(&self.around, name_of(&self.path)).on("rmdir", &self.path)
    }
}

impl AsFd for SnapshotDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// A snapshot that an earlier run has left.
#[derive(Debug, Clone)]
pub struct LeftSnapshot {
    /// Its directory. Earlier versions had the snapshot itself in this place.
    pub path: PathBuf,
    /// Its name in that directory.
    pub name: OsString,
    /// The file that it is; `None` when the run that made it was cut off before it knew.
    pub identity: Option<FileIdentity>,
    /// The directory of the repository that it was made for.
    pub repository: PathBuf,
}

/// Removes a snapshot that an earlier run has left, and nothing else: what it finds there must be ours, and must be the
/// file of this identity where one is known.
///
/// Returns whether it was there.
///
/// # Errors
/// [`Code::Io`].
pub fn remove_snapshot(left: &LeftSnapshot) -> Result<bool> {
    let LeftSnapshot { path, name, repository, .. } = left;
    let around = match open_directory_of(path) {
        Err(error) if matches!(error.errno, Some(Errno::NOENT | Errno::NOTDIR)) => return Ok(false),
        result => result?,
    };
    let Some(found) = open_if_ours(&around, name_of(path), path)? else { return Ok(false) };
    let facts = metadata(&found, path)?;
    if facts.is_dir() {
        let directory =
            SnapshotDirectory { path: path.clone(), name: name.clone(), around, directory: found };
        let is_ours = facts.mode() & OTHERS == 0 && is_owner(facts.uid(), repository)?;
        if !is_ours || !directory.holds(left)? {
            return Ok(false);
        }
        return directory.remove().map(|()| true);
    }
    if !left.is(&facts)? {
        return Ok(false);
    }
    fs::unlink_at(&around, name_of(path)).on("unlink", path)?;
    sync_directory_of(path).map(|()| true)
}

impl SnapshotDirectory {
    /// Whether it has the snapshot, or nothing, as a run leaves it that was cut off.
    fn holds(&self, left: &LeftSnapshot) -> Result<bool> {
        let path = self.file_path();
        match open_if_ours(&self.directory, self.name(), &path)? {
            Some(file) => left.is(&metadata(&file, &path)?),
            None => fs::is_empty(&self.directory).on("getdents", &self.path),
        }
    }
}

impl LeftSnapshot {
    /// Whether an open file is the snapshot. One that was noted without its identity was still being made, under a name
    /// that no other run has ever used.
    fn is(&self, facts: &Metadata) -> Result<bool> {
        if !facts.is_file() || !is_owner(facts.uid(), &self.repository)? {
            return Ok(false);
        }
        let found = FileIdentity::of(facts);
        Ok(self.identity.is_none_or(|noted| {
            found.inode == noted.inode && (noted.birth.is_none() || found.birth == noted.birth)
        }))
    }
}

/// Opens a name without following it; `None` for what cannot be a snapshot of ours.
fn open_if_ours(directory: &File, name: &Path, path: &Path) -> Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::open_at(directory, name, flags, Mode::empty()) {
        // Nothing; a symbolic link; a socket, or a device without a driver; what only its owner may read, or has a lease on.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV | Errno::ACCESS | Errno::AGAIN) => {
            Ok(None)
        }
        result => Ok(Some(result.on("open", path)?.into())),
    }
}

fn open_in(around: &File, path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::open_at(around, name_of(path), flags, Mode::empty()).map(File::from)
}

fn open_directory_of(path: &Path) -> Result<File> {
    let directory = directory_of(path);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::open(directory, flags, Mode::empty()).on("open", directory).map(File::from)
}

/// The last part of a path. One that ends in `..` has none, and names no snapshot.
fn name_of(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or(OsStr::new("")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    /// A directory with the snapshot `new` in it.
    fn scene() -> (tempfile::TempDir, LeftSnapshot) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("new");
        let made = SnapshotDirectory::make(&path, OsStr::new("disk")).unwrap();
        let file = made.file_path();
        std::fs::write(&file, "snapshot").unwrap();
        made.finish(scratch.path()).unwrap();
        let repository = scratch.path().to_owned();
        let identity = Some(identity_of(&file));
        (scratch, LeftSnapshot { path, name: "disk".into(), identity, repository })
    }

    fn identity_of(path: &Path) -> FileIdentity {
        FileIdentity::of(&std::fs::metadata(path).unwrap())
    }

    fn allow(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn nobody_else_may_enter_it_and_it_is_made_once() {
        let (_scratch, left) = scene();
        let mode = std::fs::symlink_metadata(&left.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        let again = SnapshotDirectory::make(&left.path, OsStr::new("disk"));
        assert_eq!(again.err().unwrap().errno, Some(Errno::EXIST));
        assert_eq!(std::fs::read(left.path.join("disk")).unwrap(), b"snapshot");
        assert!(remove_snapshot(&left).unwrap());
        assert!(!left.path.exists());
        assert!(!remove_snapshot(&left).unwrap());
        assert!(!remove_snapshot(&LeftSnapshot { path: left.path.join("below"), ..left }).unwrap());
    }

    #[test]
    fn what_a_run_left_that_was_cut_off_is_removed() {
        let (_scratch, left) = scene();
        let cut_off = LeftSnapshot { identity: None, ..left };
        assert!(remove_snapshot(&cut_off).unwrap(), "its identity was not noted yet");
        std::fs::create_dir(&cut_off.path).unwrap();
        allow(&cut_off.path, 0o700);
        assert!(remove_snapshot(&cut_off).unwrap(), "it has no snapshot yet");
        std::fs::write(&cut_off.path, "of an earlier version").unwrap();
        let identity = Some(identity_of(&cut_off.path));
        assert!(remove_snapshot(&LeftSnapshot { identity, ..cut_off.clone() }).unwrap());
        assert!(!cut_off.path.exists());
    }

    #[test]
    fn nothing_else_is_removed() {
        let (scratch, left) = scene();
        let known = left.identity.unwrap();
        let stays = |left: &LeftSnapshot| {
            assert!(!remove_snapshot(left).unwrap());
            assert!(std::fs::symlink_metadata(&left.path).is_ok());
        };
        let other = FileIdentity { inode: known.inode + 1, ..known };
        stays(&LeftSnapshot { identity: Some(other), ..left.clone() });
        let reborn = FileIdentity { birth: Some(1), ..known };
        stays(&LeftSnapshot { identity: Some(reborn), ..left.clone() });
        stays(&LeftSnapshot { name: "other".into(), identity: None, ..left.clone() });
        allow(&left.path, 0o755);
        stays(&left);
        allow(&left.path, 0o700);
        let moved = scratch.path().join("moved");
        std::fs::rename(&left.path, &moved).unwrap();
        symlink(&moved, &left.path).unwrap();
        stays(&left);
        std::fs::remove_file(&left.path).unwrap();
        std::fs::write(&left.path, "precious").unwrap();
        stays(&left);
        assert_eq!(std::fs::read(moved.join("disk")).unwrap(), b"snapshot");
    }

    /// As root; others cannot give files away.
    #[test]
    fn a_directory_of_another_user_is_left_alone() {
        if !geteuid().is_root() {
            return;
        }
        let (scratch, left) = scene();
        chown(&left.path, Some(54_321), None).unwrap();
        assert!(!remove_snapshot(&left).unwrap());
        chown(scratch.path(), Some(54_321), None).unwrap();
        assert!(remove_snapshot(&left).unwrap(), "root gave it to the user");
    }
}
