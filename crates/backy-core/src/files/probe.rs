//! The abilities of the filesystem of a directory, found out by trying.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::error::{Context, Result};
use crate::files::clone::{Cloned, clone_file};
use crate::files::names::temporary_beside;
use crate::files::positioned::write_at;
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// The findings about a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProbe {
    /// Name of its filesystem.
    pub filesystem: String,
    /// The reason why files cannot share blocks; `None` if they can.
    pub reflink_refused: Option<String>,
    /// Whether ranges of a file can be freed.
    pub punch_hole: bool,
    /// Whether files can be read past the page cache.
    pub direct_io: bool,
    /// Bytes an ordinary user may still write.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// Tries everything with temporary files in `directory`, and removes them.
///
/// # Errors
/// [`crate::Code::Io`] when the directory cannot be opened or written to; [`crate::Code::Cancelled`].
pub fn probe(directory: &Path, control: &Control) -> Result<HostProbe> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle: File = fs::open(directory, flags, Mode::empty()).on("open", directory)?.into();
    let space = fs::fstatvfs(&handle).on("fstatvfs", directory)?;
    let reflink_refused = reflink_refused(directory, control)?;
    let (punch_hole, direct_io) = with_sample(directory, |path, file| {
        let direct = platform::open_direct(path, OFlags::RDONLY).is_some();
        Ok((platform::punch_hole(file, 0, SAMPLE.len() as u64).is_ok(), direct))
    })?;
    Ok(HostProbe {
        filesystem: platform::filesystem(&handle).on("fstatfs", directory)?.name,
        reflink_refused,
        punch_hole,
        direct_io,
        free_bytes: space.f_bavail * space.f_frsize,
        total_bytes: space.f_blocks * space.f_frsize,
    })
}

/// Clones a small file in `directory`. Returns `None` if that works, else the reason in words.
pub(crate) fn reflink_refused(directory: &Path, control: &Control) -> Result<Option<String>> {
    with_sample(directory, |path, file| {
        let clone = temporary_beside(path);
        match clone_file(file, &clone, control)? {
            Cloned::Shared(_) => fs::unlink(&clone).on("unlink", &clone).map(|()| None),
            Cloned::Refused(refusal) => Ok(Some(refusal.reason)),
        }
    })
}

/// Data without holes, so that a clone has something to share.
static SAMPLE: [u8; 64 * 1024] = [1; 64 * 1024];

fn with_sample<T>(directory: &Path, look: impl FnOnce(&Path, &File) -> Result<T>) -> Result<T> {
    let path = temporary_beside(&directory.join("sample"));
    let file = platform::create(&path).on("open", &path)?;
    let result = write_at(&file, &path, &SAMPLE, 0).and_then(|()| look(&path, &file));
    fs::unlink(&path).on("unlink", &path)?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let probe = probe(directory.path(), &Control::default()).unwrap();
        assert!(!probe.filesystem.is_empty());
        assert!(probe.total_bytes >= probe.free_bytes);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
