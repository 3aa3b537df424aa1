//! I14: rot is found and pinned to its block, whichever bit it is. Every single bit of a small image and of its index,
//! random ones of a large image.
//!
//! `BACKY_ROT_BITS` says how many bits of the small image; all 8,388,608 take a while. `BACKY_ROT_MIB` is the size of
//! the large one, `BACKY_ROT_FLIPS` how many bits of it.
#![allow(clippy::print_stderr, reason = "the counts are what the long run is for")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use backy_core::{BLOCK_SIZE, Code, Control, Found, ImageOptions, VerifyStats, restore_image, verify_image};
use support::revision;

const MIB: usize = 1 << 20;
/// One verification looks at one flip in each block.
const BLOCKS: usize = MIB / BLOCK_SIZE;

struct Revision {
    directory: tempfile::TempDir,
    options: ImageOptions,
    image: File,
}

impl Revision {
    /// In memory where possible: nothing here depends on a disk.
    fn of(bytes: &[u8]) -> Self {
        let memory = Path::new("/dev/shm");
        let directory =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let options = revision(directory.path(), bytes);
        fs::remove_file(directory.path().join("source")).unwrap();
        let file = File::options().read(true).write(true).open(&options.image).unwrap();
        Self { directory, options, image: file }
    }

    fn flip<'a>(&self, bits: impl IntoIterator<Item = &'a u64>) {
        for bit in bits {
            flip(&self.image, *bit);
        }
    }

    fn verify(&self) -> VerifyStats {
        verify_image(&self.options, None, &Control::default()).unwrap()
    }
}

fn flip(file: &File, bit: u64) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit / 8).unwrap();
}

fn wanted(name: &str, short: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(short)
}

/// Numbers that look random and are the same each time.
fn scrambled(seed: u64) -> u64 {
    let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ mixed >> 31
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64 / 8).flat_map(|at| scrambled(at + 1).to_le_bytes()).collect()
}

#[test]
fn every_bit_of_an_image_is_found_and_pinned_to_its_block() {
    let revision = Revision::of(&noise(MIB));
    let bits_in_block = 8 * BLOCK_SIZE as u64;
    let flips = wanted("BACKY_ROT_BITS", 8192).min(BLOCKS as u64 * bits_in_block);
    let step = (bits_in_block * BLOCKS as u64 / flips).max(1);
    let mut found = 0_u64;
    for bit in (0..bits_in_block).step_by(usize::try_from(step).unwrap()) {
        let places: Vec<u64> = (0..BLOCKS as u64).map(|block| block * bits_in_block + bit).collect();
        revision.flip(&places);
        let bad = revision.verify().bad_blocks;
        revision.flip(&places);
        let offsets: Vec<u64> = bad.iter().map(|bad| bad.offset).collect();
        let expected: Vec<u64> = (0..BLOCKS as u64).map(|block| block * BLOCK_SIZE as u64).collect();
        assert_eq!(offsets, expected, "bit {bit} of each block");
        assert!(bad.iter().all(|bad| matches!(bad.found, Found::Other(hash) if hash != bad.expected)));
        found += bad.len() as u64;
    }
    assert_eq!(revision.verify().bad_blocks, []);
    eprintln!("bit-rot: {found} bits of an image of 1 MiB flipped, {found} found in their blocks");
    assert!(found >= flips / 2, "{found} of {flips}");
}

#[test]
fn every_bit_of_an_index_is_found() {
    let revision = Revision::of(&noise(MIB));
    let index = File::options().read(true).write(true).open(&revision.options.index).unwrap();
    let bits = index.metadata().unwrap().len() * 8;
    for bit in 0..bits {
        flip(&index, bit);
        let error = verify_image(&revision.options, None, &Control::default()).unwrap_err();
        flip(&index, bit);
        assert_eq!(
            (error.code, error.path.as_ref()),
            (Code::IndexDamaged, Some(&revision.options.index)),
            "bit {bit}"
        );
    }
    assert_eq!(revision.verify().bad_blocks, []);
    eprintln!("bit-rot: {bits} bits of its index flipped, {bits} found");
}

/// A restore returns the bytes that were backed up, or fails.
#[test]
fn random_bits_of_a_large_image_are_found_and_not_restored() {
    let size = usize::try_from(wanted("BACKY_ROT_MIB", 64)).unwrap() * MIB;
    let flips = wanted("BACKY_ROT_FLIPS", 300);
    let revision = Revision::of(&noise(size));
    let blocks = (size / BLOCK_SIZE) as u64;
    let (mut done, mut seed) = (0, 0);
    while done < flips {
        // A flip for one block in four, so that what is well lies between what is not.
        let mut places = BTreeMap::new();
        let count = usize::try_from((blocks / 4).min(flips - done)).unwrap();
        while places.len() < count {
            seed += 1;
            let bit = scrambled(seed) % (size as u64 * 8);
            places.entry(bit / 8 / BLOCK_SIZE as u64).or_insert(bit);
        }
        revision.flip(places.values());
        let bad: Vec<u64> =
            revision.verify().bad_blocks.iter().map(|bad| bad.offset / BLOCK_SIZE as u64).collect();
        assert_eq!(bad, places.keys().copied().collect::<Vec<_>>());
        let target = backy_core::Target::Path(revision.directory.path().join("target"));
        let refused = restore_image(&revision.options, target, false, &Control::default()).unwrap_err();
        assert_eq!((refused.code, refused.bad_blocks.len()), (Code::ImageDamaged, places.len()));
        revision.flip(places.values());
        done += places.len() as u64;
    }
    assert_eq!(revision.verify().bad_blocks, []);
    eprintln!(
        "bit-rot: {done} random bits of an image of {} MiB flipped, {done} found in their blocks",
        size / MIB
    );
}
