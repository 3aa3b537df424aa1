//! Changes between two snapshots of a file, found in their extent maps. Two snapshots that both exist hold on to their
//! blocks, so an extent at the same place in both has the same bytes.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use crate::bytes::extent::ExtentMap;
use crate::disk::fiemap::{self, Mapped};
use crate::error::{Context, Error, Result};
use crate::files::identity::{FileIdentity, is_owner, metadata};
use crate::platform::{self, Sharing};
use crate::source::input::Previous;
use crate::source::opened::Source;
use crate::sys::fs;

/// Number of attempts to read both maps while extents move.
const ATTEMPTS: usize = 3;

/// Result of comparing two snapshots.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing changed outside of these ranges.
    Known(ExtentMap),
    /// Anything may have changed, for this reason.
    Unknown(String),
}

/// Compares a source with the parent's snapshot of it, which had `size` bytes. All facts come from the descriptors whose
/// maps are compared.
pub(crate) fn changed_since(
    previous: &Previous,
    size: u64,
    source: &Source,
    repository: &Path,
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
    compare(&old, source.reader.file()).on("ioctl_fiemap", previous)
}

fn compare(old: &File, new: &File) -> std::result::Result<Difference, Errno> {
    for _ in 0..ATTEMPTS {
        let Some(before) = Layout::of(old)? else { break };
        let Some(changed) = before.difference(new)? else { break };
        // A balance or defragmentation meanwhile may move one extent away and put a different one in its place. The old
        // map shows that.
        if before.is_still_of(old)? {
            return Ok(Difference::Known(changed));
        }
    }
    Ok(Difference::Unknown("where the extents lie cannot be told for sure now".to_owned()))
}

/// The places of a file on the disk.
struct Layout {
    /// The ranges with data, or with space for data.
    data: ExtentMap,
    /// The extents with a literal place, in order. Compressed ones have none, and there can be millions of those.
    places: Vec<Mapped>,
}

impl Layout {
    /// `None` if the filesystem does not tell.
    fn of(file: &File) -> std::result::Result<Option<Self>, Errno> {
        let mut layout = Self { data: ExtentMap::default(), places: Vec::new() };
        let told = fiemap::walk(file, |extent| {
            layout.data.append(extent.range());
            if extent.place().is_some() {
                layout.places.push(extent.settled());
            }
        })?;
        Ok(told.then_some(layout))
    }

    /// The ranges in which either file has data, except extents at the same place in both. `None` if the filesystem
    /// does not tell.
    fn difference(&self, new: &File) -> std::result::Result<Option<ExtentMap>, Errno> {
        let (mut data, mut same) = (ExtentMap::default(), ExtentMap::default());
        let mut rest = self.places.as_slice();
        let told = fiemap::walk(new, |extent| {
            let (extent, range) = (extent.settled(), extent.range());
            data.append(range);
            let behind = rest.iter().take_while(|old| old.range().end <= range.start).count();
            rest = &rest[behind..];
            for old in rest.iter().take_while(|old| old.logical < range.end) {
                if old.is_same_place(&extent) {
                    same.append(old.range().overlap(&range));
                }
            }
        })?;
        Ok(told.then(|| self.data.union(&data).subtract(&same)))
    }

    fn is_still_of(&self, file: &File) -> std::result::Result<bool, Errno> {
        let mut places = self.places.iter();
        let mut same = true;
        let told = fiemap::walk(file, |extent| {
            if extent.place().is_some() {
                same &= places.next() == Some(&extent.settled());
            }
        })?;
        Ok(told && same && places.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::faults::{Fault, Injection, watch};

    #[test]
    fn a_map_that_is_refused_proves_nothing() {
        let old = tempfile::tempfile().unwrap();
        let Some(layout) = Layout::of(&old).unwrap() else { return };
        for errno in [Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL, Errno::NOSYS] {
            let refused = Injection { at: 0, fault: Fault::Fails(errno), lasting: false };
            assert_eq!(watch(Some(refused), || layout.difference(&old)).0, Ok(None));
            assert_eq!(watch(Some(refused), || layout.is_still_of(&old)).0, Ok(false));
        }
        assert_eq!(layout.difference(&old), Ok(Some(ExtentMap::default())));
        assert_eq!(layout.is_still_of(&old), Ok(true));
    }
}
