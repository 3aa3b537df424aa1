//! Giving the data back: every block is checked against the index on its way to the target, and success is
//! only reported for a target that is complete and durable.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::{self, Errno};

use crate::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE, blocks_of};
use crate::buffer::Buffer;
use crate::control::Control;
use crate::device::{self, Facts, Kind};
use crate::durable::{Existing, partial_beside, rename_durably};
use crate::error::{BadBlock, Code, Context, Error, Result};
use crate::extent::Extent;
use crate::granule::{Old, Plan};
use crate::image::{Image, ImageOptions, expected};
use crate::output::Output;
use crate::pool;
use crate::read::{READ_SIZE, Reader, Via, windows_of};

/// Where an image is restored to.
#[derive(Debug)]
pub enum Target {
    /// A file that may exist, or a block device.
    Path(PathBuf),
    /// A pipe or whatever else takes bytes in order.
    Stream(OwnedFd),
}

/// What kind of target it turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A file that was not there before.
    NewFile,
    /// A file that was: only what differed was written.
    File,
    /// A block device: only what differed was written.
    Device,
    /// Bytes in order.
    Stream,
}

/// What a restore did. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreStats {
    /// Size of the image.
    pub size: u64,
    /// Read from the image.
    pub bytes_read: u64,
    /// Written to the target.
    pub bytes_written: u64,
    /// What was not restored, with `force`.
    pub bad_blocks: Vec<BadBlock>,
    /// What kind of target it was.
    pub kind: TargetKind,
}

/// Restores an image. Without `force`, a damaged image leaves a target file or device as it was.
///
/// With `force`, blocks that are not what they were are left out: holes in a new file, zeros in a stream,
/// the old bytes elsewhere.
///
/// # Errors
/// [`Code::ImageDamaged`] with every bad block, [`Code::IndexDamaged`], [`Code::TargetSmall`],
/// [`Code::TargetBusy`], [`Code::TargetKind`], [`Code::Cancelled`], [`Code::Io`].
pub fn restore_image(
    options: &ImageOptions,
    target: Target,
    force: bool,
    control: &Control,
) -> Result<RestoreStats> {
    let image = Image::open(options)?;
    let restore = Restore { image, force, control };
    match target {
        Target::Stream(stream) => restore.stream(&stream.into()),
        Target::Path(path) => match fs::stat(&path) {
            Err(Errno::NOENT) => restore.new_file(&path),
            result => {
                let kind = FileType::from_raw_mode(result.on("stat", &path)?.st_mode);
                restore.existing(&path, kind == FileType::BlockDevice)
            }
        },
    }
}

struct Restore<'a> {
    image: Image,
    force: bool,
    control: &'a Control,
}

/// What one thread reuses.
struct Scratch {
    new: Buffer,
    old: Buffer,
    plan: Plan,
}

impl Scratch {
    fn new() -> Self {
        Self { new: Buffer::new(READ_SIZE), old: Buffer::new(READ_SIZE), plan: Plan::default() }
    }
}

/// What became of a segment.
#[derive(Default)]
struct Segment {
    read: u64,
    written: u64,
    bad: Vec<BadBlock>,
}

impl Restore<'_> {
    /// Writes under another name beside the target, which appears only when it is complete.
    fn new_file(&self, path: &Path) -> Result<RestoreStats> {
        let partial = partial_beside(path);
        let result = self.fill_new(&partial).and_then(|segments| {
            let stats = self.stats(segments, TargetKind::NewFile)?;
            rename_durably(&partial, path, Existing::Keep)?;
            Ok(stats)
        });
        result.map_err(|error| {
            // Best effort: the first error is the one that matters.
            let _ = fs::unlink(&partial);
            if error.path.as_ref() == Some(&partial) { error.at(path) } else { error }
        })
    }

    fn fill_new(&self, path: &Path) -> Result<Vec<Segment>> {
        let output = Output::create(path, self.image.size)?;
        self.control.add_total(self.image.data_bytes());
        let segments =
            pool::for_each(&self.image.segments(), self.control, Scratch::new, |scratch, number| {
                let (page, range) = (self.image.page(number)?, self.image.range(number));
                let mut segment = Segment::default();
                for data in self.image.data_within(range) {
                    let via = self.image.reader.way(data);
                    for window in windows_of(data) {
                        self.control.check()?;
                        let bytes = self.image.read_checked(
                            via,
                            &mut scratch.new,
                            window,
                            &page,
                            &mut segment.bad,
                        )?;
                        scratch.plan.compare(window.start, bytes, Old::Zeros);
                        segment.read += window.len();
                        segment.written += output.apply(&mut scratch.plan, bytes, window.start)?;
                        self.control.add_done(window.len());
                    }
                }
                output.start_writeback(range);
                Ok(segment)
            })?;
        output.finish()?;
        Ok(segments)
    }

    /// Looks first what differs and whether the image can supply it, and only then writes.
    fn existing(&self, path: &Path, device: bool) -> Result<RestoreStats> {
        let (file, facts) = open_target(path, device)?;
        if facts.kind == Kind::Device && facts.size < self.image.size {
            let detail = format!("it has {} bytes, the image {}", facts.size, self.image.size);
            return Err(Error::new(Code::TargetSmall).at(path).detail(detail));
        }
        self.control.add_total(self.image.size);
        let reader = Reader::new(file.try_clone().on("dup", path)?, path);
        let differing =
            pool::for_each(&self.image.segments(), self.control, Scratch::new, |scratch, number| {
                self.compare_segment(scratch, number, &reader, facts.size)
            })?;
        let bad: Vec<BadBlock> = differing.iter().flat_map(|(_, bad)| bad.iter().cloned()).collect();
        self.refuse_damage(&bad)?;

        if facts.kind == Kind::File {
            fs::ftruncate(&file, self.image.size).on("ftruncate", path)?;
        }
        let output = Output::existing(file, path, facts.kind);
        let work: Vec<u64> = self.image.segments();
        let mut segments = pool::for_each(&work, self.control, Scratch::new, |scratch, number| {
            let blocks = &differing[usize::try_from(number).expect("one entry a segment")].0;
            self.write_blocks(scratch, number, blocks, &reader, &output)
        })?;
        output.finish()?;
        for (segment, (_, bad)) in segments.iter_mut().zip(differing) {
            segment.bad = bad;
        }
        let kind = if facts.kind == Kind::Device { TargetKind::Device } else { TargetKind::File };
        self.stats(segments, kind)
    }

    /// The blocks of a segment that the target must be given, and those the image cannot supply.
    fn compare_segment(
        &self,
        scratch: &mut Scratch,
        number: u64,
        target: &Reader,
        target_size: u64,
    ) -> Result<(Vec<Extent>, Vec<BadBlock>)> {
        let (page, range) = (self.image.page(number)?, self.image.range(number));
        let (mut blocks, mut bad) = (Vec::new(), Vec::new());
        let via = target.way(range);
        for window in windows_of(range) {
            self.control.check()?;
            let there = window.overlap(&Extent { start: 0, end: target_size });
            let length = usize::try_from(window.len()).expect("a window of one read");
            let read = if there.is_empty() { 0 } else { target.read(via, &mut scratch.old, there)?.len() };
            scratch.old[read..length].fill(0);
            for block in blocks_of(window) {
                let at = usize::try_from(block.start - window.start).expect("inside the window");
                let bytes = &scratch.old[at..length.min(at + BLOCK_SIZE)];
                if Hash::of(bytes) == expected(&page, block.start) {
                    continue;
                }
                let count = bad.len();
                let via = self.image.reader.way(block);
                self.image.read_checked(via, &mut scratch.new, block, &page, &mut bad)?;
                if bad.len() == count {
                    blocks.push(block);
                    self.control.add_changed(block.len());
                }
            }
            self.control.add_done(window.len());
        }
        Ok((blocks, bad))
    }

    fn write_blocks(
        &self,
        scratch: &mut Scratch,
        number: u64,
        blocks: &[Extent],
        target: &Reader,
        output: &Output,
    ) -> Result<Segment> {
        let mut segment = Segment::default();
        if blocks.is_empty() {
            return Ok(segment);
        }
        let page = self.image.page(number)?;
        for block in blocks {
            self.control.check()?;
            let bytes =
                self.image.read_checked(Via::Cache, &mut scratch.new, *block, &page, &mut segment.bad)?;
            if let Some(bad) = segment.bad.pop() {
                return Err(Error {
                    bad_blocks: vec![bad],
                    ..Error::new(Code::ImageDamaged).at(self.image.reader.path())
                });
            }
            let old = match target.read(Via::Cache, &mut scratch.old, *block) {
                Ok(old) => Old::Bytes(old),
                Err(error) if error.errno == Some(Errno::IO) => Old::Unknown,
                Err(error) => return Err(error),
            };
            scratch.plan.compare(block.start, bytes, old);
            segment.read += block.len();
            segment.written += output.apply(&mut scratch.plan, bytes, block.start)?;
        }
        output.start_writeback(Extent::at(number * SEGMENT_SIZE, SEGMENT_SIZE));
        Ok(segment)
    }

    /// One block after the other. At the first bad one writing ends, but checking goes on to name them all.
    fn stream(&self, stream: &File) -> Result<RestoreStats> {
        let path = Path::new("-");
        let mut scratch = Scratch::new();
        let mut all = Segment::default();
        self.control.add_total(self.image.size);
        for number in self.image.segments() {
            let (page, range) = (self.image.page(number)?, self.image.range(number));
            let via = self.image.reader.way(range);
            for window in windows_of(range) {
                self.control.check()?;
                let bytes = self.image.read_checked(via, &mut scratch.new, window, &page, &mut all.bad)?;
                if all.bad.is_empty() || self.force {
                    write_stream(stream, bytes).on("write", path)?;
                    all.written += window.len();
                }
                all.read += window.len();
                self.control.add_done(window.len());
            }
        }
        self.stats(vec![all], TargetKind::Stream)
    }

    fn stats(&self, segments: Vec<Segment>, kind: TargetKind) -> Result<RestoreStats> {
        let bytes_read = segments.iter().map(|segment| segment.read).sum();
        let bytes_written = segments.iter().map(|segment| segment.written).sum();
        let bad_blocks: Vec<BadBlock> = segments.into_iter().flat_map(|segment| segment.bad).collect();
        self.refuse_damage(&bad_blocks)?;
        Ok(RestoreStats { size: self.image.size, bytes_read, bytes_written, bad_blocks, kind })
    }

    fn refuse_damage(&self, bad: &[BadBlock]) -> Result<()> {
        if bad.is_empty() || self.force {
            return Ok(());
        }
        Err(Error { bad_blocks: bad.to_vec(), ..Error::new(Code::ImageDamaged).at(self.image.reader.path()) })
    }
}

/// Opens a target that is there already. `EXCL` on a block device fails while it is mounted or part of
/// something else that is in use, open(2).
fn open_target(path: &Path, device: bool) -> Result<(File, Facts)> {
    let mut flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if device {
        flags |= OFlags::EXCL;
    }
    let file: File = match fs::open(path, flags, Mode::empty()) {
        Err(Errno::BUSY) => return Err(Error::new(Code::TargetBusy).at(path)),
        Err(Errno::ISDIR) => return Err(Error::new(Code::TargetKind).at(path)),
        result => result.on("open", path)?.into(),
    };
    let facts = device::facts(&file, path)?.ok_or_else(|| Error::new(Code::TargetKind).at(path))?;
    Ok((file, facts))
}

fn write_stream(stream: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match io::retry_on_intr(|| io::write(stream, bytes)) {
            Ok(count) => bytes = &bytes[count..],
            // The other end set its pipe to non-blocking: wait until it takes more.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(stream, PollFlags::OUT)], None)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
