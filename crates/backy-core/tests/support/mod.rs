//! Material for several tests: a revision, and streams as `rbd export-diff` writes them.
#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::cast_possible_truncation, reason = "test values are small")]

use std::fs;
use std::path::Path;

use backy_core::{Control, DiffHeader, ImageOptions, WriteOptions, write_image};

/// A revision of some bytes: `image` and `index` in a directory, from a `source` that stays there.
pub fn revision(directory: &Path, bytes: &[u8]) -> ImageOptions {
    let path = |name: &str| directory.join(name);
    fs::write(path("source"), bytes).unwrap();
    let options = WriteOptions {
        source: path("source").into(),
        image: path("image"),
        index: path("index"),
        ..WriteOptions::default()
    };
    let stats = write_image(&options, &Control::default()).unwrap();
    ImageOptions { image: options.image, index: options.index, size: stats.size, digest: stats.digest }
}

/// Changes as a strategy makes them: where, how long, and the byte that is written; none for zeros.
pub type Changes = Vec<(u64, u64, Option<u8>)>;

/// The stream of these changes.
pub fn encode(version: u8, header: &DiffHeader, changes: &[(u64, u64, Option<u8>)]) -> Vec<u8> {
    let mut stream = format!("rbd diff v{version}\n").into_bytes();
    let mut record = |tag: u8, bytes: &[u8]| {
        stream.push(tag);
        if version == 2 && tag != b'e' {
            stream.extend((bytes.len() as u64).to_le_bytes());
        }
        stream.extend(bytes);
    };
    let text = |name: &String| [&(name.len() as u32).to_le_bytes(), name.as_bytes()].concat();
    if let Some(name) = &header.from_snapshot {
        record(b'f', &text(name));
    }
    if let Some(name) = &header.to_snapshot {
        record(b't', &text(name));
    }
    record(b's', &header.size.to_le_bytes());
    for (start, length, byte) in changes {
        let range = [start.to_le_bytes(), length.to_le_bytes()].concat();
        match byte {
            Some(byte) => record(b'w', &[range, vec![*byte; *length as usize]].concat()),
            None => record(b'z', &range),
        }
    }
    record(b'e', &[]);
    stream
}
