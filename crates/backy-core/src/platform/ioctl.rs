//! Linux: the raw calls that the other files of this room make, through the door of `sys/`.

use std::fs::File;

use rustix::fs::StatFs;
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Ioctl};

use crate::sys::call;

/// Turns the result of a raw call into an error number, if it failed.
pub(super) fn done(result: libc::c_long) -> Result<()> {
    if result >= 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

pub(super) fn statfs(file: &File) -> Result<StatFs> {
    call("fstatfs", || rustix::fs::fstatfs(file))
}

/// # Safety
/// As for `rustix::ioctl::ioctl`: the opcode must treat its argument as the types say.
pub(super) unsafe fn control<I: Ioctl>(name: &'static str, file: &File, request: I) -> Result<I::Output> {
    call(name, || {
        // SAFETY: the caller guarantees it.
        unsafe { ioctl::ioctl(file, request) }
    })
}
