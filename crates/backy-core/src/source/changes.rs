//! Changes between two snapshots of a file, found in their extent maps. Two snapshots that both exist hold on to their
//! blocks, so an extent at the same place in both has the same bytes.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use blake3::Hasher;
use rustix::io::Errno;

use crate::bytes::block::{BLOCK_SIZE, Hash};
use crate::bytes::extent::{Extent, ExtentMap, WideMap};
use crate::disk::fiemap::{Extents, Mapped};
use crate::error::{Context, Error, Result};
use crate::files::identity::{FileIdentity, is_owner, metadata};
use crate::platform::{self, Sharing};
use crate::source::input::Previous;
use crate::source::opened::Source;
use crate::sys::fs;
use crate::work::control::Control;

/// Number of attempts to read both maps while extents move.
const ATTEMPTS: usize = 3;

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
    let maps = Maps { old: (&old, previous), new: (source.reader.file(), source.reader.path()), control };
    maps.compare()
}

/// Two files, and where they lie. Neither map is ever held as a whole: a torn file has millions of extents.
struct Maps<'f> {
    old: (&'f File, &'f Path),
    new: (&'f File, &'f Path),
    control: &'f Control,
}

impl Maps<'_> {
    fn compare(&self) -> Result<Difference> {
        for _ in 0..ATTEMPTS {
            let Some((changed, places)) = self.difference()? else { break };
            // A balance or defragmentation meanwhile may move one extent away and put a different one in its place. The
            // old map shows that.
            if self.places()? == Some(places) {
                return Ok(Difference::Known(changed));
            }
        }
        Ok(Difference::Unknown("where the extents lie cannot be told for sure now".to_owned()))
    }

    /// The ranges in which either file has data, except extents at the same place in both, and the hash of the old places.
    /// `None` if the filesystem does not tell.
    fn difference(&self) -> Result<Option<(ExtentMap, Hash)>> {
        let (mut old, mut new) = (self.side(self.old)?, self.side(self.new)?);
        let mut changed = WideMap::new(BLOCK_SIZE as u64, u64::MAX);
        while let Some((piece, is_same)) = next_piece(old.rest, new.rest) {
            if !is_same {
                changed.append(piece);
            }
            old.skip_to(piece.end)?;
            new.skip_to(piece.end)?;
        }
        let is_told = old.extents.is_told() && new.extents.is_told();
        Ok(is_told.then(|| (changed.finish(), old.places())))
    }

    /// The hash of the places of the old file.
    fn places(&self) -> Result<Option<Hash>> {
        let mut old = self.side(self.old)?;
        old.skip_to(u64::MAX)?;
        Ok(old.extents.is_told().then(|| old.places()))
    }

    fn side<'s>(&'s self, (file, path): (&'s File, &'s Path)) -> Result<Side<'s>> {
        let extents = Extents::of(file, path, self.control);
        let mut side = Side { extents, rest: None, places: Hasher::new() };
        side.advance()?;
        Ok(side)
    }
}

/// The first stretch that is data in one file or both, and is alike from its start to its end; and whether it lies at the
/// same place.
fn next_piece(old: Option<Mapped>, new: Option<Mapped>) -> Option<(Extent, bool)> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (one, other) => return one.or(other).map(|extent| (extent.range(), false)),
    };
    let (first, second) = if old.logical <= new.logical { (old, new) } else { (new, old) };
    let (first_range, second_range) = (first.range(), second.range());
    if first_range.start < second_range.start {
        let end = first_range.end.min(second_range.start);
        return Some((Extent { start: first_range.start, end }, false));
    }
    Some((first_range.overlap(&second_range), first.is_same_place(&second)))
}

/// One file on the way through its map.
struct Side<'f> {
    extents: Extents<'f>,
    /// The rest of the next extent.
    rest: Option<Mapped>,
    /// Takes the extents with a literal place, in order. Compressed ones have none.
    places: Hasher,
}

impl Side<'_> {
    fn advance(&mut self) -> Result<()> {
        let next = self.extents.next()?.map(Mapped::settled);
        if let Some(extent) = next.filter(|extent| extent.place().is_some()) {
            let Mapped { logical, physical, length, flags } = extent;
            for number in [logical, physical, length, flags.into()] {
                self.places.update(&number.to_le_bytes());
            }
        }
        self.rest = next;
        Ok(())
    }

    /// Goes on behind an offset in the file.
    fn skip_to(&mut self, offset: u64) -> Result<()> {
        while let Some(extent) = self.rest.filter(|extent| extent.logical < offset) {
            if extent.range().end <= offset {
                self.advance()?;
            } else {
                let known = offset - extent.logical;
                let (physical, length) = (extent.physical.wrapping_add(known), extent.length - known);
                self.rest = Some(Mapped { logical: offset, physical, length, ..extent });
            }
        }
        Ok(())
    }

    fn places(self) -> Hash {
        Hash(*self.places.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::faults::{Fault, Injection, watch};
    use proptest::prelude::*;

    #[test]
    fn a_map_that_is_refused_proves_nothing() {
        let (file, path, control) = (tempfile::tempfile().unwrap(), Path::new("file"), Control::default());
        let maps = Maps { old: (&file, path), new: (&file, path), control: &control };
        let Some((changed, places)) = maps.difference().unwrap() else { return };
        assert_eq!((changed, maps.places().unwrap()), (ExtentMap::default(), Some(places)));
        for errno in [Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL, Errno::NOSYS] {
            for at in [0, 1] {
                let refused = Injection { at, fault: Fault::Fails(errno), lasting: false };
                assert_eq!(watch(Some(refused), || maps.difference().unwrap()).0, None);
            }
            let refused = Injection { at: 0, fault: Fault::Fails(errno), lasting: true };
            assert_eq!(watch(Some(refused), || maps.places().unwrap()).0, None);
            let unknown = watch(Some(refused), || maps.compare().unwrap()).0;
            assert!(matches!(unknown, Difference::Unknown(_)));
        }
    }

    fn extents(pieces: &[(u64, u64, u64)]) -> Vec<Mapped> {
        let mut at = 0;
        let placed = pieces.iter().map(|(gap, length, shift)| {
            let extent =
                Mapped { logical: at + gap, physical: at + gap + shift * 1000, length: *length, flags: 0 };
            at += gap + length;
            extent
        });
        placed.collect()
    }

    /// Byte by byte: where each file has it on the disk.
    fn model(extents: &[Mapped], at: u64) -> Option<u64> {
        let found = extents.iter().find(|extent| extent.range().start <= at && at < extent.range().end);
        found.map(|extent| extent.physical + (at - extent.logical))
    }

    proptest! {
        #[test]
        fn pieces_are_all_that_has_data(
            old in prop::collection::vec((0..4_u64, 1..9_u64, 0..2_u64), 0..12),
            new in prop::collection::vec((0..4_u64, 1..9_u64, 0..2_u64), 0..12),
        ) {
            let (old, new) = (extents(&old), extents(&new));
            let mut same = [None; 200];
            let (mut left, mut right) = (old.iter().copied(), new.iter().copied());
            let (mut one, mut other) = (left.next(), right.next());
            let skip = |rest: &mut Option<Mapped>, all: &mut dyn Iterator<Item = Mapped>, to: u64| {
                while let Some(extent) = rest.filter(|extent| extent.logical < to) {
                    let known = to - extent.logical;
                    *rest = if known >= extent.length { all.next() } else {
                        Some(Mapped { logical: to, physical: extent.physical + known, length: extent.length - known, ..extent })
                    };
                }
            };
            let mut front = 0;
            while let Some((piece, is_same)) = next_piece(one, other) {
                prop_assert!(piece.start >= front && !piece.is_empty());
                front = piece.end;
                (piece.start..piece.end).for_each(|at| same[at as usize] = Some(is_same));
                skip(&mut one, &mut left, piece.end);
                skip(&mut other, &mut right, piece.end);
            }
            for at in 0..200 {
                let (before, now) = (model(&old, at), model(&new, at));
                let expected = (before.is_some() || now.is_some()).then(|| before == now);
                prop_assert_eq!(same[at as usize], expected, "{}", at);
            }
        }
    }
}
