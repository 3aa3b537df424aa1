//! Backups.

use std::fs;
use std::path::Path;

use super::material::{is_revision, prepare_changed, with_parent, write};
use crate::backup::options::WriteOptions;
use crate::bytes::sample::Sample;
use crate::fault_tests::scenario::{PLAIN, Scenario};
use crate::files::identity::FileIdentity;
use crate::source::input::{Hint, Input, PathInput, Previous};

pub(super) fn backups() -> Vec<Scenario> {
    let backup = Scenario {
        prepare: prepare_changed,
        is_done: |directory| is_revision(directory, "new", "source"),
        leftovers: &["new", "new.hashes"],
        reads_back: true,
        ..PLAIN
    };
    vec![
        Scenario {
            name: "backup, the first",
            run: |directory| write(directory, &WriteOptions::default()),
            ..backup
        },
        Scenario {
            name: "backup, from a parent",
            run: |directory| write(directory, &with_parent(directory)),
            ..backup
        },
        Scenario {
            name: "backup, bytes compared",
            run: |directory| {
                write(directory, &WriteOptions { compare_bytes: true, ..with_parent(directory) })
            },
            ..backup
        },
        Scenario {
            name: "backup, from a snapshot",
            run: |directory| {
                let hint = previous(directory);
                let input = PathInput { path: directory.join("source"), identity: None, hint };
                let sample = Sample { runs: 2, run: 0 };
                write(
                    directory,
                    &WriteOptions { source: Input::Path(input), sample, ..with_parent(directory) },
                )
            },
            ..backup
        },
    ]
}

fn previous(directory: &Path) -> Hint {
    let path = directory.join("snapshot/disk");
    let identity = fs::metadata(&path).map(|metadata| FileIdentity::of(&metadata));
    identity.map_or(Hint::None, |identity| Hint::Previous(Previous { path, identity }))
}
