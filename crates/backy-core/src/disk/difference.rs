//! The difference of two files in where they lie on the disk. Two files that both hold on to their blocks have the same
//! bytes wherever they lie at the same place.

use std::fs::File;
use std::path::Path;

use blake3::Hasher;

use crate::bytes::block::{BLOCK_SIZE, Hash};
use crate::bytes::extent::{Extent, ExtentMap, WideMap};
use crate::disk::fiemap::{Extents, Mapped};
use crate::error::Result;
use crate::work::control::Control;

/// Number of attempts to read both maps while extents move.
const ATTEMPTS: usize = 3;

/// The difference of two files, and their places at that time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The ranges of whole blocks in which the files may differ.
    pub changed: ExtentMap,
    /// The hash of all places of the old file.
    pub old: Hash,
    /// The hash of all places of the new file.
    pub new: Hash,
}

/// The hash of all places of a file; `None` if the filesystem does not tell. Two equal hashes mean that nothing moved.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(crate) fn places(file: &File, path: &Path, control: &Control) -> Result<Option<Hash>> {
    let mut side = Side::of((file, path), control)?;
    side.skip_to(u64::MAX)?;
    Ok(side.extents.is_told().then(|| side.places()))
}

/// Two open files with their names. Neither map is ever held as a whole: a torn file has millions of extents.
pub(crate) struct Sides<'f> {
    pub old: (&'f File, &'f Path),
    pub new: (&'f File, &'f Path),
    pub control: &'f Control,
}

impl Sides<'_> {
    /// The difference, if the old file stayed where it was meanwhile. `None` if extents move, or the filesystem does not
    /// tell.
    ///
    /// # Errors
    /// [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(crate) fn compare(&self) -> Result<Option<Difference>> {
        for _ in 0..ATTEMPTS {
            let Some(difference) = self.difference()? else { break };
            // A balance or defragmentation meanwhile may move one extent away and put a different one in its place. The
            // old map shows that.
            if places(self.old.0, self.old.1, self.control)? == Some(difference.old) {
                return Ok(Some(difference));
            }
        }
        Ok(None)
    }

    /// The ranges in which either file has data, except extents at the same place in both. `None` if the filesystem does
    /// not tell.
    fn difference(&self) -> Result<Option<Difference>> {
        let (mut old, mut new) = (Side::of(self.old, self.control)?, Side::of(self.new, self.control)?);
        let mut changed = WideMap::new(BLOCK_SIZE as u64, u64::MAX);
        while let Some((piece, is_same)) = next_piece(old.rest, new.rest) {
            if !is_same {
                changed.append(piece);
            }
            old.skip_to(piece.end)?;
            new.skip_to(piece.end)?;
        }
        let is_told = old.extents.is_told() && new.extents.is_told();
        Ok(is_told.then(|| Difference { changed: changed.finish(), old: old.places(), new: new.places() }))
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

impl<'f> Side<'f> {
    fn of((file, path): (&'f File, &'f Path), control: &'f Control) -> Result<Self> {
        let mut side = Self { extents: Extents::of(file, path, control), rest: None, places: Hasher::new() };
        side.advance()?;
        Ok(side)
    }

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
    use rustix::io::Errno;

    #[test]
    fn a_map_that_is_refused_proves_nothing() {
        let (file, path, control) = (tempfile::tempfile().unwrap(), Path::new("file"), Control::default());
        let sides = Sides { old: (&file, path), new: (&file, path), control: &control };
        let Some(Difference { changed, old, new }) = sides.difference().unwrap() else { return };
        assert_eq!((changed, old), (ExtentMap::default(), new));
        assert_eq!(places(&file, path, &control).unwrap(), Some(old));
        for errno in [Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL, Errno::NOSYS] {
            for at in [0, 1] {
                let refused = Injection { at, fault: Fault::Fails(errno), lasting: false };
                assert_eq!(watch(Some(refused), || sides.difference().unwrap()).0, None);
            }
            let refused = Injection { at: 0, fault: Fault::Fails(errno), lasting: true };
            assert_eq!(watch(Some(refused), || places(&file, path, &control).unwrap()).0, None);
            assert_eq!(watch(Some(refused), || sides.compare().unwrap()).0, None);
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
