//! Samples of a stream: the blocks that a run reads again although the stream does not mention them.
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
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, ChangesInput as Since, Code, CommandInput, Control, DiffHeader, DiffWriter, Error, Extent,
    Sample, WriteOptions, WriteStats, write_image,
};
use generations::{BLOCK, Bench, SPACE, remove, replay, two_generations, with};
use support::encode;

/// The sample of a disk that a run asks for, as a program would hand it over.
fn sample_stream(snapshot: &str, disk: &[u8], runs: usize, run: usize) -> Vec<u8> {
    let path = Path::new("sample");
    let mut stream = Vec::new();
    let mut writer = DiffWriter::start(&mut stream, path, Some(snapshot), disk.len() as u64).unwrap();
    for (number, block) in disk.chunks(BLOCK_SIZE).enumerate().filter(|(number, _)| number % runs == run) {
        let extent = Extent::at((number * BLOCK_SIZE) as u64, block.len() as u64);
        if block.iter().all(|byte| *byte == 0) {
            writer.zero(extent).unwrap();
        } else {
            writer.data(extent, block).unwrap();
        }
    }
    writer.finish().unwrap();
    stream
}

/// The third revision, whose changes are told by `told` and really are `real`; the sample is of what is real.
fn third(
    told: &[(u64, u64, Option<u8>)],
    real: &[(u64, u64, Option<u8>)],
    run: usize,
    spoil: impl Fn(&mut Vec<u8>),
) -> (Bench, Vec<u8>, Result<WriteStats, Error>) {
    let (bench, mut disk) = two_generations();
    let header = |from: Option<&str>| DiffHeader {
        from_snapshot: from.map(str::to_owned),
        to_snapshot: Some("s3".to_owned()),
        size: SPACE,
    };
    let everything = [&[(0, 2 << 20, Some(1)), (5 << 20, 300_000, Some(2))], real].concat();
    replay(&mut disk, SPACE, real);
    let mut sample = disk.clone();
    spoil(&mut sample);
    fs::write(bench.path("delta"), encode(1, &header(Some("s2")), told)).unwrap();
    fs::write(bench.path("full"), encode(1, &header(None), &everything)).unwrap();
    fs::write(bench.path("sample"), sample_stream("s3", &sample, 3, run)).unwrap();
    let command = |name: &str| vec!["cat".to_owned(), bench.path(name).display().to_string()];
    // The numbers are those that the stream was made for.
    let script = format!("test $0 = 3 -a $1 = {run} && cat {}", bench.path("sample").display());
    let source = CommandInput {
        name: PathBuf::from("pool/disk"),
        snapshot: "s3".to_owned(),
        size: SPACE,
        everything: command("full"),
        changes: Some(Since { since: "s2".to_owned(), command: command("delta") }),
        sample: Some(["sh", "-c", &script].map(str::to_owned).to_vec()),
    };
    let options =
        WriteOptions { sample: Sample { runs: 3, run: u32::try_from(run).unwrap() }, ..bench.options() };
    let result = write_image(&with(options, &source), &Control::default());
    (Bench { generations: 3, ..bench }, disk, result)
}

#[test]
fn a_sample_that_agrees_changes_nothing() {
    let changes = [(6 << 20, 1000, Some(5))];
    let (bench, disk, result) = third(&changes, &changes, 1, |_| {});
    let stats = result.unwrap();
    bench.check(&stats, &disk);
    assert!(stats.narrowed && stats.hint_failures.is_empty() && stats.fallback.is_none());
    let sampled = SPACE / 3;
    assert!(stats.bytes_read.abs_diff(sampled) <= BLOCK + 1000, "the sample was read, and what changed");
}

/// A change that the stream does not mention: found when its block has its turn, and not before.
#[test]
fn a_stream_that_lies_is_found_out_and_everything_is_read() {
    let block = 25;
    let real = [(block * BLOCK + 10, 100, Some(7))];
    for run in 0..3 {
        let (bench, disk, result) = third(&[], &real, run, |_| {});
        let stats = result.unwrap();
        if block % 3 == run as u64 {
            bench.check(&stats, &disk);
            let offsets: Vec<u64> = stats.hint_failures.iter().map(|bad| bad.offset).collect();
            assert_eq!((offsets, stats.narrowed), (vec![block * BLOCK], false));
            assert_eq!(stats.fallback.unwrap(), "what was said to have changed was not all of it");
        } else {
            assert!(stats.narrowed && stats.hint_failures.is_empty());
        }
    }
}

#[test]
fn a_source_that_reads_differently_a_second_time_fails_the_revision() {
    let (_, _, result) = third(&[], &[], 0, |sample| sample[100] ^= 1);
    let error = result.unwrap_err();
    assert_eq!((error.code, error.offset), (Code::SourceDiffers, Some(0)));
}

#[test]
fn a_sample_of_other_blocks_or_too_few_is_refused() {
    let (bench, disk) = two_generations();
    for stream in [
        sample_stream("s3", &disk, 2, 0),
        sample_stream("s3", &disk, 3, 1),
        sample_stream("s4", &disk, 3, 0),
        sample_stream("s3", &disk, usize::MAX, 0),
        sample_stream("s3", &disk[..disk.len() - 1], 3, 0),
    ] {
        fs::write(bench.path("sample"), stream).unwrap();
        let header = DiffHeader {
            from_snapshot: Some("s2".to_owned()),
            to_snapshot: Some("s3".to_owned()),
            size: SPACE,
        };
        fs::write(bench.path("delta"), encode(1, &header, &[])).unwrap();
        let path = bench.path("sample").display().to_string();
        let command = vec!["cat".to_owned(), bench.path("delta").display().to_string()];
        let source = CommandInput {
            name: PathBuf::from("pool/disk"),
            snapshot: "s3".to_owned(),
            size: SPACE,
            everything: vec!["false".to_owned()],
            changes: Some(Since { since: "s2".to_owned(), command }),
            sample: Some(["sh", "-c", &format!("cat {path}")].map(str::to_owned).to_vec()),
        };
        let options = WriteOptions { sample: Sample { runs: 3, run: 0 }, ..bench.options() };
        let error = write_image(&with(options, &source), &Control::default()).unwrap_err();
        assert!(matches!(error.code, Code::DiffDamaged | Code::SourceResized), "{error}");
        remove(&bench.options());
    }
}
