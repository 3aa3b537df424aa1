//! Linux: files and ranges that share the blocks of others.

use std::fs::File;
use std::path::Path;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::IFlags;
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Setter, opcode};

use super::ioctl::control;
use super::linux::create_at;
use super::types::Pause;
use super::unwritten::{Wanted, patiently};
use super::xfs::{limit_cow_extents, set_xfs_attributes, xfs_attributes};
use crate::sys::{call, fs};

/// Creates `to`, a name in an open directory, as a clone of `from`, sharing all its blocks. Nothing is left behind on
/// failure. `ioctl_ficlone(2)`; it takes 11 to 16 µs per extent.
pub(crate) fn create_clone(from: &File, directory: BorrowedFd<'_>, to: &Path, pause: Pause) -> Result<File> {
    let file = create_at(directory, to)?;
    // The hint must be set before the first block is shared. A failure does not matter: other filesystems have no such
    // hint.
    let _ = limit_cow_extents(&file);
    fill_with_clone(from, file, directory, to, pause)
}

/// The same under a free name in an open directory, for a file that guests write to. XFS copies the hint of an image, but
/// such a file is faster without it.
pub(crate) fn create_plain_clone(
    from: &File,
    directory: BorrowedFd<'_>,
    to: &Path,
    pause: Pause,
) -> Result<File> {
    let file = create_at(directory, to)?;
    let attributes = xfs_attributes(&file);
    let file = fill_with_clone(from, file, directory, to, pause)?;
    // These are only hints: the file is complete without them.
    let _ = attributes.and_then(|attributes| set_xfs_attributes(&file, attributes));
    Ok(file)
}

fn fill_with_clone(
    from: &File,
    file: File,
    directory: BorrowedFd<'_>,
    to: &Path,
    pause: Pause,
) -> Result<File> {
    let cloned = match patiently(Wanted::File, from, pause, || clone_into(&file, from)) {
        Err(Errno::INVAL) => clone_unlike(&file, from),
        result => result,
    };
    match cloned {
        Ok(()) => Ok(file),
        Err(errno) => {
            let _ = fs::unlink_at(directory, to);
            Err(errno)
        }
    }
}

/// Clones into an empty file of btrfs that differs from `from` in having checksums. Directory and mount options decide
/// that for a new file, and `btrfs_remap_file_range()` wants both files to be alike. The flag NOCOW changes it for an
/// empty file, whatever the mount options are.
fn clone_unlike(to: &File, from: &File) -> Result<()> {
    let refused = Err(Errno::INVAL);
    let Ok(own) = call("ioctl_getflags", || rustix::fs::ioctl_getflags(to)) else { return refused };
    // btrfs compresses no file without checksums.
    let without_checksums = own.difference(IFlags::COMPRESSED).union(IFlags::NOCOW);
    for flags in [own.difference(IFlags::NOCOW), without_checksums] {
        if call("ioctl_setflags", || rustix::fs::ioctl_setflags(to, flags)).is_err() {
            continue;
        }
        let cloned = clone_into(to, from);
        if cloned != refused {
            return cloned;
        }
    }
    refused
}

/// Lets `to` share all blocks of `from`.
fn clone_into(to: &File, from: &File) -> Result<()> {
    call("ioctl_ficlone", || rustix::fs::ioctl_ficlone(to, from))
}

/// Lets a range of `to` share the blocks of the first bytes of `from`, all at once or not at all.
/// `ioctl_ficlonerange(2)`: a length that is no multiple of the filesystem's block must end at the end of both files.
pub(crate) fn clone_range(from: &File, to: &File, length: u64, to_offset: u64, pause: Pause) -> Result<()> {
    /// `struct file_clone_range` of include/uapi/linux/fs.h.
    #[repr(C)]
    struct Range {
        from: i64,
        from_offset: u64,
        length: u64,
        to_offset: u64,
    }
    const CLONE_RANGE: ioctl::Opcode = opcode::write::<Range>(0x94, 13);
    let range = || Range { from: from.as_raw_fd().into(), from_offset: 0, length, to_offset };
    patiently(Wanted::Range, from, pause, || {
        // SAFETY: the opcode reads exactly this structure.
        let setter = unsafe { Setter::<CLONE_RANGE, Range>::new(range()) };
        // SAFETY: as above.
        unsafe { control("ioctl_ficlonerange", to, setter) }
    })
}
