//! Backups that are told what changed, against full copies: a disk image lives through writes, holes, allocations
//! and changes of size; each generation is backed up from a snapshot, reading what lies elsewhere than in the
//! snapshot before. Where the temporary directory (`TMPDIR`) is on btrfs or XFS this goes through extent maps; elsewhere
//! there are no snapshots, and the test of them has nothing to do.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, Code, Control, Extent, ExtentMap, FileIdentity, Hint, Input, LeftSnapshot, PathInput,
    Previous, Sample, TakenSnapshot, WriteOptions, WriteStats, clone_source, index_image, remove_snapshot,
    take_snapshot, write_image,
};
use proptest::prelude::*;
use rustix::fs::FallocateFlags;

/// Something that happens to a disk image.
#[derive(Debug, Clone)]
enum Event {
    Write { at: u64, length: u64, value: u8 },
    Punch { at: u64, length: u64 },
    Allocate { at: u64, length: u64, keep_size: bool },
    Zero { at: u64, length: u64 },
    Resize { size: u64 },
    Flush,
}

const SPACE: u64 = 6 << 20;
const BLOCK: u64 = BLOCK_SIZE as u64;

fn event() -> impl Strategy<Value = Event> {
    let at = || prop_oneof![0..SPACE, (0..SPACE / 4096).prop_map(|page| page * 4096)];
    let length = || prop_oneof![1..5000u64, 1..400_000u64, (1..40u64).prop_map(|pages| pages * 4096)];
    prop_oneof![
        12 => (at(), length(), 0..4u8).prop_map(|(at, length, value)| Event::Write { at, length, value }),
        4 => (at(), length()).prop_map(|(at, length)| Event::Punch { at, length }),
        3 => (at(), length(), any::<bool>())
            .prop_map(|(at, length, keep_size)| Event::Allocate { at, length, keep_size }),
        3 => (at(), length()).prop_map(|(at, length)| Event::Zero { at, length }),
        2 => at().prop_map(|size| Event::Resize { size }),
        2 => Just(Event::Flush),
    ]
}

fn happen(event: &Event, file: &File) {
    let allocate = |flags, at, length| match rustix::fs::fallocate(file, flags, at, length) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(errno) => panic!("fallocate: {errno}"),
    };
    match *event {
        Event::Write { at, length, value } => {
            file.write_all_at(&vec![value; usize::try_from(length).unwrap()], at).unwrap();
        }
        Event::Punch { at, length } => {
            allocate(FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, length);
        }
        Event::Allocate { at, length, keep_size } => {
            let flags = if keep_size { FallocateFlags::KEEP_SIZE } else { FallocateFlags::empty() };
            allocate(flags, at, length);
        }
        Event::Zero { at, length } => {
            allocate(FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE, at, length);
        }
        Event::Resize { size } => file.set_len(size).unwrap(),
        Event::Flush => file.sync_all().unwrap(),
    }
}

/// A repository of one disk, as far as the engine knows.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Revision `number`, on top of the one before.
    fn write(&self, number: usize, input: PathInput, sample: Sample) -> WriteStats {
        let name = |number: usize| (self.path(&number.to_string()), self.path(&format!("{number}.hashes")));
        let (image, index) = name(number);
        let parent = number.checked_sub(1).map(name);
        let options = WriteOptions {
            source: Input::Path(input),
            image,
            index,
            parent_image: parent.as_ref().map(|(image, _)| image.clone()),
            parent_index: parent.map(|(_, index)| index),
            sample,
            ..WriteOptions::default()
        };
        let stats = write_image(&options, &Control::default()).unwrap();
        self.assert_equal(number, &stats, &options);
        stats
    }

    /// The image is the source to the byte, and the index is that of the image.
    fn assert_equal(&self, number: usize, stats: &WriteStats, options: &WriteOptions) {
        let Input::Path(PathInput { path, .. }) = &options.source else { panic!("a path") };
        assert!(fs::read(&options.image).unwrap() == fs::read(path).unwrap(), "revision {number} differs");
        let built = self.path("built");
        let indexed = index_image(&options.image, &built, &Control::default()).unwrap();
        assert_eq!((indexed.digest, indexed.size), (stats.digest, stats.size), "index of {number}");
        assert_eq!(indexed.bytes_zero, stats.bytes_zero);
        fs::remove_file(built).unwrap();
    }

    fn snapshot(&self, disk: &Path, number: usize) -> Option<Previous> {
        let snapshot = self.path(&format!("snapshot-{number}"));
        let taken =
            take_snapshot(disk, &snapshot, OsStr::new("disk"), self.directory.path(), &Control::default());
        known(taken, snapshot.join("disk"))
    }

    /// A snapshot that is the image of revision `number`.
    fn image(&self, disk: &Path, number: usize) -> Option<Previous> {
        let image = self.path(&number.to_string());
        known(clone_source(disk, &image, &Control::default()), image)
    }
}

fn known(taken: backy_core::Result<TakenSnapshot>, path: PathBuf) -> Option<Previous> {
    match taken {
        Ok(taken) => Some(Previous { path, identity: taken.identity }),
        Err(error) if error.code == Code::ReflinkUnsupported => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_narrowed_revision_is_a_full_copy(
        generations in prop::collection::vec(prop::collection::vec(event(), 0..60), 2..6),
        is_image in any::<bool>(),
        runs in 0..4u32,
    ) {
        let bench = Bench::new();
        let disk = bench.path("disk");
        let file = File::options().read(true).write(true).create_new(true).open(&disk).unwrap();
        let mut previous: Option<Previous> = None;
        for (number, events) in generations.iter().enumerate() {
            for event in events {
                happen(event, &file);
            }
            let taken = if is_image { bench.image(&disk, number) } else { bench.snapshot(&disk, number) };
            let Some(snapshot) = taken else { return Ok(()) };
            prop_assert!(fs::read(&snapshot.path).unwrap() == fs::read(&disk).unwrap());
            let hint = previous.clone().map_or(Hint::None, Hint::Previous);
            let input = PathInput { hint, ..snapshot.clone().into_input() };
            let run = u32::try_from(number).unwrap();
            let stats = bench.write(number, input, Sample { runs, run });
            prop_assert_eq!(stats.hint_failures, []);
            prop_assert_eq!(stats.fallback, None);
            prop_assert_eq!((stats.narrowed, stats.source_cloned), (number > 0, is_image));
            let old = previous.replace(snapshot);
            if let Some(Previous { path, identity }) = old.filter(|_| !is_image) {
                let left = LeftSnapshot {
                    path: path.parent().unwrap().to_owned(),
                    name: path.file_name().unwrap().to_owned(),
                    identity: Some(identity),
                    repository: bench.directory.path().to_owned(),
                };
                prop_assert!(remove_snapshot(&left).unwrap());
            }
        }
    }
}

/// More extents than one call of the kernel tells of: every second page, and holes between them.
#[test]
fn a_disk_of_very_many_pieces_is_compared_to_its_end() {
    const PAGE: usize = 4096;
    let bench = Bench::new();
    let disk = bench.path("disk");
    let file = File::options().read(true).write(true).create_new(true).open(&disk).unwrap();
    file.set_len(204 * BLOCK).unwrap();
    for page in (0..13_000).step_by(2) {
        file.write_all_at(&[u8::try_from(page % 250).unwrap() + 1; PAGE], (page * PAGE) as u64).unwrap();
    }
    let Some(first) = bench.snapshot(&disk, 0) else { return };
    bench.write(0, first.clone().into_input(), Sample::default());
    for page in [4096, 4097, 8190, 8192, 12_998] {
        file.write_all_at(&[0xee; PAGE], (page * PAGE) as u64).unwrap();
    }
    let second = bench.snapshot(&disk, 1).unwrap();
    let input = PathInput { hint: Hint::Previous(first), ..second.into_input() };
    let stats = bench.write(1, input, Sample::default());
    assert!(stats.narrowed);
    assert_eq!(stats.bytes_changed, 4 * BLOCK);
    assert!(stats.bytes_read <= 4 * BLOCK, "{}", stats.bytes_read);
}

fn disk_of(blocks: u64, path: &Path) -> File {
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    for block in 0..blocks {
        file.write_all_at(&[u8::try_from(block % 250).unwrap() + 1; 4096], block * BLOCK + 8192).unwrap();
    }
    file
}

fn changed(path: &Path, blocks: &[u64]) -> PathInput {
    let extents = blocks.iter().map(|block| Extent::at(block * BLOCK + 5000, 100)).collect();
    let hint = Hint::Changed(ExtentMap::normalise(extents));
    PathInput { hint, ..path.to_owned().into_input() }
}

/// Whether the directory is on a filesystem with reflinks, where a hint counts for anything.
fn shares(bench: &Bench, disk: &Path) -> bool {
    bench.snapshot(disk, 0).is_some()
}

#[test]
fn only_what_the_hint_names_is_read() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    let file = disk_of(200, &disk);
    bench.write(0, disk.clone().into_input(), Sample::default());
    file.write_all_at(&[9; 4096], 7 * BLOCK + 4096).unwrap();
    file.write_all_at(&[9; 4096], 150 * BLOCK + 4096).unwrap();
    let stats = bench.write(1, changed(&disk, &[7, 150, 151]), Sample::default());
    if shares(&bench, &disk) {
        assert!(stats.narrowed);
        assert_eq!((stats.bytes_read, stats.bytes_changed), (3 * BLOCK, 2 * BLOCK));
        assert!(stats.bytes_written <= 4 * 16384, "{}", stats.bytes_written);
    } else {
        assert!(!stats.narrowed, "everything is written, so everything is read");
    }
}

#[test]
fn a_hint_that_lies_is_found_out_by_the_sample_and_everything_is_read() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    let file = disk_of(100, &disk);
    bench.write(0, disk.clone().into_input(), Sample::default());
    // One block that is hinted, one that is not and in the sample, one that is in neither.
    for block in [3, 45, 46] {
        file.write_all_at(&[9; 4096], block * BLOCK + 4096).unwrap();
    }
    let stats = bench.write(1, changed(&disk, &[3]), Sample { runs: 30, run: 15 });
    let found: Vec<u64> = stats.hint_failures.iter().map(|bad| bad.offset / BLOCK).collect();
    if shares(&bench, &disk) {
        assert_eq!(found, [45]);
        assert!(stats.fallback.unwrap().contains("not all of it"));
    }
    assert!(!stats.narrowed);
    assert_eq!(stats.bytes_changed, 3 * BLOCK);
}

#[test]
fn a_hole_that_no_hint_names_is_found_out_too() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    let file = disk_of(64, &disk);
    bench.write(0, disk.clone().into_input(), Sample::default());
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, punch, 10 * BLOCK, BLOCK).unwrap();
    let stats = bench.write(1, changed(&disk, &[]), Sample { runs: 10, run: 20 });
    if shares(&bench, &disk) {
        assert_eq!(stats.hint_failures.len(), 1);
        assert_eq!(stats.hint_failures[0].offset, 10 * BLOCK);
    }
    assert!(!stats.narrowed);
}

#[test]
fn a_snapshot_that_is_of_no_use_is_said_to_be() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    disk_of(10, &disk);
    let Some(first) = bench.snapshot(&disk, 0) else { return };
    let at = |path: PathBuf| Previous { path, ..first.clone() };
    bench.write(0, first.clone().into_input(), Sample::default());
    let other = bench.path("other");
    disk_of(11, &other);
    std::os::unix::fs::symlink(&first.path, bench.path("link")).unwrap();
    let later = bench.snapshot(&disk, 1).unwrap();
    let unborn = FileIdentity { birth: None, ..first.identity };
    let cases = [
        (at(bench.path("missing")), "is gone"),
        (at(other), "another file is in the place"),
        (at(later.path), "another file is in the place"),
        (Previous { identity: unborn, ..first.clone() }, "another file is in the place"),
        (Previous { identity: later.identity, ..first.clone() }, "another file is in the place"),
        (at(bench.path("link")), "cannot be used"),
        (at(bench.directory.path().to_owned()), "is no file of ours"),
    ];
    for (number, (previous, words)) in cases.into_iter().enumerate() {
        let input = PathInput { hint: Hint::Previous(previous), ..first.clone().into_input() };
        let stats = bench.write(number + 1, input, Sample::default());
        assert!(!stats.narrowed, "{words}");
        assert!(stats.fallback.as_ref().is_some_and(|reason| reason.contains(words)), "{:?}", stats.fallback);
    }
}

/// Whoever writes to the directory of a source can put another file into the place of a snapshot.
#[test]
fn a_snapshot_that_is_another_file_by_now_is_refused() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    disk_of(3, &disk);
    let Some(snapshot) = bench.snapshot(&disk, 0) else { return };
    let refused = |words: &str| {
        let options = WriteOptions {
            source: Input::Path(snapshot.clone().into_input()),
            image: bench.path("image"),
            index: bench.path("index"),
            ..WriteOptions::default()
        };
        let error = write_image(&options, &Control::default()).unwrap_err();
        assert_eq!(error.code, Code::SnapshotReplaced);
        assert!(error.detail.as_ref().is_some_and(|detail| detail.contains(words)), "{error}");
        assert!(!bench.path("image").exists());
    };
    let (path, kept) = (&snapshot.path, bench.path("kept"));
    fs::hard_link(path, &kept).unwrap();
    refused("it has a second name");
    fs::remove_file(path).unwrap();
    refused("it is gone");
    fs::copy(&disk, path).unwrap();
    refused("another file");
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(&kept, path).unwrap();
    refused("a symbolic link");
    fs::rename(&kept, path).unwrap();
    bench.write(0, snapshot.into_input(), Sample::default());
}

/// A hash of a block that is not read would be handed on, and condemn every later revision.
#[test]
fn hashes_that_rotted_are_not_handed_on() {
    let bench = Bench::new();
    let disk = bench.path("disk");
    disk_of(10, &disk);
    let first = bench.write(0, disk.clone().into_input(), Sample::default());
    let index = bench.path("0.hashes");
    File::options().write(true).open(&index).unwrap().write_all_at(&[0xff], 4096 + 5 * 32).unwrap();
    let options = WriteOptions {
        source: Input::Path(changed(&disk, &[1])),
        image: bench.path("1"),
        index: bench.path("1.hashes"),
        parent_image: Some(bench.path("0")),
        parent_index: Some(index),
        parent_digest: Some(first.digest),
        ..WriteOptions::default()
    };
    let stats = write_image(&options, &Control::default()).unwrap();
    assert!(!stats.narrowed);
    assert_eq!(stats.digest, first.digest, "the disk has not changed");
    assert!(stats.fallback.as_ref().unwrap().contains("not the one that its record names"));
    bench.assert_equal(1, &stats, &options);
}

trait IntoInput {
    fn into_input(self) -> PathInput;
}

impl IntoInput for PathBuf {
    fn into_input(self) -> PathInput {
        PathInput { path: self, identity: None, hint: Hint::None }
    }
}

impl IntoInput for Previous {
    fn into_input(self) -> PathInput {
        PathInput { path: self.path, identity: Some(self.identity), hint: Hint::None }
    }
}
