//! Small files, locks and snapshots.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::material::{contents, is_revision, write};
use crate::backup::options::WriteOptions;
use crate::error::Code;
use crate::fault_tests::scenario::{PLAIN, Scenario, same_bytes};
use crate::source::input::{Hint, Input, PathInput};
use crate::work::control::Control;
use crate::{Existing, FileLock, LockMode, clone_source, take_snapshot, write_file};

pub(super) fn small_files() -> Vec<Scenario> {
    vec![file_replaced(), file_created(), lock(), image(), snapshot()]
}

fn file_replaced() -> Scenario {
    Scenario {
        name: "file, replaced",
        prepare: |directory| fs::write(directory.join("record"), "old").unwrap(),
        run: |directory| write_file(&directory.join("record"), b"new", 0o400, Existing::Replace),
        is_done: |directory| has_text(directory, "new"),
        is_whole: |directory| has_text(directory, "old") || has_text(directory, "new"),
        changes: &["record"],
        ..PLAIN
    }
}

fn file_created() -> Scenario {
    Scenario {
        name: "file, created",
        run: |directory| write_file(&directory.join("record"), b"new", 0o400, Existing::Keep),
        is_done: |directory| has_text(directory, "new"),
        is_whole: |directory| !directory.join("record").exists() || has_text(directory, "new"),
        leftovers: &["record"],
        ..PLAIN
    }
}

fn lock() -> Scenario {
    Scenario {
        name: "lock",
        prepare: |directory| fs::write(directory.join("lock"), "").unwrap(),
        run: |directory| FileLock::acquire(&directory.join("lock"), LockMode::Exclusive).map(drop),
        changes: &["lock"],
        // The note of the holder is optional.
        forgives: &["ftruncate", "pwrite"],
        ..PLAIN
    }
}

fn image() -> Scenario {
    Scenario {
        name: "snapshot, as an image",
        prepare: |directory| fs::write(directory.join("source"), contents(1)).unwrap(),
        run: |directory| {
            let path = directory.join("new");
            let identity = match clone_source(&directory.join("source"), &path, &Control::default()) {
                // A filesystem that clones nothing has nothing to test here.
                Err(error) if error.code == Code::ReflinkUnsupported => {
                    return write(directory, &WriteOptions::default());
                }
                taken => Some(taken?.identity),
            };
            let input = PathInput { path, identity, hint: Hint::None };
            write(directory, &WriteOptions { source: Input::Path(input), ..WriteOptions::default() })
        },
        is_done: |directory| is_revision(directory, "new", "source"),
        leftovers: &["new", "new.hashes"],
        ..PLAIN
    }
}

fn snapshot() -> Scenario {
    Scenario {
        name: "snapshot",
        prepare: |directory| fs::write(directory.join("source"), contents(1)).unwrap(),
        run: |directory| match take_snapshot(
            &directory.join("source"),
            &directory.join("snapshot"),
            OsStr::new("disk"),
            directory,
            &Control::default(),
        ) {
            // A filesystem that clones nothing has nothing to test here.
            Err(error) if error.code == Code::ReflinkUnsupported => {
                fs::create_dir(directory.join("snapshot")).unwrap();
                fs::copy(directory.join("source"), directory.join("snapshot/disk")).map(|_| ()).unwrap();
                Ok(())
            }
            result => result.map(|_| ()),
        },
        is_done: |directory| same_bytes(&directory.join("source"), &directory.join("snapshot/disk")),
        leftovers: &["snapshot"],
        ..PLAIN
    }
}

fn has_text(directory: &Path, text: &str) -> bool {
    fs::read_to_string(directory.join("record")).is_ok_and(|read| read == text)
}
