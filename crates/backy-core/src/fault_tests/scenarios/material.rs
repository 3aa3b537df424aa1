//! Revisions and sources that the operations work on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::backup::options::WriteOptions;
use crate::backup::write::write_image;
use crate::bytes::block::{BLOCK_SIZE, Hash};
use crate::check::verify::verify_image;
use crate::error::Result;
use crate::fault_tests::scenario::same_bytes;
use crate::image::index::IndexReader;
use crate::image::sealed::ImageOptions;
use crate::source::input::Input;
use crate::work::control::Control;
use crate::{seal, take_snapshot};

const SIZE: usize = 9 * BLOCK_SIZE + 5000;

pub(super) fn contents(seed: u8) -> Vec<u8> {
    // Two blocks are zeros, so that holes are made and punched.
    let byte = |at: usize| {
        let block = at / BLOCK_SIZE;
        if block == 2 || block == usize::from(seed) + 4 { 0 } else { (at / 4096 * 7 + at) as u8 ^ seed }
    };
    (0..SIZE).map(byte).collect()
}

/// Makes `old`, a sealed revision of `source`.
pub(super) fn prepare_revision(directory: &Path) {
    fs::write(directory.join("source"), contents(1)).unwrap();
    write_named(directory, "old", &WriteOptions::default()).unwrap();
    for name in ["old", "old.hashes"] {
        seal(&[(directory.join(name), directory.join("sealed"))]).unwrap();
        fs::rename(directory.join("sealed"), directory.join(name)).unwrap();
    }
}

/// Makes `old`, a sealed revision of `snapshot/disk`, and changes `source` afterwards. A filesystem that clones nothing
/// has no snapshot.
pub(super) fn prepare_changed(directory: &Path) {
    prepare_revision(directory);
    let (source, snapshot) = (directory.join("source"), directory.join("snapshot"));
    let _ = take_snapshot(&source, &snapshot, OsStr::new("disk"), directory, &Control::default());
    overwrite(&source, BLOCK_SIZE + 5000, &[9; 20_000]);
    overwrite(&source, 6 * BLOCK_SIZE, &vec![0; BLOCK_SIZE]);
    overwrite(&source, SIZE - 10, b"the tail");
}

pub(super) fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
    file.sync_all().unwrap();
}

pub(super) fn with_parent(directory: &Path) -> WriteOptions {
    WriteOptions {
        parent_image: Some(directory.join("old")),
        parent_index: Some(directory.join("old.hashes")),
        ..WriteOptions::default()
    }
}

pub(super) fn write(directory: &Path, options: &WriteOptions) -> Result<()> {
    write_named(directory, "new", options)
}

pub(super) fn write_named(directory: &Path, name: &str, options: &WriteOptions) -> Result<()> {
    let source = match &options.source {
        Input::Path(input) if input.path.as_os_str().is_empty() => directory.join("source").into(),
        input => input.clone(),
    };
    let (image, index) = (directory.join(name), directory.join(format!("{name}.hashes")));
    write_image(&WriteOptions { source, image, index, ..options.clone() }, &Control::default()).map(|_| ())
}

/// Whether an image equals the source, and its index the image.
pub(super) fn is_revision(directory: &Path, name: &str, source: &str) -> bool {
    let options = sealed(directory, name);
    same_bytes(&options.image, &directory.join(source))
        && verify_image(&options, None, &Control::default()).is_ok_and(|stats| stats.bad_blocks.is_empty())
}

pub(super) fn sealed(directory: &Path, name: &str) -> ImageOptions {
    let index = directory.join(format!("{name}.hashes"));
    let digest =
        IndexReader::open(&index, &Control::default()).and_then(|index| index.digest(&Control::default()));
    let digest = digest.unwrap_or(Hash::ZERO);
    ImageOptions { image: directory.join(name), index, size: SIZE as u64, digest }
}
