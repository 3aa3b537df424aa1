//! The speed of reading and hashing an image: through a memory map, with `pread`, past the page cache, and through it
//! without leaving anything (`RWF_DONTCACHE`). The engine's own blocks, hashes and way of sharing work among threads;
//! what is in the cache beforehand is up to the caller.
//!
//! `cargo bench -p backy-core --bench reading -- IMAGE mmap|pread|direct|dontcache THREADS` prints one line of JSON.
#![allow(clippy::print_stdout, reason = "the result")]

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use backy_core::{BLOCK_SIZE, Extent, ExtentMap, Hash, SEGMENT_SIZE};
use memmap2::{MmapMut, MmapOptions};
use rustix::fs::SeekFrom;

/// As in the engine: what is read at once, and what is mapped at once.
const READ_SIZE: u64 = 1024 * 1024;
const WINDOW_SIZE: u64 = 4 * 1024 * 1024;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [image, way, threads] = arguments.as_slice() else {
        println!("reading IMAGE mmap|pread|direct|dontcache THREADS");
        return Ok(());
    };
    let threads = threads.parse().map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let job = Job::new(Path::new(image), way)?;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let result = job.run(threads);
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    match result {
        Ok(digest) => {
            let bytes: u64 = job.pieces.iter().map(Extent::len).sum();
            println!(r#"{{"wallS":{wall:.4},"cpuS":{cpu:.4},"bytes":{bytes},"digest":"{digest:016x}"}}"#);
        }
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => println!(r#"{{"unsupported":true}}"#),
        Err(error) => return Err(error),
    }
    Ok(())
}

enum Way {
    Map,
    Read,
    ReadAndDrop,
}

struct Job {
    file: File,
    way: Way,
    /// The data of the image in whole blocks, at most a segment each.
    pieces: Vec<Extent>,
}

impl Job {
    fn new(image: &Path, way: &str) -> Result<Self> {
        let (way, flags) = match way {
            "mmap" => (Way::Map, 0),
            "pread" => (Way::Read, 0),
            "direct" => (Way::Read, libc::O_DIRECT),
            "dontcache" => (Way::ReadAndDrop, 0),
            _ => return Err(ErrorKind::InvalidInput.into()),
        };
        let file = OpenOptions::new().read(true).custom_flags(flags).open(image)?;
        // As the engine does: the kernel reads ahead further.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential)?;
        let pieces = pieces(&file)?;
        Ok(Self { file, way, pieces })
    }

    /// Reads and hashes everything. The result is the same for the same image, whatever the way and the order.
    fn run(&self, threads: usize) -> Result<u64> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = MmapMut::map_anon(usize::try_from(READ_SIZE).expect("a small number"))?;
            let mut digest = 0;
            while let Some(piece) = self.pieces.get(next.fetch_add(1, Relaxed)) {
                digest ^= self.piece(*piece, &mut buffer)?;
            }
            Ok::<u64, Error>(digest)
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_fold(0, |digest, worker| Ok(digest ^ worker.join().expect("no panic")?))
        })
    }

    fn piece(&self, piece: Extent, buffer: &mut [u8]) -> Result<u64> {
        let step = if matches!(self.way, Way::Map) { WINDOW_SIZE } else { READ_SIZE };
        let mut digest = 0;
        for start in (piece.start..piece.end).step_by(usize::try_from(step).expect("a small number")) {
            let range = Extent { start, end: piece.end.min(start + step) };
            digest ^= match self.way {
                Way::Map => self.map(range)?,
                Way::Read | Way::ReadAndDrop => self.read(range, buffer)?,
            };
        }
        Ok(digest)
    }

    fn map(&self, range: Extent) -> Result<u64> {
        let length = usize::try_from(range.len()).expect("a window");
        // SAFETY: nobody changes or truncates the image while it is measured.
        let map = unsafe { MmapOptions::new().offset(range.start).len(length).map(&self.file) }?;
        Ok(digest(&map))
    }

    fn read(&self, range: Extent, buffer: &mut [u8]) -> Result<u64> {
        let bytes = &mut buffer[..usize::try_from(range.len()).expect("a read")];
        let mut done = 0;
        while done < bytes.len() {
            let at = range.start + done as u64;
            done += match self.way {
                Way::ReadAndDrop => read_and_drop(&self.file, &mut bytes[done..], at)?,
                Way::Map | Way::Read => self.file.read_at(&mut bytes[done..], at)?,
            };
        }
        Ok(digest(bytes))
    }
}

fn digest(bytes: &[u8]) -> u64 {
    let hashes = bytes.chunks(BLOCK_SIZE).map(|block| Hash::of(block).0);
    hashes.fold(0, |digest, hash| digest ^ u64::from_le_bytes(*hash.first_chunk().expect("32 bytes")))
}

/// `preadv2(2)` with a flag of Linux 6.14.
fn read_and_drop(file: &File, bytes: &mut [u8], offset: u64) -> Result<usize> {
    const RWF_DONTCACHE: libc::c_int = 0x80;
    let vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let offset = i64::try_from(offset).map_err(|_| ErrorKind::InvalidInput)?;
    // SAFETY: the vector describes memory that is ours for the time of the call.
    let count = unsafe { libc::preadv2(file.as_raw_fd(), &raw const vector, 1, offset, RWF_DONTCACHE) };
    usize::try_from(count).map_err(|_| Error::last_os_error())
}

/// Data in whole blocks, cut where the segments of the image are.
fn pieces(file: &File) -> Result<Vec<Extent>> {
    let size = file.metadata()?.len();
    let mut data = ExtentMap::default();
    let mut at = 0;
    while let Some(start) = seek(file, SeekFrom::Data(at))? {
        at = seek(file, SeekFrom::Hole(start))?.unwrap_or(size);
        data.append(Extent { start, end: at });
    }
    let data = data.align(BLOCK_SIZE as u64, size);
    let segments =
        (0..size.div_ceil(SEGMENT_SIZE)).map(|number| Extent::at(number * SEGMENT_SIZE, SEGMENT_SIZE));
    Ok(segments.flat_map(|segment| data.within(segment)).collect())
}

fn seek(file: &File, to: SeekFrom) -> Result<Option<u64>> {
    match rustix::fs::seek(file, to) {
        Ok(offset) => Ok(Some(offset)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is ours to fill.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: all zeros are a valid structure, too.
    let usage = unsafe { usage.assume_init() };
    let micros = |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0);
    Duration::from_micros(micros(usage.ru_utime) + micros(usage.ru_stime)).as_secs_f64()
}
