//! The engine of backy: everything that touches image bytes. It knows nothing of Node.
//!
//! Data flow one way. [`write_image`] reads the data extents of a source, hashes block by block, compares with the
//! parent's index, writes the differences, and reads them back. [`verify_image`] and [`restore_image`] check every
//! block against the index again.
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "test values are small"
    )
)]

mod backup;
mod bytes;
mod check;
mod disk;
mod error;
#[cfg(test)]
mod fault_tests;
mod files;
mod image;
mod platform;
mod restore;
mod source;
mod stream;
mod sys;
mod work;

pub use backup::options::{WriteOptions, WriteStats};
pub use backup::write::write_image;
pub use bytes::block::{BLOCK_SIZE, GRANULE_SIZE, Hash, SEGMENT_SIZE};
pub use bytes::extent::{Extent, ExtentMap};
pub use bytes::sample::Sample;
pub use check::compare::{Compared, compare_source};
pub use check::donor::Donor;
pub use check::indexing::{IndexStats, index_image};
pub use check::proof::Verified;
pub use check::repair::{Outcome, RepairOptions, Repaired, repair_image};
pub use check::report::Report;
pub use check::verify::{VerifyStats, verify_image, verify_mapped_image, verify_next_image};
pub use disk::freed::{Freed, measure_freed};
pub use disk::sharers::{Sharer, find_sharers};
pub use error::{BadBlock, Code, Error, Found, MOST_BAD_BLOCKS, Result};
pub use files::begun::{Begun, find_begun, forget_begun};
pub use files::device::{Facts, Kind, describe, is_busy};
pub use files::directory::{make_directory, move_files, remove_directory};
pub use files::durable::{Existing, remove, replace_links, seal, write_file};
pub use files::holders::find_holders;
pub use files::identity::FileIdentity;
pub use files::lock::{FileLock, LockMode};
pub use files::log_file::append_line;
pub use files::place::check_place;
pub use files::probe::{HostProbe, probe};
pub use files::resolve::real_path;
pub use image::header::Header;
pub use image::index::IndexReader;
pub use image::page::{Page, index_length};
pub use image::sealed::ImageOptions;
pub use platform::{Holder, HolderKind};
pub use restore::outcome::{RestoreStats, TargetKind};
pub use restore::partial::remove_partials;
pub use restore::run::{Target, restore_image};
pub use restore::target::check_target;
pub use restore::to_program::CommandTarget;
pub use source::foreign_format::{ForeignFormat, foreign_format};
pub use source::input::{ChangesInput, CommandInput, Hint, Input, PathInput, Previous};
pub use source::snapshot::{TakenSnapshot, clone_source, take_snapshot};
pub use source::snapshot_directory::{LeftSnapshot, remove_snapshot};
pub use stream::diff_reader::{Change, DiffHeader, DiffReader};
pub use stream::diff_writer::DiffWriter;
pub use stream::librbd::RbdSnapshot;
pub use stream::sample_stream::export_sample;
pub use sys::errno::errno_name;
pub use work::control::{Control, Progress};
pub use work::idle::become_idle;
pub use work::pool::threads;
