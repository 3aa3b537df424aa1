//! Writing a revision from a file or block device.

use crate::backup::draft::{Draft, Start, clone_parent, create_index, open_parent};
use crate::backup::focus::{Focus, Scope};
use crate::backup::options::{COMPARING_BYTES, HINT_FAILED, WriteOptions, WriteStats};
use crate::backup::parent::Parent;
use crate::backup::scan::Scan;
use crate::backup::sealing::Written;
use crate::backup::segment::RevisionWriter;
use crate::disk::sharers::identity;
use crate::error::{Context, Result};
use crate::files::clone::{Cloned, clone_file};
use crate::files::device::Kind;
use crate::image::output::Output;
use crate::source::input::PathInput;
use crate::source::opened::Source;
use crate::sys::fs;
use crate::work::control::Control;

/// Writes a revision, as [`crate::write_image`] says. If a hint turns out wrong, the attempt is discarded and
/// everything is read.
pub(crate) fn write_path(options: &WriteOptions, input: &PathInput, control: &Control) -> Result<WriteStats> {
    let source = Source::open(&input.path)?;
    let parent = open_parent(options)?;
    let job = Job { options, input, source, parent, control };
    let stats = job.write(job.scope()?)?;
    if stats.hint_failures.is_empty() {
        return Ok(stats);
    }
    // The image has wrong bytes from the hint. The next one starts from the parent again.
    for path in [&options.image, &options.index] {
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
        let scope = Focus::of(self.input, self.options.sample, &self.source, self.parent.as_ref())?;
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
        let tallies = Scan { source, focus: focus.as_ref(), writer: &writer }.run()?;
        let RevisionWriter { output, index, .. } = writer;
        let stats = Written { options, size, output, index, tallies }.make_durable()?.prove(control)?;
        let reasons: Vec<String> = without_index.into_iter().chain(unfocused).collect();
        Ok(WriteStats {
            unshared,
            fallback: (!reasons.is_empty()).then(|| reasons.join("; ")),
            narrowed: focus.is_some(),
            source_cloned: start == Start::Source,
            ..stats
        })
    }

    /// Creates the image as a clone of the source or of the parent, or else as one hole. On a filesystem that cannot
    /// clone, the whole image is written from the source, which is read anyway. Copying the parent first would read and
    /// write everything twice, and inherit its rot.
    fn create_image(&self) -> Result<Draft> {
        let path = &self.options.image;
        let size = self.source.size;
        if self.input.cloneable {
            if let Some(output) = self.adopt()? {
                return Ok(Draft::shared(output, Start::Source));
            }
            // The snapshot may still be cloneable from another directory.
            if let Cloned::Shared(file) = clone_file(self.source.reader.file(), path, self.control)? {
                return Ok(Draft::shared(Output::cloned(file, path, size)?, Start::Source));
            }
        }
        clone_parent(self.options, self.parent.as_ref(), size, self.control)
    }

    /// Gives the snapshot the name of the image, if both lie on one filesystem. Cloning it once more would cost as much
    /// per extent as the snapshot did.
    fn adopt(&self) -> Result<Option<Output>> {
        let (snapshot, image) = (self.source.reader.file(), &self.options.image);
        if fs::link(&self.input.path, image).is_err() {
            return Ok(None);
        }
        let file = fs::open_plain(image).on("open", image)?;
        if identity(&file, image)? == identity(snapshot, &self.input.path)? {
            return Ok(Some(Output::existing(file, image, Kind::File)));
        }
        fs::unlink(image).on("unlink", image)?;
        Ok(None)
    }
}
