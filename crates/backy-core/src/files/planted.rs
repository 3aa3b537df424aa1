//! Files that somebody else may have put in the way of what we are about to write or to read.

use std::fs::File;

use rustix::fs::FileType;
use rustix::process::geteuid;

use crate::error::{Code, Context, Error, Result};
use crate::files::resolve::Resolved;
use crate::sys::fs;

/// Permissions of a directory in which its group or everybody may create files.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Refuses to write to a regular file of somebody else in a directory in which others may create files, as
/// `fs.protected_regular` of `proc_sys_fs(5)` does in sticky ones: its maker could read what is written, and it would stay
/// the maker's file.
///
/// # Errors
/// [`Code::FileForeign`], [`Code::Io`].
pub(crate) fn refuse_foreign_file(file: &File, resolved: &Resolved) -> Result<()> {
    let (owner, place) = (Ownership::of(file, resolved)?, &resolved.path);
    if owner.is_regular && owner.others_create() && owner.file != owner.us && owner.file != owner.directory {
        let detail =
            format!("it belongs to user {}, and others may create files in its directory", owner.file);
        return Err(Error::new(Code::FileForeign).at(place).detail(detail));
    }
    refuse_second_name(file, resolved)
}

/// Refuses a file with several names where somebody who does not own it may have made one of them: it may be any file of
/// its owner, such as one that only root may read. Where `fs.protected_hardlinks` is 1 only who may write to a file can do
/// that; it can be 0, and macOS has no such thing.
///
/// # Errors
/// As [`refuse_foreign_file`].
pub(crate) fn refuse_second_name(file: &File, resolved: &Resolved) -> Result<()> {
    let owner = Ownership::of(file, resolved)?;
    let is_makers = owner.mode & OTHERS_MAY_WRITE == 0 && owner.directory == owner.file;
    if !owner.is_regular || owner.names < 2 || !owner.others_create() || is_makers {
        return Ok(());
    }
    let detail = format!("it has {} names, and others may have given it this one", owner.names);
    Err(Error::new(Code::FileForeign).at(&resolved.path).detail(detail))
}

/// The owners of a file and its directory.
struct Ownership {
    us: u32,
    file: u32,
    is_regular: bool,
    names: u64,
    directory: u32,
    /// The permissions of the directory.
    mode: u32,
}

impl Ownership {
    fn of(file: &File, resolved: &Resolved) -> Result<Self> {
        let path = &resolved.path;
        let stat = fs::fstat(file).on("fstat", path)?;
        let directory = fs::fstat(&resolved.directory).on("fstat", path)?;
        #[allow(clippy::useless_conversion, reason = "their types differ between systems")]
        Ok(Self {
            us: geteuid().as_raw(),
            file: stat.st_uid,
            is_regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            names: stat.st_nlink.into(),
            directory: directory.st_uid,
            mode: directory.st_mode.into(),
        })
    }

    /// Whether anybody but root and us may create files in the directory.
    fn others_create(&self) -> bool {
        self.mode & OTHERS_MAY_WRITE != 0 || ![0, self.us].contains(&self.directory)
    }
}
