//! Restoring onto targets that differ nearly everywhere: they are written in one pass. Others are compared first, so that
//! a damaged image leaves them alone.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, Code, Control, Error, ImageOptions, RestoreStats, Target, index_image, restore_image,
};

/// More than what is compared first in any case.
const SIZE: usize = 68 << 20;
const BLOCK: u64 = BLOCK_SIZE as u64;

struct Bench {
    directory: tempfile::TempDir,
    bytes: Vec<u8>,
    options: ImageOptions,
}

impl Bench {
    /// An image in which every block has other bytes.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..SIZE / 8).flat_map(|number| (number as u64 + 1).to_le_bytes()).collect();
        let (image, index) = (directory.path().join("image"), directory.path().join("index"));
        fs::write(&image, &bytes).unwrap();
        let stats = index_image(&image, &index, &Control::default()).unwrap();
        let options = ImageOptions { image, index, size: stats.size, digest: stats.digest };
        Self { directory, bytes, options }
    }

    fn target(&self, bytes: &[u8]) -> PathBuf {
        let target = self.directory.path().join("target");
        fs::write(&target, bytes).unwrap();
        target
    }

    fn damage(&self, at: u64) {
        File::options().write(true).open(&self.options.image).unwrap().write_all_at(b"rot", at).unwrap();
    }

    fn restore(&self, target: &Path, force: bool) -> Result<RestoreStats, Error> {
        restore_image(&self.options, Target::Path(target.to_owned()), force, &Control::default())
    }
}

#[test]
fn a_target_with_other_bytes_everywhere_becomes_the_image() {
    let bench = Bench::new();
    let target = bench.target(&vec![1; SIZE + 5000]);
    let stats = bench.restore(&target, false).unwrap();
    assert!(fs::read(&target).unwrap() == bench.bytes);
    assert_eq!((stats.bytes_read, stats.bytes_written), (SIZE as u64, SIZE as u64));
}

#[test]
fn a_damaged_image_leaves_it_incomplete_and_names_every_bad_block() {
    let bench = Bench::new();
    let target = bench.target(&vec![1; SIZE]);
    // The sample looks at neither.
    let bad = [6 * BLOCK, 201 * BLOCK];
    for at in bad {
        bench.damage(at);
    }
    let error = bench.restore(&target, false).unwrap_err();
    assert_eq!((error.code, error.begun, error.bad_count), (Code::ImageDamaged, true, 2));
    assert_eq!(error.bad_blocks.iter().map(|block| block.offset).collect::<Vec<_>>(), bad);
    // All that is good is there by then.
    let restored = fs::read(&target).unwrap();
    for (number, (found, expected)) in
        restored.chunks(BLOCK_SIZE).zip(bench.bytes.chunks(BLOCK_SIZE)).enumerate()
    {
        let is_bad = bad.contains(&(number as u64 * BLOCK));
        assert!(if is_bad { found == [1; BLOCK_SIZE] } else { found == expected }, "block {number}");
    }
    assert_eq!(bench.restore(&target, true).unwrap().bad_count, 2);
}

#[test]
fn a_damaged_image_leaves_a_target_alone_that_has_much_of_it() {
    let bench = Bench::new();
    let mut half = bench.bytes.clone();
    half[SIZE / 2..].fill(1);
    let target = bench.target(&half);
    bench.damage(200 * BLOCK);
    let error = bench.restore(&target, false).unwrap_err();
    assert_eq!((error.code, error.begun), (Code::ImageDamaged, false));
    assert!(fs::read(&target).unwrap() == half);
}
