//! Linux: facts that the kernel knows about the use of a file or a block device.

use std::fs::File;
use std::path::Path;

use rustix::fd::AsRawFd;
use rustix::fs::AtFlags;
use rustix::io::{Errno, Result};

use super::identity::{Identity, look, relatives_of};
use super::ioctl::done;
use super::loops;
use crate::sys::call;

/// A file or block device whose holders are wanted.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The file or device, and everything else with the same bytes: the disk of a partition, partitions of a disk, the
    /// file below a loop device.
    pub(super) identities: Vec<Identity>,
    /// The number of a block device. The device is no holder of the file below it.
    pub(super) device: Option<u64>,
    /// QEMU holds its locks.
    pub(super) locked: bool,
    /// Somebody has a regular file open, perhaps this process itself.
    pub(super) open: bool,
}

impl Subject {
    /// `None` for everything except regular files and block devices, and for a file that certainly nobody else has
    /// open.
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

/// Keeps QEMU from opening a file or device until `file` is closed. It takes the locks of QEMU itself: byte 100 + n
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

/// Whether anybody has another descriptor of a regular file. The kernel grants a write lease only to a sole opener,
/// fcntl(2). It also counts openers that no list of processes shows: other containers, loop devices, servers in the
/// kernel. `None` if it does not tell: on other filesystems, and for files of other owners.
fn is_open_elsewhere(file: &File) -> Option<bool> {
    const SET_SIGNAL: libc::c_int = 10;
    let descriptor = file.as_raw_fd();
    let fcntl = |command, argument: libc::c_int| {
        // SAFETY: the descriptor is open, and these commands take a number.
        done(unsafe { libc::fcntl(descriptor, command, argument) }.into())
    };
    call("fcntl_setlease", || {
        // If somebody opens the file within these microseconds, they wait, and this process gets a signal. It is one
        // that is ignored by default, because SIGIO would end the process.
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
