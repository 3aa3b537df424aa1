//! The whole engine against the simplest model there is: a vector of bytes.
//!
//! A disk lives through a few generations of random writes, holes and changes of size. Each generation is
//! written as a revision on top of the last; every revision must stay byte-identical to its generation, must
//! verify, and must restore to new and to existing targets. Where the temporary directory is on btrfs or XFS
//! (`TMPDIR`), this goes through clones; elsewhere through whole copies.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, Code, Control, Found, Hash, ImageOptions, Sample, Target, WriteOptions, WriteStats,
    restore_image, verify_image, verify_mapped_image, write_image,
};
use proptest::prelude::*;
use rustix::fs::{FlockOperation, flock};

/// Something that happens to a disk.
#[derive(Debug, Clone)]
enum Event {
    Write { at: usize, length: usize, value: u8 },
    Punch { at: usize, length: usize },
    Resize { size: usize },
}

/// Most bytes of a disk: a bit over one segment, so that two pages of the index are in use.
const SPACE: usize = 40 << 20;

fn event() -> impl Strategy<Value = Event> {
    let length = prop_oneof![1..5000usize, 1..600_000usize];
    prop_oneof![
        6 => (0..SPACE, length.clone(), 0..4u8).prop_map(|(at, length, value)| Event::Write { at, length, value }),
        2 => (0..SPACE, length).prop_map(|(at, length)| Event::Punch { at, length }),
        1 => prop_oneof![0..SPACE, (0..=SPACE / BLOCK_SIZE).prop_map(|blocks| blocks * BLOCK_SIZE)]
            .prop_map(|size| Event::Resize { size }),
    ]
}

/// Does it to the file and to the model.
fn happen(event: &Event, file: &File, model: &mut Vec<u8>) {
    match *event {
        Event::Write { at, length, value } => {
            let (at, end) = (at.min(model.len()), (at + length).min(model.len()));
            model[at..end].fill(value);
            file.write_all_at(&model[at..end], at as u64).unwrap();
        }
        Event::Punch { at, length } => {
            let (at, end) = (at.min(model.len()), (at + length).min(model.len()));
            model[at..end].fill(0);
            if end > at {
                punch(file, at as u64, end - at);
            }
        }
        Event::Resize { size } => {
            model.resize(size, 0);
            file.set_len(size as u64).unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
fn punch(file: &File, at: u64, length: usize) {
    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, flags, at, length as u64).unwrap();
}

#[cfg(not(target_os = "linux"))]
fn punch(file: &File, at: u64, length: usize) {
    file.write_all_at(&vec![0; length], at).unwrap();
}

struct Revision {
    image: PathBuf,
    index: PathBuf,
    stats: WriteStats,
}

impl Revision {
    fn write(source: &Path, directory: &Path, name: &str, parent: Option<&Self>, bytes: bool) -> Self {
        let (image, index) = (directory.join(name), directory.join(format!("{name}.hashes")));
        let options = WriteOptions {
            source: source.to_owned().into(),
            image: image.clone(),
            index: index.clone(),
            parent_image: parent.map(|parent| parent.image.clone()),
            parent_index: parent.map(|parent| parent.index.clone()),
            parent_digest: parent.map(|parent| parent.stats.digest),
            compare_bytes: bytes,
            require_reflink: false,
            sample: Sample::default(),
        };
        let stats = write_image(&options, &Control::default()).unwrap();
        Self { image, index, stats }
    }

    fn options(&self) -> ImageOptions {
        ImageOptions {
            image: self.image.clone(),
            index: self.index.clone(),
            size: self.stats.size,
            digest: self.stats.digest,
        }
    }

    fn restore(&self, target: &Path, force: bool) -> backy_core::Result<backy_core::RestoreStats> {
        restore_image(&self.options(), Target::Path(target.to_owned()), force, &Control::default())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_revision_is_its_generation(
        size in 0..SPACE,
        generations in prop::collection::vec(prop::collection::vec(event(), 0..12), 1..4),
        compare_bytes in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("source");
        let file = File::options().read(true).write(true).create_new(true).open(&source).unwrap();
        file.set_len(size as u64).unwrap();
        let mut model = vec![0; size];
        let mut history: Vec<(Revision, Vec<u8>)> = Vec::new();
        for (number, events) in generations.iter().enumerate() {
            for event in events {
                happen(event, &file, &mut model);
            }
            let parent = history.last().map(|(revision, _)| revision);
            let name = number.to_string();
            let revision = Revision::write(&source, directory.path(), &name, parent, compare_bytes);
            history.push((revision, model.clone()));
        }
        let existing = directory.path().join("existing");
        fs::write(&existing, vec![3; 1 << 20]).unwrap();
        for (number, (revision, model)) in history.iter().enumerate() {
            prop_assert!(fs::read(&revision.image).unwrap() == *model, "revision {number} differs");
            let index = fs::read(&revision.index).unwrap();
            prop_assert_eq!(revision.stats.digest, Hash(*blake3::hash(&index).as_bytes()));
            let zeros = model.chunks(BLOCK_SIZE).filter(|block| Hash::of(block).is_zero());
            prop_assert_eq!(revision.stats.bytes_zero, zeros.map(|block| block.len() as u64).sum::<u64>());
            for (block, hash) in model.chunks(BLOCK_SIZE).zip(index[4096..].chunks(32)) {
                prop_assert_eq!(&Hash::of(block).0, hash);
            }
            for verify in [verify_image, verify_mapped_image] {
                let verified = verify(&revision.options(), None, &Control::default()).unwrap();
                prop_assert_eq!(verified.bad_blocks, vec![]);
            }
            let new = directory.path().join(format!("new-{number}"));
            revision.restore(&new, false).unwrap();
            prop_assert!(fs::read(&new).unwrap() == *model, "restored {number} differs");
            revision.restore(&existing, false).unwrap();
            prop_assert!(fs::read(&existing).unwrap() == *model, "differentially restored {number} differs");
            prop_assert_eq!(revision.restore(&existing, false).unwrap().bytes_written, 0);
        }
    }
}

/// A revision of a disk with data in its first and third block.
fn small_revision(directory: &Path) -> (Revision, Vec<u8>) {
    let source = directory.join("source");
    let mut bytes = vec![0; 3 * BLOCK_SIZE + 5000];
    bytes[..BLOCK_SIZE].fill(1);
    bytes[2 * BLOCK_SIZE..].fill(2);
    fs::write(&source, &bytes).unwrap();
    (Revision::write(&source, directory, "revision", None, false), bytes)
}

fn damage(image: &Path, at: usize) {
    File::options().write(true).open(image).unwrap().write_all_at(b"rot", at as u64).unwrap();
}

#[test]
fn every_damaged_block_is_named_and_the_rest_is_restored_by_force() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, mut bytes) = small_revision(directory.path());
    damage(&revision.image, 1000);
    damage(&revision.image, BLOCK_SIZE + 7);
    let bad = verify_image(&revision.options(), None, &Control::default()).unwrap().bad_blocks;
    assert_eq!(bad.iter().map(|bad| bad.offset).collect::<Vec<_>>(), [0, BLOCK_SIZE as u64]);
    assert_eq!(bad[0].expected, Hash::of(&bytes[..BLOCK_SIZE]));
    assert!(bad[1].expected.is_zero() && matches!(bad[1].found, Found::Other(_)));

    let (new, existing) = (directory.path().join("new"), directory.path().join("existing"));
    fs::write(&existing, b"untouched").unwrap();
    // The image need not supply bytes that a target has already, zeros behind its end included.
    for (target, missing) in [(&new, &bad[..]), (&existing, &bad[..1])] {
        let error = revision.restore(target, false).unwrap_err();
        assert_eq!((error.code, &error.bad_blocks[..]), (Code::ImageDamaged, missing));
    }
    assert!(!new.exists());
    assert_eq!(fs::read(&existing).unwrap(), b"untouched");

    assert_eq!(revision.restore(&new, true).unwrap().bad_blocks, bad);
    bytes[..2 * BLOCK_SIZE].fill(0);
    assert!(fs::read(&new).unwrap() == bytes);
}

#[test]
fn two_restores_do_not_write_to_one_target() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, bytes) = small_revision(directory.path());
    let target = directory.path().join("target");
    fs::write(&target, b"old").unwrap();
    let other = File::open(&target).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    assert_eq!(revision.restore(&target, false).unwrap_err().code, Code::TargetBusy);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    drop(other);
    revision.restore(&target, false).unwrap();
    assert!(fs::read(&target).unwrap() == bytes);
}

#[test]
fn a_truncated_image_is_missing_its_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, _) = small_revision(directory.path());
    let image = File::options().write(true).open(&revision.image).unwrap();
    image.set_len(2 * BLOCK_SIZE as u64 + 100).unwrap();
    let bad = verify_image(&revision.options(), None, &Control::default()).unwrap().bad_blocks;
    let places: Vec<_> = bad.iter().map(|bad| (bad.offset, bad.length)).collect();
    assert_eq!(places, [(2 * BLOCK_SIZE as u64, BLOCK_SIZE as u64), (3 * BLOCK_SIZE as u64, 5000)]);
    image.set_len(10 * BLOCK_SIZE as u64).unwrap();
    let error = verify_image(&revision.options(), None, &Control::default()).unwrap_err();
    assert_eq!(error.code, Code::ImageDamaged);
}

#[test]
fn bytes_behind_the_end_of_an_image_are_left_out_by_force() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, bytes) = small_revision(directory.path());
    damage(&revision.image, bytes.len());
    let target = directory.path().join("target");
    assert_eq!(revision.restore(&target, false).unwrap_err().code, Code::ImageDamaged);
    assert_eq!(revision.restore(&target, true).unwrap().bad_blocks, []);
    assert!(fs::read(&target).unwrap() == bytes);
}

#[test]
fn an_extent_that_got_lost_is_missed_whatever_it_is_restored_to() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, _) = small_revision(directory.path());
    let image = File::options().write(true).open(&revision.image).unwrap();
    image.set_len(0).unwrap();
    image.set_len(revision.stats.size).unwrap();
    let lost = [0, 2, 3].map(|block| block * BLOCK_SIZE as u64);
    let (new, existing) = (directory.path().join("new"), directory.path().join("existing"));
    fs::write(&existing, b"untouched").unwrap();
    for target in [&new, &existing] {
        let error = revision.restore(target, false).unwrap_err();
        let places: Vec<_> = error.bad_blocks.iter().map(|bad| bad.offset).collect();
        assert_eq!((error.code, &places[..]), (Code::ImageDamaged, &lost[..]));
    }
    assert!(!new.exists());
    assert_eq!(fs::read(&existing).unwrap(), b"untouched");
}

#[test]
fn a_damaged_index_proves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, _) = small_revision(directory.path());
    damage(&revision.index, 4096);
    let error = verify_image(&revision.options(), None, &Control::default()).unwrap_err();
    assert_eq!(error.code, Code::IndexDamaged);
    let error = revision.restore(&directory.path().join("new"), true).unwrap_err();
    assert_eq!(error.code, Code::IndexDamaged);
}

#[test]
fn a_parent_without_a_usable_index_is_compared_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let (parent, mut bytes) = small_revision(directory.path());
    damage(&parent.index, 10);
    bytes[2 * BLOCK_SIZE] = 9;
    let source = directory.path().join("source");
    fs::write(&source, &bytes).unwrap();
    let next = Revision::write(&source, directory.path(), "next", Some(&parent), false);
    assert!(next.stats.fallback.is_some());
    assert!(fs::read(&next.image).unwrap() == bytes);
    assert_eq!(verify_image(&next.options(), None, &Control::default()).unwrap().bad_blocks, []);
}

#[test]
fn a_rotten_parent_is_healed_when_bytes_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let (parent, bytes) = small_revision(directory.path());
    damage(&parent.image, 2 * BLOCK_SIZE + 5);
    let source = directory.path().join("source");
    let next = Revision::write(&source, directory.path(), "next", Some(&parent), true);
    assert!(fs::read(&next.image).unwrap() == bytes);
}

#[test]
fn rot_where_there_were_zeros_does_not_stay_beside_what_is_new() {
    let directory = tempfile::tempdir().unwrap();
    let (parent, mut bytes) = small_revision(directory.path());
    damage(&parent.image, BLOCK_SIZE + 100_000);
    let source = directory.path().join("source");
    bytes[BLOCK_SIZE + 5] = 1;
    fs::write(&source, &bytes).unwrap();
    let next = Revision::write(&source, directory.path(), "next", Some(&parent), false);
    assert!(fs::read(&next.image).unwrap() == bytes);
}

#[test]
fn a_cancelled_write_ends_with_its_own_code() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    fs::write(&source, vec![1; 4 << 20]).unwrap();
    let control = Control::default();
    control.cancel();
    let options = WriteOptions {
        source: source.into(),
        image: directory.path().join("image"),
        index: directory.path().join("index"),
        ..WriteOptions::default()
    };
    assert_eq!(write_image(&options, &control).unwrap_err().code, Code::Cancelled);
}

#[test]
fn a_stream_gets_every_byte_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (revision, bytes) = small_revision(directory.path());
    let (read, write) = std::io::pipe().unwrap();
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        std::io::Read::read_to_end(&mut { read }, &mut received).unwrap();
        received
    });
    restore_image(&revision.options(), Target::Stream(write.into()), false, &Control::default()).unwrap();
    assert!(reader.join().unwrap() == bytes);
}

#[test]
fn progress_ends_where_it_was_headed() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    fs::write(&source, vec![1; 3 * BLOCK_SIZE + 100]).unwrap();
    let control = Control::default();
    let options = WriteOptions {
        source: source.into(),
        image: directory.path().join("image"),
        index: directory.path().join("index"),
        ..WriteOptions::default()
    };
    write_image(&options, &control).unwrap();
    let progress = control.progress();
    // Read once from the source and once, to prove it, from the disk.
    assert_eq!(progress.total, 2 * (3 * BLOCK_SIZE as u64 + 100));
    assert_eq!(progress.done, progress.total);
    assert_eq!(progress.changed, progress.total / 2);
}
