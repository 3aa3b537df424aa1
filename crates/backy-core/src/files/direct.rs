//! Handles that go past the page cache.

use std::fs::File;
use std::path::Path;

use rustix::fs::OFlags;

use crate::platform::open_direct;
use crate::sys::fs;

/// Opens a second handle of an open file that goes past the page cache: [`open_direct`]. `None` also if the name leads
/// to another file by now, because an image must not be a mixture of two.
pub(crate) fn reopen_direct(file: &File, path: &Path, access: OFlags) -> Option<File> {
    open_direct(path, access).filter(
        |direct| matches!((fs::identity(direct), fs::identity(file)), (Ok(left), Ok(right)) if left == right),
    )
}
