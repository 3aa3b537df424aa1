//! Image and index of a new revision before anything is written to them.

use crate::backup::options::WriteOptions;
use crate::backup::parent::Parent;
use crate::error::{Code, Error, Result};
use crate::files::clone::{Cloned, clone_file};
use crate::files::names::directory_of;
use crate::files::probe::reflink_refused;
use crate::image::index::IndexReader;
use crate::image::index_writer::IndexWriter;
use crate::image::output::Output;
use crate::work::control::Control;

/// The contents of an image before the first write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Hole,
    /// The bytes of the parent.
    Parent,
    /// The bytes of the source. Nothing needs to be written at all.
    Source,
}

/// An image before anything is written to it.
pub(crate) struct Draft {
    pub output: Output,
    pub start: Start,
    /// The reason why it shares nothing.
    pub unshared: Option<String>,
}

impl Draft {
    pub(crate) fn shared(output: Output, start: Start) -> Self {
        Self { output, start, unshared: None }
    }
}

/// Opens the revision to start from, if there is one.
pub(crate) fn open_parent(options: &WriteOptions, control: &Control) -> Result<Option<Parent>> {
    let WriteOptions { parent_image, parent_index, parent_digest, .. } = options;
    let image = parent_image.as_deref();
    image
        .map(|image| Parent::open(image, parent_index.as_deref(), parent_digest.as_ref(), control))
        .transpose()
}

/// Creates the image as a clone of the parent, or as one hole.
pub(crate) fn clone_parent(
    options: &WriteOptions,
    parent: Option<&Parent>,
    size: u64,
    control: &Control,
) -> Result<Draft> {
    let path = &options.image;
    let unshared = match parent {
        None => reflink_refused(directory_of(path), control)?,
        Some(parent) => match clone_file(parent.image.file(), path, control)? {
            Cloned::Shared(file) => {
                return Ok(Draft::shared(Output::cloned(file, path, size)?, Start::Parent));
            }
            Cloned::Refused(refusal) => Some(refusal.reason),
        },
    };
    match unshared {
        Some(reason) if options.require_reflink => {
            Err(Error::new(Code::ReflinkUnsupported).at(directory_of(path)).detail(reason))
        }
        unshared => Ok(Draft { output: Output::create(path, size)?, start: Start::Hole, unshared }),
    }
}

/// Creates the index, with `clone` as a clone of the parent's.
pub(crate) fn create_index(
    options: &WriteOptions,
    size: u64,
    clone: bool,
    control: &Control,
) -> Result<IndexWriter> {
    let base = options.parent_index.as_deref().filter(|_| clone);
    let base = base.map(|base| IndexReader::open(base, control)).transpose()?;
    IndexWriter::create(&options.index, size, base, control)
}
