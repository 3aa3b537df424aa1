//! The places of files on the disk, by FIEMAP: the blocks that two files share, and those that one has alone.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::bytes::extent::Extent;
use crate::error::{self, Context};
pub(crate) use crate::platform::Mapped;
use crate::platform::{RawExtents, count_all_extents, count_extents};
use crate::sys::fs;
use crate::work::control::Control;

/// include/uapi/linux/fiemap.h
mod flag {
    pub const UNKNOWN: u32 = 0x2;
    pub const DELALLOC: u32 = 0x4;
    pub const ENCODED: u32 = 0x8;
    pub const NOT_ALIGNED: u32 = 0x100;
    pub const INLINE: u32 = 0x200;
    pub const TAIL: u32 = 0x400;
    pub const MERGED: u32 = 0x1000;
    pub const SHARED: u32 = 0x2000;
}

impl Mapped {
    /// The range in the file.
    pub(crate) fn range(&self) -> Extent {
        Extent::at(self.logical, self.length)
    }

    /// The same without the flags that depend on other files.
    pub(crate) fn settled(self) -> Self {
        Self { flags: self.flags & !(flag::SHARED | flag::MERGED), ..self }
    }

    /// Whether both extents place their common part of the file at the same place on the disk, in the same state.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let shift = |extent: &Self| extent.physical.wrapping_sub(extent.logical);
        let literal = self.place().is_some() && other.place().is_some();
        literal && shift(self) == shift(other) && self.flags == other.flags
    }

    /// The place on the disk, if it holds the bytes of the file literally.
    pub(crate) fn place(&self) -> Option<Extent> {
        self.oddity().is_none().then(|| Extent::at(self.physical, self.length))
    }

    /// The part of the disk that is read for a range of the file: the whole extent if the place is not literal. `None`
    /// for bytes among the metadata, which no two files share.
    pub(crate) fn disk_part(&self, range: Extent) -> Option<Extent> {
        if self.flags & (flag::INLINE | flag::TAIL | flag::UNKNOWN | flag::DELALLOC) != 0 {
            return None;
        }
        let part = self.range().overlap(&range);
        let all = Extent::at(self.physical, self.length);
        let part = if part.is_empty() { None } else { Some(part) }?;
        let literal =
            self.place().map(|place| Extent::at(place.start + (part.start - self.logical), part.len()));
        Some(literal.unwrap_or(all))
    }

    /// Whether another file, or another place of this one, has the same blocks.
    pub(crate) fn is_shared(&self) -> bool {
        self.flags & flag::SHARED != 0
    }

    /// The reason, in words, why the place on the disk must not be taken literally.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        use flag::{DELALLOC, ENCODED, INLINE, NOT_ALIGNED, TAIL, UNKNOWN};
        const ODDITIES: [(u32, &str); 3] = [
            (ENCODED, "is compressed or encrypted"),
            (INLINE | TAIL | NOT_ALIGNED, "lies among the metadata"),
            (UNKNOWN | DELALLOC, "has no place yet"),
        ];
        ODDITIES.iter().find(|(flags, _)| self.flags & flags != 0).map(|(_, words)| *words)
    }
}

/// The extents of a file, in order. Memory does not grow with their number.
pub(crate) struct Extents<'f> {
    raw: RawExtents<'f>,
    path: &'f Path,
    control: &'f Control,
    is_told: bool,
}

impl<'f> Extents<'f> {
    /// The extents of an open file of this name.
    pub(crate) fn of(file: &'f File, path: &'f Path, control: &'f Control) -> Self {
        Self { raw: RawExtents::of(file), path, control, is_told: true }
    }

    /// The next one; none behind the last, and where the filesystem has no such map.
    ///
    /// # Errors
    /// [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(crate) fn next(&mut self) -> error::Result<Option<Mapped>> {
        self.control.check()?;
        match self.raw.next() {
            Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS | Errno::INVAL) => {
                self.is_told = false;
                Ok(None)
            }
            result => result.on("ioctl_fiemap", self.path),
        }
    }

    /// Whether the filesystem has told of all so far.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }
}

/// Calls `take` with every extent of a file, in order. Returns `false` if the filesystem has no extent map.
///
/// # Errors
/// As [`Extents::next`].
pub(crate) fn walk(
    file: &File,
    path: &Path,
    control: &Control,
    mut take: impl FnMut(Mapped),
) -> error::Result<bool> {
    let mut extents = Extents::of(file, path, control);
    while let Some(extent) = extents.next()? {
        take(extent);
    }
    Ok(extents.is_told())
}

/// Number of extents of the written part of a file; `None` if the filesystem does not tell. Only costs depend on it.
pub(crate) fn count(file: &File) -> Option<u64> {
    count_all_extents(file).ok()
}

/// Number of extents of a range.
pub(crate) fn count_within(file: &File, range: Extent) -> Option<u64> {
    count_extents(file, range.start, range.len()).ok()
}

/// Number of extents of a file by name.
///
/// # Errors
/// [`crate::Code::Io`] when it cannot be opened.
pub(crate) fn extents_of(path: &Path) -> error::Result<Option<u64>> {
    Ok(count(&fs::open_plain(path).on("open", path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn the_same_place_is_one_shift_and_one_state() {
        const UNWRITTEN: u32 = 0x800;
        let extent = |logical, physical, flags| Mapped { logical, physical, length: 8192, flags };
        let whole = extent(0, 1 << 20, 0);
        assert!(whole.is_same_place(&extent(4096, (1 << 20) + 4096, 0)));
        assert!(!whole.is_same_place(&extent(4096, 1 << 20, 0)));
        assert!(!whole.is_same_place(&extent(0, 1 << 20, UNWRITTEN)));
        assert!(!whole.is_same_place(&extent(0, 1 << 20, flag::ENCODED)));
        let shared = extent(0, 1 << 20, flag::SHARED | flag::MERGED);
        assert!(whole.is_same_place(&shared.settled()));
    }

    /// It needs ext4, btrfs or XFS; others do not tell.
    #[test]
    fn pieces_are_counted_where_they_lie() {
        const FAR: u64 = 1 << 20;
        let file = tempfile::tempfile().unwrap();
        for at in [0, FAR] {
            file.write_all_at(&[1; 8192], at).unwrap();
        }
        file.sync_all().unwrap();
        let Some(pieces) = count(&file) else { return };
        let mut walked = 0;
        assert!(walk(&file, Path::new("file"), &Control::default(), |_| walked += 1).unwrap());
        assert_eq!((pieces, walked), (2, 2));
        let ranges = [(0, 2 * FAR), (0, FAR), (4096, FAR), (FAR / 2, FAR / 4)];
        let within = ranges.map(|(start, length)| count_within(&file, Extent::at(start, length)));
        assert_eq!(within, [Some(2), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn an_extent_without_a_literal_place_has_no_place() {
        let mapped = |flags| Mapped { logical: 0, physical: 4096, length: 8192, flags };
        for flags in [0, flag::SHARED, 0x800] {
            assert_eq!(mapped(flags).place(), Some(Extent::at(4096, 8192)));
        }
        for flags in [flag::ENCODED | flag::SHARED, flag::INLINE, flag::UNKNOWN, flag::DELALLOC, flag::TAIL] {
            assert_eq!(mapped(flags).place(), None);
        }
    }
}
