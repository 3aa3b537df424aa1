//! Donors: other files and devices that have the right bytes of a bad block, at another place on the disk.

use std::fs::File;
use std::path::PathBuf;

use crate::bytes::block::{BLOCK_SIZE, Hash, SEGMENT_SIZE};
use crate::bytes::buffer::{ALIGNMENT, Buffer};
use crate::bytes::extent::Extent;
use crate::disk::sharers::{Overlap, overlap};
use crate::error::{BadBlock, Code, Context, Result};
use crate::files::device;
use crate::image::index::IndexReader;
use crate::image::reader::{Reader, Via};
use crate::image::sealed::Image;
use crate::sys::fs;
use crate::work::control::Control;

/// A file or device that may have the right bytes, at the same offset.
#[derive(Debug, Clone)]
pub struct Donor {
    /// Its path.
    pub path: PathBuf,
    /// Its index, if it is an image of ours. A donor with a wrong hash is not read then.
    pub index: Option<PathBuf>,
}

/// Returns the first donor with the right bytes in another place, and the bytes, or the reason why there is none.
///
/// # Errors
/// [`Code::Cancelled`].
pub(crate) fn find(
    donors: &[Donor],
    image: &Image,
    block: &BadBlock,
    control: &Control,
) -> Result<std::result::Result<(PathBuf, Buffer), String>> {
    let range = Extent::at(block.offset, block.length);
    let mut reason = String::from("no other place has these bytes");
    for donor in donors {
        control.check()?;
        // A donor that fails is skipped.
        let Ok(Some((file, good))) = ask(donor, range, block.expected, control) else { continue };
        // The rest of the block may be shared: a stray write into a clone has a place of its own.
        let bad = bad_sectors(image, range, &good);
        match overlap((image.reader.file(), &bad), (&file, &bad), &donor.path, control) {
            Ok(Overlap::Apart) => return Ok(Ok((donor.path.clone(), good))),
            Ok(Overlap::Shared) => {
                reason = String::from("every other place that has these bytes is the same one on the disk");
            }
            Ok(Overlap::Unknown(unknown)) => reason = unknown,
            Err(error) if error.code == Code::Cancelled => return Err(error),
            Err(error) => reason = error.to_string(),
        }
    }
    Ok(Err(reason))
}

/// The bytes that a donor has on its disk, if they are the right ones.
fn ask(
    donor: &Donor,
    range: Extent,
    expected_hash: Hash,
    control: &Control,
) -> Result<Option<(File, Buffer)>> {
    let reader = if let Some(index) = &donor.index {
        let page = IndexReader::open(index, control)?.page(range.start / SEGMENT_SIZE)?;
        if page.hash_at(range.start) != expected_hash {
            return Ok(None);
        }
        Reader::open(&donor.path)?
    } else {
        Reader::new(device::open_source(&donor.path)?, &donor.path)
    };
    reader.distrust_cache();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    let is_right = Hash::of(reader.read(Via::Disk, &mut buffer, range)?) == expected_hash;
    Ok(is_right.then_some((fs::duplicate(reader.file()).on("dup", &donor.path)?, buffer)))
}

/// The sectors of a block that are unreadable or wrong in an image.
fn bad_sectors(image: &Image, range: Extent, good: &[u8]) -> Vec<Extent> {
    let mut sector = Buffer::new(ALIGNMENT);
    let sectors = range.pieces(ALIGNMENT as u64).zip(good.chunks(ALIGNMENT));
    let is_bad = |(part, good): &(Extent, &[u8])| {
        let read = image.reader.read(Via::Disk, &mut sector, *part);
        read.map_or(true, |bytes| bytes != &good[..bytes.len()])
    };
    sectors.filter(is_bad).map(|(part, _)| part).collect()
}
