//! Places that keep no files: the directory of the devices, which lies in memory, and filesystems provided by the
//! kernel itself. A new file there is a mistake, mostly the name of a device that is not attached.

use std::path::Path;

use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::names::directory_of;
use crate::files::resolve::Resolved;
use crate::platform;
use crate::sys::fs;

const DEVICES: &str = "/dev";

/// The number of a filesystem.
type Number = rustix::fs::Dev;

/// Refuses a place that keeps no files. For a path that does not exist yet, the nearest existing directory counts.
///
/// # Errors
/// [`Code::NoPlace`] with the reason, [`Code::Io`].
pub fn check_place(path: &Path) -> Result<()> {
    let existing = nearest(path)?;
    let device = fs::stat(existing).on("stat", existing)?.st_dev;
    if is_devices(device) {
        let real = std::fs::canonicalize(existing).on("realpath", existing)?;
        refuse_among_devices(device, &real, path)?;
    }
    refuse_kernel(platform::kernel_filesystem(existing).on("statfs", existing)?, path)
}

/// The same for a path that is resolved, so that nobody can exchange the file meanwhile.
///
/// # Errors
/// As [`check_place`].
pub(crate) fn check_resolved(resolved: &Resolved) -> Result<()> {
    let path = &resolved.path;
    refuse_among_devices(resolved.filesystem().on("fstat", path)?, &resolved.real, path)?;
    refuse_kernel(resolved.kernel_filesystem().on("fstatfs", path)?, path)
}

fn refuse_kernel(name: Option<&'static str>, path: &Path) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let reason = format!("{name} is a face of the kernel, which keeps no files");
    Err(Error::new(Code::NoPlace).at(path).detail(reason))
}

fn nearest(path: &Path) -> Result<&Path> {
    match fs::stat(path) {
        Err(Errno::NOENT) if directory_of(path) != path => nearest(directory_of(path)),
        result => result.on("stat", path).map(|_| path),
    }
}

/// Other filesystems below `/dev` are fine, such as `/dev/shm`. If `/dev` is no filesystem of its own, as in some
/// containers, the name decides.
fn refuse_among_devices(device: Number, real: &Path, path: &Path) -> Result<()> {
    let has_own_filesystem = number_of(Path::new("/")).is_some_and(|root| root != device);
    if !is_devices(device) || !has_own_filesystem && !real.starts_with(DEVICES) {
        return Ok(());
    }
    let reason = format!("it is not a device, and files in {DEVICES} are kept in memory only");
    Err(Error::new(Code::NoPlace).at(path).detail(reason))
}

fn is_devices(device: Number) -> bool {
    number_of(Path::new(DEVICES)) == Some(device)
}

fn number_of(path: &Path) -> Option<Number> {
    fs::stat(path).ok().map(|stat| stat.st_dev)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &str) -> Option<String> {
        match check_place(Path::new(path)) {
            Err(Error { code: Code::NoPlace, detail, .. }) => detail,
            result => {
                result.unwrap();
                None
            }
        }
    }

    #[test]
    fn no_file_is_kept_between_devices() {
        for path in ["/dev/backy-test", "/dev/backy-test/deeper/still", "/dev/null", "/dev"] {
            assert!(reason(path).unwrap().contains("not a device"), "{path}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_file_is_kept_by_the_kernel() {
        for path in ["/proc/backy-test", "/proc/sys/vm/swappiness", "/sys/backy-test"] {
            assert!(reason(path).unwrap().contains("kernel"), "{path}");
        }
    }

    #[test]
    fn directories_and_names_that_are_free_are_places() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("new"), directory.path().join("a/b")]
        {
            check_place(&path).unwrap();
        }
        check_place(Path::new("backy-test")).unwrap();
    }
}
