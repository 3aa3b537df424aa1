//! Overwriting a block of a sealed image.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::error::{Code, Context, Error, Result};
use crate::files::clone::never_clones;
use crate::files::device::Kind;
use crate::files::durable::close;
use crate::files::names::temporary_beside;
use crate::files::positioned::write_at;
use crate::files::unfit::refuse_unfit;
use crate::image::output::Output;
use crate::image::reader::{Reader, Via};
use crate::image::sealed::Image;
use crate::platform;
use crate::sys::fs;
use crate::work::control::Control;

/// Gives these bytes to the image, in fresh blocks of the disk.
pub(crate) fn put(image: &Image, bytes: &[u8], range: Extent, control: &Control) -> Result<()> {
    let path = image.reader.path();
    let temporary = temporary_beside(path);
    let fresh = platform::create(&temporary).on("open", &temporary)?;
    let result = fill(&fresh, &temporary, bytes).and_then(|()| {
        let target = open_sealed(image)?;
        match platform::clone_range(&fresh, &target, range.len(), range.start, &|time| control.pause(time)) {
            // Without reflinks no other file shares the bad block, so it is overwritten in place. ZFS writes nothing in
            // place.
            Err(errno) if never_clones(errno) => write_at(&target, path, bytes, range.start)?,
            result => result.on("ioctl_ficlonerange", path).map_err(|error| error.offset(range.start))?,
        }
        platform::sync(&target).on("fsync", path)?;
        close(target, path)
    });
    // A failure does not matter: the next purge removes files with such names.
    let _ = fs::unlink(&temporary);
    result
}

/// Writes, makes durable and reads back.
fn fill(file: &File, path: &Path, bytes: &[u8]) -> Result<()> {
    write_at(file, path, bytes, 0)?;
    platform::sync(file).on("fsync", path)?;
    let reader = Reader::open(path)?;
    reader.distrust_cache();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    if reader.read(Via::Disk, &mut buffer, Extent::at(0, bytes.len() as u64))? != bytes {
        return Err(Error::new(Code::ReadBack).at(path).offset(0));
    }
    Ok(())
}

/// Makes a block read as zeros. This needs no donor.
pub(crate) fn clear(image: &Image, range: Extent) -> Result<()> {
    let output = Output::existing(open_sealed(image)?, image.reader.path(), Kind::File);
    output.clear(range)?;
    output.finish()
}

/// Opens the image for writing, at its full size. Its mode 0400 keeps even the owner out. It is changed for the moment
/// of opening.
fn open_sealed(image: &Image) -> Result<File> {
    let path = image.reader.path();
    refuse_unfit(image.reader.file(), path)?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = || fs::open(path, flags, Mode::empty());
    let opened = match open() {
        Err(Errno::ACCESS) => {
            fs::fchmod(image.reader.file(), Mode::RUSR | Mode::WUSR).on("fchmod", path)?;
            let opened = open();
            fs::fchmod(image.reader.file(), Mode::RUSR).on("fchmod", path)?;
            opened
        }
        opened => opened,
    };
    let file: File = opened.on("open", path)?.into();
    // Somebody may have put another file there meanwhile.
    refuse_unfit(&file, path)?;
    if fs::metadata(&file).on("fstat", path)?.len() < image.size {
        fs::ftruncate(&file, image.size).on("ftruncate", path)?;
    }
    Ok(file)
}
