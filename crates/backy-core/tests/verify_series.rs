//! Verifying revisions one after the other, against verifying each alone: the findings are the same, and what lies at the
//! same place is read once. Where the temporary directory (`TMPDIR`) is on btrfs or XFS the revisions share blocks;
//! elsewhere each is read in full.
#![cfg(target_os = "linux")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use backy_core::{
    BLOCK_SIZE, Control, ImageOptions, IndexStats, Verified, VerifyStats, index_image, verify_image,
    verify_next_image,
};
use proptest::prelude::*;

const BLOCK: u64 = BLOCK_SIZE as u64;
const SPACE: u64 = 5 * BLOCK + 1000;

/// Something that happens to the next revision, or to one that is sealed.
#[derive(Debug, Clone)]
enum Event {
    /// The next revision has other bytes there.
    Write {
        at: u64,
        length: u64,
        value: u8,
    },
    Resize {
        size: u64,
    },
    /// The next revision is sealed, and the one after it is a clone of it.
    Seal,
    /// The newest sealed revision gets other bytes than its index says, and the next ones are clones of it.
    Spoil {
        at: u64,
    },
    /// The newest sealed revision gets the index of the one before, if that has its size.
    Confuse,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..SPACE, 1..BLOCK, 0..3u8).prop_map(|(at, length, value)| Event::Write { at, length, value }),
        1 => (1..SPACE).prop_map(|size| Event::Resize { size }),
        6 => Just(Event::Seal),
        2 => (0..SPACE).prop_map(|at| Event::Spoil { at }),
        1 => Just(Event::Confuse),
    ]
}

/// A disk, and the revisions that were made of it.
struct Bench {
    directory: tempfile::TempDir,
    sealed: Vec<ImageOptions>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap(), sealed: Vec::new() };
        fs::write(bench.next(), noise()).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The image that is not sealed yet.
    fn next(&self) -> PathBuf {
        self.path(&self.sealed.len().to_string())
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Write { at, length, value } => write(&self.next(), at, &bytes(value, length)),
            Event::Resize { size } => open(&self.next()).set_len(size).unwrap(),
            Event::Seal => self.seal(),
            Event::Spoil { at } => {
                if let Some(newest) = self.sealed.last() {
                    let at = at % newest.size;
                    write(&newest.image, at, &[9]);
                    fs::remove_file(self.next()).unwrap();
                    clone(&newest.image, &self.next());
                }
            }
            Event::Confuse => {
                if let [.., before, newest] = &mut self.sealed[..]
                    && before.size == newest.size
                {
                    (newest.index, newest.digest) = (before.index.clone(), before.digest);
                }
            }
        }
    }

    fn seal(&mut self) {
        let (image, index) = (self.next(), self.next().with_extension("hashes"));
        open(&image).sync_all().unwrap();
        let IndexStats { size, digest, .. } = index_image(&image, &index, &Control::default()).unwrap();
        self.sealed.push(ImageOptions { image: image.clone(), index, size, digest });
        clone(&image, &self.next());
    }

    /// Every sealed revision, in order.
    fn verify_series(&self) -> Vec<VerifyStats> {
        let mut verified = Verified::default();
        let verify = |options| verify_next_image(options, None, &mut verified, &Control::default()).unwrap();
        self.sealed.iter().map(verify).collect()
    }
}

/// Bytes that no filesystem can compress, and so places literally. <https://prng.di.unimi.it/splitmix64.c>
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed.to_le_bytes()
    };
    let mut noise: Vec<u8> = (0..=SPACE / 8).flat_map(|_| next()).collect();
    noise.truncate(usize::try_from(SPACE).unwrap());
    noise
}

fn bytes(value: u8, length: u64) -> Vec<u8> {
    vec![value; usize::try_from(length).unwrap()]
}

fn open(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).unwrap()
}

/// A file in the middle keeps its size.
fn write(path: &Path, at: u64, bytes: &[u8]) {
    let file = open(path);
    let size = file.metadata().unwrap().len();
    let kept = usize::try_from(size.saturating_sub(at)).unwrap().min(bytes.len());
    file.write_all_at(&bytes[..kept], at).unwrap();
    file.sync_all().unwrap();
}

/// A clone where the filesystem can, else a copy.
fn clone(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["--reflink=auto", "--sparse=never"]).args([from, to]).status();
    assert!(status.unwrap().success());
    open(to).sync_all().unwrap();
}

/// Whether a clone lies where its original does.
fn shares_blocks(bench: &Bench) -> bool {
    let (one, other) = (bench.path("probe"), bench.path("probe-clone"));
    fs::write(&one, vec![1; 1 << 20]).unwrap();
    let status = Command::new("cp").arg("--reflink=always").args([&one, &other]).output().unwrap().status;
    fs::remove_file(one).unwrap();
    let _ = fs::remove_file(other);
    status.success()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_series_finds_all_that_single_runs_find(events in prop::collection::vec(event(), 1..24)) {
        let mut bench = Bench::new();
        for event in &events {
            bench.happen(event);
        }
        for (options, found) in bench.sealed.iter().zip(bench.verify_series()) {
            let alone = verify_image(options, None, &Control::default()).unwrap();
            prop_assert_eq!(&found.bad_blocks, &alone.bad_blocks);
            prop_assert_eq!(found.bad_count, alone.bad_count);
            prop_assert_eq!(found.bytes_read + found.bytes_shared, alone.bytes_read);
        }
    }
}

#[test]
fn blocks_that_lie_at_the_same_place_are_read_once() {
    let mut bench = Bench::new();
    if !shares_blocks(&bench) {
        return;
    }
    bench.seal();
    bench.happen(&Event::Write { at: BLOCK, length: 10, value: 1 });
    bench.seal();
    bench.seal();
    let read: Vec<u64> = bench.verify_series().iter().map(|stats| stats.bytes_read).collect();
    assert_eq!(read, [SPACE, BLOCK, 0]);
}

#[test]
fn an_image_whose_extents_moved_since_it_was_read_vouches_for_nothing() {
    let mut bench = Bench::new();
    bench.seal();
    bench.seal();
    let mut verified = Verified::default();
    verify_next_image(&bench.sealed[0], None, &mut verified, &Control::default()).unwrap();
    // The same bytes, written anew: they may lie anywhere, and so may those of others.
    write(&bench.sealed[0].image, 0, &noise());
    let next = verify_next_image(&bench.sealed[1], None, &mut verified, &Control::default()).unwrap();
    if shares_blocks(&bench) {
        assert_eq!((next.bytes_read, next.bytes_shared), (SPACE, 0));
    }
    assert_eq!(next.bad_count, 0);
}

#[test]
fn an_image_that_could_not_be_verified_vouches_for_nothing() {
    let mut bench = Bench::new();
    bench.seal();
    bench.seal();
    bench.seal();
    fs::remove_file(&bench.sealed[1].index).unwrap();
    let mut verified = Verified::default();
    let mut verify =
        |number: usize| verify_next_image(&bench.sealed[number], None, &mut verified, &Control::default());
    verify(0).unwrap();
    verify(1).unwrap_err();
    assert_eq!(verify(2).unwrap().bytes_read, SPACE);
}
