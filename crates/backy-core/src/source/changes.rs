//! Changes between two snapshots of a file, found in their extent maps. Two snapshots that both exist hold on to their
//! blocks, so an extent at the same place in both has the same bytes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use crate::bytes::extent::ExtentMap;
use crate::disk::difference::Sides;
use crate::error::{Context, Error, Result};
use crate::files::identity::{FileIdentity, is_owner, metadata};
use crate::platform::{self, Sharing};
use crate::source::input::Previous;
use crate::source::opened::Source;
use crate::sys::fs;
use crate::work::control::Control;

/// Result of comparing two snapshots.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing changed outside of these ranges of whole blocks.
    Known(ExtentMap),
    /// Anything may have changed, for this reason.
    Unknown(String),
}

/// Compares a source with the parent's snapshot of it, which had `size` bytes. All facts come from the descriptors whose
/// maps are compared.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(crate) fn changed_since(
    previous: &Previous,
    size: u64,
    source: &Source,
    repository: &Path,
    control: &Control,
) -> Result<Difference> {
    let unknown = |reason: &str| Ok(Difference::Unknown(reason.to_owned()));
    let Previous { path: previous, identity } = previous;
    let old = match fs::open_plain(previous) {
        Ok(file) => file,
        Err(Errno::NOENT) => return unknown("the snapshot of the revision before is gone"),
        Err(errno) => {
            let error = Error::io("open", previous, errno);
            return unknown(&format!("the snapshot of the revision before cannot be used ({error})"));
        }
    };
    let before = metadata(&old, previous)?;
    let now = metadata(source.reader.file(), source.reader.path())?;
    if !before.is_file() || !is_owner(before.uid(), repository)? {
        return unknown("the snapshot of the revision before is no file of ours");
    }
    if !FileIdentity::of(&before).is_that_of_earlier(identity) {
        return unknown(
            "another file is in the place of the snapshot that the revision before was made from",
        );
    }
    if before.len() != size || before.dev() != now.dev() {
        return unknown("the snapshot of the revision before is not what the revision was made from");
    }
    let filesystem = platform::filesystem(&old).on("fstatfs", previous)?;
    if filesystem.sharing == Sharing::Unknown {
        return unknown(&format!("{} is not known to tell the truth about where files lie", filesystem.name));
    }
    let sides = Sides { old: (&old, previous), new: (source.reader.file(), source.reader.path()), control };
    match sides.compare()? {
        Some(difference) => Ok(Difference::Known(difference.changed)),
        None => unknown("where the extents lie cannot be told for sure now"),
    }
}
