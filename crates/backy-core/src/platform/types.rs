//! Types that all systems answer with.

use std::time::Duration;

use rustix::io::Errno;

/// Waits for a while, and tells whether it waited to the end: a caller who loses patience cuts it short.
pub(crate) type Pause<'a> = &'a dyn Fn(Duration) -> bool;

/// The error number for an extended attribute that a file does not have.
#[cfg(target_os = "linux")]
pub(crate) const NO_ATTRIBUTE: Errno = Errno::NODATA;
#[cfg(target_os = "macos")]
pub(crate) const NO_ATTRIBUTE: Errno = Errno::NOATTR;

/// Facts about a filesystem, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filesystem {
    /// Its usual name, or its magic number in hexadecimal.
    pub name: String,
    /// Whether `SEEK_HOLE` may be believed. Elsewhere holes are read like data: ZFS returned wrong holes for
    /// dirty files (openzfs/zfs#11900), network filesystems answer for a server of unknown age.
    pub holes_are_true: bool,
    /// Meaning of two files that have an extent at the same place.
    pub sharing: Sharing,
    /// Whether large writes to a fresh file are faster past the page cache. They never are on btrfs, where checksums
    /// turn them into slower buffered writes.
    pub direct_writes: bool,
}

/// The way in which a filesystem shares blocks between files, as far as its extent maps are known to tell the truth.
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

/// A protection that keeps everybody from writing to a file, directory or device, whatever their rights.
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
    /// Its name in TypeScript, which has the message for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Immutable => "immutable",
            Self::AppendOnly => "append-only",
            Self::Verity => "verity",
        }
    }
}

/// A stretch of a file, and its place on the disk. In bytes.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "nobody tells there"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Offset in the file.
    pub logical: u64,
    /// Offset on the disk, unless the flags say otherwise.
    pub physical: u64,
    pub length: u64,
    /// `FIEMAP_EXTENT_*`, include/uapi/linux/fiemap.h, without the flag of the last extent.
    pub flags: u32,
}

/// A user of a file or a block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The kind of user.
    pub kind: HolderKind,
    /// The program, device or directory; empty if it has no name.
    pub name: String,
    /// The process, if one is visible.
    pub pid: Option<u32>,
    /// The user that the process runs as, by name or else by number.
    pub user: Option<String>,
}

/// The kinds of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderKind {
    /// A process has it open or mapped.
    Process,
    /// A loop device lies on it.
    Loop,
    /// The kernel swaps to it.
    Swap,
    /// A filesystem on it is mounted; `name` is the directory.
    Mount,
    /// Another device is built on it: LVM, RAID, encryption.
    Device,
    /// QEMU has locked it, in a process that is not visible from here.
    Lock,
    /// The kernel says that it is in use, but not by whom.
    Unseen,
}

impl HolderKind {
    /// Its name in TypeScript and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Loop => "loop",
            Self::Swap => "swap",
            Self::Mount => "mount",
            Self::Device => "device",
            Self::Lock => "lock",
            Self::Unseen => "unseen",
        }
    }
}
