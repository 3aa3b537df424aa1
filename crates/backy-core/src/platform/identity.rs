//! Linux: identities of files and block devices, which hold under every name.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev};

/// A regular file, by its device and inode, or a block device by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    File(u64, u64),
    Device(u64),
}

/// The identity of the file or device at a path; `None` for everything else.
pub(super) fn identity_of(path: &Path) -> Option<Identity> {
    look(CWD, path, AtFlags::empty())
}

/// Never asks a file server, because it may be gone: statx(2), `AT_STATX_DONT_SYNC`.
pub(super) fn look(directory: impl AsFd, path: &Path, flags: AtFlags) -> Option<Identity> {
    let wanted = StatxFlags::TYPE | StatxFlags::INO;
    let stat = rustix::fs::statx(directory, path, flags | AtFlags::STATX_DONT_SYNC, wanted).ok()?;
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => {
            Some(Identity::File(makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino))
        }
        FileType::BlockDevice => Some(Identity::Device(makedev(stat.stx_rdev_major, stat.stx_rdev_minor))),
        _ => None,
    }
}

/// The partitions of a disk, or the disk of a partition.
pub(super) fn relatives_of(number: u64) -> impl Iterator<Item = u64> {
    let home = sys_directory(number);
    let directories: Vec<PathBuf> = if home.join("partition").exists() {
        fs::canonicalize(&home).ok().and_then(|path| path.parent().map(Path::to_owned)).into_iter().collect()
    } else {
        let entries = fs::read_dir(&home).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.join("partition").exists()).collect()
    };
    directories.into_iter().filter_map(|path| parse_number(fs::read_to_string(path.join("dev")).ok()?.trim()))
}

/// The directory of a block device in /sys.
pub(super) fn sys_directory(number: u64) -> PathBuf {
    format!("/sys/dev/block/{}:{}", rustix::fs::major(number), rustix::fs::minor(number)).into()
}

/// A device number as the kernel writes it, such as `7:0`.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}
