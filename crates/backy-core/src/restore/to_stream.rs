//! Restoring to a target that takes bytes in order: a pipe, a terminal, an open file.

use std::fs::File;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
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
use crate::sys::io;
use crate::work::control::Control;

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
                write_all(stream, bytes).on("write", path)?;
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

fn write_all(stream: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match io::retry_on_intr(|| io::write(stream, bytes)) {
            Ok(count) => bytes = &bytes[count..],
            // The other end has made its pipe non-blocking. Wait until it takes more.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(stream, PollFlags::OUT)], None)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
