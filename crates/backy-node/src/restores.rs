//! The calls that restore an image.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use backy_core::{Code, Error, Target, TargetKind};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::images::sealed;
use crate::outcome::{BadBlock, count, crossing, promise, whole};

/// A sealed image, the facts in its record, and the target.
#[napi(object)]
pub struct RestoreOptions {
    /// The image.
    pub image: String,
    /// Its index.
    pub index: String,
    /// Size of the image in bytes.
    pub size: f64,
    /// BLAKE3 of the index.
    pub digest: String,
    /// A new file, an existing one or a block device; or else ...
    pub target: Option<String>,
    /// ... a descriptor that takes bytes in order, and stays open; or else ...
    pub target_fd: Option<i32>,
    /// ... a target that programs read and write; or else ...
    pub target_command: Option<CommandTarget>,
    /// ... a new file that shares the blocks of the image, none of which is checked.
    pub target_clone: Option<String>,
    /// Restore the good blocks of a damaged image.
    pub force: Option<bool>,
}

/// A target that programs read and write, as streams of `rbd export-diff` and for `rbd import-diff`.
#[napi(object)]
pub struct CommandTarget {
    /// The name of the target in errors.
    pub name: String,
    /// The program that writes all bytes of the target, and its arguments.
    pub export: Vec<String>,
    /// The program that reads changes, and its arguments.
    pub import: Vec<String>,
    /// Seconds for which that program may read nothing, or go on after the last change.
    pub patience: u32,
}

/// Figures of a restore. Sizes in bytes.
#[napi(object)]
pub struct RestoreStats {
    /// Size of the image.
    pub size: i64,
    /// Read from the image.
    pub bytes_read: i64,
    /// Written to the target.
    pub bytes_written: i64,
    /// Number of blocks that were not restored.
    pub bad_count: i64,
    /// The first 10,000 of them.
    pub bad_blocks: Vec<BadBlock>,
    /// The kind of the target.
    #[napi(ts_type = "'new' | 'clone' | 'file' | 'device' | 'stream' | 'command'")]
    pub target_kind: String,
}

/// Restores an image, and checks every block against the index on the way, unless it is cloned. Only differences are
/// written to an existing target.
#[napi(ts_return_type = "Promise<RestoreStats | Failure>")]
pub fn restore_image<'env>(
    env: &'env Env,
    options: RestoreOptions,
    control: &Control,
) -> Result<Object<'env>> {
    controlled(env, "restore", control, move |control| {
        let RestoreOptions { target, target_fd, target_command, target_clone, .. } = options;
        let target = target_of(target, target_fd, target_command, target_clone)?;
        let image = sealed(options.image, options.index, options.size, &options.digest)?;
        let stats = backy_core::restore_image(&image, target, options.force.unwrap_or(false), control)?;
        Ok(RestoreStats {
            size: count(stats.size),
            bytes_read: count(stats.bytes_read),
            bytes_written: count(stats.bytes_written),
            bad_count: count(stats.bad_count),
            bad_blocks: crossing(&stats.bad_blocks),
            target_kind: match stats.kind {
                TargetKind::NewFile => "new",
                TargetKind::Clone => "clone",
                TargetKind::File => "file",
                TargetKind::Device => "device",
                TargetKind::Stream => "stream",
                TargetKind::Command => "command",
            }
            .to_owned(),
        })
    })
}

/// What a restore would write to.
#[napi(object)]
pub struct TargetFacts {
    /// The permissions of a file that exists.
    pub mode: Option<u32>,
}

/// Finds out whether an image of `size` bytes can be restored to a new file, an existing one or a block device. Nothing is
/// read or changed.
#[napi(ts_return_type = "Promise<TargetFacts | Failure>")]
pub fn check_target(env: &Env, path: String, size: f64) -> Result<Object<'_>> {
    promise(env, "target", move || {
        let mode = backy_core::check_target(Path::new(&path), whole("size", size)?)?;
        Ok(TargetFacts { mode })
    })
}

fn target_of(
    path: Option<String>,
    fd: Option<i32>,
    command: Option<CommandTarget>,
    clone: Option<String>,
) -> backy_core::Result<Target> {
    let invalid =
        || Error::new(Code::InvalidArgument).detail("a target is a path, a descriptor, a command or a clone");
    match (path, fd, command, clone) {
        (Some(path), None, None, None) => Ok(Target::Path(path.into())),
        (None, None, None, Some(path)) => Ok(Target::Clone(path.into())),
        (None, Some(fd), None, None) if fd >= 0 => duplicate(fd).map(Target::Stream).map_err(|_| invalid()),
        (None, None, Some(CommandTarget { name, export, import, patience }), None) => {
            let patience = Duration::from_secs(patience.into());
            Ok(Target::Command(backy_core::CommandTarget { name: name.into(), export, import, patience }))
        }
        _ => Err(invalid()),
    }
}

fn duplicate(fd: i32) -> std::io::Result<OwnedFd> {
    // SAFETY: the caller keeps its descriptor open during the call; a wrong one fails with EBADF.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
}
