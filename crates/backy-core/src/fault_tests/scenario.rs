//! An operation under test, and the checks of its outcome.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::Result;

/// Paths are relative to the directory that the functions get.
pub(super) struct Scenario {
    pub name: &'static str,
    /// Creates the files that exist before.
    pub prepare: fn(&Path),
    pub run: fn(&Path) -> Result<()>,
    /// Whether all of it is done.
    pub is_done: fn(&Path) -> bool,
    /// Whether its files are in the old or in the new state after a failure.
    pub is_whole: fn(&Path) -> bool,
    /// The files that the operation may change.
    pub changes: &'static [&'static str],
    /// The files that it may leave behind when it fails, for others to remove.
    pub leftovers: &'static [&'static str],
    /// Calls whose failure does not fail this operation.
    pub forgives: &'static [&'static str],
    /// Whether it reads back from the disk before it reports success.
    pub reads_back: bool,
}

/// A scenario that only creates new files.
pub(super) const PLAIN: Scenario = Scenario {
    name: "",
    prepare: |_| {},
    run: |_| Ok(()),
    is_done: |_| true,
    is_whole: |_| true,
    changes: &[],
    leftovers: &[],
    forgives: &[],
    reads_back: false,
};

/// The names of the plain files in a directory.
pub(super) fn files_of(directory: &Path) -> Vec<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(std::result::Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Whether two files are equal byte for byte and in their modes.
pub(super) fn same_file(left: &Path, right: &Path) -> bool {
    let mode = |path: &Path| fs::metadata(path).map(|metadata| metadata.permissions().mode()).ok();
    mode(left) == mode(right) && same_bytes(left, right)
}

/// Whether two files are equal byte for byte.
pub(super) fn same_bytes(left: &Path, right: &Path) -> bool {
    matches!((fs::read(left), fs::read(right)), (Ok(left), Ok(right)) if left == right)
}

pub(super) fn remove_leftovers(directory: &Path, names: &[&str]) {
    for entry in fs::read_dir(directory).unwrap().map(std::result::Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(".tmp-") || names.contains(&name.as_str()) {
            let is_directory = entry.file_type().unwrap().is_dir();
            let remove = if is_directory { fs::remove_dir_all } else { fs::remove_file };
            remove(entry.path()).unwrap();
        }
    }
}
