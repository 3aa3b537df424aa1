//! The door of every build except the unit tests: it makes the call and nothing else.

use rustix::io::Result;

/// Makes a system call.
#[inline]
pub(crate) fn call<T>(_name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    run()
}

/// Makes a system call that fills a buffer.
#[inline]
pub(crate) fn filling(
    _name: &'static str,
    buffer: &mut [u8],
    run: impl FnOnce(&mut [u8]) -> Result<usize>,
) -> Result<usize> {
    run(buffer)
}

/// Makes a system call that writes bytes at an offset.
#[inline]
pub(crate) fn taking(
    _name: &'static str,
    bytes: &[u8],
    offset: u64,
    run: impl FnOnce(&[u8], u64) -> Result<usize>,
) -> Result<usize> {
    run(bytes, offset)
}

/// Makes a system call that syncs a file.
#[inline]
pub(crate) fn syncing<File>(file: File, run: impl FnOnce(File) -> Result<()>) -> Result<()> {
    run(file)
}
