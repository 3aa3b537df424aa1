//! Operations that read or mend existing files: verify, index, freed, probe, repair.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::material::{overwrite, prepare_changed, prepare_revision, sealed};
use crate::bytes::block::BLOCK_SIZE;
use crate::check::donor::Donor;
use crate::check::repair::{Outcome, RepairOptions, repair_image};
use crate::check::report::Report;
use crate::check::verify::{verify_image, verify_mapped_image};
use crate::error::{Code, Error, Found};
use crate::fault_tests::scenario::{PLAIN, Scenario, same_bytes};
use crate::work::control::Control;
use crate::{index_image, measure_freed, probe};

pub(super) fn reading() -> Vec<Scenario> {
    vec![
        verify_good(),
        verify_through_a_map(),
        verify_damaged(),
        index_of_an_image(),
        freed_by_removing(),
        probe_of_a_directory(),
    ]
}

fn verify_good() -> Scenario {
    Scenario {
        name: "verify, good",
        prepare: prepare_revision,
        run: |directory| {
            let stats = verify_image(&sealed(directory, "old"), None, &Control::default())?;
            // A block that cannot be read is a finding, not an error.
            assert!(stats.bad_blocks.iter().all(|bad| matches!(bad.found, Found::Unreadable(_))));
            Ok(())
        },
        forgives: &["pread"],
        ..PLAIN
    }
}

fn verify_through_a_map() -> Scenario {
    Scenario {
        name: "verify through a map",
        prepare: prepare_revision,
        run: |directory| {
            let stats = verify_mapped_image(&sealed(directory, "old"), None, &Control::default())?;
            assert!(stats.bad_blocks.iter().all(|bad| matches!(bad.found, Found::Unreadable(_))));
            Ok(())
        },
        forgives: &["pread"],
        ..PLAIN
    }
}

fn verify_damaged() -> Scenario {
    Scenario {
        name: "verify, damaged",
        prepare: |directory| {
            prepare_revision(directory);
            overwrite(&directory.join("old"), 3 * BLOCK_SIZE, b"rot");
        },
        run: |directory| {
            let report = Report { path: directory.join("report"), header: "{}".to_owned() };
            let stats = verify_image(&sealed(directory, "old"), Some(&report), &Control::default())?;
            assert!(stats.bad_blocks.iter().any(|bad| bad.offset == 3 * BLOCK_SIZE as u64));
            assert!(stats.report_problem.is_some() || directory.join("report").exists());
            fs::remove_file(directory.join("report")).ok();
            Ok(())
        },
        // The findings count even if the report could not be written.
        forgives: &["fsync", "close", "renameat2", "write", "mkdir", "fchmod"],
        ..PLAIN
    }
}

fn index_of_an_image() -> Scenario {
    Scenario {
        name: "index of an image",
        prepare: prepare_revision,
        run: |directory| {
            index_image(&directory.join("old"), &directory.join("made"), &Control::default()).map(|_| ())
        },
        is_done: |directory| same_bytes(&directory.join("made"), &directory.join("old.hashes")),
        leftovers: &["made"],
        ..PLAIN
    }
}

fn freed_by_removing() -> Scenario {
    Scenario {
        name: "what removing frees",
        prepare: prepare_changed,
        run: |directory| {
            let (remove, keep) = ([directory.join("old")], [directory.join("source")]);
            measure_freed(&remove, &keep, &Control::default()).map(|_| ())
        },
        ..PLAIN
    }
}

fn probe_of_a_directory() -> Scenario {
    Scenario {
        name: "probe",
        run: |directory| probe(directory, &Control::default()).map(|_| ()),
        is_done: |_| true,
        // Any result of punching a hole is an answer.
        forgives: &["fallocate"],
        ..PLAIN
    }
}

pub(super) fn repairs() -> Vec<Scenario> {
    vec![Scenario {
        name: "repair",
        prepare: |directory| {
            prepare_revision(directory);
            for block in [2, 3] {
                overwrite(&directory.join("old"), block * BLOCK_SIZE, b"rot");
            }
            fs::copy(directory.join("old"), directory.join("rotten")).unwrap();
        },
        run: |directory| {
            let options = RepairOptions {
                image: sealed(directory, "old"),
                blocks: [2, 3].map(|block| block * BLOCK_SIZE as u64).to_vec(),
                donors: vec![Donor { path: directory.join("source"), index: None }],
                evidence: directory.join("evidence"),
            };
            let repaired = repair_image(&options, &Control::default())?;
            // A block that could not be mended is a result, not an error. Here it is a failure.
            match repaired.into_iter().find(|repaired| matches!(repaired.outcome, Outcome::Left(_))) {
                Some(left) => Err(Error::new(Code::ImageDamaged).bad([left.block])),
                None => Ok(()),
            }
        },
        is_done: |directory| same_file_and_mode(&directory.join("old"), &directory.join("source")),
        // Each block is good or bad.
        is_whole: |directory| {
            let read = |name: &str| fs::read(directory.join(name)).unwrap();
            let (now, good, bad) = (read("old"), read("source"), read("rotten"));
            now.len() == good.len()
                && now
                    .chunks(BLOCK_SIZE)
                    .zip(good.chunks(BLOCK_SIZE).zip(bad.chunks(BLOCK_SIZE)))
                    .all(|(now, (good, bad))| now == good || now == bad)
        },
        changes: &["old"],
        reads_back: true,
        ..PLAIN
    }]
}

/// Whether an image is sealed and equals a file.
fn same_file_and_mode(image: &Path, other: &Path) -> bool {
    fs::metadata(image).unwrap().permissions().mode() & 0o777 == 0o400 && same_bytes(image, other)
}
