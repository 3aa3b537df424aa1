//! Calls about names, sizes and blocks of files: those of `rustix::fs`.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    self, AtFlags, FlockOperation, Gid, Mode, OFlags, RenameFlags, SeekFrom, Stat, Uid, XattrFlags,
};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

use super::call;

pub(crate) fn open(path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    call("open", || fs::open(path, flags, mode))
}

/// Opens a name in an open directory.
pub(crate) fn open_at(directory: impl AsFd, name: impl Arg, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    call("open", || fs::openat(directory, name, flags, mode))
}

/// The owner, mode and kind of what has a name in an open directory. A symbolic link is not followed.
pub(crate) fn stat_at(directory: impl AsFd, name: impl Arg) -> Result<Stat> {
    call("lstat", || fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))
}

/// The path in a symbolic link. An empty name stands for `directory` itself if that is a link which was opened.
pub(crate) fn read_link_at(directory: &File, name: &OsStr) -> Result<OsString> {
    let path = call("readlink", || fs::readlinkat(directory, name, Vec::new()))?;
    Ok(OsString::from_vec(path.into_bytes()))
}

/// Renames within an open directory. Replaces what has the new name.
pub(crate) fn rename_in(directory: BorrowedFd<'_>, from: &Path, to: &Path) -> Result<()> {
    call("rename", || fs::renameat(directory, from, directory, to))
}

/// As [`rename_in`], but fails with `EEXIST` instead of replacing a file.
pub(crate) fn rename_in_to_free(directory: BorrowedFd<'_>, from: &Path, to: &Path) -> Result<()> {
    call("renameat2", || fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE))
}

pub(crate) fn metadata(file: &File) -> Result<Metadata> {
    call("fstat", || file.metadata().map_err(|error| errno_of(&error)))
}

pub(crate) fn fstat(file: &File) -> Result<Stat> {
    call("fstat", || fs::fstat(file))
}

/// Device and inode of a file. They identify it under every name.
pub(crate) fn identity(file: &File) -> Result<(u64, u64)> {
    metadata(file).map(|metadata| (metadata.dev(), metadata.ino()))
}

pub(crate) fn stat(path: &Path) -> Result<Stat> {
    call("stat", || fs::stat(path))
}

pub(crate) fn lstat(path: &Path) -> Result<Stat> {
    call("lstat", || fs::lstat(path))
}

pub(crate) fn fstatvfs(file: &File) -> Result<fs::StatVfs> {
    call("fstatvfs", || fs::fstatvfs(file))
}

pub(crate) fn seek(file: &File, to: SeekFrom) -> Result<u64> {
    call("lseek", || fs::seek(file, to))
}

/// Opens a plain file for reading. It follows no symbolic link and does not wait for a pipe.
pub(crate) fn open_plain(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map(File::from)
}

/// Opens a directory; a symbolic link is not followed.
pub(crate) fn open_directory(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map(File::from)
}

pub(crate) fn flock(file: &File, operation: FlockOperation) -> Result<()> {
    call("flock", || fs::flock(file, operation))
}

/// Things that a lock on the guard byte lets others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Read, as this one does.
    Shared,
    /// Nothing, because this one writes.
    Exclusive,
}

/// The byte of a file or device that backups and restores lock against each other. It spells "backy". QEMU locks the
/// bytes 100 to 299, so the two do not meet.
const GUARD_BYTE: libc::off_t = 0x62_6163_6b79;

/// Locks the guard byte until the file is closed, without waiting. It is an open file description lock, which a crash
/// frees: `fcntl_locking(2)`. Fails with `WOULDBLOCK` if another lock conflicts.
pub(crate) fn lock_guard(file: &File, guard: Guard) -> Result<()> {
    match fcntl_lock(file, libc::F_OFD_SETLK, guard) {
        // POSIX allows both numbers.
        Err(Errno::ACCESS) => Err(Errno::WOULDBLOCK),
        result => result.map(drop),
    }
}

/// Whether somebody holds the guard byte exclusively. Takes no lock.
pub(crate) fn is_guarded(file: &File) -> Result<bool> {
    fcntl_lock(file, libc::F_OFD_GETLK, Guard::Shared)
}

/// Returns whether there is a lock afterwards. For `F_OFD_GETLK` that is a conflicting one.
// The numbers are small; their types differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation, reason = "i32 on Linux, i16 on macOS")]
fn fcntl_lock(file: &File, command: libc::c_int, guard: Guard) -> Result<bool> {
    let kind = if guard == Guard::Shared { libc::F_RDLCK } else { libc::F_WRLCK };
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: GUARD_BYTE,
        l_len: 1,
        l_pid: 0,
    };
    call("fcntl", || {
        // SAFETY: the descriptor is open, and the pointer is valid for the structure that both commands use.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
        if result == -1 { Err(errno_of(&std::io::Error::last_os_error())) } else { Ok(()) }
    })?;
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

/// Reads the value of an extended attribute. Returns its length.
pub(crate) fn fgetxattr(file: &File, name: &str, value: &mut [u8]) -> Result<usize> {
    call("fgetxattr", || fs::fgetxattr(file, name, value))
}

pub(crate) fn fsetxattr(file: &File, name: &str, value: &[u8]) -> Result<()> {
    call("fsetxattr", || fs::fsetxattr(file, name, value, XattrFlags::empty()))
}

pub(crate) fn fremovexattr(file: &File, name: &str) -> Result<()> {
    call("fremovexattr", || fs::fremovexattr(file, name))
}

pub(crate) fn ftruncate(file: &File, size: u64) -> Result<()> {
    call("ftruncate", || fs::ftruncate(file, size))
}

pub(crate) fn fchmod(file: &File, mode: Mode) -> Result<()> {
    call("fchmod", || fs::fchmod(file, mode))
}

/// Changes the owner of a file.
pub(crate) fn fchown(file: &File, user: u32, group: u32) -> Result<()> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
    call("fchown", || fs::fchown(file, Some(user), Some(group)))
}

pub(crate) fn mkdir(path: &Path, mode: Mode) -> Result<()> {
    call("mkdir", || fs::mkdir(path, mode))
}

/// Makes a directory in an open one.
pub(crate) fn mkdir_at(directory: impl AsFd, name: &Path, mode: Mode) -> Result<()> {
    call("mkdir", || fs::mkdirat(directory, name, mode))
}

pub(crate) fn rmdir(path: &Path) -> Result<()> {
    call("rmdir", || fs::rmdir(path))
}

pub(crate) fn symlink(target: &Path, path: &Path) -> Result<()> {
    call("symlink", || fs::symlink(target, path))
}

pub(crate) fn unlink(path: &Path) -> Result<()> {
    call("unlink", || fs::unlink(path))
}

/// Removes a name from an open directory.
pub(crate) fn unlink_at(directory: impl AsFd, name: impl Arg) -> Result<()> {
    call("unlink", || fs::unlinkat(directory, name, AtFlags::empty()))
}

/// Removes an empty directory from an open one.
pub(crate) fn rmdir_at(directory: impl AsFd, name: &Path) -> Result<()> {
    call("rmdir", || fs::unlinkat(directory, name, AtFlags::REMOVEDIR))
}

/// Whether an open directory has no entries.
pub(crate) fn is_empty(directory: impl AsFd) -> Result<bool> {
    call("getdents", || {
        for entry in fs::Dir::read_from(directory)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    call("rename", || fs::rename(from, to))
}

/// A second descriptor of the file that this process has open by a number. `EBADF` if it has none.
pub(crate) fn duplicate_number(number: i32) -> Result<File> {
    call("dup", || {
        // SAFETY: the descriptor is borrowed for this call alone; a number that is not open is an error.
        let duplicate = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
        if duplicate == -1 {
            return Err(errno_of(&std::io::Error::last_os_error()));
        }
        // SAFETY: the call has just made it, and nobody else has it.
        Ok(unsafe { File::from_raw_fd(duplicate) })
    })
}

/// A second descriptor of a file.
pub(crate) fn duplicate(file: &File) -> Result<File> {
    call("dup", || file.try_clone().map_err(|error| errno_of(&error)))
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
