//! The operations of the engine, each on a few megabytes.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::scenario::{PLAIN, Scenario, same_bytes};
use crate::backup::options::WriteOptions;
use crate::backup::write::write_image;
use crate::bytes::block::BLOCK_SIZE;
use crate::bytes::sample::Sample;
use crate::check::repair::{Donor, Outcome, RepairOptions, repair_image};
use crate::check::report::Report;
use crate::check::verify::{verify_image, verify_mapped_image};
use crate::error::{Code, Error, Result};
use crate::image::index::IndexReader;
use crate::image::sealed::ImageOptions;
use crate::restore::run::{Target, restore_image};
use crate::source::input::{Hint, Input, PathInput};
use crate::work::control::Control;
use crate::{
    Existing, FileLock, LockMode, index_image, make_directory, measure_freed, move_files, probe, remove,
    remove_directory, replace_links, seal, take_snapshot, write_file,
};

pub(super) fn all() -> Vec<Scenario> {
    [backups(), reading(), repairs(), restores(), small_files(), names()].into_iter().flatten().collect()
}

const SIZE: usize = 9 * BLOCK_SIZE + 5000;

fn backups() -> Vec<Scenario> {
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
                let hint = Hint::Previous(directory.join("snapshot"));
                let input = PathInput { path: directory.join("source"), cloneable: true, hint };
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

fn reading() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "verify, good",
            prepare: prepare_revision,
            run: |directory| {
                let stats = verify_image(&sealed(directory, "old"), None, &Control::default())?;
                // That a block cannot be read is a finding, and rightly so.
                assert!(stats.bad_blocks.iter().all(|bad| matches!(bad.found, crate::Found::Unreadable(_))));
                Ok(())
            },
            forgives: &["pread"],
            ..PLAIN
        },
        Scenario {
            name: "verify through a map",
            prepare: prepare_revision,
            run: |directory| {
                let stats = verify_mapped_image(&sealed(directory, "old"), None, &Control::default())?;
                assert!(stats.bad_blocks.iter().all(|bad| matches!(bad.found, crate::Found::Unreadable(_))));
                Ok(())
            },
            forgives: &["pread"],
            ..PLAIN
        },
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
            // What was found counts, whether it could be written down or not.
            forgives: &["fsync", "close", "renameat2", "write", "mkdir", "fchmod"],
            ..PLAIN
        },
        Scenario {
            name: "index of an image",
            prepare: prepare_revision,
            run: |directory| {
                index_image(&directory.join("old"), &directory.join("made"), &Control::default()).map(|_| ())
            },
            is_done: |directory| same_bytes(&directory.join("made"), &directory.join("old.hashes")),
            leftovers: &["made"],
            ..PLAIN
        },
        Scenario {
            name: "what removing frees",
            prepare: prepare_changed,
            run: |directory| measure_freed(&[directory.join("old")], &[directory.join("source")]).map(|_| ()),
            ..PLAIN
        },
        Scenario {
            name: "probe",
            run: |directory| probe(directory, &Control::default()).map(|_| ()),
            is_done: |_| true,
            // Whatever a hole meets is the answer.
            forgives: &["fallocate"],
            ..PLAIN
        },
    ]
}

fn repairs() -> Vec<Scenario> {
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
            // What could not be mended is a result, not an error; here it is a failure.
            match repaired.into_iter().find(|repaired| matches!(repaired.outcome, Outcome::Left(_))) {
                Some(left) => Err(Error { bad_blocks: vec![left.block], ..Error::new(Code::ImageDamaged) }),
                None => Ok(()),
            }
        },
        is_done: |directory| same_file_and_mode(&directory.join("old"), &directory.join("source")),
        // Each block is one or the other.
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

fn restores() -> Vec<Scenario> {
    let is_restored = |directory: &Path| same_bytes(&directory.join("target"), &directory.join("old"));
    let new_file = Scenario {
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
    };
    vec![
        Scenario {
            name: "restore, clone",
            run: |directory| match restore(directory, Target::Clone(directory.join("target"))) {
                // Where nothing can be cloned there is nothing to be put to the test.
                Err(error) if error.code == Code::CloneRefused => {
                    fs::copy(directory.join("old"), directory.join("target")).map(|_| ()).unwrap();
                    Ok(())
                }
                result => result,
            },
            ..new_file
        },
        new_file,
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
        },
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
        },
    ]
}

fn small_files() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "file, replaced",
            prepare: |directory| fs::write(directory.join("record"), "old").unwrap(),
            run: |directory| write_file(&directory.join("record"), b"new", 0o400, Existing::Replace),
            is_done: |directory| has_text(directory, "new"),
            is_whole: |directory| has_text(directory, "old") || has_text(directory, "new"),
            changes: &["record"],
            ..PLAIN
        },
        Scenario {
            name: "file, created",
            run: |directory| write_file(&directory.join("record"), b"new", 0o400, Existing::Keep),
            is_done: |directory| has_text(directory, "new"),
            is_whole: |directory| !directory.join("record").exists() || has_text(directory, "new"),
            leftovers: &["record"],
            ..PLAIN
        },
        Scenario {
            name: "lock",
            prepare: |directory| fs::write(directory.join("lock"), "").unwrap(),
            run: |directory| FileLock::acquire(&directory.join("lock"), LockMode::Exclusive).map(drop),
            changes: &["lock"],
            // The note of who holds it is a courtesy.
            forgives: &["ftruncate", "pwrite"],
            ..PLAIN
        },
        Scenario {
            name: "snapshot",
            prepare: |directory| fs::write(directory.join("source"), contents(1)).unwrap(),
            run: |directory| match take_snapshot(
                &directory.join("source"),
                &directory.join("snapshot"),
                directory,
                &Control::default(),
            ) {
                // Where nothing can be cloned there is nothing to be put to the test.
                Err(error) if error.code == Code::ReflinkUnsupported => {
                    fs::copy(directory.join("source"), directory.join("snapshot")).map(|_| ()).unwrap();
                    Ok(())
                }
                result => result.map(|_| ()),
            },
            is_done: |directory| same_bytes(&directory.join("source"), &directory.join("snapshot")),
            leftovers: &["snapshot"],
            ..PLAIN
        },
    ]
}

fn names() -> Vec<Scenario> {
    let files = |directory: &Path| {
        for name in ["a", "b"] {
            fs::write(directory.join(name), name).unwrap();
        }
    };
    vec![
        Scenario {
            name: "links, replaced",
            prepare: |directory| {
                for name in ["last", "latest"] {
                    symlink("a", directory.join(name)).unwrap();
                }
            },
            run: |directory| {
                replace_links(&["last", "latest"].map(|name| (directory.join(name), PathBuf::from("b"))))
            },
            is_done: |directory| link(directory, "last") == "b" && link(directory, "latest") == "b",
            is_whole: |directory| {
                ["last", "latest"].iter().all(|name| ["a", "b"].contains(&link(directory, name).as_str()))
            },
            ..PLAIN
        },
        Scenario {
            name: "seal",
            prepare: files,
            run: |directory| {
                // Who meets leftovers begins anew.
                for name in ["a", "b"] {
                    fs::write(directory.join(name), name).unwrap();
                }
                seal(&pairs(directory, &[("a", "x"), ("b", "y")]))
            },
            leftovers: &["x", "y"],
            is_done: |directory| exist(directory, &["x", "y"]),
            is_whole: |directory| {
                exist(directory, &["a", "b"])
                    || exist(directory, &["x", "b"])
                    || exist(directory, &["x", "y"])
            },
            changes: &["a", "b"],
            ..PLAIN
        },
        Scenario {
            name: "move",
            prepare: |directory| {
                for name in ["a", "b"] {
                    fs::write(directory.join(name), name).unwrap();
                }
                fs::create_dir(directory.join("trash")).unwrap();
            },
            run: |directory| move_files(&pairs(directory, &[("a", "trash/a"), ("b", "trash/b")])),
            is_done: |directory| exist(directory, &["trash/a", "trash/b"]),
            is_whole: |directory| {
                [["a", "trash/a"], ["b", "trash/b"]]
                    .iter()
                    .all(|places| places.iter().any(|name| exist(directory, &[name])))
            },
            changes: &["a", "b"],
            ..PLAIN
        },
        Scenario {
            name: "remove",
            prepare: files,
            run: |directory| remove(&["a", "missing", "b"].map(|name| directory.join(name))),
            is_done: |directory| !exist(directory, &["a"]) && !exist(directory, &["b"]),
            changes: &["a", "b"],
            ..PLAIN
        },
        Scenario {
            name: "directory, made",
            run: |directory| make_directory(&directory.join("new")),
            is_done: |directory| directory.join("new").is_dir(),
            ..PLAIN
        },
        Scenario {
            name: "directory, removed",
            prepare: |directory| fs::create_dir(directory.join("old")).unwrap(),
            run: |directory| remove_directory(&directory.join("old")),
            is_done: |directory| !directory.join("old").exists(),
            ..PLAIN
        },
    ]
}

fn contents(seed: u8) -> Vec<u8> {
    // Two blocks of zeros among the others, so that holes are made and punched.
    let byte = |at: usize| {
        let block = at / BLOCK_SIZE;
        if block == 2 || block == usize::from(seed) + 4 { 0 } else { (at / 4096 * 7 + at) as u8 ^ seed }
    };
    (0..SIZE).map(byte).collect()
}

/// `old`: a sealed revision of what `source` is.
fn prepare_revision(directory: &Path) {
    fs::write(directory.join("source"), contents(1)).unwrap();
    write_named(directory, "old", &WriteOptions::default()).unwrap();
    for name in ["old", "old.hashes"] {
        seal(&[(directory.join(name), directory.join("sealed"))]).unwrap();
        fs::rename(directory.join("sealed"), directory.join(name)).unwrap();
    }
}

/// The same, of `snapshot`; `source` has changed since.
fn prepare_changed(directory: &Path) {
    prepare_revision(directory);
    let (source, snapshot) = (directory.join("source"), directory.join("snapshot"));
    if take_snapshot(&source, &snapshot, directory, &Control::default()).is_err() {
        fs::copy(&source, &snapshot).unwrap();
    }
    overwrite(&source, BLOCK_SIZE + 5000, &[9; 20_000]);
    overwrite(&source, 6 * BLOCK_SIZE, &vec![0; BLOCK_SIZE]);
    overwrite(&source, SIZE - 10, b"the tail");
}

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
    file.sync_all().unwrap();
}

fn with_parent(directory: &Path) -> WriteOptions {
    WriteOptions {
        parent_image: Some(directory.join("old")),
        parent_index: Some(directory.join("old.hashes")),
        ..WriteOptions::default()
    }
}

fn write(directory: &Path, options: &WriteOptions) -> Result<()> {
    write_named(directory, "new", options)
}

fn write_named(directory: &Path, name: &str, options: &WriteOptions) -> Result<()> {
    let source = match &options.source {
        Input::Path(input) if input.path.as_os_str().is_empty() => directory.join("source").into(),
        input => input.clone(),
    };
    let (image, index) = (directory.join(name), directory.join(format!("{name}.hashes")));
    write_image(&WriteOptions { source, image, index, ..options.clone() }, &Control::default()).map(|_| ())
}

/// Whether an image equals the source, and its index the image: looked at without the engine's way of writing.
fn is_revision(directory: &Path, name: &str, source: &str) -> bool {
    let options = sealed(directory, name);
    same_bytes(&options.image, &directory.join(source))
        && verify_image(&options, None, &Control::default()).is_ok_and(|stats| stats.bad_blocks.is_empty())
}

fn sealed(directory: &Path, name: &str) -> ImageOptions {
    let index = directory.join(format!("{name}.hashes"));
    let digest = IndexReader::open(&index).and_then(|index| index.digest());
    let digest = digest.unwrap_or(crate::Hash::ZERO);
    ImageOptions { image: directory.join(name), index, size: SIZE as u64, digest }
}

fn restore(directory: &Path, target: Target) -> Result<()> {
    restore_image(&sealed(directory, "old"), target, false, &Control::default()).map(|_| ())
}

fn has_text(directory: &Path, text: &str) -> bool {
    fs::read_to_string(directory.join("record")).is_ok_and(|read| read == text)
}

fn link(directory: &Path, name: &str) -> String {
    fs::read_link(directory.join(name)).unwrap().to_string_lossy().into_owned()
}

fn exist(directory: &Path, names: &[&str]) -> bool {
    names.iter().all(|name| directory.join(name).exists())
}

fn pairs(directory: &Path, names: &[(&str, &str)]) -> Vec<(PathBuf, PathBuf)> {
    names.iter().map(|(from, to)| (directory.join(from), directory.join(to))).collect()
}
