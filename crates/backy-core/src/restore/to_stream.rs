//! Restoring to a target that takes bytes in order: a pipe, a terminal, an open file.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::bytes::block::segments_in;
use crate::bytes::buffer::Buffer;
use crate::error::{Context, Result};
use crate::files::device;
use crate::files::holders::refuse_attached;
use crate::image::reader::{READ_SIZE, windows_of};
use crate::image::sealed::Image;
use crate::platform;
use crate::restore::outcome::Restored;
use crate::sys::{fs, io};
use crate::work::control::Control;

/// The time after which a full pipe is no reason not to look whether the restore was cancelled.
const LONGEST_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Writes one block after the other. Without `force`, writing ends at the first bad block, but checking continues to
/// find all of them. `all` has the figures, also after a failure.
pub(crate) fn send(
    image: &Image,
    stream: &File,
    force: bool,
    control: &Control,
    all: &mut Restored,
) -> Result<()> {
    let path = Path::new("-");
    refuse_attached(stream, path)?;
    let patient = open_without_waiting(stream);
    let output = patient.as_ref().unwrap_or(stream);
    let mut buffer = Buffer::new(READ_SIZE);
    control.add_total(image.size);
    for number in 0..segments_in(image.size) {
        let (page, range) = (image.page(number)?, image.range(number));
        let via = image.reader.way(range);
        for window in windows_of(range) {
            control.pass(window.len())?;
            let mut bad = Vec::new();
            let bytes = image.read_checked(via, &mut buffer, window, &page, &mut bad)?;
            all.bad.extend(bad);
            if all.bad.is_empty() || force {
                write_all(output, bytes, control).on("write", path)?;
                control.check()?;
                all.written += window.len();
            }
            all.read += window.len();
            control.add_done(window.len());
        }
    }
    // A pipe or a terminal keeps nothing.
    if device::facts(stream, path)?.is_some() {
        platform::sync(stream).on("fsync", path)?;
    }
    Ok(())
}

/// Opens a pipe once more, so that writes to it do not wait: the restore can be cancelled while nobody reads. The flag of
/// the given descriptor stays as it is, as other processes share it. `None` for anything else than a pipe, and where the
/// system offers no such way.
fn open_without_waiting(stream: &File) -> Option<File> {
    let mode = fs::fstat(stream).ok()?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::Fifo {
        return None;
    }
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    fs::open(Path::new(&path), flags, Mode::empty()).ok().map(File::from)
}

/// Writes all bytes, or fewer if the restore is cancelled meanwhile.
fn write_all(stream: &File, mut bytes: &[u8], control: &Control) -> io::Result<()> {
    while !bytes.is_empty() && control.check().is_ok() {
        match io::retry_on_intr(|| io::write(stream, bytes)) {
            Ok(count) => bytes = &bytes[count..],
            // The pipe is full. Wait until it takes more.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(&LONGEST_WAIT))?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
