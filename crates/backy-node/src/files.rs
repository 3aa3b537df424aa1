//! The calls about small files, locks, and the abilities of a host.

use std::path::{Path, PathBuf};

use backy_core::{Code, Error, Existing, FileLock as CoreLock, Kind, LockMode};
use napi::bindgen_prelude::{Either, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::control::{Control, controlled};
use crate::outcome::{Failure, Holder, count, promise, settle, whole};

/// The abilities of a directory's filesystem.
#[napi(object)]
pub struct HostProbe {
    /// Its name.
    pub filesystem: String,
    /// Whether files can share blocks.
    pub reflink: bool,
    /// The reason why they cannot.
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

/// Tries the abilities of a filesystem with temporary files in `directory`.
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

/// Facts about a file or block device.
#[napi(object)]
pub struct SourceFacts {
    /// File or block device.
    #[napi(ts_type = "'file' | 'device'")]
    pub kind: String,
    /// Size in bytes.
    pub size: i64,
    /// Whether it is a device in use, such as a mounted one.
    pub busy: bool,
    /// The image format of its first bytes, such as `qcow2`; absent if it seems raw.
    pub format: Option<String>,
    /// The reason why part of that image is elsewhere, such as `it has a backing file`.
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

/// The path of a file without any links on it. A link counts only if it is ours, root's, or of the owner of the file.
#[napi(ts_return_type = "Promise<string | Failure>")]
pub fn real_path(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "path", move || {
        let real = backy_core::real_path(Path::new(&path))?;
        Ok(real.to_string_lossy().into_owned())
    })
}

/// Appends a line to a log file, a terminal or a pipe. Nothing is waited for.
#[napi]
#[must_use]
pub fn append_line(path: String, line: String) -> Either<(), Failure> {
    settle(|| backy_core::append_line(Path::new(&path), &line))
}

/// The traces of restores on a file or device.
#[napi(object)]
pub struct Begun {
    /// Whether a restore is running.
    pub running: bool,
    /// The image that an unfinished restore has begun to write.
    pub image: Option<String>,
    /// Whether the target can bear a mark.
    pub marks: bool,
}

/// Looks for a restore to a file or device that is running or incomplete. Changes nothing.
#[napi(ts_return_type = "Promise<Begun | Failure>")]
pub fn find_begun(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "begun", move || {
        let begun = backy_core::find_begun(Path::new(&path))?;
        let image = begun.image.map(|image| image.to_string_lossy().into_owned());
        Ok(Begun { running: begun.running, image, marks: begun.marks })
    })
}

/// Removes the mark of an unfinished restore from a file.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn forget_begun(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "begun", move || backy_core::forget_begun(Path::new(&path)))
}

/// Removes the leftovers of interrupted restores beside a new file. Returns their paths.
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
    /// Releases the lock. Releasing it twice does no harm.
    #[napi]
    pub fn release(&mut self) {
        self.held = None;
    }
}

/// Takes a lock without waiting. A missing lock file is created. It is never removed, and never followed as a link.
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

/// A symbolic link and its target.
#[napi(object)]
pub struct Link {
    /// The path of the link.
    pub path: String,
    /// Its target, as it is stored.
    pub target: String,
}

/// Points symbolic links of one directory at their targets. Each is replaced atomically, and all of them durably.
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
    /// Its new name, which must be free.
    pub to: String,
}

/// Makes files of one directory, which must be ours alone, read-only (0400), renames them in order, and makes the names
/// durable.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn seal_files(env: &Env, files: Vec<Renaming>) -> Result<Object<'_>> {
    promise(env, "seal", move || {
        let pairs: Vec<_> = files.into_iter().map(|file| (file.from.into(), file.to.into())).collect();
        backy_core::seal(&pairs)
    })
}

/// Removes files in order, each durably before the next. Missing files are skipped.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn remove_files(env: &Env, paths: Vec<String>) -> Result<Object<'_>> {
    promise(env, "remove", move || {
        backy_core::remove(&paths.into_iter().map(PathBuf::from).collect::<Vec<_>>())
    })
}

/// Renames files in order, within one filesystem, then makes the names durable. No name may be taken (`EEXIST`).
/// Missing files are skipped, so that repeating an interrupted move completes it.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn move_files(env: &Env, files: Vec<Renaming>) -> Result<Object<'_>> {
    promise(env, "move", move || {
        let pairs: Vec<_> = files.into_iter().map(|file| (file.from.into(), file.to.into())).collect();
        backy_core::move_files(&pairs)
    })
}

/// Makes a directory that nobody else may enter (0700), durably. It may exist already.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn make_directory(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "mkdir", move || backy_core::make_directory(Path::new(&path)))
}

/// Removes an empty directory, durably. It may be missing.
#[napi(ts_return_type = "Promise<undefined | Failure>")]
pub fn remove_directory(env: &Env, path: String) -> Result<Object<'_>> {
    promise(env, "rmdir", move || backy_core::remove_directory(Path::new(&path)))
}

/// Finds the holders of files, in the order of `paths`. This process is no holder, links are not followed, and a
/// missing file has none.
#[napi(ts_return_type = "Promise<Holder[][] | Failure>")]
pub fn find_holders(env: &Env, paths: Vec<String>) -> Result<Object<'_>> {
    promise(env, "holders", move || {
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let found = backy_core::find_holders(&paths).into_iter();
        Ok(found.map(|holders| holders.into_iter().map(Holder::from).collect::<Vec<_>>()).collect::<Vec<_>>())
    })
}

/// Refuses a path in a place that keeps no files: between devices, or in a filesystem of the kernel.
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

/// The space that removing files would free.
#[napi(object)]
pub struct FreedStats {
    /// Bytes, each counted once.
    pub bytes: i64,
    /// Whether the number is only an estimate.
    pub estimated: bool,
    /// The reason why it is only an estimate.
    pub reason: Option<String>,
}

/// Measures the bytes that would be free without some files. Missing files are skipped.
#[napi(ts_return_type = "Promise<FreedStats | Failure>")]
pub fn measure_freed<'env>(env: &'env Env, options: FreedOptions, control: &Control) -> Result<Object<'env>> {
    controlled(env, "freed", control, move |control| {
        let paths = |names: Vec<String>| names.into_iter().map(PathBuf::from).collect::<Vec<_>>();
        let freed = backy_core::measure_freed(&paths(options.remove), &paths(options.keep), control)?;
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
