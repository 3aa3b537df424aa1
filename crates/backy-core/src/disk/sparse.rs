//! The ranges of a file that have data: `SEEK_DATA` and `SEEK_HOLE`, lseek(2).

use std::fs::File;
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::bytes::extent::{Extent, ExtentMap};
use crate::error::{Context, Error, Result};
use crate::files::device::{Facts, Kind};
use crate::platform;
use crate::sys::fs;

/// The ranges of a file that may hold anything but zeros. That is everything, if the filesystem does not tell holes, or
/// is not known to tell the truth.
pub(crate) fn data_extents(file: &File, facts: Facts, path: &Path) -> Result<ExtentMap> {
    let filesystem = platform::filesystem(file).on("fstatfs", path)?;
    if facts.kind == Kind::Device || !filesystem.holes_are_true {
        return Ok(ExtentMap::whole(facts.size));
    }
    let mut map = ExtentMap::default();
    let mut at = 0;
    while at < facts.size {
        let start = match fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) if at == 0 => return Ok(ExtentMap::whole(facts.size)),
            Err(errno) => return Err(Error::io("lseek", path, errno).offset(at)),
        };
        at = fs::seek(file, SeekFrom::Hole(start)).on("lseek", path)?;
        map.append(Extent { start, end: at.min(facts.size) });
    }
    Ok(map)
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
        let map = data_extents(file.as_file(), facts, file.path()).unwrap();
        let page = Extent::at(8 << 20, 4096);
        assert_eq!(map.within(page).collect::<Vec<_>>(), [page], "what was written is data");
    }

    #[test]
    fn an_empty_file_has_no_data() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let facts = Facts { kind: Kind::File, size: 0 };
        assert_eq!(data_extents(file.as_file(), facts, file.path()).unwrap(), ExtentMap::default());
    }
}
