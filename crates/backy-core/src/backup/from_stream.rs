//! Writing a revision from the stream of a program: the changes since the parent's snapshot, or everything.

use crate::backup::draft::{Draft, Start, clone_parent, create_index, open_parent};
use crate::backup::options::{COMPARING_BYTES, HINT_FAILED, WriteOptions, WriteStats};
use crate::backup::parent::Parent;
use crate::backup::patch;
use crate::backup::patcher::{Patcher, Unmentioned};
use crate::backup::sealing::Written;
use crate::backup::tally::Totals;
use crate::bytes::block::SEGMENT_SIZE;
use crate::bytes::sample::Sample;
use crate::error::{Code, Error, Result};
use crate::image::header::check_size;
use crate::image::reader::Reader;
use crate::source::input::{ChangesInput, CommandInput};
use crate::source::recheck::{Rechecked, recheck};
use crate::stream::diff_reader::DiffReader;
use crate::stream::program::Program;
use crate::sys::fs;
use crate::work::control::Control;

/// Writes a revision from a stream, as [`crate::write_image`] does from a file.
///
/// If the parent is unfit for the changes, everything is read instead.
///
/// # Errors
/// [`Code::ProgramFailed`], [`Code::DiffDamaged`], [`Code::SourceDiffers`], [`Code::SourceResized`],
/// [`Code::ReflinkUnsupported`], [`Code::ReadBack`], [`Code::Cancelled`], [`Code::Io`].
pub(crate) fn write_stream(
    options: &WriteOptions,
    source: &CommandInput,
    control: &Control,
) -> Result<WriteStats> {
    let Some(changes) = &source.changes else {
        return write_everything(options, source, control);
    };
    let (fallback, compare_bytes, failed) = match write_changes(options, source, changes, control) {
        Ok(Attempt::Written(stats)) if stats.hint_failures.is_empty() => return Ok(stats),
        Ok(Attempt::Written(stats)) => {
            discard(options);
            (HINT_FAILED.to_owned(), options.compare_bytes, Some(stats))
        }
        Ok(Attempt::Unfit(reason)) => (reason, options.compare_bytes, None),
        Err(error) if error.code == Code::ImageDamaged => {
            discard(options);
            // Neither its hashes nor its bytes can be trusted.
            (format!("the parent cannot be built upon ({error})"), true, None)
        }
        Err(error) => return Err(error),
    };
    let options = WriteOptions { compare_bytes, ..options.clone() };
    let stats = write_everything(&options, source, control)?;
    let (read, hint_failures) =
        failed.map_or((0, Vec::new()), |first| (first.bytes_read, first.hint_failures));
    Ok(WriteStats { fallback: Some(fallback), bytes_read: stats.bytes_read + read, hint_failures, ..stats })
}

/// Reads everything. Without a hint that could be wrong, a difference means that the source itself is another one, or
/// that something between it and us went wrong.
fn write_everything(options: &WriteOptions, source: &CommandInput, control: &Control) -> Result<WriteStats> {
    let stats = write(options, source, None, open_parent(options, control)?, control)?;
    match stats.hint_failures.first() {
        None => Ok(stats),
        Some(block) => {
            let error = Error::new(Code::SourceDiffers).at(&source.name).offset(block.offset);
            Err(error.bad(stats.hint_failures))
        }
    }
}

/// The outcome of applying changes to the parent.
enum Attempt {
    Written(WriteStats),
    /// The parent is no base for changes, for this reason.
    Unfit(String),
}

fn write_changes(
    options: &WriteOptions,
    source: &CommandInput,
    changes: &ChangesInput,
    control: &Control,
) -> Result<Attempt> {
    if options.compare_bytes {
        return Ok(Attempt::Unfit(COMPARING_BYTES.to_owned()));
    }
    match open_parent(options, control)? {
        None => Ok(Attempt::Unfit("there is no parent".to_owned())),
        Some(Parent { without_index: Some(reason), .. }) => Ok(Attempt::Unfit(reason)),
        parent => write(options, source, Some(changes), parent, control).map(Attempt::Written),
    }
}

fn write(
    options: &WriteOptions,
    source: &CommandInput,
    changes: Option<&ChangesInput>,
    parent: Option<Parent>,
    control: &Control,
) -> Result<WriteStats> {
    let size = source.size;
    check_size(size, &source.name)?;
    let fallback = parent.as_ref().and_then(|parent| parent.without_index.clone());
    let Draft { output, start, unshared } = clone_parent(options, parent.as_ref(), size, control)?;
    output.give_to_owner()?;
    let cloned = start == Start::Parent;
    let index = create_index(options, size, fallback.is_none() && cloned, control)?;
    let sampled = source.sample.as_ref().map_or(0, |_| sample_of(options).share_of(size));
    control.add_total(size + sampled);
    let copied = match (&parent, changes) {
        (Some(parent), Some(_)) if !cloned => Some(parent.copy_to(&output, size, control)?),
        _ => None,
    };
    let inherits = cloned || copied.is_some();
    let filled = parent.as_ref().map(|parent| parent.filled(inherits, options.compare_bytes, control));
    let patcher = Patcher {
        size,
        filled: filled.transpose()?.unwrap_or_default().align(SEGMENT_SIZE, size),
        parent,
        inherits,
        copied: copied.is_some(),
        unmentioned: if changes.is_some() { Unmentioned::Parent } else { Unmentioned::Zeros },
        compare_bytes: options.compare_bytes,
        output: &output,
        image: Reader::open(&options.image)?,
        index: &index,
        control,
    };
    let totals = export(&patcher, source, changes)?;
    let stats = prove(Written { options, size, output, index, totals }, source, control)?;
    let bytes_written = stats.bytes_written + copied.unwrap_or(0);
    Ok(WriteStats { bytes_written, unshared, fallback, narrowed: changes.is_some(), ..stats })
}

/// Makes the revision durable, and compares it with a sample of the source before it is read back.
fn prove(written: Written, source: &CommandInput, control: &Control) -> Result<WriteStats> {
    let options = written.options;
    let durable = written.make_durable(control)?;
    let rechecked = match &source.sample {
        Some(command) => recheck(&durable.index, source, command, sample_of(options), control)?,
        None => Rechecked::default(),
    };
    let stats = durable.prove(control)?;
    Ok(WriteStats {
        bytes_read: stats.bytes_read + rechecked.read,
        hint_failures: rechecked.bad.first,
        ..stats
    })
}

/// The first revision is compared in full, every other one in part.
fn sample_of(options: &WriteOptions) -> Sample {
    if options.parent_image.is_some() { options.sample } else { Sample::ALL }
}

/// Starts the program and applies its stream.
fn export(patcher: &Patcher, source: &CommandInput, changes: Option<&ChangesInput>) -> Result<Totals> {
    let command = changes.map_or(&source.everything, |changes| &changes.command);
    let since = changes.map(|changes| changes.since.as_str());
    let mut exporter = Program::exporter(command, &source.name)?;
    let output = exporter.output(patcher.control);
    let result = DiffReader::open(output, &source.name).and_then(|(header, mut diff)| {
        source.expect_header(&header, since)?;
        patch::apply(patcher, &mut diff)
    });
    exporter.conclude(result, patcher.control)
}

/// Makes room for another attempt. A file that cannot be removed makes that attempt fail, with an error.
fn discard(options: &WriteOptions) {
    for path in [&options.image, &options.index] {
        let _ = fs::unlink(path);
    }
}
