//! Reading a file or device segment by segment, and passing its blocks to the writer.

use crate::backup::focus::Focus;
use crate::backup::segment::{RevisionWriter, Segment, Workspace};
use crate::backup::tally::{Tally, Totals};
use crate::bytes::block::{BLOCK_SIZE, segments_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::{Extent, Part};
use crate::error::Result;
use crate::image::reader::{READ_SIZE, windows_of};
use crate::source::opened::Source;
use crate::work::pool;

/// A source that is read into a revision.
pub(crate) struct Scan<'a> {
    pub source: &'a Source,
    /// Without it, everything is read.
    pub focus: Option<&'a Focus>,
    pub writer: &'a RevisionWriter<'a>,
}

/// Memory that one thread reuses.
struct Hands {
    window: Buffer,
    workspace: Workspace,
}

impl Scan<'_> {
    /// Brings image and index to the state of the source. Segments that are zeros on both sides are not even counted
    /// one by one: of 4 PiB with 2 GiB of data those are nearly all.
    pub(crate) fn run(&self) -> Result<Totals> {
        let Self { source, writer, .. } = self;
        let control = writer.control;
        control.add_total(match self.focus {
            None => source.data.bytes(),
            Some(focus) => focus.bytes_of(&source.data),
        });
        let busy = source.data.union(&writer.filled()?).align(BLOCK_SIZE as u64, source.size);
        let mut totals = Totals::outside(&busy, source.size);
        let hands = || Hands { window: Buffer::new(READ_SIZE), workspace: Workspace::new() };
        let work = |hands: &mut Hands, number| self.segment(hands, number);
        let result = pool::for_each(segments_of(&busy), control, hands, work, |tally| totals.add(tally));
        // A source that shrank looks like one that ends early. Its size tells the difference.
        source.expect_same_size()?;
        result.map(|()| totals)
    }

    fn segment(&self, hands: &mut Hands, number: u64) -> Result<Tally> {
        let mut segment = self.writer.segment(number)?;
        let range = segment.range;
        let Some(focus) = self.focus else {
            self.part(hands, &mut segment, range)?;
            return segment.finish();
        };
        let mut at = range.start;
        for stretch in focus.stretches(range) {
            segment.keep(Extent { start: at, end: stretch.range.start });
            segment.expect_same = !stretch.hinted;
            self.part(hands, &mut segment, stretch.range)?;
            at = stretch.range.end;
        }
        segment.keep(Extent { start: at, end: range.end });
        segment.finish()
    }

    /// Reads the data of a range, and skips its holes.
    fn part(&self, hands: &mut Hands, segment: &mut Segment, range: Extent) -> Result<()> {
        self.source.data.parts(range).try_for_each(|part| match part {
            Part::Data(data) => self.data(hands, segment, data),
            Part::Hole(hole) => segment.zeros(&mut hands.workspace, hole),
        })
    }

    fn data(&self, hands: &mut Hands, segment: &mut Segment, data: Extent) -> Result<()> {
        let Hands { window: buffer, workspace } = hands;
        let reader = &self.source.reader;
        let via = reader.way(data);
        segment.expect_data(data)?;
        for window in windows_of(data) {
            self.writer.control.pass(window.len())?;
            let bytes = reader.read(via, buffer, window)?;
            segment.bytes(workspace, window, bytes)?;
            segment.tally.read += window.len();
            self.writer.control.add_done(window.len());
        }
        Ok(())
    }
}
