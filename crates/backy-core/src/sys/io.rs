//! Calls about the bytes of files: those of `rustix::io`.

use std::fs::File;
use std::io::Write;
use std::os::fd::IntoRawFd;

use rustix::fd::AsFd;
use rustix::io;
pub(crate) use rustix::io::{Errno, Result, retry_on_intr};

use super::{call, filling, taking};

pub(crate) fn pread(file: &File, buffer: &mut [u8], offset: u64) -> Result<usize> {
    filling("pread", buffer, |buffer| io::pread(file, buffer, offset))
}

pub(crate) fn pwrite(file: &File, bytes: &[u8], offset: u64) -> Result<usize> {
    taking("pwrite", bytes, offset, |bytes, offset| io::pwrite(file, bytes, offset))
}

pub(crate) fn write(file: &File, bytes: &[u8]) -> Result<usize> {
    taking("write", bytes, 0, |bytes, _| io::write(file, bytes))
}

pub(crate) fn set_nonblocking(file: impl AsFd) -> Result<()> {
    call("ioctl_fionbio", || io::ioctl_fionbio(file, true))
}

/// Closes a file; some filesystems report a failed write only here.
pub(crate) fn close(file: File) -> Result<()> {
    let descriptor = file.into_raw_fd();
    // SAFETY: the descriptor was owned by the file, which gave it up, so it is closed once.
    let result = unsafe { libc::close(descriptor) };
    let failure = std::io::Error::last_os_error();
    call("close", || {
        if result == -1 { Err(Errno::from_io_error(&failure).unwrap_or(Errno::IO)) } else { Ok(()) }
    })
}

/// A file as a [`Write`], from front to back.
pub(crate) struct Appending<'a>(pub &'a File);

impl Write for Appending<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(write(self.0, bytes)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
