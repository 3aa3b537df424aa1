//! Appending to a log file that a person named, wherever it lies: it may be a file in a directory of somebody else, a
//! terminal, or a pipe to another program.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::{Code, Context, Error, Result};
use crate::files::planted::refuse_foreign_file;
use crate::files::resolve::{Resolved, with_resolved};
use crate::sys::{fs, io};

/// A pipe that can be written to takes this much without waiting: `PIPE_BUF` of `pipe(7)`.
const PIECE: usize = 4096;

/// A reader may take nothing for this long. Signals wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);

/// Appends a line to a file, which is created for its owner alone if there is none. Nothing is waited for, such as the
/// other end of a pipe.
///
/// # Errors
/// [`Code::LogKind`] for what takes no log, [`Code::LinkForeign`], [`Code::FileForeign`], [`Code::FileReplaced`],
/// [`Code::Io`].
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    let (file, kind) = with_resolved(path, |resolved| {
        if !resolved.exists() {
            let file = resolved.create(OFlags::WRONLY | OFlags::APPEND)?;
            return Ok((file, FileType::RegularFile));
        }
        open(resolved).and_then(|file| Ok((file, resolved.kind()?)))
    })?;
    let bytes = line.as_bytes();
    if kind == FileType::RegularFile {
        // One write a line, so that lines of processes that log at the same time do not mix.
        return write_all(&file, bytes).on("write", path);
    }
    bytes.chunks(PIECE).try_for_each(|piece| write_in_time(&file, piece)).on("write", path)
}

fn open(resolved: &Resolved) -> Result<File> {
    let kind = resolved.kind()?;
    let refused = |kind: &str| Err(Error::new(Code::LogKind).at(&resolved.path).detail(kind));
    match kind {
        FileType::Directory => return refused("a directory"),
        FileType::BlockDevice => return refused("a block device"),
        _ => {}
    }
    if let Some(file) = own_descriptor(resolved) {
        return Ok(file);
    }
    match kind {
        FileType::RegularFile => {
            let file = resolved.open(OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK)?;
            refuse_foreign_file(&file, resolved).map(|()| file)
        }
        FileType::CharacterDevice => resolved.open(OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY),
        FileType::Fifo if ![0, geteuid().as_raw()].contains(&resolved.stat()?.st_uid) => {
            refused("a pipe of somebody else")
        }
        FileType::Fifo => match resolved.open(OFlags::WRONLY | OFlags::NONBLOCK) {
            Err(error) if error.errno == Some(Errno::NXIO) => refused("a pipe that nobody reads"),
            result => result,
        },
        FileType::Socket => refused("a socket"),
        _ => refused("something else"),
    }
}

/// The descriptor that a path such as `/dev/stderr` names, as it is: a socket cannot be opened again, and what root has
/// opened for us perhaps not by us.
fn own_descriptor(resolved: &Resolved) -> Option<File> {
    let file = fs::duplicate_number(resolved.descriptor()?).ok()?;
    resolved.expect(&file).is_ok().then_some(file)
}

fn write_all(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = io::retry_on_intr(|| io::write(file, bytes))?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// `EAGAIN` if the other end takes nothing.
fn write_in_time(file: &File, bytes: &[u8]) -> io::Result<()> {
    let patience = Timespec::try_from(PATIENCE).map_err(|_| Errno::INVAL)?;
    let ready = io::retry_on_intr(|| poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&patience)))?;
    if ready == 0 {
        return Err(Errno::AGAIN);
    }
    write_all(file, bytes)
}
