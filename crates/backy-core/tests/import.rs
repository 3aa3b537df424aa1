//! Restoring onto a target behind programs: `cat` hands over what it holds, a shell takes what it lacks.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test values are small"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backy_core::{
    Change, Code, CommandTarget, Control, DiffHeader, DiffReader, Error, ImageOptions, RestoreStats, Target,
    TargetKind, restore_image,
};
use proptest::prelude::*;
use support::{encode, revision};

/// Restores onto a target of which the stream tells, and returns what was handed to it.
fn restore(
    directory: &Path,
    image: &ImageOptions,
    export: &[u8],
    import: &str,
    force: bool,
) -> Result<RestoreStats, Error> {
    fs::write(directory.join("export"), export).unwrap();
    let script = import.replace("OUT", directory.join("import").to_str().unwrap());
    let target = CommandTarget {
        name: PathBuf::from("rbd:pool/disk"),
        export: vec!["cat".to_owned(), directory.join("export").display().to_string()],
        import: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        patience: Duration::from_secs(60),
    };
    restore_image(image, Target::Command(target), force, &Control::default())
}

fn stream(size: u64, changes: &[(u64, u64, Option<u8>)]) -> Vec<u8> {
    encode(1, &DiffHeader { from_snapshot: None, to_snapshot: None, size }, changes)
}

/// The disk that rbd would make of a stream.
fn apply(stream: &[u8], target: &mut [u8]) -> usize {
    let (header, mut reader) = DiffReader::open(stream, Path::new("import")).unwrap();
    let expected = DiffHeader { from_snapshot: None, to_snapshot: None, size: target.len() as u64 };
    assert_eq!(header, expected, "the target keeps its size");
    let mut written = 0;
    while let Some(change) = reader.next_change().unwrap() {
        let (Change::Data(extent) | Change::Zero(extent)) = change;
        let range = &mut target[extent.start as usize..extent.end as usize];
        match change {
            Change::Data(_) => {
                written += range.len();
                reader.read(range).unwrap();
            }
            Change::Zero(_) => range.fill(0),
        }
    }
    written
}

fn parts() -> impl Strategy<Value = Vec<(f64, u64, Option<u8>)>> {
    let length = prop_oneof![1..9000_u64, 1..1_500_000_u64];
    prop::collection::vec((0.0..1.0f64, length, prop::option::of(1..3_u8)), 0..8)
}

fn place(size: u64, parts: &[(f64, u64, Option<u8>)]) -> Vec<(u64, u64, Option<u8>)> {
    let place = |(at, length, byte): &(f64, u64, Option<u8>)| {
        let start = (size as f64 * at) as u64;
        (start, (*length).min(size - start), *byte)
    };
    parts.iter().map(place).collect()
}

fn replay(size: u64, changes: &[(u64, u64, Option<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    for (start, length, byte) in changes {
        bytes[*start as usize..(start + length) as usize].fill(byte.unwrap_or(0));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the target held, and in whatever order it tells: afterwards it holds the image, and behind its end
    /// what it held before.
    #[test]
    fn the_target_becomes_the_image(
        size in 1..5_000_000_u64,
        more in prop_oneof![Just(0), 1..600_000_u64],
        image in parts(),
        old in parts(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let bytes = replay(size, &place(size, &image));
        let options = revision(directory.path(), &bytes);
        let changes = place(size + more, &old);
        let mut target = replay(size + more, &changes);
        let tail = target[size as usize..].to_vec();
        let stats =
            restore(directory.path(), &options, &stream(size + more, &changes), "cat > OUT", false).unwrap();
        prop_assert_eq!(stats.kind, TargetKind::Command);
        if directory.path().join("import").exists() {
            let written = apply(&fs::read(directory.path().join("import")).unwrap(), &mut target);
            prop_assert_eq!(stats.bytes_written, written as u64);
        }
        prop_assert!(target[..size as usize] == bytes && target[size as usize..] == tail);
    }
}

const SIZE: u64 = 3 << 20;
const CHANGES: [(u64, u64, Option<u8>); 2] = [(1000, 100_000, Some(1)), (2_000_000, 500_000, Some(2))];

#[test]
fn only_what_differs_is_handed_over() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = replay(SIZE, &CHANGES);
    let options = revision(directory.path(), &bytes);
    let stats = restore(directory.path(), &options, &stream(SIZE, &CHANGES), "exit 1", false).unwrap();
    assert_eq!((stats.bytes_written, stats.bytes_read), (0, 0), "nothing is started where nothing differs");
    let old = [
        CHANGES[0],
        (1 << 20, 50, Some(9)),
        (2_000_000, 100_000, Some(2)),
        (2_100_000, 10, Some(9)),
        (2_100_010, 399_990, Some(2)),
    ];
    let stats = restore(directory.path(), &options, &stream(SIZE, &old), "cat > OUT", false).unwrap();
    assert_eq!(stats.bytes_written, 16 * 1024, "one granule of data, another of zeros");
    let mut target = replay(SIZE, &old);
    apply(&fs::read(directory.path().join("import")).unwrap(), &mut target);
    assert!(target == bytes);
}

#[test]
fn a_target_that_is_too_small_or_fails_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let options = revision(directory.path(), &replay(SIZE, &CHANGES));
    let restore = |size, import| restore(directory.path(), &options, &stream(size, &[]), import, false);
    assert_eq!(restore(SIZE - 1, "cat > OUT").unwrap_err().code, Code::TargetSmall);
    assert!(!directory.path().join("import").exists(), "nothing was handed over");
    for script in ["cat > /dev/null; echo full >&2; exit 28", "echo full >&2; exit 28"] {
        let error = restore(SIZE, script).unwrap_err();
        assert_eq!(
            (error.code, error.detail.as_deref()),
            (Code::ProgramFailed, Some("full (exit status 28)"))
        );
    }
}

/// Every block is checked, and a damaged image leaves the target as it was.
#[test]
fn a_damaged_image_writes_nothing_unless_forced() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = replay(SIZE, &CHANGES);
    let options = revision(directory.path(), &bytes);
    let mut damaged = bytes.clone();
    damaged[2_200_000] ^= 1;
    fs::write(&options.image, damaged).unwrap();
    let error = restore(directory.path(), &options, &stream(SIZE, &[]), "cat > OUT", false).unwrap_err();
    assert_eq!((error.code, error.bad_blocks.len()), (Code::ImageDamaged, 1));
    assert!(!directory.path().join("import").exists(), "nothing was handed over");
    let stats = restore(directory.path(), &options, &stream(SIZE, &[]), "cat > OUT", true).unwrap();
    let block = stats.bad_blocks[0].offset as usize..(stats.bad_blocks[0].offset + (256 << 10)) as usize;
    let mut target = vec![0; SIZE as usize];
    apply(&fs::read(directory.path().join("import")).unwrap(), &mut target);
    bytes[block].fill(0);
    assert!(target == bytes, "all but the damaged block");
}
