//! A sample of a snapshot in a Ceph cluster as a stream of `rbd export-diff`, to check an earlier read.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::bytes::block::{BLOCK_SIZE, blocks_of, is_zero};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::sample::Sample;
use crate::error::Result;
use crate::stream::diff_writer::DiffWriter;
use crate::stream::librbd::{RbdReader, RbdSnapshot};

/// Writes the sampled blocks of a snapshot to `output`, in order, each as one change.
///
/// # Errors
/// [`crate::Code::ProgramFailed`], [`crate::Code::SourceShort`], [`crate::Code::Io`].
pub fn export_sample(snapshot: &RbdSnapshot, sample: Sample, output: OwnedFd) -> Result<()> {
    let reader = RbdReader::open(snapshot)?;
    let size = reader.size()?;
    let mut diff = DiffWriter::start(File::from(output), Path::new("-"), Some(&snapshot.snapshot), size)?;
    let mut buffer = Buffer::new(BLOCK_SIZE);
    for block in blocks_of(Extent { start: 0, end: size }).filter(|block| sample.has(*block)) {
        let bytes = &mut buffer[..usize::try_from(block.len()).expect("at most a block")];
        reader.read(block.start, bytes)?;
        if is_zero(bytes) { diff.zero(block)? } else { diff.data(block, bytes)? }
    }
    diff.finish()
}
