//! Durable moves of files between directories; making and removing directories.

use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::files::durable::{Existing, rename, sync_directory, sync_directory_of};
use crate::files::names::directory_of;
use crate::files::ownership::give_to_owner;
use crate::sys::fs;

/// Renames files in order, then makes the names durable in every directory. No name may be taken. Missing files are
/// skipped, so that repeating an interrupted move completes it.
///
/// # Errors
/// [`crate::Code::Io`], `EEXIST` for a name that is taken; the files before it have been renamed then.
pub fn move_files(pairs: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (from, to) in pairs {
        match fs::lstat(from) {
            Err(Errno::NOENT) => {}
            result => {
                result.on("lstat", from)?;
                rename(from, to, Existing::Keep)?;
            }
        }
    }
    // The directory that files arrive in is synced first: one name too many after a power cut is better than one too
    // few.
    let (left, entered): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(from, to)| (directory_of(from), directory_of(to))).unzip();
    let mut synced: Vec<&Path> = Vec::new();
    for directory in entered.into_iter().chain(left) {
        if synced.contains(&directory) {
            continue;
        }
        synced.push(directory);
        match sync_directory(directory) {
            // No file was moved into or out of a missing directory.
            Err(error) if error.errno == Some(Errno::NOENT) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Makes a directory that nobody else may enter, durably. It may exist already.
///
/// # Errors
/// [`crate::Code::Io`]; `ENOTDIR` if the name belongs to a file or to any symbolic link.
pub fn make_directory(path: &Path) -> Result<()> {
    match fs::mkdir(path, Mode::RWXU) {
        Err(Errno::EXIST) => {
            let mode = fs::lstat(path).on("lstat", path)?.st_mode;
            if FileType::from_raw_mode(mode) != FileType::Directory {
                return Err(Error::io("mkdir", path, Errno::NOTDIR));
            }
        }
        result => {
            result.on("mkdir", path)?;
            let made = fs::open_directory(path).on("open", path)?;
            give_to_owner(&made, path)?;
        }
    }
    sync_directory_of(path)
}

/// Removes an empty directory, durably. It may be missing.
///
/// # Errors
/// [`crate::Code::Io`], `ENOTEMPTY` if it is not empty.
pub fn remove_directory(path: &Path) -> Result<()> {
    match fs::rmdir(path) {
        Err(Errno::NOENT) => Ok(()),
        result => result.on("rmdir", path).and_then(|()| sync_directory_of(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn files_move_in_order_and_an_interrupted_move_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        make_directory(&path("trash")).unwrap();
        for name in ["a.rev", "a"] {
            std::fs::write(path(name), name).unwrap();
        }
        let pairs = ["a.rev", "a"].map(|name| (path(name), path("trash").join(name)));
        move_files(&pairs[..1]).unwrap();
        move_files(&pairs).unwrap();
        move_files(&pairs).unwrap();
        for (from, to) in &pairs {
            assert!(!from.exists());
            assert_eq!(std::fs::read(to).unwrap(), from.file_name().unwrap().as_encoded_bytes());
        }
    }

    #[test]
    fn a_name_that_is_taken_stops_the_move() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["a", "b", "taken"] {
            std::fs::write(path(name), name).unwrap();
        }
        let error = move_files(&[(path("a"), path("free")), (path("b"), path("taken"))]).unwrap_err();
        assert_eq!((error.errno, error.path), (Some(Errno::EXIST), Some(path("taken"))));
        assert_eq!(std::fs::read(path("free")).unwrap(), b"a");
        assert_eq!(std::fs::read(path("taken")).unwrap(), b"taken");
        assert_eq!(std::fs::read(path("b")).unwrap(), b"b");
    }

    #[test]
    fn a_directory_to_move_to_that_is_missing_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a"), "a").unwrap();
        let error = move_files(&[(path("a"), path("missing/a"))]).unwrap_err();
        assert_eq!(error.errno, Some(Errno::NOENT));
        assert!(move_files(&[(path("gone/a"), path("a"))]).is_ok(), "what is not there is skipped");
    }

    #[test]
    fn a_directory_is_made_once_and_nothing_else_passes_for_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        make_directory(&path("new")).unwrap();
        make_directory(&path("new")).unwrap();
        assert_eq!(std::fs::metadata(path("new")).unwrap().permissions().mode() & 0o7777, 0o700);
        std::fs::write(path("file"), "").unwrap();
        symlink("new", path("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(make_directory(&path(name)).unwrap_err().errno, Some(Errno::NOTDIR), "{name}");
        }
    }

    #[test]
    fn only_an_empty_directory_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trash");
        make_directory(&path).unwrap();
        std::fs::write(path.join("a"), "").unwrap();
        assert_eq!(remove_directory(&path).unwrap_err().errno, Some(Errno::NOTEMPTY));
        std::fs::remove_file(path.join("a")).unwrap();
        remove_directory(&path).unwrap();
        remove_directory(&path).unwrap();
        assert!(!path.exists());
    }
}
