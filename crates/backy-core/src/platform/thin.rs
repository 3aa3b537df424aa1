//! Thin volumes of LVM, the only devices known to read as zeros after a discard.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{major, minor};
use rustix::io::{Errno, Result};
use rustix::ioctl::{Opcode, Setter, opcode};

use super::ioctl::control;

/// Returns the chunks of a thin volume that lie within a range to their pool. They read as zeros then; the rest of the
/// range stays. Other devices are refused with EOPNOTSUPP, because their contents after a discard are unknown.
pub(crate) fn discard_thin(file: &File, offset: u64, length: u64) -> Result<()> {
    /// `BLKDISCARD`, include/uapi/linux/fs.h.
    const DISCARD: Opcode = opcode::none(0x12, 119);
    if !is_thin(file) {
        return Err(Errno::OPNOTSUPP);
    }
    // SAFETY: the opcode reads two 64-bit numbers, where the range starts and how long it is.
    let setter = unsafe { Setter::<DISCARD, [u64; 2]>::new([offset, length]) };
    // SAFETY: as above.
    unsafe { control("ioctl_blkdiscard", file, setter) }
}

/// Whether the device lies in a pool only. A volume with an external origin shows the origin in place of a missing
/// chunk.
fn is_thin(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    let device = metadata.rdev();
    let home = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
    let uuid_of = |path: PathBuf| fs::read_to_string(path.join("dm/uuid")).unwrap_or_default();
    let below: Vec<_> = fs::read_dir(home.join("slaves")).into_iter().flatten().flatten().collect();
    let is_pool = |uuid: &str| uuid.starts_with("LVM-") && uuid.trim_end().ends_with("-tpool");
    // LVM shows the pool itself by a device of this name.
    let is_view = uuid_of(home).trim_end().ends_with("-pool");
    !is_view && matches!(below.as_slice(), [only] if is_pool(&uuid_of(only.path())))
}
