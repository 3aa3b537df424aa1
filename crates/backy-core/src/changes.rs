//! What changed between two snapshots of a file, by where their extents lie: two snapshots that are both alive hold
//! on to their blocks, so what lies at the same place in both is the same.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Context, Error, Result};
use crate::extent::{Extent, ExtentMap};
use crate::fiemap::{self, Mapped};
use crate::platform::{self, Sharing};
use crate::source::Source;
use crate::sys::fs;

/// How often maps are read again when extents move meanwhile.
const ATTEMPTS: usize = 3;

/// What comparing two snapshots gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing changed outside of these ranges.
    Known(ExtentMap),
    /// Anything may have changed, and why that is all there is to say.
    Unknown(String),
}

/// Compares a source with an earlier snapshot of it, which had `size` bytes.
pub(crate) fn changed_since(previous: &Path, size: u64, source: &Source) -> Result<Difference> {
    let unknown = |reason: &str| Ok(Difference::Unknown(reason.to_owned()));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let old: File = match fs::open(previous, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(Errno::NOENT) => return unknown("the snapshot of the revision before is gone"),
        Err(errno) => {
            let error = Error::io("open", previous, errno);
            return unknown(&format!("the snapshot of the revision before cannot be used ({error})"));
        }
    };
    let (before, now) = (
        fs::metadata(&old).on("fstat", previous)?,
        fs::metadata(source.reader.file()).on("fstat", source.reader.path())?,
    );
    if !before.is_file() || before.uid() != geteuid().as_raw() {
        return unknown("the snapshot of the revision before is no file of ours");
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
        let Some(before) = map_of(old)? else { break };
        let changed = difference(&before, new)?;
        // A balance or defragmentation that comes in between could move one extent away and put another, different
        // one in its place; the old map shows that.
        if map_of(old)?.as_ref() == Some(&before) {
            return Ok(Difference::Known(changed));
        }
    }
    Ok(Difference::Unknown("where the extents lie cannot be told for sure now".to_owned()))
}

/// All extents of a file; `None` where the filesystem does not tell.
fn map_of(file: &File) -> std::result::Result<Option<Vec<Mapped>>, Errno> {
    let mut map = Vec::new();
    let told = fiemap::walk(file, |mapped| map.push(mapped.settled()))?;
    Ok(told.then_some(map))
}

/// What either file has data in, without what lies at the same place in both.
fn difference(before: &[Mapped], new: &File) -> std::result::Result<ExtentMap, Errno> {
    let mut mapped: Vec<Extent> = before.iter().map(Mapped::range).collect();
    let mut same = Vec::new();
    let mut rest = before;
    fiemap::walk(new, |extent| {
        let extent = extent.settled();
        mapped.push(extent.range());
        let behind = rest.iter().take_while(|old| old.range().end <= extent.logical).count();
        rest = &rest[behind..];
        let touching = rest.iter().take_while(|old| old.logical < extent.range().end);
        same.extend(
            touching.filter(|old| old.is_same_place(&extent)).map(|old| old.range().overlap(&extent.range())),
        );
    })?;
    Ok(ExtentMap::normalise(mapped).subtract(&ExtentMap::normalise(same)))
}
