//! macOS: clonefile on APFS, `F_PUNCHHOLE`, `F_FULLFSYNC`. No cachestat, no `O_DIRECT`, no hints.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::marker::PhantomData;
use std::path::Path;
use std::process::Command;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, CloneFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Getter, opcode};
use rustix::path::Arg;

use super::types::{Filesystem, Holder, HolderKind, Mapped, Pause, Protection, Sharing};
use crate::sys::{call, fs, syncing};

/// The errors of one block of a disk. The driver reports a bad sector as EIO, and this system has no other number for
/// it.
pub(crate) const BLOCK_ERRORS: &[Errno] = &[Errno::IO, Errno::NODATA, Errno::ILSEQ];

/// Creates `to` as a clone of `from`, sharing all its blocks. It belongs to the caller, like any new file.
/// clonefile(2).
pub(crate) fn create_clone(from: &File, directory: BorrowedFd<'_>, to: &Path, _pause: Pause) -> Result<File> {
    let flags = CloneFlags::NOFOLLOW | CloneFlags::NOOWNERCOPY;
    call("fclonefileat", || rustix::fs::fclonefileat(from, directory, to, flags)).map_err(as_on_linux)?;
    // A clone inherits the read-only mode of a sealed image.
    let (mode, flags) = (Mode::RUSR | Mode::WUSR, OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC);
    let opened = call("fchmodat", || rustix::fs::chmodat(directory, to, mode, AtFlags::SYMLINK_NOFOLLOW))
        .and_then(|()| fs::open_at(directory, to, flags, Mode::empty()));
    if opened.is_err() {
        let _ = fs::unlink_at(directory, to);
    }
    opened.map(File::from)
}

/// The same for a file that guests write to.
pub(crate) fn create_plain_clone(
    from: &File,
    directory: BorrowedFd<'_>,
    to: &Path,
    pause: Pause,
) -> Result<File> {
    create_clone(from, directory, to, pause)
}

/// This system has two numbers where Linux has one: clonefile(2) and fcntl(2) fail with ENOTSUP where the filesystem
/// lacks something, and the engine asks for EOPNOTSUPP.
fn as_on_linux(errno: Errno) -> Errno {
    if errno == Errno::NOTSUP { Errno::OPNOTSUPP } else { errno }
}

/// Creates a file that nobody else may read; the name must be free.
pub(crate) fn create(path: &Path) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// The same in an open directory.
pub(crate) fn create_at(directory: impl AsFd, name: impl Arg) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::open_at(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Opens a directory to look up names in it. `O_SEARCH` of open(2): the right to list it is not needed.
pub(crate) const LOOKING_UP: OFlags = OFlags::from_bits_retain(0x4010_0000);

/// A file, a directory or a symbolic link that was found under a name.
pub(crate) struct Entry {
    /// Its owner, mode and kind.
    pub stat: Stat,
    /// The place that it leads to, if it is a symbolic link.
    pub link: Option<Link>,
}

/// The place that a symbolic link leads to.
pub(crate) enum Link {
    /// The path in it.
    Path(OsString),
    /// No link is followed by the kernel alone here.
    #[allow(dead_code, reason = "made on Linux")]
    Kernel(File),
}

impl Entry {
    /// Looks at a name. No link is followed, and nothing is opened. A link that was replaced while it was read is
    /// `EAGAIN`: renaming changes the time of the last change.
    pub(crate) fn look(directory: &File, name: &OsStr) -> Result<Self> {
        let stat = fs::stat_at(directory, name)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(Self { stat, link: None });
        }
        let link = fs::read_link_at(directory, name)?;
        let after = fs::stat_at(directory, name)?;
        let version = |stat: &Stat| (stat.st_dev, stat.st_ino, stat.st_ctime, stat.st_ctime_nsec);
        if version(&stat) != version(&after) {
            return Err(Errno::AGAIN);
        }
        Ok(Self { stat, link: Some(Link::Path(link)) })
    }

    /// The file behind a link of the kernel.
    pub(crate) fn of(handle: File) -> Result<Self> {
        Ok(Self { stat: fs::fstat(&handle)?, link: None })
    }

    /// There are no filesystems that are faces of the kernel.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(crate) fn kernel_filesystem(&self) -> Result<Option<&'static str>> {
        Ok(None)
    }

    /// Whether an open file is this one.
    pub(crate) fn is(&self, file: &File) -> Result<bool> {
        let stat = fs::fstat(file)?;
        Ok((stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino))
    }
}

/// Changes the owner of a symbolic link.
pub(crate) fn chown_link(path: &Path, user: u32, group: u32) -> Result<()> {
    let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
    rustix::fs::chownat(CWD, path, user, group, AtFlags::SYMLINK_NOFOLLOW)
}

/// Frees the blocks of a range; it reads as zeros afterwards, the size stays. fcntl(2), `F_PUNCHHOLE`: EINVAL for a
/// range that does not begin and end with blocks of the filesystem.
pub(crate) fn punch_hole(file: &File, offset: u64, length: u64) -> Result<()> {
    let range = libc::fpunchhole_t {
        fp_flags: 0,
        reserved: 0,
        fp_offset: i64::try_from(offset).map_err(|_| Errno::OVERFLOW)?,
        fp_length: i64::try_from(length).map_err(|_| Errno::OVERFLOW)?,
    };
    call("fcntl_punchhole", || {
        // SAFETY: the pointer is valid for the structure that F_PUNCHHOLE reads.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PUNCHHOLE, &raw const range) };
        if result != -1 {
            return Ok(());
        }
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    })
    .map_err(as_on_linux)
}

/// No thin volumes here.
pub(crate) fn discard_thin(_file: &File, _offset: u64, _length: u64) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// No direct writes here, so nobody asks for it.
pub(crate) fn reserve(_file: &File, _offset: u64, _length: u64) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// A second handle whose reads leave nothing in the cache. What is cached already comes from there all the same.
/// fcntl(2), `F_NOCACHE`.
pub(crate) fn open_direct(path: &Path, access: OFlags) -> Option<File> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = fs::open(path, flags, Mode::empty()).ok()?.into();
    // SAFETY: the descriptor is open, and no memory is passed.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_NOCACHE, 1) };
    (result != -1).then_some(file)
}

/// The same for an open file; `None` also if its name leads to another file by now. One image must not be made of two.
pub(crate) fn reopen_direct(file: &File, path: &Path, access: OFlags) -> Option<File> {
    open_direct(path, access).filter(
        |direct| matches!((fs::identity(direct), fs::identity(file)), (Ok(left), Ok(right)) if left == right),
    )
}

/// No call tells.
pub(crate) fn resident_bytes(_file: &File, _offset: u64, _length: u64) -> Option<u64> {
    None
}

/// Nothing to tell the kernel: [`open_direct`] does not cache.
pub(crate) fn drop_cache(_file: &File) {}

/// The same for a range of it.
pub(crate) fn drop_range(_file: &File, _offset: u64, _length: u64) {}

/// The kernel finds out by itself.
pub(crate) fn read_ahead(_file: &File) {}

/// The kernel writes back when it likes.
pub(crate) fn start_writeback(_file: &File, _offset: u64, _length: u64) {}

/// The kernel drops what it likes.
pub(crate) fn evict(_file: &File, _offset: u64, _length: u64) -> Result<()> {
    Ok(())
}

/// Size of a block device in bytes: `<sys/disk.h>`, as seeking to the end gives 0 here.
pub(crate) fn device_size(file: &File) -> Result<u64> {
    const BLOCK_SIZE: ioctl::Opcode = opcode::read::<u32>(b'd', 24);
    const BLOCK_COUNT: ioctl::Opcode = opcode::read::<u64>(b'd', 25);
    // SAFETY: DKIOCGETBLOCKSIZE reads a u32.
    let size = unsafe { Getter::<BLOCK_SIZE, u32>::new() };
    // SAFETY: DKIOCGETBLOCKCOUNT reads a u64.
    let count = unsafe { Getter::<BLOCK_COUNT, u64>::new() };
    // SAFETY: as above.
    let size = unsafe { ioctl::ioctl(file, size)? };
    // SAFETY: as above.
    let count = unsafe { ioctl::ioctl(file, count)? };
    Ok(u64::from(size) * count)
}

/// Makes a file or directory durable; fsync(2) alone leaves data in the drive's cache here. fcntl(2), `F_FULLFSYNC`:
/// not every filesystem has it.
pub(crate) fn sync(file: impl AsFd) -> Result<()> {
    syncing(file, |file| match rustix::fs::fcntl_fullfsync(&file).map_err(as_on_linux) {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOTTY) => rustix::fs::fsync(file),
        result => result,
    })
}

/// Which filesystem a file is on. Holes are read like data: APFS has reported holes where there were data
/// (coreutils/coreutils#68, copies on a virtual disk).
pub(crate) fn filesystem(file: &File) -> Result<Filesystem> {
    let name: String = rustix::fs::fstatfs(file)?
        .f_fstypename
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| char::from(byte.cast_unsigned()))
        .collect();
    Ok(Filesystem { holes_are_true: false, sharing: Sharing::Unknown, direct_writes: false, name })
}

/// A part of a file, and the extent on the disk that it is a part of. Bytes.
#[allow(dead_code, reason = "nobody tells here")]
pub(crate) struct Stored {
    pub logical: u64,
    pub start: u64,
    pub length: u64,
}

/// No btrfs here.
pub(crate) fn each_stored(_file: &File, _take: impl FnMut(Stored)) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// No call tells the places of a file.
pub(crate) struct RawExtents<'f>(PhantomData<&'f File>);

impl<'f> RawExtents<'f> {
    pub(crate) fn of(_file: &'f File) -> Self {
        Self(PhantomData)
    }

    #[allow(clippy::unused_self, reason = "there is one on Linux")]
    pub(crate) fn next(&mut self) -> Result<Option<Mapped>> {
        Err(Errno::OPNOTSUPP)
    }
}

/// No call tells the number of its extents.
pub(crate) fn count_all_extents(_file: &File) -> Result<u64> {
    Err(Errno::OPNOTSUPP)
}

/// No call tells the number of extents of a range.
pub(crate) fn count_extents(_file: &File, _offset: u64, _length: u64) -> Result<u64> {
    Err(Errno::OPNOTSUPP)
}

/// This system cannot do that. Programs notice the end of their reader when they write.
pub(crate) fn die_with_parent(_command: &mut Command) {}

/// Pipes grow by themselves.
pub(crate) fn widen_pipe(_pipe: impl AsFd) {}

/// Threads do not inherit it here.
pub(crate) fn idle_disk_priority() -> Result<()> {
    Ok(())
}

/// Threads do not inherit it here.
pub(crate) fn idle_processor_priority() -> Result<()> {
    Ok(())
}

/// Whole files can be cloned here, ranges cannot.
pub(crate) fn clone_range(
    _from: &File,
    _to: &File,
    _length: u64,
    _to_offset: u64,
    _pause: Pause,
) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// A file whose holders are wanted.
pub(crate) struct Subject;

impl Subject {
    /// No call tells who has a file open.
    pub(crate) fn of(_file: &File) -> Option<Self> {
        None
    }
}

/// Finds no holders, because no file is a subject here.
pub(crate) fn find_holders(subjects: &[&Subject]) -> Vec<Vec<Holder>> {
    subjects.iter().map(|_| Vec::new()).collect()
}

/// No call tells who has locked a file.
pub(crate) fn find_lockers(_file: &File) -> Vec<Holder> {
    Vec::new()
}

/// No call tells.
pub(crate) fn is_open_for_writing(_file: &File) -> bool {
    false
}

/// No call tells who has claimed a device.
pub(crate) fn claims_on(_path: &Path) -> Vec<Holder> {
    vec![Holder { kind: HolderKind::Unseen, name: String::new(), pid: None, user: None }]
}

/// QEMU takes other locks here.
pub(crate) fn keep_qemu_out(_file: &File) {}

/// The error of the first write says it.
pub(crate) fn protection_of(_file: &File) -> Option<Protection> {
    None
}

/// There are none apart from `/dev`.
pub(crate) fn kernel_filesystem(_path: &Path) -> Result<Option<&'static str>> {
    Ok(None)
}

/// The same for that of an open file.
pub(crate) fn kernel_filesystem_of(_file: &File) -> Result<Option<&'static str>> {
    Ok(None)
}
