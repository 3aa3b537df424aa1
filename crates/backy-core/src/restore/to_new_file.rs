//! Restoring to a new file: the data of the image, checked block by block, and holes for the rest.

use crate::bytes::block::{blocks_of, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, Part};
use crate::bytes::granule::{Old, Plan};
use crate::error::Result;
use crate::image::output::Output;
use crate::image::page::Page;
use crate::image::read_back::mask_of;
use crate::image::reader::{READ_SIZE, windows_of};
use crate::image::sealed::{Image, expect_zeros};
use crate::restore::outcome::{Restored, RestoredSegment};
use crate::work::control::Control;
use crate::work::pool;

/// Fills a file that was just created and makes it durable. Bad blocks are left out and reported.
pub(crate) fn fill(image: &Image, output: Output, control: &Control) -> Result<Restored> {
    let file = NewFile { image, output, control };
    // Everything that is written is read back.
    control.add_total(2 * image.data_bytes());
    let buffers = || (Buffer::new(READ_SIZE), Plan::default());
    let mut restored = Restored::default();
    let work = |(buffer, plan): &mut (Buffer, Plan), number| file.segment(buffer, plan, number);
    pool::for_each(segments_of(&image.filled()), control, buffers, work, |segment| restored.add(segment))?;
    file.output.finish()?;
    Ok(restored)
}

struct NewFile<'a> {
    image: &'a Image,
    output: Output,
    control: &'a Control,
}

impl NewFile<'_> {
    fn segment(&self, buffer: &mut Buffer, plan: &mut Plan, number: u64) -> Result<RestoredSegment> {
        let (page, range) = (self.image.page(number)?, self.image.range(number));
        let mut restored = RestoredSegment { number, ..RestoredSegment::default() };
        let mut mask = 0;
        for part in self.image.parts(range) {
            match part {
                Part::Hole(hole) => expect_zeros(hole, &page, &mut restored.bad),
                Part::Data(data) => {
                    self.data(buffer, plan, data, &page, &mut restored)?;
                    mask |= mask_of(blocks_of(data));
                }
            }
        }
        self.output.leave_behind(range)?;
        let bad = restored.bad.iter().map(|bad| Extent::at(bad.offset, bad.length));
        restored.blocks = mask & !mask_of(bad);
        Ok(restored)
    }

    fn data(
        &self,
        buffer: &mut Buffer,
        plan: &mut Plan,
        data: Extent,
        page: &Page,
        restored: &mut RestoredSegment,
    ) -> Result<()> {
        let via = self.image.reader.way(data);
        // Reserved space is no hole any more, so zeros in it must be cleared.
        let blank = if self.output.reserve(data)? { Old::Unknown } else { Old::Zeros };
        for window in windows_of(data) {
            self.control.pass(window.len())?;
            let bytes = self.image.read_checked(via, buffer, window, page, &mut restored.bad)?;
            plan.compare(window.start, bytes, blank);
            restored.read += window.len();
            restored.written += self.output.apply(plan, bytes, window.start)?;
            self.control.add_done(window.len());
        }
        Ok(())
    }
}
