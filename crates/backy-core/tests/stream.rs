//! Revisions out of streams of changes, against the simplest model there is: a vector of bytes. `cat` is the exporter.
//!
//! If the temporary directory (`TMPDIR`) is on btrfs or XFS, this goes through clones; elsewhere the parent is copied.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test values are small"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, ChangesInput as Since, Code, CommandInput, Control, DiffHeader, DiffWriter, Error, Extent,
    ImageOptions, Input, Sample, WriteOptions, WriteStats, index_image, verify_image, write_image,
};
use proptest::prelude::*;
use support::{Changes, encode};

const BLOCK: u64 = BLOCK_SIZE as u64;
/// A bit over one segment, so that two pages of the index are in use.
const SPACE: u64 = 34 << 20;

/// A repository in a temporary directory, with a revision for each generation of the disk.
struct Bench {
    directory: tempfile::TempDir,
    generations: usize,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), generations: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the next revision; `delta` builds upon the last one.
    fn write(
        &mut self,
        size: u64,
        changes: &[(u64, u64, Option<u8>)],
        delta: bool,
    ) -> Result<WriteStats, Error> {
        let number = self.generations + 1;
        let since = (delta && number > 1).then(|| format!("s{}", number - 1));
        let header =
            DiffHeader { from_snapshot: since.clone(), to_snapshot: Some(format!("s{number}")), size };
        fs::write(self.path("diff"), encode(1 + (number % 2) as u8, &header, changes)).unwrap();
        self.write_from(size, &["cat", self.path("diff").to_str().unwrap()], since)
    }

    fn write_from(
        &mut self,
        size: u64,
        command: &[&str],
        since: Option<String>,
    ) -> Result<WriteStats, Error> {
        let number = self.generations + 1;
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let never = vec!["false".to_owned()];
        let source = CommandInput {
            name: PathBuf::from("pool/disk"),
            snapshot: format!("s{number}"),
            size,
            everything: if since.is_some() { never } else { command.clone() },
            changes: since.map(|since| Since { since, command }),
            sample: None,
        };
        let stats = write_image(&with(self.options(), &source), &Control::default())?;
        self.generations = number;
        Ok(stats)
    }

    fn options(&self) -> WriteOptions {
        let number = self.generations + 1;
        let parent = |suffix: &str| (number > 1).then(|| self.path(&format!("{}{suffix}", number - 1)));
        WriteOptions {
            image: self.path(&number.to_string()),
            index: self.path(&format!("{number}.hashes")),
            parent_image: parent(""),
            parent_index: parent(".hashes"),
            ..WriteOptions::default()
        }
    }

    fn last(&self) -> PathBuf {
        self.path(&self.generations.to_string())
    }

    /// The image has these bytes, and index and statistics are those of a revision written from a file.
    fn check(&self, stats: &WriteStats, expected: &[u8]) {
        assert!(fs::read(self.last()).unwrap() == expected, "the bytes of the image");
        let plain = self.path("plain");
        fs::write(&plain, expected).unwrap();
        let (image, index) = (self.path("other"), self.path("other.hashes"));
        let options = WriteOptions {
            source: plain.into(),
            image: image.clone(),
            index: index.clone(),
            ..WriteOptions::default()
        };
        let other = write_image(&options, &Control::default()).unwrap();
        assert_eq!((stats.size, stats.digest), (other.size, other.digest));
        assert_eq!(stats.bytes_zero, other.bytes_zero);
        fs::remove_file(image).unwrap();
        fs::remove_file(index).unwrap();
        let options = ImageOptions {
            index: self.last().with_extension("hashes"),
            image: self.last(),
            size: stats.size,
            digest: stats.digest,
        };
        assert!(verify_image(&options, None, &Control::default()).unwrap().bad_blocks.is_empty());
    }
}

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

fn replay(image: &mut Vec<u8>, size: u64, changes: &[(u64, u64, Option<u8>)]) {
    image.resize(size as usize, 0);
    for (start, length, byte) in changes {
        image[*start as usize..(start + length) as usize].fill(byte.unwrap_or(0));
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

fn with(options: WriteOptions, source: &CommandInput) -> WriteOptions {
    WriteOptions { source: Input::Command(source.clone()), ..options }
}

fn two_generations() -> (Bench, Vec<u8>) {
    let mut bench = Bench::new();
    let mut disk = Vec::new();
    for changes in [vec![(0, 2 << 20, Some(1))], vec![(5 << 20, 300_000, Some(2))]] {
        replay(&mut disk, SPACE, &changes);
        let stats = bench.write(SPACE, &changes, true).unwrap();
        bench.check(&stats, &disk);
    }
    (bench, disk)
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

fn remove(options: &WriteOptions) {
    for path in [&options.image, &options.index] {
        let _ = fs::remove_file(path);
    }
}
