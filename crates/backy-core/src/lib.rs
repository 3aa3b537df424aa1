//! The engine of backy: everything that touches image bytes. No Node in here.
//!
//! Data flow one way: a source is read ([`write_image`]) by its data extents, block by block hashed, compared
//! with the parent's index and written; then read back. [`verify_image`] and [`restore_image`] check every
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

mod begun;
mod block;
mod buffer;
mod changes;
mod clearing;
mod clone;
mod cloning;
mod compare;
mod control;
mod counted;
mod device;
mod diff_writer;
mod differential;
mod digest;
mod directory;
mod durable;
mod error;
mod extent;
#[cfg(test)]
mod fault_tests;
mod fiemap;
mod focus;
mod format;
mod freed;
mod granularity;
mod granule;
mod header;
mod holders;
mod idle;
mod image;
mod import;
mod index;
mod indexing;
mod input;
mod librbd;
mod lock;
mod mapping;
mod new_file;
mod output;
mod ownership;
mod parent;
mod partial;
mod patch;
mod place;
mod places;
mod platform;
mod pool;
mod probe;
mod program;
mod rate;
mod rbd_diff;
mod rbd_sample;
mod read;
mod readback;
mod recheck;
mod repair;
mod report;
mod restore;
mod scan;
mod segment;
mod snapshot;
mod source;
mod sparse;
mod stream;
mod sys;
mod target;
mod verify;
mod write;

pub use begun::{Begun, find_begun, forget_begun};
pub use block::{BLOCK_SIZE, GRANULE_SIZE, Hash, SEGMENT_SIZE};
pub use compare::{Compared, compare_source};
pub use control::{Control, Progress};
pub use device::{Facts, Kind, describe, is_busy};
pub use diff_writer::DiffWriter;
pub use directory::{make_directory, move_files, remove_directory};
pub use durable::{Existing, remove, replace_links, seal, write_file};
pub use error::{BadBlock, Code, Error, Found, Result, errno_name};
pub use extent::{Extent, ExtentMap};
pub use format::{ForeignFormat, foreign_format};
pub use freed::{Freed, measure_freed};
pub use header::Header;
pub use holders::{Holder, HolderKind, find_holders};
pub use idle::become_idle;
pub use image::ImageOptions;
pub use import::CommandTarget;
pub use index::{IndexReader, Page, index_length};
pub use indexing::{IndexStats, index_image};
pub use input::{ChangesInput, CommandInput, Hint, Input, PathInput, Sample};
pub use librbd::RbdSnapshot;
pub use lock::{FileLock, LockMode};
pub use partial::remove_partials;
pub use place::check_place;
pub use places::{Sharer, find_sharers};
pub use pool::threads;
pub use probe::{HostProbe, probe};
pub use rbd_diff::{Change, DiffHeader, DiffReader};
pub use rbd_sample::export_sample;
pub use repair::{Donor, Outcome, RepairOptions, Repaired, repair_image};
pub use report::Report;
pub use restore::{RestoreStats, Target, TargetKind, restore_image};
pub use snapshot::{TakenSnapshot, take_snapshot};
pub use target::check_target;
pub use verify::{VerifyStats, verify_image, verify_mapped_image};
pub use write::{WriteOptions, WriteStats, write_image};
