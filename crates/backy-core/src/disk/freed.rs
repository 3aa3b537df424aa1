//! The space that removing files would free: the blocks that no remaining file refers to.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::bytes::extent::{Extent, ExtentMap, WideMap};
use crate::disk::fiemap;
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

/// A place on the disk that a file to be removed refers to.
struct Piece {
    place: Extent,
    file: u32,
    shared: bool,
}

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

/// The space that is certainly freed, and the space that is freed unless a remaining file refers to it.
#[derive(Default)]
struct Sorted {
    own_bytes: u64,
    /// Sorted and disjoint.
    candidates: Vec<Extent>,
}

impl Sorted {
    /// A place that is marked as shared, but belongs to one file only, is shared with a file in neither list, and
    /// stays.
    fn add(&mut self, place: Extent, all_shared: bool, several_files: bool) {
        if !all_shared {
            self.own_bytes += place.len();
        } else if several_files {
            self.candidates.push(place);
        }
    }
}

/// Sorts pieces if each byte is freed as soon as nobody refers to it. It sweeps over the places where a piece begins or
/// ends.
fn by_byte(mut pieces: Vec<Piece>) -> Sorted {
    pieces.sort_unstable_by_key(|piece| piece.place);
    let mut sweep = Sweep::default();
    for piece in pieces {
        sweep.go_to(piece.place.start);
        sweep.open.push(piece);
    }
    sweep.go_to(u64::MAX);
    sweep.sorted
}

/// A place on the disk that is reached in order.
#[derive(Default)]
struct Sweep {
    at: u64,
    /// The pieces that began before this place and end behind it.
    open: Vec<Piece>,
    sorted: Sorted,
}

impl Sweep {
    fn go_to(&mut self, to: u64) {
        while let Some(end) = self.open.iter().map(|piece| piece.place.end).min() {
            self.step(end.min(to));
            if end > to {
                break;
            }
            self.open.retain(|piece| piece.place.end > end);
        }
        self.at = self.at.max(to);
    }

    /// Goes over a stretch on which nothing begins or ends.
    fn step(&mut self, to: u64) {
        if to > self.at {
            let all_shared = self.open.iter().all(|piece| piece.shared);
            let several_files = self.open.iter().any(|piece| piece.file != self.open[0].file);
            self.sorted.add(Extent { start: self.at, end: to }, all_shared, several_files);
            self.at = to;
        }
    }
}

/// Sorts pieces if an extent is freed as a whole. Pieces that overlap belong to one extent.
fn by_extent(mut pieces: Vec<Piece>) -> Sorted {
    pieces.sort_unstable_by_key(|piece| piece.place);
    let mut sorted = Sorted::default();
    let mut rest = pieces.as_slice();
    while let Some(first) = rest.first() {
        let mut place = first.place;
        let overlaps = |piece: &&Piece| {
            let inside = piece.place.start < place.end;
            place.end = if inside { place.end.max(piece.place.end) } else { place.end };
            inside
        };
        let count = rest.iter().take_while(overlaps).count();
        let (group, behind) = rest.split_at(count);
        let all_shared = group.iter().all(|piece| piece.shared);
        sorted.add(place, all_shared, group.iter().any(|piece| piece.file != first.file));
        rest = behind;
    }
    sorted
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

/// Places that files hold on to, in whatever order they come.
#[derive(Default)]
struct Kept {
    map: ExtentMap,
    recent: Vec<Extent>,
}

impl Kept {
    /// Places that are gathered before they are put in order.
    const MOST_RECENT: usize = 256 * 1024;

    fn add(&mut self, places: impl Iterator<Item = Extent>) {
        self.recent.extend(places);
        if self.recent.len() >= Self::MOST_RECENT {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.map = self.map.union(&ExtentMap::normalise(std::mem::take(&mut self.recent)));
    }

    fn bytes(mut self) -> u64 {
        self.settle();
        self.map.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SPACE: u64 = 200;

    fn pieces() -> impl Strategy<Value = Vec<(u64, u64, u32, bool)>> {
        prop::collection::vec((0..SPACE, 1..30u64, 0..4u32, any::<bool>()), 0..20)
    }

    fn made_of(tuples: &[(u64, u64, u32, bool)]) -> Vec<Piece> {
        tuples
            .iter()
            .map(|&(start, length, file, shared)| Piece { place: Extent::at(start, length), file, shared })
            .collect()
    }

    fn candidate_bytes(sorted: &Sorted) -> u64 {
        sorted.candidates.iter().map(Extent::len).sum()
    }

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

    proptest! {
        /// The simple model: the files that refer to each single byte.
        #[test]
        fn each_byte_counts_once(tuples in pieces()) {
            let mut owners: BTreeMap<u64, Vec<(u32, bool)>> = BTreeMap::new();
            for (start, length, file, shared) in &tuples {
                for byte in *start..start + length {
                    owners.entry(byte).or_default().push((*file, *shared));
                }
            }
            let own = owners.values().filter(|all| all.iter().any(|(_, shared)| !shared)).count();
            let both = owners
                .values()
                .filter(|all| all.iter().all(|(_, shared)| *shared))
                .filter(|all| all.iter().any(|(file, _)| *file != all[0].0))
                .count();
            let sorted = by_byte(made_of(&tuples));
            prop_assert_eq!((sorted.own_bytes, candidate_bytes(&sorted)), (own as u64, both as u64));
            prop_assert!(sorted.candidates.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }

        #[test]
        fn whole_extents_cover_what_the_bytes_do(tuples in pieces()) {
            let single: Vec<_> = tuples.iter().map(|&(start, length, _, _)| (start, length, 0, false)).collect();
            prop_assert_eq!(by_extent(made_of(&single)).own_bytes, by_byte(made_of(&single)).own_bytes);
        }
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
