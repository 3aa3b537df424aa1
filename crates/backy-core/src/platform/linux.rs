//! Linux: files, their blocks and their pages; hole punching, `O_DIRECT`, cachestat.

use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::{Advice, AtFlags, CWD, FallocateFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Getter, opcode};
use rustix::path::Arg;
use rustix::process::Signal;

use super::ioctl::{control, done, statfs};
use super::types::{Filesystem, Sharing};
use crate::sys::{call, fs, syncing};

/// The errors of one block of a disk. The kernel reports EIO, ENODATA for a worn-out sector, EILSEQ for wrong
/// protection data, and EREMOTEIO for a sector that the device refuses: block/blk-core.c.
pub(crate) const BLOCK_ERRORS: &[Errno] = &[Errno::IO, Errno::NODATA, Errno::ILSEQ, Errno::REMOTEIO];

/// Creates a file that nobody else may read; the name must be free.
pub(crate) fn create(path: &Path) -> Result<File> {
    create_at(CWD, path)
}

/// The same for a name in an open directory.
pub(crate) fn create_at(directory: impl AsFd, name: impl Arg) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::open_at(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Changes the owner of a symbolic link. The check on the descriptor protects other files: somebody who may rename
/// files in the directory could put one in the place of the link.
pub(crate) fn chown_link(path: &Path, user: u32, group: u32) -> Result<()> {
    let link = fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let now = call("fstat", || rustix::fs::fstat(&link))?;
    let is_ours = FileType::from_raw_mode(now.st_mode) == FileType::Symlink && now.st_nlink == 1;
    if !is_ours {
        return Ok(());
    }
    let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
    call("fchownat", || rustix::fs::chownat(&link, "", user, group, AtFlags::EMPTY_PATH))
}

/// Frees the blocks of a range; it reads as zeros afterwards, the size stays.
pub(crate) fn punch_hole(file: &File, offset: u64, length: u64) -> Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    call("fallocate", || rustix::fs::fallocate(file, flags, offset, length))
}

/// Allocates the blocks of a range without changing the size of the file.
pub(crate) fn reserve(file: &File, offset: u64, length: u64) -> Result<()> {
    call("fallocate", || rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, offset, length))
}

/// Opens a second handle that reads or writes past the page cache; `None` if the filesystem cannot do that.
pub(crate) fn open_direct(path: &Path, access: OFlags) -> Option<File> {
    // NONBLOCK: the name may lead to a pipe by now.
    let flags = access | OFlags::DIRECT | OFlags::NONBLOCK | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty()).ok().map(File::from)
}

/// Opens a second handle of an open file, which goes past the page cache; `None` if the filesystem has no such thing. The
/// descriptor is opened, `proc_pid_fd(5)`, because the name may belong to another file by now.
pub(crate) fn reopen_direct(file: &File, _path: &Path, access: OFlags) -> Option<File> {
    open_direct(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())), access)
}

/// Bytes of a range that are in the page cache; `None` if the kernel (before 6.5) cannot tell.
pub(crate) fn resident_bytes(file: &File, offset: u64, length: u64) -> Option<u64> {
    /// `__NR_cachestat`, the same on every architecture: include/uapi/asm-generic/unistd.h.
    const CACHESTAT: libc::c_long = 451;
    let range = [offset, length];
    let mut stat = [0_u64; 5];
    let asked = call("cachestat", || {
        // SAFETY: both pointers are valid for the two structures of cachestat(2): 2 and 5 times u64.
        let result =
            unsafe { libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), stat.as_mut_ptr(), 0) };
        if result == 0 { Ok(()) } else { Err(Errno::NOSYS) }
    });
    asked.ok().map(|()| stat[0] * rustix::param::page_size() as u64)
}

/// Drops clean pages of a file, so that the next read asks the disk.
pub(crate) fn drop_cache(file: &File) {
    drop_range(file, 0, 0);
}

/// The same for a range. A length of 0 stands for everything from the offset on, as for `posix_fadvise(2)`.
pub(crate) fn drop_range(file: &File, offset: u64, length: u64) {
    // This is only advice. The reads that follow use O_DIRECT if possible.
    let _ = call("fadvise", || rustix::fs::fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed));
}

/// Tells the kernel that a file is read from front to back.
pub(crate) fn read_ahead(file: &File) {
    // This is only advice. Reading works without it.
    let _ = call("fadvise", || rustix::fs::fadvise(file, 0, None, Advice::Sequential));
}

/// Starts writing a dirty range back without waiting, so that the final fsync finds little left.
pub(crate) fn start_writeback(file: &File, offset: u64, length: u64) {
    // This is only a hint. fsync tells whether the data are safe.
    let _ = sync_range(file, offset, length, libc::SYNC_FILE_RANGE_WRITE);
}

/// Waits until the disk has taken a range, and drops it from the page cache. This does not make the range durable.
/// Still, fsync does not report an error again that was reported here.
pub(crate) fn evict(file: &File, offset: u64, length: u64) -> Result<()> {
    const WAIT: libc::c_uint =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    match sync_range(file, offset, length, WAIT) {
        // A kernel that cannot wait has reported nothing.
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {}
        result => result?,
    }
    drop_range(file, offset, length);
    Ok(())
}

/// `sync_file_range(2)`.
fn sync_range(file: &File, offset: u64, length: u64, flags: libc::c_uint) -> Result<()> {
    let (offset, length) =
        (i64::try_from(offset).map_err(|_| Errno::INVAL)?, i64::try_from(length).map_err(|_| Errno::INVAL)?);
    call("sync_file_range", || {
        // SAFETY: the descriptor is open for the duration of the call, and no memory is passed.
        done(unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, flags) }.into())
    })
}

/// Size of a block device in bytes: `BLKGETSIZE64`.
pub(crate) fn device_size(file: &File) -> Result<u64> {
    /// It takes 64 bits, whatever the `size_t` in its definition says: include/uapi/linux/fs.h.
    const GET_SIZE: ioctl::Opcode = opcode::read::<usize>(0x12, 114);
    // SAFETY: the opcode writes a 64-bit number.
    let getter = unsafe { Getter::<GET_SIZE, u64>::new() };
    // SAFETY: as above.
    unsafe { control("ioctl", file, getter) }
}

/// Makes a file or directory durable.
pub(crate) fn sync(file: impl AsFd) -> Result<()> {
    syncing(file, |file| rustix::fs::fsync(file))
}

/// Which filesystem a file is on.
pub(crate) fn filesystem(file: &File) -> Result<Filesystem> {
    let magic = statfs(file)?.f_type;
    // statfs(2) and include/uapi/linux/magic.h.
    let (name, holes_are_true, direct_writes) = match magic {
        0x9123_683e => ("btrfs", true, false),
        0x5846_5342 => ("xfs", true, true),
        0xef53 => ("ext4", true, true),
        0x0102_1994 => ("tmpfs", true, false),
        0x2fc1_2fc1 => ("zfs", false, false),
        0x6969 => ("nfs", false, false),
        0x6573_5546 => ("fuse", false, false),
        0x794c_7630 => ("overlayfs", false, false),
        0xca45_1a4e => ("bcachefs", false, false),
        _ => {
            return Ok(Filesystem {
                name: format!("{magic:#x}"),
                holes_are_true: false,
                sharing: Sharing::Unknown,
                direct_writes: false,
            });
        }
    };
    let sharing = match name {
        "btrfs" => Sharing::WholeExtents,
        "xfs" => Sharing::Blocks,
        _ => Sharing::Unknown,
    };
    Ok(Filesystem { name: name.to_owned(), holes_are_true, sharing, direct_writes })
}

/// Has the kernel kill a program when the thread that started it ends, in whatever way. `prctl(2)`
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let arrange = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before this call.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec these are two system calls, without locks and without memory.
    unsafe { command.pre_exec(arrange) };
}

/// Widens a pipe, so that its two ends wait less for each other.
pub(crate) fn widen_pipe(pipe: impl AsFd) {
    // A failure does not matter: users have a limit for all their pipes together.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1024 * 1024);
}
