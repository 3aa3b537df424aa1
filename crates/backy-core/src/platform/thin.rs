//! Thin volumes of LVM: the one kind of device whose discards are known to read as zeros.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{major, minor};
use rustix::io::{Errno, Result};
use rustix::ioctl::{Opcode, Setter, opcode};

use super::ioctl::control;

/// Gives the chunks of a thin volume that lie within a range back to their pool; they read as zeros then. What lies in
/// the range beside them stays. Other devices are refused with EOPNOTSUPP: nobody knows what they keep.
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

/// Whether it lies in a pool, and in nothing else: a volume with an external origin shows that where it has no chunk.
fn is_thin(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    let device = metadata.rdev();
    let home = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
    let uuid_of = |path: PathBuf| fs::read_to_string(path.join("dm/uuid")).unwrap_or_default();
    let below: Vec<_> = fs::read_dir(home.join("slaves")).into_iter().flatten().flatten().collect();
    let is_pool = |uuid: &str| uuid.starts_with("LVM-") && uuid.trim_end().ends_with("-tpool");
    // The device of that name which LVM shows for the pool itself.
    let is_view = uuid_of(home).trim_end().ends_with("-pool");
    !is_view && matches!(below.as_slice(), [only] if is_pool(&uuid_of(only.path())))
}
