//! Comparing a revision with the snapshot that it was made of: a file, or what a program hands over.
#![allow(clippy::cast_possible_truncation, reason = "test values are small")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use backy_core::{
    BLOCK_SIZE, Code, CommandInput, Control, DiffWriter, Error, Extent, ImageOptions, Input, compare_source,
};
use support::revision;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// The last block is a short one.
const SIZE: usize = 5 * BLOCK_SIZE + 1000;

fn bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..SIZE).map(|at| (at / 7 % 251) as u8 + 1).collect();
    bytes[2 * BLOCK_SIZE..3 * BLOCK_SIZE].fill(0);
    bytes
}

/// The offsets of the blocks that differ.
fn compare(image: &ImageOptions, source: &Input) -> Result<Vec<u64>, Error> {
    let compared = compare_source(image, source, &Control::default())?;
    Ok(compared.different.iter().map(|block| block.offset).collect())
}

fn file(directory: &Path, bytes: &[u8]) -> Input {
    let path = directory.join("snapshot");
    fs::write(&path, bytes).unwrap();
    Input::from(path)
}

/// A program that hands over all blocks of a snapshot, as the one for samples does.
fn program(directory: &Path, bytes: &[u8]) -> Input {
    let path = directory.join("stream");
    let (name, size) = (Path::new("stream"), bytes.len() as u64);
    let mut diff = DiffWriter::start(fs::File::create(&path).unwrap(), name, Some("s"), size).unwrap();
    for (number, block) in bytes.chunks(BLOCK_SIZE).enumerate() {
        let extent = Extent::at(number as u64 * BLOCK, block.len() as u64);
        if block.iter().all(|byte| *byte == 0) {
            diff.zero(extent).unwrap();
        } else {
            diff.data(extent, block).unwrap();
        }
    }
    diff.finish().unwrap();
    let command = format!("test \"$1 $2\" = '1 0' && exec cat '{}'", path.display());
    Input::Command(CommandInput {
        name: PathBuf::from("pool/disk@s"),
        snapshot: "s".to_owned(),
        size,
        sample: Some(["sh", "-c", &command, "sh"].map(str::to_owned).to_vec()),
        ..CommandInput::default()
    })
}

#[test]
fn an_equal_source_has_no_different_block() {
    let directory = tempfile::tempdir().unwrap();
    let image = revision(directory.path(), &bytes());
    for source in [file(directory.path(), &bytes()), program(directory.path(), &bytes())] {
        assert_eq!(compare(&image, &source).unwrap(), []);
    }
}

#[test]
fn every_block_that_differs_is_named_whatever_the_image_holds() {
    let directory = tempfile::tempdir().unwrap();
    let image = revision(directory.path(), &bytes());
    let mut other = bytes();
    for at in [0, 2 * BLOCK_SIZE + 5, SIZE - 1] {
        other[at] ^= 1;
    }
    fs::remove_file(&image.image).unwrap();
    for source in [file(directory.path(), &other), program(directory.path(), &other)] {
        assert_eq!(compare(&image, &source).unwrap(), [0, 2 * BLOCK, 5 * BLOCK]);
    }
}

#[test]
fn another_size_is_another_source() {
    let directory = tempfile::tempdir().unwrap();
    let image = revision(directory.path(), &bytes());
    let other = &bytes()[..SIZE - 1];
    for source in [file(directory.path(), other), program(directory.path(), other)] {
        assert_eq!(compare(&image, &source).unwrap_err().code, Code::SourceResized);
    }
}

#[test]
fn a_program_that_fails_says_nothing_of_the_revision() {
    let directory = tempfile::tempdir().unwrap();
    let image = revision(directory.path(), &bytes());
    let Input::Command(input) = program(directory.path(), &bytes()) else { unreachable!() };
    let fails = CommandInput { sample: Some(vec!["false".to_owned()]), ..input.clone() };
    assert_eq!(compare(&image, &Input::Command(fails)).unwrap_err().code, Code::ProgramFailed);
    let without = CommandInput { sample: None, ..input };
    assert_eq!(compare(&image, &Input::Command(without)).unwrap_err().code, Code::InvalidArgument);
}
