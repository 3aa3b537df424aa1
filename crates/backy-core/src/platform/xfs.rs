//! Attributes that XFS keeps of a file: the number of its extents, and hints for writing it.

use std::fs::File;

use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Getter, Setter, opcode};

use super::ioctl::{control, statfs};
use crate::sys::fs;

/// `struct fsxattr` of `ioctl_xfs_fsgetxattr(2)`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Fsxattr {
    xflags: u32,
    extent_size: u32,
    pub extents: u32,
    project: u32,
    cow_extent_size: u32,
    padding: [u8; 8],
}

/// XFS reserves 128 KiB for each copy-on-write by default: 7 MiB of scattered 4 KiB writes took 234 MiB until a
/// background scan returned them. One filesystem block is enough.
pub(super) fn limit_cow_extents(file: &File) -> Result<()> {
    const USE_COW_EXTENT_SIZE: u32 = 0x0001_0000;
    let mut attributes = xfs_attributes(file)?;
    attributes.xflags |= USE_COW_EXTENT_SIZE;
    attributes.cow_extent_size = u32::try_from(fs::fstatvfs(file)?.f_bsize).map_err(|_| Errno::INVAL)?;
    set_xfs_attributes(file, attributes)
}

pub(super) fn set_xfs_attributes(file: &File, attributes: Fsxattr) -> Result<()> {
    const SET: ioctl::Opcode = opcode::write::<Fsxattr>(b'X', 32);
    // SAFETY: the opcode writes exactly this structure.
    let setter = unsafe { Setter::<SET, Fsxattr>::new(attributes) };
    // SAFETY: as above.
    unsafe { control("ioctl_fssetxattr", file, setter) }
}

/// Fails on other filesystems.
pub(super) fn xfs_attributes(file: &File) -> Result<Fsxattr> {
    const GET: ioctl::Opcode = opcode::read::<Fsxattr>(b'X', 31);
    if statfs(file)?.f_type != 0x5846_5342 {
        return Err(Errno::NOTTY);
    }
    // SAFETY: the opcode reads exactly this structure.
    let getter = unsafe { Getter::<GET, Fsxattr>::new() };
    // SAFETY: as above.
    unsafe { control("ioctl_fsgetxattr", file, getter) }
}
