//! The calls that write and check whole images.

use std::path::{Path, PathBuf};

use backy_core::{Code, Error, Extent, ExtentMap, Hash, Hint, ImageOptions, Input, PathInput, Sample};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::outcome::{BadBlock, count, crossing, whole};
use crate::snapshots::{FileIdentity, identity_of};

/// A range of bytes.
#[napi(object)]
pub struct ByteRange {
    /// Offset in bytes.
    pub offset: f64,
    /// Its length in bytes.
    pub length: f64,
}

/// A source: a path with the known facts about it, or a command.
#[napi(object)]
pub struct SourceInput {
    /// File or block device to read; symbolic links are followed, unless it is a snapshot. It may be the image itself.
    pub path: Option<String>,
    /// The file that it must be, for a snapshot of ours.
    pub identity: Option<FileIdentity>,
    /// The snapshot of the parent. Extents at the same place in both are the same.
    pub previous: Option<Previous>,
    /// Ranges that may differ from the parent's snapshot.
    pub changed: Option<Vec<ByteRange>>,
    /// The output of a program.
    pub command: Option<CommandInput>,
}

/// The snapshot that a parent was made from.
#[napi(object)]
pub struct Previous {
    /// Its path; symbolic links are not followed.
    pub path: String,
    /// The file that it must be.
    pub identity: FileIdentity,
}

/// A source that a program writes as a stream of `rbd export-diff`.
#[napi(object)]
pub struct CommandInput {
    /// The name of the source in errors.
    pub name: String,
    /// The snapshot that the stream must lead to.
    pub snapshot: String,
    /// Size of the source in that snapshot, in bytes.
    pub size: f64,
    /// The program that writes everything, and its arguments.
    pub command: Vec<String>,
    /// The program that writes only the changes.
    pub changes: Option<ChangesInput>,
    /// The program that writes a sample, and its arguments, to which two numbers are added.
    pub sample: Option<Vec<String>>,
}

/// A program that writes only the changes.
#[napi(object)]
pub struct ChangesInput {
    /// The parent's snapshot, from which the stream must start.
    pub since: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// The source, the parent and the files of a new revision.
#[napi(object)]
pub struct WriteOptions {
    /// The source.
    pub source: SourceInput,
    /// The image to create; the name must be free.
    pub image: String,
    /// The index to create; the name must be free.
    pub index: String,
    /// Image of the revision to clone from.
    pub parent_image: Option<String>,
    /// Its index; without one every byte of the parent is compared.
    pub parent_index: Option<String>,
    /// The digest of the parent's index, from the parent's record.
    pub parent_digest: Option<String>,
    /// Compare with the parent's bytes even if its index says that a block is the same.
    pub compare_bytes: Option<bool>,
    /// Fail instead of writing a revision that shares nothing.
    pub require_reflink: Option<bool>,
    /// Number of runs in which every block is read again, whatever hints say. Without it there is no sample.
    pub sample_runs: Option<f64>,
    /// Number of this run; larger numbers start over.
    pub sample_run: Option<f64>,
}

/// Figures of writing a revision. Sizes in bytes.
#[napi(object)]
pub struct WriteStats {
    /// Size of the image.
    pub size: i64,
    /// Bytes that share one hash.
    pub block_size: i64,
    /// BLAKE3 of the index.
    pub digest: String,
    /// Read from the source.
    pub bytes_read: i64,
    /// Written to the image.
    pub bytes_written: i64,
    /// In blocks that differ from the parent's.
    pub bytes_changed: i64,
    /// In blocks that are all zeros.
    pub bytes_zero: i64,
    /// Whether blocks are shared with other revisions.
    #[napi(ts_type = "'reflink' | 'none'")]
    pub sharing: String,
    /// The reason why they are not.
    pub sharing_reason: Option<String>,
    /// The reason why a cheaper way was not taken.
    pub fallback: Option<String>,
    /// Whether only the ranges of a hint and a sample were read.
    pub narrowed: bool,
    /// Whether the image is a clone of the source.
    pub source_cloned: bool,
    /// Number of extents of the image; absent if the filesystem does not tell.
    pub extents: Option<i64>,
    /// The first 10,000 blocks that differ although the hint did not name them.
    pub hint_failures: Vec<BadBlock>,
}

/// Writes image and index of a new revision, makes both durable, and reads back the written blocks. On failure both may
/// be left behind, incomplete.
#[napi(ts_return_type = "Promise<WriteStats | Failure>")]
pub fn write_image<'env>(env: &'env Env, options: WriteOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "write", control, move |control| {
        let options = backy_core::WriteOptions {
            source: input_of(options.source)?,
            image: options.image.into(),
            index: options.index.into(),
            parent_image: options.parent_image.map(PathBuf::from),
            parent_index: options.parent_index.map(PathBuf::from),
            parent_digest: options.parent_digest.as_deref().map(hash_of).transpose()?,
            compare_bytes: options.compare_bytes.unwrap_or(false),
            require_reflink: options.require_reflink.unwrap_or(false),
            sample: sample_of(options.sample_runs.unwrap_or(0.0), options.sample_run.unwrap_or(0.0))?,
        };
        let stats = backy_core::write_image(&options, control)?;
        Ok(WriteStats {
            size: count(stats.size),
            block_size: count(backy_core::BLOCK_SIZE as u64),
            digest: stats.digest.to_string(),
            bytes_read: count(stats.bytes_read),
            bytes_written: count(stats.bytes_written),
            bytes_changed: count(stats.bytes_changed),
            bytes_zero: count(stats.bytes_zero),
            sharing: if stats.unshared.is_none() { "reflink" } else { "none" }.to_owned(),
            sharing_reason: stats.unshared,
            fallback: stats.fallback,
            narrowed: stats.narrowed,
            source_cloned: stats.source_cloned,
            extents: stats.extents.map(count),
            hint_failures: crossing(&stats.hint_failures),
        })
    })
}

fn input_of(input: SourceInput) -> backy_core::Result<Input> {
    let invalid = |what: &str| Error::new(Code::InvalidArgument).detail(what);
    let SourceInput { path, identity, previous, changed, command } = input;
    let path = match (path, command) {
        (Some(path), None) => path,
        (None, Some(command)) => return command_of(command),
        _ => return Err(invalid("a source is a path or a command")),
    };
    let hint = match (previous, changed) {
        (None, None) => Hint::None,
        (Some(Previous { path, identity }), None) => {
            Hint::Previous(backy_core::Previous { path: path.into(), identity: identity_of(&identity)? })
        }
        (None, Some(ranges)) => {
            let extents: backy_core::Result<_> = ranges.iter().map(extent_of).collect();
            Hint::Changed(ExtentMap::normalise(extents?))
        }
        (Some(_), Some(_)) => return Err(invalid("a source has one hint")),
    };
    let identity = identity.as_ref().map(identity_of).transpose()?;
    Ok(Input::Path(PathInput { path: path.into(), identity, hint }))
}

fn command_of(input: CommandInput) -> backy_core::Result<Input> {
    Ok(Input::Command(backy_core::CommandInput {
        name: input.name.into(),
        snapshot: input.snapshot,
        size: whole("size", input.size)?,
        everything: input.command,
        changes: input
            .changes
            .map(|ChangesInput { since, command }| backy_core::ChangesInput { since, command }),
        sample: input.sample,
    }))
}

fn extent_of(range: &ByteRange) -> backy_core::Result<Extent> {
    Ok(Extent::at(whole("offset", range.offset)?, whole("length", range.length)?))
}

pub(crate) fn sample_of(runs: f64, run: f64) -> backy_core::Result<Sample> {
    let (runs, run): (u32, u64) = (whole("sampleRuns", runs)?, whole("sampleRun", run)?);
    let run = u32::try_from(run % u64::from(runs.max(1))).expect("less than runs");
    Ok(Sample { runs, run })
}

/// A revision, and its source snapshot.
#[napi(object)]
pub struct CompareOptions {
    /// The source.
    pub source: SourceInput,
    /// The image of the revision, for errors.
    pub image: String,
    /// Its index.
    pub index: String,
    /// Size of the image in bytes.
    pub size: f64,
    /// BLAKE3 of the index.
    pub digest: String,
}

/// Result of comparing a revision with a snapshot. Sizes in bytes.
#[napi(object)]
pub struct CompareStats {
    /// Read from the source.
    pub bytes_read: i64,
    /// Number of blocks of the source that differ from the index.
    pub different_count: i64,
    /// The first 10,000 of them.
    pub different: Vec<BadBlock>,
}

/// Reads a whole snapshot and compares every block with the index of the revision that was made of it.
#[napi(ts_return_type = "Promise<CompareStats | Failure>")]
pub fn compare_source<'env>(
    env: &'env Env,
    options: CompareOptions,
    control: &Control,
) -> Result<Object<'env>> {
    controlled(env, "compare", control, move |control| {
        let image = sealed(options.image, options.index, options.size, &options.digest)?;
        let compared = backy_core::compare_source(&image, &input_of(options.source)?, control)?;
        Ok(CompareStats {
            bytes_read: count(compared.bytes_read),
            different_count: count(compared.different_count),
            different: crossing(&compared.different),
        })
    })
}

/// An image without an index.
#[napi(object)]
pub struct IndexOptions {
    /// The image.
    pub image: String,
    /// The index to create; the name must be free.
    pub index: String,
}

/// Figures of a new index. Sizes in bytes.
#[napi(object)]
pub struct IndexStats {
    /// Size of the image.
    pub size: i64,
    /// Bytes that share one hash.
    pub block_size: i64,
    /// BLAKE3 of the index.
    pub digest: String,
    /// In blocks that are all zeros.
    pub bytes_zero: i64,
}

/// Builds the index of an image without one, durably. On failure it may be left behind, incomplete.
#[napi(ts_return_type = "Promise<IndexStats | Failure>")]
pub fn index_image<'env>(env: &'env Env, options: IndexOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "index", control, move |control| {
        let (image, index) = (PathBuf::from(options.image), PathBuf::from(options.index));
        let stats = backy_core::index_image(&image, &index, control)?;
        Ok(IndexStats {
            size: count(stats.size),
            block_size: count(backy_core::BLOCK_SIZE as u64),
            digest: stats.digest.to_string(),
            bytes_zero: count(stats.bytes_zero),
        })
    })
}

/// Facts about an image in its index. Sizes in bytes.
#[napi(object)]
pub struct IndexFacts {
    /// Size of the image.
    pub size: i64,
    /// Bytes that share one hash.
    pub block_size: i64,
    /// BLAKE3 of the index.
    pub digest: String,
}

/// Reads an index whose record is lost, and checks its header and length.
#[napi(ts_return_type = "Promise<IndexFacts | Failure>")]
pub fn describe_index<'env>(env: &'env Env, index: String, control: &Control) -> Result<Object<'env>> {
    controlled(env, "describe-index", control, move |control| {
        let index = backy_core::IndexReader::open(Path::new(&index), control)?;
        Ok(IndexFacts {
            size: count(index.header().image_size),
            block_size: count(backy_core::BLOCK_SIZE as u64),
            digest: index.digest(control)?.to_string(),
        })
    })
}

pub(crate) fn sealed(
    image: String,
    index: String,
    size: f64,
    digest: &str,
) -> backy_core::Result<ImageOptions> {
    Ok(ImageOptions {
        image: image.into(),
        index: index.into(),
        size: whole("size", size)?,
        digest: hash_of(digest)?,
    })
}

fn hash_of(digest: &str) -> backy_core::Result<Hash> {
    let invalid = || Error::new(Code::InvalidArgument).detail("a digest is 64 hexadecimal digits");
    Hash::parse(digest).ok_or_else(invalid)
}
