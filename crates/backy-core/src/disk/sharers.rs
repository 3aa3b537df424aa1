//! Files that have the same blocks of the disk. A bad block is bad in every file that shares it, so none of them can
//! mend it, whatever the page cache still has.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::bytes::block::{BLOCK_SIZE, blocks_of};
use crate::bytes::extent::{Extent, ExtentMap};
use crate::disk::fiemap;
use crate::error::{Context, Error, MOST_BAD_BLOCKS, Result};
use crate::files::device::{self, Kind};
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// A file that has blocks in common with parts of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharer {
    /// Its number in the list of searched files.
    pub number: usize,
    /// Its blocks that lie, in part or whole, where the parts of the other one lie, the first [`MOST_BAD_BLOCKS`]: where
    /// they start, in bytes.
    pub blocks: Vec<u64>,
}

/// Finds the files among `others` that share some blocks of an image on the disk. Missing files are skipped. If the
/// filesystem does not tell, there are none.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub fn find_sharers(
    image: &Path,
    blocks: &[u64],
    others: &[PathBuf],
    control: &Control,
) -> Result<Vec<Sharer>> {
    let Some(file) = open_if_there(image)? else { return Ok(Vec::new()) };
    let ranges: Vec<Extent> = blocks.iter().map(|start| Extent::at(*start, BLOCK_SIZE as u64)).collect();
    let Some(parts) = disk_parts(&file, &ranges, image, control)? else { return Ok(Vec::new()) };
    let parts = ExtentMap::normalise(parts);
    let mut sharers = Vec::new();
    for (number, path) in others.iter().enumerate() {
        let Some(other) = open_if_there(path)? else { continue };
        let mut found = Vec::new();
        fiemap::walk(&other, path, control, |mapped| {
            let Extent { start, end } = mapped.range();
            // Each block counts for itself, so that a long extent is not blamed as a whole.
            for block in blocks_of(Extent { start: start / BLOCK_SIZE as u64 * BLOCK_SIZE as u64, end }) {
                let is_new = found.len() < MOST_BAD_BLOCKS && found.last() != Some(&block.start);
                let place = if is_new { mapped.disk_part(block) } else { None };
                if place.is_some_and(|part| parts.within(part).next().is_some()) {
                    found.push(block.start);
                }
            }
        })?;
        if !found.is_empty() {
            sharers.push(Sharer { number, blocks: found });
        }
    }
    Ok(sharers)
}

/// Whether bytes of two files are the same ones on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// None of them are.
    Apart,
    /// Some of them are.
    Shared,
    /// The filesystem does not tell, for this reason.
    Unknown(String),
}

/// Finds out whether ranges of two files lie in different places on the disk.
pub(crate) fn overlap(
    left: (&File, &[Extent]),
    right: (&File, &[Extent]),
    path: &Path,
    control: &Control,
) -> Result<Overlap> {
    if device::facts(right.0, path)?.is_some_and(|facts| facts.kind == Kind::Device) {
        return Ok(Overlap::Apart);
    }
    let name = |file: &File| platform::filesystem(file).on("fstatfs", path).map(|filesystem| filesystem.name);
    let disk = |file: &File| fs::metadata(file).on("fstat", path).map(|metadata| metadata.dev());
    let (one, other) = (name(left.0)?, name(right.0)?);
    // On btrfs each subvolume has a device number of its own, on the same disk.
    if disk(left.0)? != disk(right.0)? && !(one == "btrfs" && other == "btrfs") {
        return Ok(Overlap::Apart);
    }
    let parts = |(file, ranges): (&File, &[Extent])| disk_parts(file, ranges, path, control);
    let (Some(left), Some(right)) = (parts(left)?, parts(right)?) else {
        return Ok(Overlap::Unknown(format!("{one} does not tell where files lie on the disk")));
    };
    let left = ExtentMap::normalise(left);
    let shares = right.into_iter().any(|part| left.within(part).next().is_some());
    Ok(if shares { Overlap::Shared } else { Overlap::Apart })
}

/// Returns the places of ranges of a file on the disk; `None` if the filesystem does not tell.
fn disk_parts(file: &File, ranges: &[Extent], path: &Path, control: &Control) -> Result<Option<Vec<Extent>>> {
    let ranges = ExtentMap::normalise(ranges.to_vec());
    let mut parts = Vec::new();
    let told = fiemap::walk(file, path, control, |mapped| {
        parts.extend(ranges.within(mapped.range()).filter_map(|range| mapped.disk_part(range)));
    })?;
    Ok(told.then_some(parts))
}

/// Opens a file of a repository for reading; `None` if it is missing or no plain file, and so not ours.
pub(crate) fn open_if_there(path: &Path) -> Result<Option<File>> {
    open_place(path).map(|place| if let Place::Plain(file) = place { Some(file) } else { None })
}

/// The possible contents of a place for a file.
pub(crate) enum Place {
    /// The file, open for reading.
    Plain(File),
    /// A symbolic link, a pipe, a directory or the like.
    Odd,
    /// Nothing.
    Empty,
}

/// Opens the place of a file of a repository. Links are not followed, and only plain files are opened.
pub(crate) fn open_place(path: &Path) -> Result<Place> {
    match fs::open_plain(path) {
        Ok(file) => {
            let mode = fs::fstat(&file).on("fstat", path)?.st_mode;
            let is_plain = FileType::from_raw_mode(mode) == FileType::RegularFile;
            Ok(if is_plain { Place::Plain(file) } else { Place::Odd })
        }
        Err(Errno::NOENT) => Ok(Place::Empty),
        // These are a link and a socket.
        Err(Errno::LOOP | Errno::NXIO) => Ok(Place::Odd),
        Err(errno) => Err(Error::io("open", path, errno)),
    }
}

/// [`fs::identity`] of a file of this name.
pub(crate) fn identity(file: &File, path: &Path) -> Result<(u64, u64)> {
    fs::identity(file).on("fstat", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_tests::scratch::Scratch;

    /// A clone of a bad block has the right bytes in its cache and the wrong ones on the disk, like its original.
    #[test]
    fn a_clone_lies_where_its_original_does_and_a_copy_does_not() {
        let scratch = Scratch::new();
        let directory = scratch.directory("places");
        let path = |name: &str| directory.join(name);
        let bytes: Vec<u8> = (0..4 * BLOCK_SIZE).map(|at| (at % 251) as u8 | 1).collect();
        for name in ["original", "copy"] {
            std::fs::write(path(name), &bytes).unwrap();
        }
        let original = open_if_there(&path("original")).unwrap().unwrap();
        let copy = open_if_there(&path("copy")).unwrap().unwrap();
        let whole = Extent::at(0, bytes.len() as u64);
        let second = Extent::at(BLOCK_SIZE as u64, BLOCK_SIZE as u64);
        let overlap_of = |left: (&File, Extent), right: (&File, Extent)| {
            overlap((left.0, &[left.1]), (right.0, &[right.1]), &directory, &Control::default()).unwrap()
        };
        assert_eq!(overlap_of((&original, second), (&copy, second)), Overlap::Apart);
        let Ok(clone) = platform::create_clone(&original, rustix::fs::CWD, &path("clone"), &|_| true) else {
            return;
        };
        assert_eq!(overlap_of((&original, second), (&clone, second)), Overlap::Shared);
        assert_eq!(overlap_of((&original, second), (&clone, whole)), Overlap::Shared);
        let first = Extent::at(0, BLOCK_SIZE as u64);
        assert_eq!(overlap_of((&original, first), (&clone, second)), Overlap::Apart);

        let others = ["copy", "gone", "clone"].map(path);
        let sharers = find_sharers(&path("original"), &[second.start], &others, &Control::default()).unwrap();
        assert_eq!(sharers, [Sharer { number: 2, blocks: vec![second.start] }]);
    }
}
