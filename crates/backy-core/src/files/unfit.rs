//! Files of a repository that must not be changed because of what they are. Their owner may have put anything there.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Code, Context, Error, Result};
use crate::sys::fs;

/// Refuses an open file that is not a plain one, or has another name: that may be an image, or belong to somebody else.
///
/// # Errors
/// [`Code::FileUnfit`] saying what it is; [`Code::Io`].
pub(crate) fn refuse_unfit(file: &File, path: &Path) -> Result<()> {
    let facts = fs::metadata(file).on("fstat", path)?;
    let unfit = |reason: String| Err(Error::new(Code::FileUnfit).at(path).detail(reason));
    if !facts.is_file() {
        return unfit("it is not a plain file".into());
    }
    match facts.nlink() {
        0 | 1 => Ok(()),
        names => unfit(format!("it has {names} names (hard links)")),
    }
}
