//! Writing a revision: clone the parent, write what differs, hash on the way, read back the written blocks.
//!
//! The hash is computed from the buffer that is written, so data and index agree even if the source changes meanwhile.
//! A hint of the source narrows the read, but all read blocks are compared. A single block that proves the hint wrong
//! causes a full read.

use crate::backup::from_path::write_path;
use crate::backup::from_stream::write_stream;
use crate::backup::options::{WriteOptions, WriteStats};
use crate::error::Result;
use crate::source::input::Input;
use crate::work::control::Control;

/// Writes image and index of a new revision and makes both durable. Written blocks are read back from the disk and
/// compared. On failure both files may be left behind, incomplete.
///
/// # Errors
/// [`crate::Code::SourceResized`], [`crate::Code::SourceShort`], [`crate::Code::SourceKind`],
/// [`crate::Code::SnapshotReplaced`], [`crate::Code::TooLarge`],
/// [`crate::Code::DiffDamaged`], [`crate::Code::ProgramFailed`], [`crate::Code::ReflinkUnsupported`],
/// [`crate::Code::ReadBack`], [`crate::Code::Cancelled`], [`crate::Code::Io`].
pub fn write_image(options: &WriteOptions, control: &Control) -> Result<WriteStats> {
    match &options.source {
        Input::Path(input) => write_path(options, input, control),
        Input::Command(input) => write_stream(options, input, control),
    }
}
