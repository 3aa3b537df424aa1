//! Restores.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::material::{contents, prepare_revision, sealed};
use crate::error::{Code, Result};
use crate::fault_tests::scenario::{PLAIN, Scenario, same_bytes};
use crate::restore::run::{Target, restore_image};
use crate::work::control::Control;

pub(super) fn restores() -> Vec<Scenario> {
    vec![to_a_clone(), to_a_new_file(), to_an_existing_file(), to_a_stream()]
}

fn to_a_new_file() -> Scenario {
    Scenario {
        name: "restore, new file",
        prepare: prepare_revision,
        run: |directory| restore(directory, Target::Path(directory.join("target"))),
        is_done: is_restored,
        is_whole: |directory| {
            let target = directory.join("target");
            !target.exists() || same_bytes(&target, &directory.join("old"))
        },
        leftovers: &["target"],
        reads_back: true,
        ..PLAIN
    }
}

fn to_a_clone() -> Scenario {
    Scenario {
        name: "restore, clone",
        run: |directory| match restore(directory, Target::Clone(directory.join("target"))) {
            // A filesystem that clones nothing has nothing to test here.
            Err(error) if error.code == Code::CloneRefused => {
                fs::copy(directory.join("old"), directory.join("target")).map(|_| ()).unwrap();
                Ok(())
            }
            result => result,
        },
        ..to_a_new_file()
    }
}

fn to_an_existing_file() -> Scenario {
    Scenario {
        name: "restore, existing file",
        prepare: |directory| {
            prepare_revision(directory);
            fs::write(directory.join("target"), contents(2)).unwrap();
        },
        run: |directory| restore(directory, Target::Path(directory.join("target"))),
        is_done: is_restored,
        changes: &["target"],
        reads_back: true,
        ..PLAIN
    }
}

fn to_a_stream() -> Scenario {
    Scenario {
        name: "restore, stream",
        prepare: prepare_revision,
        run: |directory| {
            let target = fs::File::create(directory.join("target")).unwrap();
            restore(directory, Target::Stream(OwnedFd::from(target)))
        },
        is_done: is_restored,
        leftovers: &["target"],
        ..PLAIN
    }
}

fn is_restored(directory: &Path) -> bool {
    same_bytes(&directory.join("target"), &directory.join("old"))
}

fn restore(directory: &Path, target: Target) -> Result<()> {
    restore_image(&sealed(directory, "old"), target, false, &Control::default()).map(|_| ())
}
