//! Writing a revision from a file or block device.

use crate::backup::draft::{Draft, Start, clone_parent, create_index, open_parent};
use crate::backup::focus::{Focus, Scope};
use crate::backup::options::{COMPARING_BYTES, HINT_FAILED, WriteOptions, WriteStats};
use crate::backup::parent::Parent;
use crate::backup::scan::Scan;
use crate::backup::sealing::Written;
use crate::backup::segment::RevisionWriter;
use crate::error::{Context, Result};
use crate::files::device::Kind;
use crate::files::names::directory_of;
use crate::image::output::Output;
use crate::source::input::PathInput;
use crate::source::opened::Source;
use crate::sys::fs;
use crate::work::control::Control;

/// Writes a revision, as [`crate::write_image`] says. If a hint turns out wrong, the attempt is discarded and
/// everything is read.
pub(crate) fn write_path(options: &WriteOptions, input: &PathInput, control: &Control) -> Result<WriteStats> {
    let source = Source::open(input, directory_of(&options.image), control)?;
    let parent = open_parent(options, control)?;
    let job = Job { options, input, source, parent, control };
    let stats = job.write(job.scope()?)?;
    if stats.hint_failures.is_empty() {
        return Ok(stats);
    }
    // Image and index have wrong bytes from the hint. The next ones start from the parent again. An image that is the
    // snapshot has the right bytes.
    let wrong = if job.is_snapshot() { None } else { Some(&options.image) };
    for path in wrong.into_iter().chain([&options.index]) {
        fs::unlink(path).on("unlink", path)?;
    }
    let again = job.write(Scope::Everything(Some(HINT_FAILED.to_owned())))?;
    let bytes_read = stats.bytes_read + again.bytes_read;
    Ok(WriteStats { bytes_read, hint_failures: stats.hint_failures, ..again })
}

/// A revision on its way from one source.
struct Job<'a> {
    options: &'a WriteOptions,
    input: &'a PathInput,
    source: Source,
    parent: Option<Parent>,
    control: &'a Control,
}

impl Job<'_> {
    /// The part of the source that needs to be read.
    fn scope(&self) -> Result<Scope> {
        let scope = Focus::of(
            self.input,
            self.options.sample,
            &self.source,
            self.parent.as_ref(),
            directory_of(&self.options.image),
            self.control,
        )?;
        Ok(match scope {
            Scope::Narrowed(_) if self.options.compare_bytes => {
                Scope::Everything(Some(COMPARING_BYTES.to_owned()))
            }
            scope => scope,
        })
    }

    fn write(&self, scope: Scope) -> Result<WriteStats> {
        let Self { options, source, control, .. } = self;
        let (size, compare_bytes) = (source.size, options.compare_bytes);
        let parent = self.parent.as_ref();
        let without_index = parent.and_then(|parent| parent.without_index.clone());
        let Draft { output, start, unshared } = self.create_image()?;
        output.give_to_owner()?;
        let index = create_index(options, size, without_index.is_none() && start != Start::Hole, control)?;
        let (focus, unfocused) = match scope {
            Scope::Everything(reason) => (None, reason),
            // A revision that shares nothing is written whole, so everything is read.
            Scope::Narrowed(focus) => (Some(focus).filter(|_| start != Start::Hole), None),
        };
        let writer = RevisionWriter { parent, start, compare_bytes, output, index, size, control };
        let totals = Scan { source, focus: focus.as_ref(), writer: &writer }.run()?;
        let RevisionWriter { output, index, .. } = writer;
        let stats = Written { options, size, output, index, totals }.make_durable(control)?.prove(control)?;
        let reasons: Vec<String> = without_index.into_iter().chain(unfocused).collect();
        Ok(WriteStats {
            unshared,
            fallback: (!reasons.is_empty()).then(|| reasons.join("; ")),
            narrowed: focus.is_some(),
            source_cloned: start == Start::Source,
            ..stats
        })
    }

    /// Whether the snapshot has the name of the image.
    fn is_snapshot(&self) -> bool {
        self.input.path == self.options.image
    }

    /// Takes the snapshot as the image, or creates the image as a clone of the parent, or else as one hole. On a
    /// filesystem that cannot clone, the whole image is written from the source, which is read anyway. Copying the parent
    /// first would read and write everything twice, and inherit its rot.
    fn create_image(&self) -> Result<Draft> {
        let path = &self.options.image;
        if self.is_snapshot() {
            let file = fs::duplicate(self.source.reader.file()).on("dup", path)?;
            return Ok(Draft::shared(Output::existing(file, path, Kind::File), Start::Source));
        }
        clone_parent(self.options, self.parent.as_ref(), self.source.size, self.control)
    }
}
