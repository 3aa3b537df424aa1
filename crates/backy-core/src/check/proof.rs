//! The knowledge of one verified image that holds for the next one: blocks at the same place on the disk have the same
//! bytes, so they are read once.

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of};
use crate::bytes::extent::{Extent, ExtentMap};
use crate::disk::difference::{self, Sides};
use crate::error::{BadBlock, BadBlocks, Context, Found, Result};
use crate::image::page::Page;
use crate::image::reader::Reader;
use crate::image::sealed::Image;
use crate::platform::{self, Sharing};
use crate::sys::fs;
use crate::work::control::Control;

/// The image that was verified last, for the next one to build on. Nothing at first, and after a failure.
#[derive(Default)]
pub struct Verified(pub(super) Option<Proof>);

/// A verified image, held open.
pub(super) struct Proof {
    image: Image,
    /// The hash of its places before it was read.
    places: Hash,
    bad: Vec<BadBlock>,
}

impl Proof {
    /// Keeps the findings about an image that lay at `places` before it was read. `None` if they are too many to be
    /// kept: the next image is read in full then.
    pub(super) fn new(image: Image, places: Hash, bad: &BadBlocks) -> Option<Self> {
        let is_whole = bad.count == bad.first.len() as u64;
        is_whole.then(|| Self { image, places, bad: bad.first.clone() })
    }

    /// The bytes that an image should have beyond this one, for a loan of everything else. `None` where the extent maps
    /// prove nothing: between filesystems, and when extents have moved since this image was read.
    ///
    /// # Errors
    /// [`crate::Code::Io`], [`crate::Code::Cancelled`].
    pub(super) fn loan(&self, image: &Image, control: &Control) -> Result<Option<Loan<'_>>> {
        let (old, new) = (&self.image.reader, &image.reader);
        if device_of(old)? != device_of(new)? {
            return Ok(None);
        }
        let sides = Sides { old: (old.file(), old.path()), new: (new.file(), new.path()), control };
        let difference = sides.compare()?.filter(|difference| difference.old == self.places);
        Ok(difference.map(|difference| {
            // The last block of the shorter image has another length in the longer one.
            let [shorter, longer] = [self.image.size.min(image.size), self.image.size.max(image.size)];
            let tail = Extent { start: shorter - shorter % BLOCK_SIZE as u64, end: longer };
            let differs =
                if shorter == longer { ExtentMap::default() } else { ExtentMap::normalise(vec![tail]) };
            Loan { proof: self, unproved: difference.changed.union(&differs), places: difference.new }
        }))
    }
}

/// The blocks of an image whose bytes are known from another one.
pub(super) struct Loan<'p> {
    proof: &'p Proof,
    /// The ranges of the image that must be read.
    pub unproved: ExtentMap,
    /// The hash of the places of the image.
    pub places: Hash,
}

impl Loan<'_> {
    /// Compares blocks of one segment with the index of their image, without reading them.
    ///
    /// # Errors
    /// [`crate::Code::Io`] of the other image's index.
    pub(super) fn judge(
        &self,
        segment: u64,
        range: Extent,
        page: &Page,
        bad: &mut Vec<BadBlock>,
    ) -> Result<()> {
        let known = self.proof.image.page(segment)?;
        for block in blocks_of(range) {
            let expected = page.hash_at(block.start);
            let found = self.found_at(block.start, &known);
            if found != Found::Other(expected) {
                bad.push(BadBlock { offset: block.start, length: block.len(), expected, found });
            }
        }
        Ok(())
    }

    fn found_at(&self, offset: u64, known: &Page) -> Found {
        let bad = &self.proof.bad;
        match bad.binary_search_by_key(&offset, |block| block.offset) {
            Ok(at) => bad[at].found,
            Err(_) => Found::Other(known.hash_at(offset)),
        }
    }
}

/// The hash of the places of an image that is the first to be verified. `None` where they prove nothing.
///
/// # Errors
/// [`crate::Code::Io`], [`crate::Code::Cancelled`].
pub(super) fn places_of(image: &Image, control: &Control) -> Result<Option<Hash>> {
    let reader = &image.reader;
    let filesystem = platform::filesystem(reader.file()).on("fstatfs", reader.path())?;
    if filesystem.sharing == Sharing::Unknown {
        return Ok(None);
    }
    difference::places(reader.file(), reader.path(), control)
}

fn device_of(reader: &Reader) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(reader.file()).on("fstat", reader.path())?.dev())
}
