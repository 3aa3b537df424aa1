//! What differs between operating systems, and nothing else. Each file offers the same functions.

use std::fs::File;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::sys::fs;

#[cfg(target_os = "linux")]
mod btrfs;
#[cfg(target_os = "linux")]
pub(crate) use btrfs::*;
#[cfg(target_os = "linux")]
mod claims;
#[cfg(target_os = "linux")]
pub(crate) use claims::*;
#[cfg(target_os = "linux")]
mod extents;
#[cfg(target_os = "linux")]
pub(crate) use extents::*;
#[cfg(target_os = "linux")]
mod holders;
#[cfg(target_os = "linux")]
pub(crate) use holders::find_holders;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(target_os = "linux")]
mod loops;
#[cfg(target_os = "linux")]
mod priority;
#[cfg(target_os = "linux")]
pub(crate) use priority::*;
#[cfg(target_os = "linux")]
mod protection;
#[cfg(target_os = "linux")]
pub(crate) use protection::*;
#[cfg(target_os = "linux")]
mod subject;
#[cfg(target_os = "linux")]
pub(crate) use subject::{Subject, keep_qemu_out};
#[cfg(target_os = "linux")]
mod thin;
#[cfg(target_os = "linux")]
pub(crate) use thin::*;
#[cfg(target_os = "linux")]
mod unwritten;
#[cfg(target_os = "linux")]
mod xfs;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
pub(crate) use macos::*;

/// How it is said that a file has no such extended attribute.
#[cfg(target_os = "linux")]
pub(crate) const NO_ATTRIBUTE: Errno = Errno::NODATA;
#[cfg(target_os = "macos")]
pub(crate) const NO_ATTRIBUTE: Errno = Errno::NOATTR;

/// What is known of a filesystem by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filesystem {
    /// Its usual name, or its magic number in hexadecimal.
    pub name: String,
    /// Whether `SEEK_HOLE` may be believed. Elsewhere holes are read like data: ZFS returned wrong holes for
    /// dirty files (openzfs/zfs#11900), network filesystems answer for a server of unknown age.
    pub holes_are_true: bool,
    /// What it means that two files have an extent at the same place.
    pub sharing: Sharing,
    /// Whether large writes to a fresh file are faster past the page cache. Never on btrfs, where checksums
    /// turn them into slower buffered ones.
    pub direct_writes: bool,
}

/// How a filesystem shares blocks between files, as far as its extent maps are known to tell the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "nothing is known of APFS"))]
pub(crate) enum Sharing {
    /// Not known.
    Unknown,
    /// Each block is free as soon as nobody refers to it.
    Blocks,
    /// An extent is free only when nobody refers to any part of it.
    WholeExtents,
}

/// What keeps everybody from writing to a file, directory or device, whatever their rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "nothing is asked there"))]
pub(crate) enum Protection {
    /// The block device is read-only.
    Device,
    /// `chattr +i`
    Immutable,
    /// `chattr +a`
    AppendOnly,
    /// fs-verity
    Verity,
}

impl Protection {
    /// Its name in TypeScript, which has the words for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Immutable => "immutable",
            Self::AppendOnly => "append-only",
            Self::Verity => "verity",
        }
    }
}

/// A stretch of a file, and where it lies on the disk. Bytes.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "nobody tells there"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Where it starts in the file.
    pub logical: u64,
    /// Where it starts on the disk, unless the flags say otherwise.
    pub physical: u64,
    pub length: u64,
    /// `FIEMAP_EXTENT_*`, include/uapi/linux/fiemap.h, but for the one that marks the last.
    pub flags: u32,
}

/// A second handle of an open file, which goes past the page cache: [`open_direct`]. None either where its name leads
/// to another file by now: one image must not be made of two.
pub(crate) fn reopen_direct(file: &File, path: &Path, access: OFlags) -> Option<File> {
    open_direct(path, access).filter(
        |direct| matches!((fs::identity(direct), fs::identity(file)), (Ok(left), Ok(right)) if left == right),
    )
}

/// Whether a failed clone means that these two places share no blocks, as opposed to a full disk, a broken
/// one, or whatever else must not quietly turn into a full copy. EINVAL: btrfs, between files with and without
/// checksums; ZFS, of a range that is not aligned to its records. EAGAIN: ZFS, after all the patience there is.
pub(crate) fn never_clones(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS | Errno::AGAIN
    )
}

/// The reason people read when blocks cannot be shared.
pub(crate) fn no_reflink(filesystem: &Filesystem, errno: Errno) -> String {
    let name = &filesystem.name;
    match errno {
        Errno::XDEV if name == "zfs" => format!("{name} does not clone from one dataset to another"),
        Errno::XDEV => format!("{name} does not clone from one filesystem to another"),
        Errno::INVAL => format!("{name} does not clone between files with and without checksums"),
        Errno::AGAIN => {
            format!("{name} did not finish writing the file in time, and clones only what it has written")
        }
        _ if name == "zfs" => {
            format!("{name} clones no blocks here, for which it needs OpenZFS 2.2 and zfs_bclone_enabled=1")
        }
        _ => format!("{name} has no reflinks"),
    }
}
