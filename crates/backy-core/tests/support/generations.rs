//! Generations of a disk, each written as a revision from a stream.

use std::fs;
use std::path::PathBuf;

use backy_core::{
    BLOCK_SIZE, ChangesInput as Since, CommandInput, Control, DiffHeader, Error, ImageOptions, Input,
    WriteOptions, WriteStats, verify_image, write_image,
};

use crate::support::encode;

pub const BLOCK: u64 = BLOCK_SIZE as u64;
/// A bit over one segment, so that two pages of the index are in use.
pub const SPACE: u64 = 34 << 20;

/// A repository in a temporary directory, with a revision for each generation of the disk.
pub struct Bench {
    pub directory: tempfile::TempDir,
    pub generations: usize,
}

impl Bench {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), generations: 0 }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the next revision; `delta` builds upon the last one.
    pub fn write(
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

    pub fn write_from(
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

    pub fn options(&self) -> WriteOptions {
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

    pub fn last(&self) -> PathBuf {
        self.path(&self.generations.to_string())
    }

    /// The image has these bytes, and index and statistics are those of a revision written from a file.
    pub fn check(&self, stats: &WriteStats, expected: &[u8]) {
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

pub fn replay(image: &mut Vec<u8>, size: u64, changes: &[(u64, u64, Option<u8>)]) {
    image.resize(size as usize, 0);
    for (start, length, byte) in changes {
        image[*start as usize..(start + length) as usize].fill(byte.unwrap_or(0));
    }
}

pub fn with(options: WriteOptions, source: &CommandInput) -> WriteOptions {
    WriteOptions { source: Input::Command(source.clone()), ..options }
}

pub fn two_generations() -> (Bench, Vec<u8>) {
    let mut bench = Bench::new();
    let mut disk = Vec::new();
    for changes in [vec![(0, 2 << 20, Some(1))], vec![(5 << 20, 300_000, Some(2))]] {
        replay(&mut disk, SPACE, &changes);
        let stats = bench.write(SPACE, &changes, true).unwrap();
        bench.check(&stats, &disk);
    }
    (bench, disk)
}

pub fn remove(options: &WriteOptions) {
    for path in [&options.image, &options.index] {
        let _ = fs::remove_file(path);
    }
}
