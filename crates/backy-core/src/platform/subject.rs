//! Linux: what tells a file or a block device from all others, whatever its name, and what the kernel says of its use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev};
use rustix::io::{Errno, Result};

use super::linux::done;
use super::loops;
use crate::sys::call;

/// A regular file, by its device and inode, or a block device by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    File(u64, u64),
    Device(u64),
}

/// A file or block device whose holders are wanted.
#[derive(Debug)]
pub(crate) struct Subject {
    /// It, and whatever else has the same bytes: the disk of a partition, partitions of a disk, the file below a loop device.
    pub(super) identities: Vec<Identity>,
    /// The number of a block device, which is no holder of the file below it.
    pub(super) device: Option<u64>,
    /// QEMU holds its locks.
    pub(super) locked: bool,
    /// Somebody has a regular file open, perhaps this process itself.
    pub(super) open: bool,
}

impl Subject {
    /// `None` for what is neither a regular file nor a block device, and for a file that demonstrably nobody else has open.
    pub(crate) fn of(file: &File) -> Option<Self> {
        let identity = look(file, Path::new(""), AtFlags::EMPTY_PATH)?;
        let (identities, device, open) = match identity {
            Identity::File(..) => match is_open_elsewhere(file) {
                Some(false) => return None,
                answer => (vec![identity], None, answer == Some(true)),
            },
            Identity::Device(number) => (identities_of_device(file, number), Some(number), false),
        };
        Some(Self { identities, device, locked: qemu_locks(file), open })
    }
}

/// The identity of what a path leads to; `None` for everything but regular files and block devices.
pub(super) fn identity_of(path: &Path) -> Option<Identity> {
    look(CWD, path, AtFlags::empty())
}

/// Never asks a server, which may be gone: statx(2), `AT_STATX_DONT_SYNC`.
fn look(directory: impl AsFd, path: &Path, flags: AtFlags) -> Option<Identity> {
    let wanted = StatxFlags::TYPE | StatxFlags::INO;
    let stat = rustix::fs::statx(directory, path, flags | AtFlags::STATX_DONT_SYNC, wanted).ok()?;
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => {
            Some(Identity::File(makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino))
        }
        FileType::BlockDevice => Some(Identity::Device(makedev(stat.stx_rdev_major, stat.stx_rdev_minor))),
        _ => None,
    }
}

/// Keeps QEMU from opening a file or device until `file` is closed, with the locks that QEMU itself takes: byte 100 + n
/// says "I use the permission n", byte 200 + n "I do not share it" (block/file-posix.c).
pub(crate) fn keep_qemu_out(file: &File) {
    // A filesystem without locks has none of QEMU's either.
    let _ = lock(file, libc::F_OFD_SETLK, libc::F_RDLCK);
}

/// Whether somebody else holds a lock of QEMU's. A device node of another directory has locks of its own.
fn qemu_locks(file: &File) -> bool {
    lock(file, libc::F_OFD_GETLK, libc::F_WRLCK).is_ok_and(|found| found != libc::F_UNLCK)
}

/// `fcntl(2)`, open file description locks. Returns the type of the lock that the call left in its argument.
fn lock(file: &File, command: libc::c_int, kind: libc::c_int) -> Result<libc::c_int> {
    const FIRST: libc::off_t = 100;
    const LENGTH: libc::off_t = 200;
    // SAFETY: all zeros is a valid value of this structure of numbers.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = i16::try_from(kind).map_err(|_| Errno::INVAL)?;
    request.l_whence = i16::try_from(libc::SEEK_SET).map_err(|_| Errno::INVAL)?;
    (request.l_start, request.l_len) = (FIRST, LENGTH);
    call("fcntl_lock", || {
        // SAFETY: the pointer is valid for the structure that the call reads and writes.
        done(unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut request) }.into())
    })?;
    Ok(request.l_type.into())
}

/// Whether anybody has another descriptor of a regular file: the kernel grants a write lease to none but a sole opener,
/// fcntl(2). It counts what no list of processes shows, too: other containers, loop devices, servers in the kernel.
/// `None` where it does not say: other filesystems, files of other owners.
fn is_open_elsewhere(file: &File) -> Option<bool> {
    const SET_SIGNAL: libc::c_int = 10;
    let descriptor = file.as_raw_fd();
    let fcntl = |command, argument: libc::c_int| {
        // SAFETY: the descriptor is open, and these commands take a number.
        done(unsafe { libc::fcntl(descriptor, command, argument) }.into())
    };
    call("fcntl_setlease", || {
        // Who opens the file within these microseconds waits, and this process is told: by a signal that is ignored
        // unless somebody asks for it, because SIGIO would end it.
        fcntl(SET_SIGNAL, libc::SIGURG)?;
        let result = match fcntl(libc::F_SETLEASE, libc::F_WRLCK) {
            Ok(()) => fcntl(libc::F_SETLEASE, libc::F_UNLCK).map(|()| false),
            Err(Errno::AGAIN) => Ok(true),
            Err(errno) => Err(errno),
        };
        fcntl(SET_SIGNAL, 0)?;
        result
    })
    .ok()
}

fn identities_of_device(file: &File, number: u64) -> Vec<Identity> {
    let mut identities = vec![Identity::Device(number)];
    identities.extend(relatives_of(number).map(Identity::Device));
    identities.extend(loops::below(file));
    identities
}

/// The partitions of a disk, or the disk of a partition.
pub(super) fn relatives_of(number: u64) -> impl Iterator<Item = u64> {
    let home = sys_directory(number);
    let directories: Vec<PathBuf> = if home.join("partition").exists() {
        fs::canonicalize(&home).ok().and_then(|path| path.parent().map(Path::to_owned)).into_iter().collect()
    } else {
        let entries = fs::read_dir(&home).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.join("partition").exists()).collect()
    };
    directories.into_iter().filter_map(|path| parse_number(fs::read_to_string(path.join("dev")).ok()?.trim()))
}

/// What the kernel tells of a block device.
pub(super) fn sys_directory(number: u64) -> PathBuf {
    format!("/sys/dev/block/{}:{}", rustix::fs::major(number), rustix::fs::minor(number)).into()
}

/// A device number as the kernel writes it, such as `7:0`.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}
