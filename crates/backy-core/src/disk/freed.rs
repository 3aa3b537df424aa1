//! The space that removing files would free: the blocks that no remaining file refers to.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::bytes::extent::{Extent, WideMap};
use crate::disk::fiemap;
use crate::disk::overlaps::{Kept, Piece, Sorted, by_byte, by_extent};
use crate::disk::sharers::{Place, identity, open_place};
use crate::error::{Context, Result};
use crate::platform::{self, Sharing};
use crate::sys::fs;
use crate::work::control::Control;

/// The space that removing files would free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Freed {
    /// Bytes, each counted once.
    pub bytes: u64,
    /// The reason why the number is only an estimate.
    pub estimated: Option<String>,
}

/// Measures the bytes of a filesystem that would be free without `remove`, while `keep` stays. All files lie on that
/// filesystem. Missing files are skipped. Other kinds of files are skipped, too, and make the result an estimate.
///
/// A file in neither list that shares blocks with two or more of the removed files is not seen.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub fn measure_freed(remove: &[PathBuf], keep: &[PathBuf], control: &Control) -> Result<Freed> {
    let mut census = Census::default();
    // A removed file may stay under another name.
    let mut seen = HashSet::new();
    for path in keep {
        let Some(file) = open_counted(path, &mut census.estimated)? else { continue };
        seen.insert(identity(&file, path)?);
    }
    for path in remove {
        let Some(file) = open_counted(path, &mut census.estimated)? else { continue };
        if seen.insert(identity(&file, path)?) {
            let metadata = fs::metadata(&file).on("fstat", path)?;
            census.take(&file, path, metadata.blocks() * 512, control)?;
        }
    }
    let Census { pieces, loose_bytes, account, mut estimated, .. } = census;
    let Sorted { own_bytes, candidates } =
        if account == Account::Bytes { by_byte(pieces) } else { by_extent(pieces) };
    let candidate_bytes = candidates.iter().map(Extent::len).sum::<u64>();
    let bytes = loose_bytes + own_bytes + candidate_bytes
        - kept_bytes(&candidates, keep, account, &mut estimated, control)?;
    if account == Account::Pieces && bytes > 0 {
        estimated.get_or_insert_with(|| PIECES_ONLY.to_owned());
    }
    Ok(Freed { bytes, estimated })
}

/// Opens a file whose blocks count; `None` for everything else.
fn open_counted(path: &Path, estimated: &mut Option<String>) -> Result<Option<File>> {
    match open_place(path)? {
        Place::Plain(file) => Ok(Some(file)),
        Place::Empty => Ok(None),
        Place::Odd => {
            estimated.get_or_insert_with(|| format!("{} is not a plain file", path.display()));
            Ok(None)
        }
    }
}

/// The unit that is freed, and counted, at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Account {
    /// Each byte as soon as nobody refers to it.
    #[default]
    Bytes,
    /// Whole extents, which only root can see.
    Extents,
    /// Whole extents, of which only pieces are known. A file may refer to a part of an extent only, and other files may
    /// hold the rest.
    Pieces,
}

const PIECES_ONLY: &str = "btrfs frees an extent only as a whole, and tells nobody but root where it ends";

/// Pieces of files that are compared at most: 24 MiB of memory.
const MOST_PIECES: usize = 1024 * 1024;

const TOO_MANY_PIECES: &str = "the files lie in more pieces than are compared";

/// The places that the files to be removed refer to.
#[derive(Default)]
struct Census {
    pieces: Vec<Piece>,
    files: u32,
    /// Bytes without a literal place.
    loose_bytes: u64,
    account: Account,
    estimated: Option<String>,
}

impl Census {
    fn take(&mut self, file: &File, path: &Path, allocated_bytes: u64, control: &Control) -> Result<()> {
        let filesystem = platform::filesystem(file).on("fstatfs", path)?;
        let number = self.files;
        self.files += 1;
        if filesystem.sharing == Sharing::WholeExtents {
            if self.take_extents(file, number, path, control)? {
                self.account = Account::Extents;
                return Ok(());
            }
            self.account = Account::Pieces;
        }
        let is_mapped =
            fiemap::walk(file, path, control, |mapped| match (mapped.place(), mapped.oddity()) {
                (Some(place), _) => self.add(Piece { place, file: number, shared: mapped.is_shared() }),
                (None, oddity) => {
                    self.loose_bytes += if mapped.is_shared() { 0 } else { mapped.length };
                    let words = oddity.unwrap_or("is unusual");
                    self.estimated.get_or_insert_with(|| format!("part of {} {words}", path.display()));
                }
            })?;
        if !is_mapped {
            self.loose_bytes += allocated_bytes;
            let name = filesystem.name;
            self.estimated.get_or_insert_with(|| format!("{name} does not tell what files share"));
        }
        Ok(())
    }

    /// Takes the extents from the trees of btrfs. Returns `false` without the privileges for that. FIEMAP tells which
    /// of them are shared, and writes dirty data first.
    fn take_extents(&mut self, file: &File, number: u32, path: &Path, control: &Control) -> Result<bool> {
        let mut shared = WideMap::new(1, u64::MAX);
        fiemap::walk(file, path, control, |mapped| {
            if mapped.is_shared() {
                shared.append(mapped.range());
            }
        })?;
        let shared = shared.finish();
        let told = stored(file, |logical, place| {
            let is_shared = shared.within(Extent::at(logical, 1)).next().is_some();
            self.add(Piece { place, file: number, shared: is_shared });
        });
        told.on("ioctl_btrfs_tree_search", path)
    }

    /// Takes a piece, as long as there is room for it. Of the rest, what belongs to one file alone is counted at once.
    fn add(&mut self, piece: Piece) {
        if self.pieces.len() < MOST_PIECES {
            self.pieces.push(piece);
            return;
        }
        self.loose_bytes += if piece.shared { 0 } else { piece.place.len() };
        self.estimated.get_or_insert_with(|| TOO_MANY_PIECES.to_owned());
    }
}

/// Calls `take` with each reference of the file to an extent on the disk: its offset in the file, and the whole extent.
/// Returns `false` without the privileges for that.
fn stored(file: &File, mut take: impl FnMut(u64, Extent)) -> std::result::Result<bool, Errno> {
    let told = platform::each_stored(file, |platform::Stored { logical, start, length }| {
        take(logical, Extent::at(start, length));
    });
    match told {
        Err(Errno::PERM | Errno::ACCESS | Errno::NOTTY | Errno::OPNOTSUPP) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Bytes of the candidates that remaining files refer to.
fn kept_bytes(
    candidates: &[Extent],
    keep: &[PathBuf],
    account: Account,
    estimated: &mut Option<String>,
    control: &Control,
) -> Result<u64> {
    let mut kept = Kept::default();
    for path in if candidates.is_empty() { &[] } else { keep } {
        let Some(file) = open_counted(path, estimated)? else { continue };
        let mut hold = |place: Extent| {
            let first = candidates.partition_point(|candidate| candidate.end <= place.start);
            let touched = candidates[first..].iter().take_while(|candidate| candidate.start < place.end);
            kept.add(touched.map(|candidate| match account {
                Account::Bytes => candidate.overlap(&place),
                Account::Extents | Account::Pieces => *candidate,
            }));
        };
        if account == Account::Extents {
            stored(&file, |_, place| hold(place)).on("ioctl_btrfs_tree_search", path)?;
            control.check()?;
        } else {
            let shared = |mapped: platform::Mapped| mapped.place().filter(|_| mapped.is_shared());
            fiemap::walk(&file, path, control, |mapped| shared(mapped).into_iter().for_each(&mut hold))?;
        }
    }
    Ok(kept.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_stays_under_another_name_frees_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("image"), vec![7; 100_000]).unwrap();
        File::open(path("image")).unwrap().sync_all().unwrap();
        assert!(
            measure_freed(&[path("image")], &[path("snapshot")], &Control::default()).unwrap().bytes
                >= 100_000
        );
        std::fs::hard_link(path("image"), path("snapshot")).unwrap();
        assert_eq!(
            measure_freed(&[path("image")], &[path("snapshot")], &Control::default()).unwrap().bytes,
            0
        );
    }

    #[test]
    fn other_kinds_of_files_are_skipped_and_make_an_estimate() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a"), vec![1; 1 << 20]).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let plain = measure_freed(&[path("a")], &[], &Control::default()).unwrap();
        for name in ["directory", "link", "socket"] {
            let reason = Some(format!("{} is not a plain file", path(name).display()));
            for (remove, keep) in [(vec![path(name), path("a")], vec![]), (vec![path("a")], vec![path(name)])]
            {
                let freed = measure_freed(&remove, &keep, &Control::default()).unwrap();
                assert_eq!(freed, Freed { bytes: plain.bytes, estimated: reason.clone() }, "{name}");
            }
        }
    }

    #[test]
    fn missing_files_and_files_named_twice_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a"), vec![1; 1 << 20]).unwrap();
        let once = measure_freed(&[path("a")], &[], &Control::default()).unwrap();
        let twice =
            measure_freed(&[path("a"), path("missing"), path("a")], &[path("gone")], &Control::default())
                .unwrap();
        assert_eq!(once, twice);
        assert!((1 << 20..=1 << 21).contains(&once.bytes), "{once:?}");
        assert_eq!(measure_freed(&[], &[path("a")], &Control::default()).unwrap(), Freed::default());
    }
}
