//! The decoder of `rbd export-diff`: streams of a real cluster, streams made up, and streams that are broken.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test values are small"
)]

mod support;

use std::path::Path;

use backy_core::{Change, Code, DiffHeader, DiffReader, Error, Extent};
use proptest::prelude::*;
use support::{Changes, encode};

const FULL: [&[u8]; 2] =
    [include_bytes!("fixtures/rbd-v1-full.diff"), include_bytes!("fixtures/rbd-v2-full.diff")];
const DELTA: [&[u8]; 3] = [
    include_bytes!("fixtures/rbd-v1-delta.diff"),
    include_bytes!("fixtures/rbd-v1-whole.diff"),
    include_bytes!("fixtures/rbd-v2-delta.diff"),
];
const ONE: &[u8] = include_bytes!("fixtures/rbd-one.raw");
const TWO: &[u8] = include_bytes!("fixtures/rbd-two.raw");

/// The simple model: the image is a vector, and changes happen to it in the order they come.
fn replay(stream: &[u8], mut image: Vec<u8>) -> Result<(DiffHeader, Vec<u8>), Error> {
    let (header, mut reader) = DiffReader::open(stream, Path::new("diff"))?;
    // A test must not allocate the memory of a hostile size.
    image.resize(header.size.min(1 << 20) as usize, 0);
    while let Some(change) = reader.next_change()? {
        match change {
            Change::Data(extent) if extent.end <= 1 << 20 => reader.read(range(&mut image, extent))?,
            Change::Data(extent) => skip(&mut reader, extent)?,
            Change::Zero(extent) if extent.end <= 1 << 20 => range(&mut image, extent).fill(0),
            Change::Zero(_) => {}
        }
    }
    assert_eq!(reader.position(), stream.len() as u64);
    Ok((header, image))
}

fn range(image: &mut [u8], extent: Extent) -> &mut [u8] {
    &mut image[extent.start as usize..extent.end as usize]
}

fn header(from: Option<&str>, to: &str, size: u64) -> DiffHeader {
    DiffHeader { from_snapshot: from.map(str::to_owned), to_snapshot: Some(to.to_owned()), size }
}

#[test]
fn streams_of_a_real_cluster_give_its_snapshots() {
    for stream in FULL {
        let (found, image) = replay(stream, Vec::new()).unwrap();
        assert_eq!(found, header(None, "backy-one", 20_000));
        assert!(image == ONE);
    }
    for stream in DELTA {
        let (found, image) = replay(stream, ONE.to_vec()).unwrap();
        assert_eq!(found, header(Some("backy-one"), "backy-two", 24_000));
        assert!(image == TWO);
    }
}

/// I10: a stream counts only with its end record.
#[test]
fn a_stream_that_ends_at_any_byte_is_an_error_with_that_offset() {
    for stream in FULL.iter().chain(&DELTA) {
        for length in 0..stream.len() {
            let error = replay(&stream[..length], ONE.to_vec()).unwrap_err();
            assert_eq!(error.code, Code::DiffDamaged, "{length}");
            assert!(error.offset <= Some(length as u64), "{length}: {error}");
        }
    }
}

#[test]
fn anything_behind_the_end_is_an_error() {
    for stream in FULL.iter().chain(&DELTA) {
        let error = replay(&[stream, &b"\0"[..]].concat(), ONE.to_vec()).unwrap_err();
        assert_eq!((error.code, error.offset), (Code::DiffDamaged, Some(stream.len() as u64)));
    }
}

/// An error or another stream, but no panic and no memory without end.
#[test]
fn every_byte_may_be_any_other_one() {
    for stream in [DELTA[0], DELTA[2]] {
        let mut stream = stream.to_vec();
        for at in 0..stream.len() {
            let original = stream[at];
            for value in 0..=255 {
                stream[at] = value;
                let code = decode(&stream).map_or_else(|error| error.code, |_| Code::DiffDamaged);
                assert_eq!(code, Code::DiffDamaged, "{value} at {at}");
            }
            stream[at] = original;
        }
    }
}

/// Goes through a stream for its structure alone: how many changes, and bytes of data.
fn decode(stream: &[u8]) -> Result<(u64, u64), Error> {
    let (_, mut reader) = DiffReader::open(stream, Path::new("diff"))?;
    let mut counts = (0, 0);
    while let Some(change) = reader.next_change()? {
        counts.0 += 1;
        if let Change::Data(extent) = change {
            skip(&mut reader, extent)?;
            counts.1 += extent.len();
        }
    }
    Ok(counts)
}

fn skip(reader: &mut DiffReader<&[u8]>, extent: Extent) -> Result<(), Error> {
    let mut piece = [0; 4096];
    let mut left = extent.len();
    while left > 0 {
        let count = left.min(4096);
        reader.read(&mut piece[..count as usize])?;
        left -= count;
    }
    Ok(())
}

#[test]
fn other_streams_are_refused_at_their_start() {
    for stream in [&b"rbd image v2\n"[..], b"rbd diff v3\nxxxxxxxxx", b"\0\0\0\0\0\0\0\0\0\0\0\0", b""] {
        let error = replay(stream, Vec::new()).unwrap_err();
        assert_eq!((error.code, error.offset), (Code::DiffDamaged, Some(0)), "{stream:?}");
    }
}

/// A length in the stream must not become an allocation, nor an overflow.
#[test]
fn hostile_lengths_are_refused() {
    let start = |records: &[&[u8]]| [&[&b"rbd diff v1\n"[..]], records].concat().concat();
    let size = [&b"s"[..], &1000_u64.to_le_bytes()].concat();
    let change =
        |tag: &[u8], start: u64, length: u64| [tag, &start.to_le_bytes(), &length.to_le_bytes()].concat();
    let most = u64::MAX;
    for (records, offset) in [
        (vec![&b"f\xff\xff\xff\xff"[..]], 12),
        (vec![&b"t\x01\x00\x00\x00\xff"[..], &size], 12),
        (vec![&size[..], &size, b"e"], 21),
        (vec![&b"e"[..]], 12),
        (vec![&b"p"[..], &[0; 8], &size, b"e"], 12),
        (vec![&size[..], &change(b"w", 999, 2)], 21),
        (vec![&size[..], &change(b"z", 999, 2)], 21),
        (vec![&size[..], &change(b"w", most, most)], 21),
        (vec![&size[..], &change(b"z", 1, most)], 21),
        (vec![&size[..], &change(b"z", 0, 1), &size], 38),
        (vec![&size[..], b"x"], 21),
    ] {
        let error = replay(&start(&records), Vec::new()).unwrap_err();
        assert_eq!((error.code, error.offset), (Code::DiffDamaged, Some(offset)), "{records:?}: {error}");
    }
}

#[test]
fn a_record_that_lies_about_its_length_is_refused() {
    for (tag, at) in [(b'f', 0xc), (b't', 0x22), (b'p', 0x38), (b's', 0x42), (b'w', 0x53)] {
        let mut stream = DELTA[2].to_vec();
        assert_eq!(stream[at], tag);
        stream[at + 1] ^= 1;
        let error = replay(&stream, ONE.to_vec()).expect_err("a lie");
        assert_eq!((error.code, error.offset), (Code::DiffDamaged, Some(at as u64)));
    }
}

proptest! {
    #[test]
    fn any_changes_survive_the_way_through_a_stream(
        version in 1..=2_u8,
        names in (prop::option::of("[a-z@/-]{0,20}"), prop::option::of("[a-z]{1,9}")),
        size in 0..20_000_u64,
        parts in prop::collection::vec((0.0..=1.0f64, 0.0..=0.3f64, prop::option::of(any::<u8>())), 0..12),
        old in any::<u8>(),
    ) {
        let changes: Changes = parts
            .into_iter()
            .map(|(start, length, byte)| {
                let start = (size as f64 * start) as u64;
                (start, ((size - start) as f64 * length) as u64, byte)
            })
            .collect();
        let header = DiffHeader { from_snapshot: names.0, to_snapshot: names.1, size };
        let stream = encode(version, &header, &changes);
        let (found, image) = replay(&stream, vec![old; 10_000]).unwrap();
        let mut expected = vec![old; 10_000];
        expected.resize(size as usize, 0);
        for (start, length, byte) in changes {
            range(&mut expected, Extent::at(start, length)).fill(byte.unwrap_or(0));
        }
        prop_assert_eq!(found, header);
        prop_assert!(image == expected);
    }

    #[test]
    fn hostile_bytes_are_no_panic(
        version in 1..=2_u8,
        bytes in prop::collection::vec(prop::sample::select(&b"ftpswze\0\x01\x08\xff"[..]), 0..300),
    ) {
        let stream = [format!("rbd diff v{version}\n").as_bytes(), &bytes].concat();
        let _ = decode(&stream);
    }
}
