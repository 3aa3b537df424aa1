//! A sample of the source, read once more in another way, and compared with the index.

use std::io::Read;

use crate::bytes::block::{BLOCK_SIZE, Hash, blocks_of};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::Extent;
use crate::bytes::sample::Sample;
use crate::error::{BadBlock, BadBlocks, Code, Error, Found, Result};
use crate::image::index::IndexReader;
use crate::image::page::LastPage;
use crate::source::input::CommandInput;
use crate::stream::diff_reader::{Change, DiffReader};
use crate::stream::program::Program;
use crate::work::control::Control;

/// Result of reading a sample again. Sizes in bytes.
#[derive(Debug, Default)]
pub(crate) struct Rechecked {
    pub read: u64,
    pub bad: BadBlocks,
}

/// Compares the sample with the index of the new image.
///
/// # Errors
/// [`Code::ProgramFailed`], [`Code::DiffDamaged`], [`Code::SourceResized`], [`Code::Io`], [`Code::Cancelled`].
pub(crate) fn recheck(
    index: &IndexReader,
    input: &CommandInput,
    command: &[String],
    sample: Sample,
    control: &Control,
) -> Result<Rechecked> {
    let numbers = [sample.runs.to_string(), sample.run.to_string()];
    let command: Vec<String> = command.iter().cloned().chain(numbers).collect();
    let mut program = Program::exporter(&command, &input.name)?;
    let output = program.output(control);
    let mut wanted = blocks_of(Extent { start: 0, end: input.size }).filter(|block| sample.has(*block));
    let result = DiffReader::open(output, &input.name).and_then(|(header, mut diff)| {
        input.expect_header(&header, None)?;
        compare(index, input, &mut wanted, &mut diff, control)
    });
    let found = program.conclude(result, control)?;
    if wanted.next().is_some() {
        let error = Error::new(Code::DiffDamaged).at(&input.name).offset(input.size);
        return Err(error.detail("it is not all of the sample that was asked for"));
    }
    Ok(found)
}

fn compare(
    index: &IndexReader,
    input: &CommandInput,
    wanted: &mut impl Iterator<Item = Extent>,
    diff: &mut DiffReader<impl Read>,
    control: &Control,
) -> Result<Rechecked> {
    let mut found = Rechecked::default();
    let mut buffer = Buffer::new(BLOCK_SIZE);
    let mut page = LastPage::default();
    while let Some(change) = diff.next_change()? {
        let (Change::Data(block) | Change::Zero(block)) = change;
        control.pass(block.len())?;
        if wanted.next() != Some(block) {
            let error = Error::new(Code::DiffDamaged).at(&input.name).offset(diff.position());
            return Err(error.detail("it is not the sample that was asked for"));
        }
        let hash = match change {
            Change::Zero(_) => Hash::ZERO,
            Change::Data(_) => {
                let bytes = &mut buffer[..usize::try_from(block.len()).expect("at most a block")];
                diff.read(bytes)?;
                Hash::of(bytes)
            }
        };
        found.read += block.len();
        control.add_done(block.len());
        let expected = page.at(block.start, |number| index.page(number))?.hash_at(block.start);
        if hash != expected {
            let (offset, length) = (block.start, block.len());
            let bad = BadBlock { offset, length, expected, found: Found::Other(hash) };
            found.bad.extend([bad]);
        }
    }
    Ok(found)
}
