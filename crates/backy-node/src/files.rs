//! The calls about small files, locks, and what a host can do.

use std::path::{Path, PathBuf};

use backy_core::{Code, Error, Existing, FileLock as CoreLock, Kind, LockMode};
use napi::bindgen_prelude::{Either, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::outcome::{Failure, Holder, count, promise, settle, whole};

/// What a directory's filesystem can do.
#[napi(object)]
pub struct HostProbe {
    /// Its name.
    pub filesystem: String,
    /// Whether files can share blocks.
    pub reflink: bool,
    /// Why they cannot.
    pub reflink_reason: Option<String>,
    /// Whether ranges of a file can be freed.
    pub punch_hole: bool,
    /// Whether files can be read past the page cache.
    pub direct_io: bool,
    /// Bytes an ordinary user may still write.
    pub free_bytes: i64,
    /// Bytes in all.
    pub total_bytes: i64,
}

/// Tries out, with temporary files in `directory`, what its filesystem can do.
#[napi(ts_return_type = "Promise<HostProbe | Failure>")]
pub fn probe(env: &Env, directory: String) -> Result<Object<'_>> {
    promise(env, "probe", move || {
        let probe = backy_core::probe(Path::new(&directory), &backy_core::Control::default())?;
        Ok(HostProbe {
            filesystem: probe.filesystem,
            reflink: probe.reflink_refused.is_none(),
            reflink_reason: probe.reflink_refused,
            punch_hole: probe.punch_hole,
            direct_io: probe.direct_io,
            free_bytes: count(probe.free_bytes),
            total_bytes: count(probe.total_bytes),
        })
    })
}

/// What a path leads to.
#[napi(object)]
pub struct SourceFacts {
    /// File or block device.
    #[napi(ts_type = "'file' | 'device'")]
    pub kind: String,
    /// Size in bytes.
    pub size: i64,
    /// Whether it is a device that is mounted or otherwise in use.
    pub busy: bool,
    /// A format of images that its first bytes show, such as `qcow2`; absent when it seems raw.
    pub format: Option<String>,
    /// Why not all of that image is in it, such as `it has a backing file`.
    pub elsewhere: Option<String>,
}

/// Kind, size and format of a file or block device; symbolic links are followed.
#[napi(ts_return_type = "Promise<SourceFacts | Failure>")]
pub fn describe_source(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "describe", move || {
        let path = Path::new(&path);
        let facts = backy_core::describe(path)?;
        let format = backy_core::foreign_format(path);
        Ok(SourceFacts {
            kind: if facts.kind == Kind::File { "file" } else { "device" }.to_owned(),
            size: count(facts.size),
            busy: backy_core::is_busy(path)?,
            format: format.map(|format| format.name.to_owned()),
            elsewhere: format.and_then(|format| format.elsewhere).map(str::to_owned),
        })
    })
}

/// A file and the snapshot of it that is taken.
#[napi(object)]
pub struct SnapshotOptions {
    /// The file; symbolic links are followed.
    pub source: String,
    /// The clone to create beside it; the name must be free.
    pub snapshot: String,
    /// The directory of the repository that it is for: it gets the owner of that.
    pub repository: String,
}

/// What was taken.
#[napi(object)]
pub struct SnapshotStats {
    /// Size in bytes.
    pub size: i64,
    /// Number of its filesystem.
    pub device: String,
    /// Its number there.
    pub inode: String,
    /// When it was created, in nanoseconds since 1970; absent where the filesystem does not keep that.
    pub birth: Option<String>,
}

/// Clones a file durably, to a file that its owner may read and nobody may write to.
#[napi(ts_return_type = "Promise<SnapshotStats | Failure>")]
pub fn take_snapshot<'env>(
    env: &'env Env,
    options: SnapshotOptions,
    control: &Control,
) -> Result<Object<'env>> {
    controlled(env, "snapshot", control, move |control| {
        let [source, snapshot, repository] =
            [&options.source, &options.snapshot, &options.repository].map(Path::new);
        let taken = backy_core::take_snapshot(source, snapshot, repository, control)?;
        Ok(SnapshotStats {
            size: count(taken.size),
            device: taken.device.to_string(),
            inode: taken.inode.to_string(),
            birth: taken.birth.map(|birth| birth.to_string()),
        })
    })
}

/// What a restore has left on a file or device.
#[napi(object)]
pub struct Begun {
    /// Whether one is running.
    pub running: bool,
    /// The image that one has begun to write there, and has not finished.
    pub image: Option<String>,
    /// Whether it could say so there.
    pub marks: bool,
}

/// Looks for a restore that is running on a file or device, or has begun there and is not complete. Changes nothing.
#[napi(ts_return_type = "Promise<Begun | Failure>")]
pub fn find_begun(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "begun", move || {
        let begun = backy_core::find_begun(Path::new(&path))?;
        let image = begun.image.map(|image| image.to_string_lossy().into_owned());
        Ok(Begun { running: begun.running, image, marks: begun.marks })
    })
}

/// Forgets that a restore onto a file has begun and is not complete.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn forget_begun(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "begun", move || backy_core::forget_begun(Path::new(&path)))
}

/// Removes what interrupted restores to a new file have left beside its name; tells what that was.
#[napi(ts_return_type = "Promise<string[] | Failure>")]
pub fn remove_partials(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "partials", move || {
        let removed = backy_core::remove_partials(Path::new(&path));
        Ok(removed.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>())
    })
}

/// A held lock. The kernel drops it when the process dies.
#[napi]
pub struct FileLock {
    held: Option<CoreLock>,
}

#[napi]
impl FileLock {
    /// Gives the lock back; doing so twice does no harm.
    #[napi]
    pub fn release(&mut self) {
        self.held = None;
    }
}

/// Takes a lock without waiting. The lock file is created if need be, never followed as a link, never removed.
#[napi]
#[must_use]
pub fn lock_file(
    path: String,
    #[napi(ts_arg_type = "'exclusive' | 'shared'")] mode: String,
) -> Either<FileLock, Failure> {
    settle(|| {
        let mode = match mode.as_str() {
            "exclusive" => LockMode::Exclusive,
            "shared" => LockMode::Shared,
            other => {
                let detail = format!("a lock is exclusive or shared, not {other}");
                return Err(Error::new(Code::InvalidArgument).detail(detail));
            }
        };
        CoreLock::acquire(Path::new(&path), mode).map(|held| FileLock { held: Some(held) })
    })
}

/// Writes a small file durably: temporary name, fsync, rename, fsync of the directory.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn replace_file(env: &Env, path: String, contents: String, mode: f64) -> Result<Object<'_>> {
    promise(env, "file", move || {
        backy_core::write_file(Path::new(&path), contents.as_bytes(), whole("mode", mode)?, Existing::Replace)
    })
}

/// Like `replaceFile`, but fails with `EEXIST` when the name is taken.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn create_file(env: &Env, path: String, contents: String, mode: f64) -> Result<Object<'_>> {
    promise(env, "file", move || {
        backy_core::write_file(Path::new(&path), contents.as_bytes(), whole("mode", mode)?, Existing::Keep)
    })
}

/// A symbolic link and what it points to.
#[napi(object)]
pub struct Link {
    /// Where the link is.
    pub path: String,
    /// What it points to, as it is stored.
    pub target: String,
}

/// Points symbolic links of one directory at their targets, each atomically, all of them durably.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn replace_links(env: &Env, links: Vec<Link>) -> Result<Object<'_>> {
    promise(env, "links", move || {
        let links: Vec<_> = links.into_iter().map(|link| (link.path.into(), link.target.into())).collect();
        backy_core::replace_links(&links)
    })
}

/// A file and the name it gets.
#[napi(object)]
pub struct Renaming {
    /// Its name now.
    pub from: String,
    /// Its name then; it must be free.
    pub to: String,
}

/// Makes files of one directory read-only (0400), renames them in order, and makes that durable.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn seal_files(env: &Env, files: Vec<Renaming>) -> Result<Object<'_>> {
    promise(env, "seal", move || {
        let pairs: Vec<_> = files.into_iter().map(|file| (file.from.into(), file.to.into())).collect();
        backy_core::seal(&pairs)
    })
}

/// Removes files in order, each durably before the next; what is not there is skipped.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn remove_files(env: &Env, paths: Vec<String>) -> Result<Object<'_>> {
    promise(env, "remove", move || {
        backy_core::remove(&paths.into_iter().map(PathBuf::from).collect::<Vec<_>>())
    })
}

/// Renames files in order, within one filesystem, then makes that durable. No name may be taken (`EEXIST`); what
/// is not there is skipped, so that a move which was interrupted is finished by doing it again.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn move_files(env: &Env, files: Vec<Renaming>) -> Result<Object<'_>> {
    promise(env, "move", move || {
        let pairs: Vec<_> = files.into_iter().map(|file| (file.from.into(), file.to.into())).collect();
        backy_core::move_files(&pairs)
    })
}

/// Makes a directory that nobody else may enter (0700), durably; one that is there already is fine.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn make_directory(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "mkdir", move || backy_core::make_directory(Path::new(&path)))
}

/// Removes an empty directory, durably; one that is not there is fine.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn remove_directory(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "rmdir", move || backy_core::remove_directory(Path::new(&path)))
}

/// Finds out who has files open, in the order of `paths`. This process is no holder, links are not followed, and what is
/// missing has none.
#[napi(ts_return_type = "Promise<Holder[][] | Failure>")]
pub fn find_holders(env: &Env, paths: Vec<String>) -> Result<Object<'_>> {
    promise(env, "holders", move || {
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let found = backy_core::find_holders(&paths).into_iter();
        Ok(found.map(|holders| holders.into_iter().map(Holder::from).collect::<Vec<_>>()).collect::<Vec<_>>())
    })
}

/// Refuses a path at which no file can be kept: between devices, or in a filesystem of the kernel.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn check_place(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "place", move || backy_core::check_place(Path::new(&path)))
}

/// Files of one filesystem that go, and files that stay.
#[napi(object)]
pub struct FreedOptions {
    /// Files that would be removed.
    pub remove: Vec<String>,
    /// Files that may share blocks with them and stay.
    pub keep: Vec<String>,
}

/// What removing files would free.
#[napi(object)]
pub struct FreedStats {
    /// Bytes, each counted once.
    pub bytes: i64,
    /// Whether the number is no more than an estimate.
    pub estimated: bool,
    /// Why it is.
    pub reason: Option<String>,
}

/// Measures how many bytes would be free if files were gone. Files that are missing are skipped.
#[napi(ts_return_type = "Promise<FreedStats | Failure>")]
pub fn measure_freed(env: &Env, options: FreedOptions) -> Result<Object<'_>> {
    promise(env, "freed", move || {
        let paths = |names: Vec<String>| names.into_iter().map(PathBuf::from).collect::<Vec<_>>();
        let freed = backy_core::measure_freed(&paths(options.remove), &paths(options.keep))?;
        let (bytes, estimated) = (count(freed.bytes), freed.estimated.is_some());
        Ok(FreedStats { bytes, estimated, reason: freed.estimated })
    })
}

/// Version of the engine and the platform it was built for, such as `3.0.0 x86_64-linux`.
#[napi]
#[must_use]
pub fn engine_version() -> String {
    use std::env::consts::{ARCH, OS};
    format!("{} {ARCH}-{OS}", env!("CARGO_PKG_VERSION"))
}
