//! Freeing the space of ranges that shall read as zeros.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;

use crate::bytes::buffer::ALIGNMENT;
use crate::bytes::extent::{Extent, ExtentMap};
use crate::error::{Error, Result};
use crate::files::device::Kind;
use crate::files::positioned::read_up_to;
use crate::platform;

/// Bytes that are read and overwritten at once.
pub(crate) const PIECE_SIZE: usize = 64 * 1024;

/// Frees a range of a file or device, as far as possible. Returns the parts that do not read as zeros afterwards.
///
/// # Errors
/// [`crate::Code::Io`].
pub(crate) fn free(file: &File, path: &Path, kind: Kind, range: Extent) -> Result<ExtentMap> {
    match kind {
        Kind::File => {
            punch(file, path, range).map(|freed| if freed { ExtentMap::default() } else { only(range) })
        }
        Kind::Device => free_sectors(file, path, range),
    }
}

fn only(range: Extent) -> ExtentMap {
    ExtentMap::normalise(vec![range])
}

/// The same for a device, which frees whole sectors only. An image may end within a sector.
///
/// A device takes a hole as `REQ_OP_WRITE_ZEROES`. It reads as zeros in any case, and frees what it can:
/// `blkdev_fallocate()` in block/fops.c. A thin volume of LVM has no such request, only discards.
fn free_sectors(file: &File, path: &Path, range: Extent) -> Result<ExtentMap> {
    let unit = ALIGNMENT as u64;
    let sectors = Extent { start: range.start.next_multiple_of(unit), end: range.end / unit * unit };
    if sectors.is_empty() {
        return Ok(only(range));
    }
    let rest = only(range).subtract(&only(sectors));
    if punch(file, path, sectors)? {
        return Ok(rest);
    }
    match platform::discard_thin(file, sectors.start, sectors.len()) {
        Ok(()) => Ok(rest.union(&remains(file, path, sectors)?)),
        Err(_) => Ok(only(range)),
    }
}

/// Punches a hole. Returns whether that is possible.
fn punch(file: &File, path: &Path, range: Extent) -> Result<bool> {
    match platform::punch_hole(file, range.start, range.len()) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::NODEV) => Ok(false),
        Err(errno) => Err(Error::io("fallocate", path, errno).offset(range.start)),
    }
}

/// The parts of a range that are not zeros: a thin volume frees whole chunks only.
fn remains(file: &File, path: &Path, range: Extent) -> Result<ExtentMap> {
    let mut remains = ExtentMap::default();
    let mut buffer = vec![0; PIECE_SIZE];
    for piece in range.pieces(PIECE_SIZE as u64) {
        let bytes = &mut buffer[..usize::try_from(piece.len()).expect("at most a piece")];
        // Bytes behind the end of the device count as not zero.
        bytes.fill(1);
        read_up_to(file, path, bytes, piece.start)?;
        if bytes.iter().any(|byte| *byte != 0) {
            remains.append(piece);
        }
    }
    Ok(remains)
}
