//! Linux: looking at a name in an open directory, without opening the file that has the name.

use std::ffi::{OsStr, OsString};
use std::fs::File;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Result;

use super::ioctl::statfs;
use super::protection::kernel_filesystem_of;
use crate::sys::fs;

/// Opens a directory to look up names in it. The right to list it is not needed.
pub(crate) const LOOKING_UP: OFlags = OFlags::PATH;

/// A file, a directory or a symbolic link that was found under a name. It stays the same one, whoever renames what.
pub(crate) struct Entry {
    /// Pins the file, so that its number is not given to another one.
    handle: File,
    /// Its owner, mode and kind.
    pub stat: Stat,
    /// The place that it leads to, if it is a symbolic link.
    pub link: Option<Link>,
}

/// The place that a symbolic link leads to.
pub(crate) enum Link {
    /// The path in it.
    Path(OsString),
    /// A link of `/proc`, such as that of a descriptor: only the kernel knows what it leads to, which is open here.
    Kernel(File),
}

impl Entry {
    /// Looks at a name. No link is followed, and nothing is opened, so that neither a pipe nor a device notices.
    pub(crate) fn look(directory: &File, name: &OsStr) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut entry = Self::of(fs::open_at(directory, name, flags, Mode::empty())?.into())?;
        if FileType::from_raw_mode(entry.stat.st_mode) == FileType::Symlink {
            entry.link = Some(link_of(&entry.handle, directory, name)?);
        }
        Ok(entry)
    }

    /// The file behind a link of the kernel.
    pub(crate) fn of(handle: File) -> Result<Self> {
        let stat = fs::fstat(&handle)?;
        Ok(Self { handle, stat, link: None })
    }

    /// The filesystem that it is on, if that is a face of the kernel.
    pub(crate) fn kernel_filesystem(&self) -> Result<Option<&'static str>> {
        kernel_filesystem_of(&self.handle)
    }

    /// Whether an open file is this one.
    pub(crate) fn is(&self, file: &File) -> Result<bool> {
        Ok(fs::identity(&self.handle)? == fs::identity(file)?)
    }
}

/// Reads the very link that was looked at.
fn link_of(link: &File, directory: &File, name: &OsStr) -> Result<Link> {
    /// `PROC_SUPER_MAGIC` of include/uapi/linux/magic.h.
    const PROC: u64 = 0x9fa0;
    if u64::try_from(statfs(link)?.f_type).is_ok_and(|magic| magic == PROC) {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        return Ok(Link::Kernel(fs::open_at(directory, name, flags, Mode::empty())?.into()));
    }
    fs::read_link_at(link, OsStr::new("")).map(Link::Path)
}
