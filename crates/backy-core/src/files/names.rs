//! Names derived from other names: the directory of a path, and names beside it that nobody else uses.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The directory of a path; `.` for a bare name.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new name of ours in the same directory.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    directory_of(path).join(format!(".tmp-backy-{}", unique()))
}

/// A unique text of process, number and time.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{}-{}-{time:x}", std::process::id(), COUNT.fetch_add(1, Relaxed))
}
