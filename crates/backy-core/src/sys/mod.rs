//! The one door between the engine and the kernel. Whoever makes a system call makes it through here, under the
//! name and with the arguments that rustix gives it; in a build that is shipped nothing is in between.
//!
//! Unit tests put [`faults`] behind the door: then the n-th call of an operation fails, or does half of its work, or
//! none and says that it did. `platform/` has what differs between systems, and goes through the same door.

#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod fs;
pub(crate) mod io;

#[cfg(test)]
pub(crate) use faults::{call, filling, syncing, taking};
#[cfg(not(test))]
pub(crate) use open_door::{call, filling, syncing, taking};

/// What every build has but that of the unit tests.
#[cfg(not(test))]
mod open_door {
    use rustix::io::Result;

    /// Makes a system call.
    #[inline]
    pub(crate) fn call<T>(_name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        run()
    }

    /// Makes one that fills a buffer.
    #[inline]
    pub(crate) fn filling(
        _name: &'static str,
        buffer: &mut [u8],
        run: impl FnOnce(&mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        run(buffer)
    }

    /// Makes one that takes bytes, to be put at an offset.
    #[inline]
    pub(crate) fn taking(
        _name: &'static str,
        bytes: &[u8],
        offset: u64,
        run: impl FnOnce(&[u8], u64) -> Result<usize>,
    ) -> Result<usize> {
        run(bytes, offset)
    }

    /// Makes one that makes a file durable.
    #[inline]
    pub(crate) fn syncing<File>(file: File, run: impl FnOnce(File) -> Result<()>) -> Result<()> {
        run(file)
    }
}
