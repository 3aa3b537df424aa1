//! Reading image bytes: cached ones through the page cache, others past it.
//!
//! A cold read through the cache evicts pages that the host needs, and pays for every fresh page. A warm read past the
//! cache asks the disk for bytes that memory has. So the way is chosen for each range with cachestat(2).

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::bytes::buffer::{ALIGNMENT, Buffer};
use crate::bytes::extent::Extent;
use crate::error::{Code, Context, Error, Result};
use crate::files::device::Kind;
use crate::platform;
use crate::sys::{fs, io};

/// Bytes of one read. This is large enough for the disk, and small enough for the second-level cache.
pub(crate) const READ_SIZE: usize = 1024 * 1024;

/// The way in which a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// Through the page cache.
    Cache,
    /// From the disk.
    Disk,
}

/// An image or source, open for reading only.
pub(crate) struct Reader {
    path: PathBuf,
    cached: File,
    direct: Option<File>,
}

impl Reader {
    /// Takes an open file with this name.
    pub(crate) fn new(cached: File, path: &Path) -> Self {
        platform::read_ahead(&cached);
        let direct = platform::reopen_direct(&cached, path, OFlags::RDONLY);
        Self { path: path.to_owned(), cached, direct }
    }

    /// Opens a file of a repository. Symbolic links are not followed.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(fs::open_plain(path).on("open", path)?, path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.cached
    }

    /// The cheaper way to read a range: the place of most of its bytes.
    pub(crate) fn way(&self, range: Extent) -> Via {
        match platform::resident_bytes(&self.cached, range.start, range.len()) {
            Some(resident) if self.direct.is_some() && resident < range.len() / 2 => Via::Disk,
            _ => Via::Cache,
        }
    }

    /// Takes an open file or block device. Writes of a mounted filesystem or a guest go past the cache of a device, so
    /// the old cache of the device is dropped.
    pub(crate) fn of(kind: Kind, file: File, path: &Path) -> Self {
        let reader = Self::new(file, path);
        if kind == Kind::Device {
            reader.distrust_cache();
        }
        reader
    }

    /// Drops the page cache of the file, for reads that must come from the disk.
    pub(crate) fn distrust_cache(&self) {
        platform::drop_cache(&self.cached);
    }

    /// Reads a range from the disk. It drops the range from the cache first, because some filesystems answer direct
    /// reads from there. The rest of the file stays cached, as others may be working with it.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub(crate) fn read_disk<'b>(&self, buffer: &'b mut Buffer, range: Extent) -> Result<&'b [u8]> {
        platform::drop_range(&self.cached, range.start, range.len());
        self.read(Via::Disk, buffer, range)
    }

    /// Whether [`Via::Disk`] goes past the cache.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Fills the front of `buffer` with the bytes of `range`, which starts on a multiple of the alignment.
    ///
    /// # Errors
    /// [`Code::Io`] with the offset of the first byte that cannot be read, [`Code::SourceShort`] when the
    /// file ends before the range does.
    pub(crate) fn read<'b>(&self, via: Via, buffer: &'b mut Buffer, range: Extent) -> Result<&'b [u8]> {
        let length = usize::try_from(range.len()).expect("a range of one read");
        let mut done = 0;
        if let (Via::Disk, Some(direct)) = (via, &self.direct) {
            let aligned = length.next_multiple_of(ALIGNMENT);
            match io::retry_on_intr(|| io::pread(direct, &mut buffer[..aligned], range.start)) {
                Ok(count) => done = count.min(length),
                // The device refuses this range, for example for its larger sectors, so everything is read through the
                // cache.
                Err(Errno::INVAL) => {}
                Err(errno) => return Err(self.locate(errno, buffer, range)),
            }
        }
        while done < length {
            let at = range.start + done as u64;
            match io::retry_on_intr(|| io::pread(&self.cached, &mut buffer[done..length], at)) {
                Ok(0) => return Err(Error::new(Code::SourceShort).at(&self.path).offset(at)),
                Ok(count) => done += count,
                Err(errno) => return Err(self.locate(errno, buffer, Extent { start: at, end: range.end })),
            }
        }
        Ok(&buffer[..length])
    }

    /// Finds the first sector that cannot be read, for an error.
    fn locate(&self, errno: Errno, buffer: &mut Buffer, range: Extent) -> Error {
        let step = &mut buffer[..ALIGNMENT];
        let bad = (range.start..range.end)
            .step_by(ALIGNMENT)
            .find(|at| io::retry_on_intr(|| io::pread(&self.cached, &mut *step, *at)).is_err());
        Error::io("pread", &self.path, errno).offset(bad.unwrap_or(range.start))
    }
}

/// A range in pieces of one read.
pub(crate) fn windows_of(range: Extent) -> impl Iterator<Item = Extent> {
    range.pieces(READ_SIZE as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn both_ways_give_the_same_bytes() {
        let bytes: Vec<u8> = (0..READ_SIZE + 777).map(|at| (at % 251) as u8).collect();
        let file = file_of(&bytes);
        let reader = Reader::open(file.path()).unwrap();
        let mut buffer = Buffer::new(READ_SIZE);
        for via in [Via::Cache, Via::Disk] {
            let whole = Extent::at(0, READ_SIZE as u64);
            assert_eq!(reader.read(via, &mut buffer, whole).unwrap(), &bytes[..READ_SIZE]);
            let tail = Extent::at(READ_SIZE as u64, 777);
            assert_eq!(reader.read(via, &mut buffer, tail).unwrap(), &bytes[READ_SIZE..]);
        }
    }

    #[test]
    fn an_early_end_is_an_error_with_its_offset() {
        let file = file_of(&[1; 5000]);
        let reader = Reader::open(file.path()).unwrap();
        for via in [Via::Cache, Via::Disk] {
            let error = reader.read(via, &mut Buffer::new(READ_SIZE), Extent::at(0, 8192)).unwrap_err();
            assert_eq!((error.code, error.offset), (Code::SourceShort, Some(5000)));
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_by_now_does_not_matter() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for (name, byte) in [("source", 1), ("other", 2)] {
            std::fs::write(path(name), [byte; 8192]).unwrap();
        }
        let file = File::open(path("source")).unwrap();
        std::fs::rename(path("other"), path("source")).unwrap();
        let reader = Reader::new(file, &path("source"));
        for via in [Via::Cache, Via::Disk] {
            let bytes = reader.read(via, &mut Buffer::new(8192), Extent::at(0, 8192)).unwrap().to_vec();
            assert_eq!(bytes, [1; 8192]);
        }
    }

    #[test]
    fn links_in_a_repository_are_not_followed() {
        let file = file_of(b"x");
        let link = file.path().with_extension("link");
        std::os::unix::fs::symlink(file.path(), &link).unwrap();
        let errno = Reader::open(&link).err().unwrap().errno;
        std::fs::remove_file(&link).unwrap();
        assert_eq!(errno, Some(Errno::LOOP));
    }
}
