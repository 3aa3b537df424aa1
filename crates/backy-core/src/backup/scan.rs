//! Reading a file or device segment by segment, and passing its blocks to the writer.

use std::iter;

use crate::backup::focus::Focus;
use crate::backup::segment::{RevisionWriter, Segment, Workspace};
use crate::backup::tally::Tally;
use crate::bytes::block::segments_in;
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
    /// Brings image and index to the state of the source.
    pub(crate) fn run(&self) -> Result<Vec<Tally>> {
        let control = self.writer.control;
        control.add_total(match self.focus {
            None => self.source.data.bytes(),
            Some(focus) => focus.bytes_of(&self.source.data),
        });
        let (holes, segments): (Vec<u64>, Vec<u64>) =
            (0..segments_in(self.source.size)).partition(|number| self.is_hole(*number));
        let hands = || Hands { window: Buffer::new(READ_SIZE), workspace: Workspace::new() };
        let result = pool::for_each(&segments, control, hands, |hands, number| self.segment(hands, number));
        // A source that shrank looks like one that ends early. Its size tells the difference.
        self.source.expect_same_size()?;
        let holes = Tally::of_holes(holes.into_iter().map(|number| self.writer.range(number)));
        result.map(|tallies| iter::once(holes).chain(tallies).collect())
    }

    /// Whether a segment needs no work. Of 4 TiB with 2 GiB of data, nearly all segments need none.
    fn is_hole(&self, number: u64) -> bool {
        self.source.data.within(self.writer.range(number)).next().is_none() && self.writer.is_hole(number)
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
