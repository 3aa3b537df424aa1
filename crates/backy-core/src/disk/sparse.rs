//! The ranges of a file that have data: `SEEK_DATA` and `SEEK_HOLE`, lseek(2).

use std::fs::File;
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::bytes::extent::{Extent, ExtentMap, WideMap};
use crate::error::{Context, Error, Result};
use crate::files::device::{Facts, Kind};
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// The ranges of a file that may hold anything but zeros, widened to multiples of `unit`. Everything, where holes cannot
/// be asked for or the filesystem is not known to answer truly.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(crate) fn data_extents(
    file: &File,
    facts: Facts,
    path: &Path,
    unit: u64,
    control: &Control,
) -> Result<ExtentMap> {
    let filesystem = platform::filesystem(file).on("fstatfs", path)?;
    if facts.kind == Kind::Device || !filesystem.holes_are_true {
        return Ok(ExtentMap::whole(facts.size));
    }
    let mut map = WideMap::new(unit, facts.size);
    let mut at = 0;
    while at < facts.size {
        control.check()?;
        let start = match fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) if at == 0 => return Ok(ExtentMap::whole(facts.size)),
            Err(errno) => return Err(Error::io("lseek", path, errno).offset(at)),
        };
        at = fs::seek(file, SeekFrom::Hole(start)).on("lseek", path)?;
        map.append(Extent { start, end: at.min(facts.size) });
    }
    Ok(map.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn data_between_holes_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        file.as_file().write_all_at(&[1; 4096], 8 << 20).unwrap();
        let facts = Facts { kind: Kind::File, size: 64 << 20 };
        let map = data_extents(file.as_file(), facts, file.path(), 1, &Control::default()).unwrap();
        let page = Extent::at(8 << 20, 4096);
        assert_eq!(map.within(page).collect::<Vec<_>>(), [page], "what was written is data");
    }

    #[test]
    fn mapping_stops_when_it_is_told_to() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        let facts = Facts { kind: Kind::File, size: 64 << 20 };
        let control = Control::default();
        control.cancel();
        let result = data_extents(file.as_file(), facts, file.path(), 1, &control);
        // If the filesystem is not asked for holes, there is nothing to stop.
        assert!(result.is_err_and(|error| error.code == crate::Code::Cancelled) || !holes_are_true(&file));
    }

    fn holes_are_true(file: &tempfile::NamedTempFile) -> bool {
        platform::filesystem(file.as_file()).unwrap().holes_are_true
    }

    #[test]
    fn an_empty_file_has_no_data() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let facts = Facts { kind: Kind::File, size: 0 };
        let map = data_extents(file.as_file(), facts, file.path(), 1, &Control::default()).unwrap();
        assert_eq!(map, ExtentMap::default());
    }
}
