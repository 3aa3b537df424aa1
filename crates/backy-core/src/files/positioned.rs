//! Complete reads and writes at an offset.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::sys::io;

/// Reads until the buffer is full or the file ends; returns the bytes read.
///
/// # Errors
/// [`crate::Code::Io`] with the offset of the first byte that could not be read.
pub(crate) fn read_up_to(file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let at = offset + done as u64;
        match io::retry_on_intr(|| io::pread(file, &mut buffer[done..], at)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(errno) => return Err(Error::io("pread", path, errno).offset(at)),
        }
    }
    Ok(done)
}

/// Writes all of `bytes` through the page cache.
///
/// # Errors
/// [`crate::Code::Io`] with the offset of the first byte that could not be written.
pub(crate) fn write_at(file: &File, path: &Path, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        let count = match io::retry_on_intr(|| io::pwrite(file, bytes, offset)) {
            Ok(0) => return Err(Error::io("pwrite", path, Errno::NOSPC).offset(offset)),
            Ok(count) => count,
            Err(errno) => return Err(Error::io("pwrite", path, errno).offset(offset)),
        };
        bytes = &bytes[count..];
        offset += count as u64;
    }
    Ok(())
}
