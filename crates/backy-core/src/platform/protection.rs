//! Linux: protections of a file or device against writing, which override permissions.

use std::fs::File;
use std::path::Path;

use rustix::fs::{IFlags, Mode, OFlags};
use rustix::io::Result;
use rustix::ioctl::{Getter, opcode};

use super::ioctl::{control, statfs};
use super::types::Protection;
use crate::sys::{call, fs};

/// Returns the protection of an open file, directory or block device.
pub(crate) fn protection_of(file: &File) -> Option<Protection> {
    /// `FS_VERITY_FL` of include/uapi/linux/fs.h.
    const VERITY: IFlags = IFlags::from_bits_retain(0x0010_0000);
    if is_read_only_device(file) {
        return Some(Protection::Device);
    }
    let flags = call("ioctl_getflags", || rustix::fs::ioctl_getflags(file)).ok()?;
    let protections = [
        (IFlags::IMMUTABLE, Protection::Immutable),
        (IFlags::APPEND, Protection::AppendOnly),
        (VERITY, Protection::Verity),
    ];
    protections.into_iter().find(|(flag, _)| flags.contains(*flag)).map(|(_, protection)| protection)
}

/// `BLKROGET`, which only block devices know.
fn is_read_only_device(file: &File) -> bool {
    const GET_READ_ONLY: rustix::ioctl::Opcode = opcode::none(0x12, 94);
    // SAFETY: the opcode writes an int.
    let getter = unsafe { Getter::<GET_READ_ONLY, libc::c_int>::new() };
    // SAFETY: as above.
    unsafe { control("ioctl", file, getter) }.is_ok_and(|read_only| read_only != 0)
}

/// The name of the filesystem of a path, if the kernel itself provides its files. The numbers are from magic.h, or from
/// the source of the filesystem.
pub(crate) fn kernel_filesystem(path: &Path) -> Result<Option<&'static str>> {
    kernel_filesystem_of(&fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// The same for that of an open file.
pub(crate) fn kernel_filesystem_of(file: &File) -> Result<Option<&'static str>> {
    const KNOWN: [(u64, &str); 18] = [
        (0x9fa0, "proc"),
        (0x6265_6572, "sysfs"),
        (0x1cd1, "devpts"),
        (0x0027_e0eb, "cgroup"),
        (0x6367_7270, "cgroup2"),
        (0x6462_6720, "debugfs"),
        (0x7472_6163, "tracefs"),
        (0x7363_6673, "securityfs"),
        (0x6265_6570, "configfs"),
        (0x6165_676c, "pstore"),
        (0xcafe_4a11, "bpf"),
        (0xde5e_81e4, "efivarfs"),
        (0x4249_4e4d, "binfmt_misc"),
        (0xf97c_ff8c, "selinuxfs"),
        (0x4341_5d53, "smackfs"),
        (0x1980_0202, "mqueue"),
        (0x0765_5821, "resctrl"),
        (0x9584_58f6, "hugetlbfs"),
    ];
    let magic = statfs(file)?.f_type;
    let known = KNOWN.iter().find(|(number, _)| u64::try_from(magic).is_ok_and(|magic| magic == *number));
    Ok(known.map(|(_, name)| *name))
}
