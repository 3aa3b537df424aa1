//! Writing to the file or device of an image.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::bytes::buffer::ALIGNMENT;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::bytes::granule::{Action, Plan};
use crate::disk::clearing;
use crate::error::{Context, Error, Result};
use crate::files::device::Kind;
use crate::files::durable::close;
use crate::files::ownership::give_to_owner;
use crate::files::positioned::write_at;
use crate::platform;
use crate::sys::{fs, io};

/// Segments that a long write leaves in the page cache. Reusing pages costs less than fresh ones, and the host needs
/// its cache. Fewer segments are enough to keep the disk busy.
const LONGEST_TRAIL: usize = 8;

/// An image being written. Dropping it without [`Output::finish`] makes nothing durable.
pub(crate) struct Output {
    path: PathBuf,
    file: File,
    /// Handle for large writes to fresh files, if the filesystem is faster past the page cache.
    direct: Option<File>,
    kind: Kind,
    /// Held by the thread that writes to a file through the cache. The kernel admits one at a time, and makes the
    /// others spin.
    turn: Mutex<()>,
    /// Ranges that were written through the cache, the newest last.
    trail: Mutex<VecDeque<Extent>>,
}

impl Output {
    /// Creates a file of `size` bytes that is one hole. The name must be free.
    pub(crate) fn create(path: &Path, size: u64) -> Result<Self> {
        Self::fresh(platform::create(path).on("open", path)?, path, size)
    }

    /// The same for a file that was just created.
    pub(crate) fn fresh(file: File, path: &Path, size: u64) -> Result<Self> {
        // The final size comes first: XFS preallocates behind the end of a growing file, into the holes.
        fs::ftruncate(&file, size).on("ftruncate", path)?;
        let filesystem = platform::filesystem(&file).on("fstatfs", path)?;
        let wanted = filesystem.direct_writes;
        let direct = wanted.then(|| platform::reopen_direct(&file, path, OFlags::RDWR)).flatten();
        Ok(Self { direct, ..Self::existing(file, path, Kind::File) })
    }

    /// Takes a clone of another image, and gives it a size of `size` bytes.
    pub(crate) fn cloned(file: File, path: &Path, size: u64) -> Result<Self> {
        fs::ftruncate(&file, size).on("ftruncate", path)?;
        Ok(Self::existing(file, path, Kind::File))
    }

    /// Takes a file or device with old bytes.
    pub(crate) fn existing(file: File, path: &Path, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            file,
            direct: None,
            kind,
            turn: Mutex::default(),
            trail: Mutex::default(),
        }
    }

    /// Gives the file to the owner of its directory.
    pub(crate) fn give_to_owner(&self) -> Result<()> {
        give_to_owner(&self.file, &self.path)
    }

    /// Reserves space for a range that is about to be written. Otherwise threads that write side by side would shorten
    /// each other's extents, and every later clone pays for each extent. Zeros in reserved space must be cleared.
    /// Returns whether it reserved space: only direct writes need it, because the page cache gathers writes.
    pub(crate) fn reserve(&self, range: Extent) -> Result<bool> {
        if self.direct.is_none() {
            return Ok(false);
        }
        match platform::reserve(&self.file, range.start, range.len()) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(errno) => Err(Error::io("fallocate", &self.path, errno).offset(range.start)),
        }
    }

    /// Carries out the plan for the window of `bytes` that starts at `offset`. Returns the bytes written, without
    /// holes.
    pub(crate) fn apply(&self, plan: &mut Plan, bytes: &[u8], offset: u64) -> Result<u64> {
        let mut cleared = ExtentMap::default();
        let written = self.apply_writes(plan, bytes, offset, &mut cleared)?;
        self.clear_all(&cleared)?;
        Ok(written)
    }

    /// The same, but only adds the ranges to clear to `cleared`: clearing larger pieces frees more.
    pub(crate) fn apply_writes(
        &self,
        plan: &mut Plan,
        bytes: &[u8],
        offset: u64,
        cleared: &mut ExtentMap,
    ) -> Result<u64> {
        let mut written = 0;
        for (action, extent) in plan.drain() {
            match action {
                Action::Clear => cleared.append(extent),
                Action::Write => {
                    let within = |at: u64| usize::try_from(at - offset).expect("inside the window");
                    self.write(&bytes[within(extent.start)..within(extent.end)], extent.start)?;
                    written += extent.len();
                }
            }
        }
        Ok(written)
    }

    /// Makes ranges read as zeros.
    pub(crate) fn clear_all(&self, ranges: &ExtentMap) -> Result<()> {
        ranges.extents().iter().try_for_each(|range| self.clear(*range))
    }

    /// Makes a range read as zeros, by a hole if possible.
    pub(crate) fn clear(&self, range: Extent) -> Result<()> {
        let zeros = [0; clearing::PIECE_SIZE];
        for rest in clearing::free(&self.file, &self.path, self.kind, range)?.extents() {
            for piece in rest.pieces(zeros.len() as u64) {
                let length = usize::try_from(piece.len()).expect("at most the zeros");
                self.write_cached(&zeros[..length], piece.start)?;
            }
        }
        Ok(())
    }

    /// Starts the writeback of a complete range.
    pub(crate) fn start_writeback(&self, range: Extent) {
        if self.direct.is_none() {
            platform::start_writeback(&self.file, range.start, range.len());
        }
    }

    /// The same for a file of ours. It also drops older ranges from the page cache. Files of others may have more in
    /// the cache, which is needed.
    pub(crate) fn leave_behind(&self, range: Extent) -> Result<()> {
        self.start_writeback(range);
        if self.direct.is_some() {
            return Ok(());
        }
        match self.follow(range) {
            None => Ok(()),
            Some(oldest) => platform::evict(&self.file, oldest.start, oldest.len())
                .on("sync_file_range", &self.path)
                .map_err(|error| error.offset(oldest.start)),
        }
    }

    /// Puts a range at the end of the trail. Returns the oldest one if the trail is full.
    fn follow(&self, range: Extent) -> Option<Extent> {
        let mut trail = self.trail.lock().expect("no thread panics with this lock");
        trail.push_back(range);
        if trail.len() > LONGEST_TRAIL { trail.pop_front() } else { None }
    }

    /// Makes everything durable and closes the file. A failure is final: after a failed fsync the kernel may
    /// have dropped the dirty pages, and a second fsync would report success.
    pub(crate) fn finish(self) -> Result<()> {
        platform::sync(&self.file).on("fsync", &self.path)?;
        if let Some(direct) = self.direct {
            close(direct, &self.path)?;
        }
        close(self.file, &self.path)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let aligned = bytes.len() / ALIGNMENT * ALIGNMENT;
        let front = match &self.direct {
            Some(direct) if bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) => {
                self.write_direct(direct, &bytes[..aligned], offset)?
            }
            _ => 0,
        };
        self.write_cached(&bytes[front..], offset + front as u64)
    }

    /// Returns the number of bytes written. The rest goes through the cache.
    fn write_direct(&self, direct: &File, bytes: &[u8], offset: u64) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() && done.is_multiple_of(ALIGNMENT) {
            let at = offset + done as u64;
            match io::retry_on_intr(|| io::pwrite(direct, &bytes[done..], at)) {
                Ok(0) | Err(Errno::INVAL) => break,
                Ok(count) => done += count,
                Err(errno) => return Err(Error::io("pwrite", &self.path, errno).offset(at)),
            }
        }
        Ok(done)
    }

    fn write_cached(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let _turn =
            (self.kind == Kind::File).then(|| self.turn.lock().expect("no thread panics with this lock"));
        write_at(&self.file, &self.path, bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::buffer::Buffer;
    use crate::bytes::granule::Old;
    use crate::sys::faults::{Fault, Injection, watch};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn granules_of_zeros_stay_holes_and_an_odd_tail_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let mut buffer = Buffer::new(1 << 20);
        let size = (1 << 20) - 100;
        buffer[..5000].fill(7);
        buffer[size - 3..size].fill(9);
        let output = Output::create(&path, size as u64).unwrap();
        let mut plan = Plan::default();
        plan.compare(0, &buffer[..size], Old::Zeros);
        assert_eq!(output.apply(&mut plan, &buffer[..size], 0).unwrap(), 16384 + 16384 - 100);
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), &buffer[..size]);
        assert!(std::fs::metadata(&path).unwrap().blocks() * 512 < 128 * 1024);
    }

    #[test]
    fn clearing_reads_as_zeros_on_files_and_where_holes_are_refused() {
        for kind in [Kind::File, Kind::Device] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("image");
            std::fs::write(&path, vec![1; 300_000]).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            let output = Output::existing(file, &path, kind);
            output.clear(Extent { start: 1000, end: 250_001 }).unwrap();
            output.finish().unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert!(bytes[1000..250_001].iter().all(|byte| *byte == 0));
            assert!(bytes[..1000].iter().chain(&bytes[250_001..]).all(|byte| *byte == 1));
        }
    }

    /// It needs a kernel that shows the page cache.
    #[test]
    fn a_long_write_leaves_the_page_cache_behind_it_and_hears_of_failures() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let file = platform::create(&path).unwrap();
        let output = Output::existing(file.try_clone().unwrap(), &path, Kind::File);
        let ranges: Vec<Extent> =
            (0..=LONGEST_TRAIL as u64).map(|at| Extent::at(at << 16, 1 << 16)).collect();
        let write = |range: Extent| {
            output.write_cached(&[7; 1 << 16], range.start)?;
            output.leave_behind(range)
        };
        for range in &ranges {
            write(*range).unwrap();
        }
        let resident = |range: Extent| platform::resident_bytes(&file, range.start, range.len());
        assert!(resident(ranges[0]).is_none_or(|bytes| bytes == 0));
        assert!(resident(ranges[1]).is_none_or(|bytes| bytes == 1 << 16));

        let dead = Injection { at: 1, fault: Fault::Fails(Errno::IO), lasting: true };
        let (result, calls) = watch(Some(dead), || write(Extent::at(0, 1 << 16)));
        assert_eq!(calls[1].name, "sync_file_range");
        assert_eq!(result.unwrap_err().errno, Some(Errno::IO));
    }

    #[test]
    fn a_taken_name_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        std::fs::write(&path, b"precious").unwrap();
        assert_eq!(Output::create(&path, 1).err().unwrap().errno, Some(Errno::EXIST));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
