//! Linux: whether anybody has a file open for writing, as the kernel counts it.

use std::fs::File;
use std::thread::sleep;
use std::time::Duration;

use rustix::fd::AsRawFd;
use rustix::io::{Errno, Result};

use super::ioctl::done;
use super::linux::filesystem;
use crate::sys::call;

/// A program that one of our threads has just started holds our descriptors until it is executed.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Whether some process has a file open for writing, which must be open for reading only here. The kernel grants a read
/// lease to nobody then, `fcntl(2)`, `F_SETLEASE`. Where it has no leases nothing tells, and the answer is no.
pub(crate) fn is_open_for_writing(file: &File) -> bool {
    // Others refuse a lease for other reasons: NFS without a delegation of its server, for one.
    let counts = filesystem(file).is_ok_and(|filesystem| {
        matches!(
            filesystem.name.as_str(),
            "btrfs" | "xfs" | "ext4" | "tmpfs" | "zfs" | "overlayfs" | "bcachefs"
        )
    });
    counts
        && (1..=ATTEMPTS).all(|attempt| {
            let refused = try_lease(file) == Err(Errno::AGAIN);
            if refused && attempt < ATTEMPTS {
                sleep(PAUSE);
            }
            refused
        })
}

/// Takes a read lease and gives it back.
fn try_lease(file: &File) -> Result<()> {
    /// `fcntl(2)`; the same on every architecture: include/uapi/asm-generic/fcntl.h.
    const F_SETSIG: libc::c_int = 10;
    // A process that opens the file for writing meanwhile breaks the lease, which sends SIGIO. That would end this process;
    // SIGURG is ignored unless somebody waits for it.
    control(file, F_SETSIG, libc::SIGURG)?;
    control(file, libc::F_SETLEASE, libc::F_RDLCK)?;
    control(file, libc::F_SETLEASE, libc::F_UNLCK)
}

fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> Result<()> {
    call("fcntl_lease", || {
        // SAFETY: the descriptor is open, and these commands take a number.
        done(unsafe { libc::fcntl(file.as_raw_fd(), command, argument) }.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_open_for_writing_as_long_as_somebody_can_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "bytes").unwrap();
        let file = File::open(&path).unwrap();
        if try_lease(&file).is_err() {
            return;
        }
        let reader = File::open(&path).unwrap();
        assert!(!is_open_for_writing(&file));
        let writer = File::options().write(true).open(&path).unwrap();
        assert!(is_open_for_writing(&file));
        drop(writer);
        assert!(!is_open_for_writing(&file));
        drop(reader);
    }
}
