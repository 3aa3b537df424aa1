//! Places that keep no files: the directory of the devices, which lies in memory, and filesystems provided by the
//! kernel itself. A new file there is a mistake, mostly the name of a device that is not attached.

use std::path::Path;

use rustix::io::Errno;

use crate::error::{Code, Context, Error, Result};
use crate::files::names::directory_of;
use crate::platform;
use crate::sys::fs;

const DEVICES: &str = "/dev";

/// Refuses a place that keeps no files. For a path that does not exist yet, the nearest existing directory counts.
///
/// # Errors
/// [`Code::NoPlace`] with the reason, [`Code::Io`].
pub fn check_place(path: &Path) -> Result<()> {
    let existing = nearest(path)?;
    let reason = if is_among_devices(existing)? {
        Some(format!("it is not a device, and files in {DEVICES} are kept in memory only"))
    } else {
        let name = platform::kernel_filesystem(existing).on("statfs", existing)?;
        name.map(|name| format!("{name} is a face of the kernel, which keeps no files"))
    };
    reason.map_or(Ok(()), |reason| Err(Error::new(Code::NoPlace).at(path).detail(reason)))
}

fn nearest(path: &Path) -> Result<&Path> {
    match fs::stat(path) {
        Err(Errno::NOENT) if directory_of(path) != path => nearest(directory_of(path)),
        result => result.on("stat", path).map(|_| path),
    }
}

/// Other filesystems below `/dev` are fine, such as `/dev/shm`. If `/dev` is no filesystem of its own, as in some
/// containers, the name decides.
fn is_among_devices(path: &Path) -> Result<bool> {
    let device_of = |path: &Path| fs::stat(path).map(|stat| stat.st_dev);
    let (Ok(devices), Ok(root)) = (device_of(Path::new(DEVICES)), device_of(Path::new("/"))) else {
        return Ok(false);
    };
    if device_of(path).on("stat", path)? != devices {
        return Ok(false);
    }
    let real = std::fs::canonicalize(path).on("realpath", path)?;
    Ok(devices != root || real.starts_with(DEVICES))
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
