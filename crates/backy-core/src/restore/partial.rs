//! A new file that appears when it is complete. Until then it has another name. Interrupted restores leave such files
//! behind, which are removed here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fd::AsFd;
use rustix::fs::{Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{Code, Context, Error, Result};
use crate::files::durable::rename_to_free;
use crate::files::names::{directory_of, unique};
use crate::files::resolve::{Resolved, resolve};
use crate::platform;
use crate::sys::fs;

/// A file in the making, in a directory that others may write to: all is done in the open directory.
pub(crate) struct Partial<'r> {
    /// The name that it will have.
    target: &'r Resolved,
    /// Its name until it is complete.
    pub name: OsString,
    /// The same as a path, for messages.
    pub path: PathBuf,
    claim: OnceLock<File>,
}

impl<'r> Partial<'r> {
    fn beside(target: &'r Resolved) -> Self {
        // The name tells whose unfinished work it is, for directories that are not ours to purge.
        let mut name = prefix_of(&target.name);
        name.push(unique());
        let path = directory_of(&target.path).join(&name);
        Self { target, name, path, claim: OnceLock::new() }
    }

    /// The directory that it is in.
    pub(crate) fn directory(&self) -> &File {
        &self.target.directory
    }

    /// Creates the file, empty.
    pub(crate) fn create(&self) -> Result<File> {
        let file = platform::create_at(self.directory(), &self.name).on("open", &self.path)?;
        self.claim(&file).map(|()| file)
    }

    /// Locks the file from its creation until it has its name. A file that nobody holds is a leftover.
    pub(crate) fn claim(&self, file: &File) -> Result<()> {
        // Some filesystems have no locks. There no file counts as a leftover either.
        let _ = fs::flock(file, FlockOperation::NonBlockingLockExclusive);
        let held = fs::duplicate(file).on("dup", &self.path)?;
        let _ = self.claim.set(held);
        Ok(())
    }

    /// Gives the file its name, durably, and makes sure that this file got it: others who may write to the directory can
    /// put another file in its place.
    fn finish(&self) -> Result<()> {
        let Resolved { path, directory, name, .. } = self.target;
        rename_to_free(directory.as_fd(), Path::new(&self.name), Path::new(name)).on("rename", path)?;
        let held = self.claim.get().map(fs::fstat).transpose().on("fstat", path)?;
        let named = fs::stat_at(directory, name).on("lstat", path)?;
        if held.is_none_or(|held| (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino)) {
            return Err(Error::new(Code::FileReplaced).at(path));
        }
        platform::sync(&self.target.list_directory().on("open", path)?).on("fsync", path)
    }
}

/// Makes a file appear when it is complete. `fill` creates it, durably, under another name beside `target`. The name of
/// `target` must be free in the end.
pub(crate) fn create_whole<T>(target: &Resolved, fill: impl FnOnce(&Partial) -> Result<T>) -> Result<T> {
    let partial = Partial::beside(target);
    let result = fill(&partial).and_then(|filled| partial.finish().map(|()| filled));
    result.map_err(|error| {
        // The first error is the one that matters.
        let _ = fs::unlink_at(partial.directory(), &partial.name);
        if error.path.as_ref() == Some(&partial.path) { error.at(&target.path) } else { error }
    })
}

/// Removes the leftovers of interrupted restores to a new file `path`: plain files with such a name that belong to the
/// caller, that no process holds, and whose maker has ended. A file in doubt stays.
///
/// Returns the removed files. It never fails: a file that cannot be removed does no harm.
#[must_use]
pub fn remove_partials(path: &Path) -> Vec<PathBuf> {
    let Ok(target) = resolve(path) else { return Vec::new() };
    let Ok(directory) = target.list_directory() else { return Vec::new() };
    let removed: Vec<PathBuf> = names_in(&directory)
        .filter(|name| is_abandoned(&target.name, name) && remove_unheld(&directory, name))
        .map(|name| directory_of(path).join(name))
        .collect();
    if !removed.is_empty() {
        // Should the names be back after a power cut, the next restore removes them.
        let _ = platform::sync(&directory);
    }
    removed
}

fn names_in(directory: &File) -> impl Iterator<Item = OsString> {
    let entries = Dir::read_from(directory).into_iter().flatten().flatten();
    entries.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
}

fn prefix_of(target: &OsStr) -> OsString {
    let mut prefix = target.to_owned();
    prefix.push(".partial-");
    prefix
}

/// Whether a name is one of [`Partial::beside`], made by a process that is gone.
fn is_abandoned(target: &OsStr, name: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix_of(target).as_bytes()) else { return false };
    let Ok(rest) = std::str::from_utf8(rest) else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    let [pid, count, time] = parts[..] else { return false };
    let is_time = time.len() >= 12 && u128::from_str_radix(time, 16).is_ok();
    is_time && count.parse::<u32>().is_ok() && pid.parse().is_ok_and(is_gone)
}

fn is_gone(pid: i32) -> bool {
    let Some(process) = Pid::from_raw(pid) else { return false };
    rustix::process::test_kill_process(process) == Err(Errno::SRCH)
}

fn remove_unheld(directory: &File, name: &OsStr) -> bool {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = fs::open_at(directory, name, flags, Mode::empty()).map(File::from) else { return false };
    fs::fstat(&file).is_ok_and(|stat| is_ours(&stat))
        && fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        && fs::unlink_at(directory, name).is_ok()
}

/// Whether a file looks as [`crate::platform::create`] made it.
fn is_ours(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && Mode::from_raw_mode(stat.st_mode) == Mode::RUSR | Mode::WUSR
        && stat.st_nlink == 1
        && stat.st_uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform;
    use std::os::unix::fs::PermissionsExt;

    /// No process has this pid: it is above the largest one of Linux.
    const NOBODY: i32 = 0x7fff_fff0;

    fn partial(target: &str, pid: i32) -> String {
        format!("{target}.partial-{pid}-0-18b2f0c3d4e5f607")
    }

    #[test]
    fn the_leftover_of_a_killed_restore_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let left = path(&partial("disk", NOBODY));
        platform::create(&left).unwrap();
        let mine = i32::try_from(std::process::id()).unwrap();
        let mut kept: Vec<PathBuf> = [
            "disk".to_owned(),
            "disk.partial".to_owned(),
            "disk.partial-copy".to_owned(),
            format!("disk.partial-{NOBODY}-0-ff"),
            format!("disk.partial-{NOBODY}-0-18b2f0c3d4e5f607.img"),
            partial("other", NOBODY),
            partial("disk", mine),
        ]
        .iter()
        .map(|name| path(name))
        .collect();
        for name in &kept {
            platform::create(name).unwrap();
        }
        assert_eq!(remove_partials(&path("disk")), [left]);
        kept.sort();
        let mut names: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        assert_eq!(names, kept);
    }

    #[test]
    fn a_file_that_is_held_linked_or_readable_to_others_stays() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("disk");
        let left = directory.path().join(partial("disk", NOBODY));
        let file = platform::create(&left).unwrap();
        let resolved = resolve(&target).unwrap();
        let held = Partial::beside(&resolved);
        held.claim(&file).unwrap();
        drop(file);
        assert!(remove_partials(&target).is_empty(), "it is held");
        drop(held);
        let second = directory.path().join("second");
        std::fs::hard_link(&left, &second).unwrap();
        assert!(remove_partials(&target).is_empty(), "it has another name");
        std::fs::remove_file(&second).unwrap();
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(remove_partials(&target).is_empty(), "somebody has changed its mode");
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(remove_partials(&target), std::slice::from_ref(&left));
        std::os::unix::fs::symlink(directory.path(), &left).unwrap();
        assert!(remove_partials(&target).is_empty(), "it is a link");
    }
}
