//! Revisions out of streams of changes, against the simplest model there is: a vector of bytes. `cat` is the exporter.
//!
//! If the temporary directory (`TMPDIR`) is on btrfs or XFS, this goes through clones; elsewhere the parent is copied.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test values are small"
)]

#[path = "support/generations.rs"]
mod generations;
mod support;

use std::fs;
use std::path::PathBuf;

use backy_core::{
    ChangesInput as Since, Code, CommandInput, Control, DiffHeader, WriteOptions, index_image, write_image,
};
use generations::{BLOCK, Bench, SPACE, remove, replay, two_generations, with};
use proptest::prelude::*;
use support::{Changes, encode};

/// Every segment of such a disk, one by one, would take minutes and gigabytes.
#[test]
fn a_disk_of_holes_takes_as_long_as_its_data() {
    const PIB: u64 = 1 << 50;
    const FAR: u64 = 3 << 40;
    let mut bench = Bench::new();
    let probe = fs::File::create(bench.path("probe")).unwrap();
    // ext4 has files of 16 TiB at most.
    let size = [PIB, 8 << 40].into_iter().find(|size| probe.set_len(*size).is_ok()).unwrap();
    let all = (0, size, None);
    let generations = [
        (false, vec![all, (FAR + 5000, 70_000, Some(7)), (0, 100, Some(1)), (FAR, 10, None)], 2 * BLOCK),
        (true, vec![all, (size - BLOCK, BLOCK, Some(2)), (5 * BLOCK, BLOCK, Some(0))], BLOCK),
        (true, vec![(FAR, BLOCK, Some(3))], 2 * BLOCK),
        (false, vec![(FAR, BLOCK, Some(3)), all, (BLOCK, 1, Some(9))], BLOCK),
    ];
    for (delta, changes, data) in generations {
        let stats = bench.write(size, &changes, delta).unwrap();
        assert_eq!((stats.size, stats.bytes_zero), (size, size - data), "{changes:?}");
        let made = bench.path("made");
        assert_eq!(index_image(&bench.last(), &made, &Control::default()).unwrap().digest, stats.digest);
        fs::remove_file(made).unwrap();
    }
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![1..SPACE, (1..SPACE / BLOCK).prop_map(|blocks| blocks * BLOCK)]
}

fn parts() -> impl Strategy<Value = Vec<(f64, u64, Option<u8>)>> {
    let length = prop_oneof![1..9000_u64, 1..BLOCK * 5, Just(4 << 20)];
    prop::collection::vec((0.0..1.0f64, length, prop::option::of(0..3_u8)), 0..12)
}

/// Puts changes into an image of `size` bytes, some of them on the edges of blocks.
fn place(size: u64, parts: &[(f64, u64, Option<u8>)]) -> Changes {
    let place = |(at, length, byte): &(f64, u64, Option<u8>)| {
        let start = (size as f64 * at) as u64;
        let start = if length % 3 == 0 { start / BLOCK * BLOCK } else { start };
        (start, (*length).min(size - start), *byte)
    };
    parts.iter().map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever order and overlap the changes have, and however the size changes: each revision is its generation.
    #[test]
    fn every_revision_equals_its_generation(
        generations in prop::collection::vec((sizes(), parts(), prop::bool::weighted(0.7)), 1..4),
    ) {
        let mut bench = Bench::new();
        let mut disk = Vec::new();
        for (size, parts, delta) in generations {
            let changes = place(size, &parts);
            if !delta {
                disk.clear();
            }
            replay(&mut disk, size, &changes);
            let stats = bench.write(size, &changes, delta).unwrap();
            bench.check(&stats, &disk);
            prop_assert!(bench.generations == 1 || stats.fallback.is_none());
        }
    }
}

/// The streams of a real cluster, from the first snapshot to the second.
#[test]
fn a_real_image_is_backed_up_twice() {
    let fixture = |name: &str| format!("{}/tests/fixtures/rbd-{name}", env!("CARGO_MANIFEST_DIR"));
    for (first, second) in [
        ("v1-full.diff", "v1-delta.diff"),
        ("v1-full.diff", "v1-whole.diff"),
        ("v2-full.diff", "v2-delta.diff"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut options =
            WriteOptions { image: path("1"), index: path("1.hashes"), ..WriteOptions::default() };
        let command = |name: &str| vec!["cat".to_owned(), fixture(name)];
        let mut source = CommandInput {
            name: PathBuf::from("rbd/fx"),
            snapshot: "backy-one".to_owned(),
            size: 20_000,
            everything: command(first),
            ..CommandInput::default()
        };
        write_image(&with(options.clone(), &source), &Control::default()).unwrap();
        assert!(fs::read(path("1")).unwrap() == fs::read(fixture("one.raw")).unwrap());
        options = WriteOptions {
            image: path("2"),
            index: path("2.hashes"),
            parent_image: Some(path("1")),
            parent_index: Some(path("1.hashes")),
            ..options
        };
        source = CommandInput {
            snapshot: "backy-two".to_owned(),
            size: 24_000,
            changes: Some(Since { since: "backy-one".to_owned(), command: command(second) }),
            ..source
        };
        let stats = write_image(&with(options.clone(), &source), &Control::default()).unwrap();
        assert_eq!(stats.fallback, None);
        assert!(fs::read(path("2")).unwrap() == fs::read(fixture("two.raw")).unwrap());
        assert!(fs::read(path("1")).unwrap() == fs::read(fixture("one.raw")).unwrap());
    }
}

/// I9: an increment counts on its very base only.
#[test]
fn a_stream_for_another_base_snapshot_or_size_is_refused() {
    let (mut bench, _) = two_generations();
    let header = |from: Option<&str>, to: &str, size| {
        let text = |name: &str| name.to_owned();
        DiffHeader { from_snapshot: from.map(text), to_snapshot: Some(text(to)), size }
    };
    for (header, code) in [
        (header(Some("s1"), "s3", SPACE), Code::DiffDamaged),
        (header(None, "s3", SPACE), Code::DiffDamaged),
        (header(Some("s2"), "s4", SPACE), Code::DiffDamaged),
        (header(Some("s2"), "s3", SPACE + 1), Code::SourceResized),
    ] {
        fs::write(bench.path("diff"), encode(1, &header, &[])).unwrap();
        let command = ["cat", &bench.path("diff").display().to_string()].map(str::to_owned);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let error = bench.write_from(SPACE, &command, Some("s2".to_owned())).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        remove(&bench.options());
    }
}

/// I10: the end record alone is not enough.
#[test]
fn a_complete_stream_of_a_program_that_fails_does_not_count() {
    let (mut bench, _) = two_generations();
    let header =
        DiffHeader { from_snapshot: Some("s2".to_owned()), to_snapshot: Some("s3".to_owned()), size: SPACE };
    fs::write(bench.path("diff"), encode(1, &header, &[(0, 10, Some(9))])).unwrap();
    let script = format!("cat {}; echo lost the cluster >&2; exit 5", bench.path("diff").display());
    let error = bench.write_from(SPACE, &["sh", "-c", &script], Some("s2".to_owned())).unwrap_err();
    assert_eq!(error.code, Code::ProgramFailed);
    assert_eq!(error.detail.unwrap(), "lost the cluster (exit status 5)");
}

/// The error of a failed program is its own message, not the end of its stream.
#[test]
fn a_program_that_dies_in_the_middle_is_quoted() {
    let mut bench = Bench::new();
    let script = "printf 'rbd diff v1\\n'; echo no such image >&2; exit 2";
    let error = bench.write_from(SPACE, &["sh", "-c", script], None).unwrap_err();
    assert_eq!(error.code, Code::ProgramFailed);
    assert_eq!(error.detail.unwrap(), "no such image (exit status 2)");
    remove(&bench.options());
    let error = bench.write_from(SPACE, &["echo", "this is no stream of changes"], None).unwrap_err();
    assert_eq!((error.code, error.offset), (Code::DiffDamaged, Some(0)));
}

/// Rot in a part of a block that the stream does not mention must not be sealed with a new hash; neither when the
/// stream mentioned all of it before, as it was, so that nothing was written.
#[test]
fn a_damaged_parent_is_not_built_upon() {
    is_not_built_upon(&[(5000, 10, Some(7))]);
    is_not_built_upon(&[(0, BLOCK, Some(1)), (BLOCK, BLOCK, Some(1)), (5000, 10, Some(7))]);
}

fn is_not_built_upon(changes: &[(u64, u64, Option<u8>)]) {
    let (mut bench, mut disk) = two_generations();
    let last = bench.last();
    let mut bytes = fs::read(&last).unwrap();
    bytes[100] ^= 1;
    fs::write(&last, bytes).unwrap();
    let header = |from: Option<&str>| DiffHeader {
        from_snapshot: from.map(str::to_owned),
        to_snapshot: Some("s3".to_owned()),
        size: SPACE,
    };
    replay(&mut disk, SPACE, changes);
    let everything = [&[(0, 2 << 20, Some(1)), (5 << 20, 300_000, Some(2))], changes].concat();
    fs::write(bench.path("delta"), encode(1, &header(Some("s2")), changes)).unwrap();
    fs::write(bench.path("full"), encode(1, &header(None), &everything)).unwrap();
    let command = |name: &str| vec!["cat".to_owned(), bench.path(name).display().to_string()];
    let source = CommandInput {
        name: PathBuf::from("pool/disk"),
        snapshot: "s3".to_owned(),
        size: SPACE,
        everything: command("full"),
        changes: Some(Since { since: "s2".to_owned(), command: command("delta") }),
        sample: None,
    };
    let stats = write_image(&with(bench.options(), &source), &Control::default()).unwrap();
    bench.generations += 1;
    bench.check(&stats, &disk);
    assert!(stats.fallback.unwrap().starts_with("the parent cannot be built upon"), "it says why");
}

#[test]
fn an_unchanged_source_costs_nothing() {
    let (mut bench, disk) = two_generations();
    let stats = bench.write(SPACE, &[], true).unwrap();
    bench.check(&stats, &disk);
    assert_eq!((stats.bytes_read, stats.bytes_changed), (0, 0));
    if stats.unshared.is_none() {
        assert_eq!(stats.bytes_written, 0);
    }
}

/// If the parent lies in many pieces, a stream is written like the bytes of a file: a block that was shredded whole,
/// any other one in large granules.
#[test]
fn an_image_in_many_pieces_is_mended() {
    const GRANULE: u64 = 16 << 10;
    let mut bench = Bench::new();
    let mut disk = Vec::new();
    let mut revision = |bench: &mut Bench, changes: &[(u64, u64, Option<u8>)]| {
        replay(&mut disk, SPACE, changes);
        let stats = bench.write(SPACE, changes, true).unwrap();
        bench.check(&stats, &disk);
        stats
    };
    let whole = revision(&mut bench, &[(0, SPACE, Some(1))]);
    // Nothing is shared here; or btrfs compresses, and then no image is in few pieces.
    if whole.unshared.is_some() || whole.extents > Some(SPACE / BLOCK) {
        return;
    }
    let pages = (0..SPACE / BLOCK).flat_map(|block| [2, 10].map(|granule| block * BLOCK + granule * GRANULE));
    let shredded = revision(&mut bench, &pages.map(|page| (page, 4096, Some(2))).collect::<Vec<_>>());
    assert_eq!(shredded.bytes_written, SPACE / BLOCK * 2 * GRANULE);

    let block = 5 * BLOCK;
    let mended = revision(&mut bench, &[(block, 4096, Some(3))]);
    assert_eq!(mended.bytes_written, BLOCK);
    assert!(mended.extents < shredded.extents);
    let again = revision(&mut bench, &[(block, 4096, Some(4))]);
    assert_eq!(again.bytes_written, 4 * GRANULE);
}
