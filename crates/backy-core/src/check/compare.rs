//! Comparing a sealed revision with its source snapshot.

use crate::bytes::sample::Sample;
use crate::check::verify::find_bad_blocks;
use crate::error::{BadBlock, BadBlocks, Code, Error, Result};
use crate::files::names::directory_of;
use crate::image::sealed::{Image, ImageOptions};
use crate::source::input::Input;
use crate::source::opened::Source;
use crate::source::recheck::recheck;
use crate::work::control::Control;

/// Result of a comparison. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Read from the source.
    pub bytes_read: u64,
    /// In how many blocks the source is not what the index says.
    pub different_count: u64,
    /// The first of these, in order: [`crate::MOST_BAD_BLOCKS`].
    pub different: Vec<BadBlock>,
}

/// Reads a whole source and compares every block with the index of an image. The image itself is not read.
///
/// # Errors
/// [`Code::IndexDamaged`], [`Code::SourceResized`], [`Code::SourceKind`], [`Code::SnapshotReplaced`],
/// [`Code::ProgramFailed`], [`Code::DiffDamaged`], [`Code::InvalidArgument`] for a command without a sample,
/// [`Code::Io`], [`Code::Cancelled`].
pub fn compare_source(options: &ImageOptions, source: &Input, control: &Control) -> Result<Compared> {
    match source {
        Input::Path(input) => {
            let Source { reader, size, data } = Source::open(input, directory_of(&options.image), control)?;
            let image = Image::of_source(options, reader, (size, data), control)?;
            let BadBlocks { first, count } = find_bad_blocks(&image, control, |_| ())?;
            Ok(Compared { bytes_read: image.data_bytes(), different_count: count, different: first })
        }
        Input::Command(input) => {
            let Some(command) = &input.sample else {
                return Err(Error::new(Code::InvalidArgument).detail("the source hands over no sample"));
            };
            options.expect_size(input.size, &input.name)?;
            let found = recheck(&options.open_index(control)?, input, command, Sample::ALL, control)?;
            let BadBlocks { first, count } = found.bad;
            Ok(Compared { bytes_read: found.read, different_count: count, different: first })
        }
    }
}
