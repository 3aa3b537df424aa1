//! The decoder of `rbd export-diff`: no bytes are a panic, a hang or memory without end, and every change that is
//! handed out lies inside of the image.
#![no_main]

use std::path::Path;

use backy_core::{Change, Code, DiffReader, Error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    match decode(stream) {
        Ok(position) => assert_eq!(position, stream.len() as u64, "all of it was read"),
        Err(error) => {
            assert_eq!(error.code, Code::DiffDamaged);
            assert!(error.offset.is_some_and(|offset| offset <= stream.len() as u64));
        }
    }
});

fn decode(stream: &[u8]) -> Result<u64, Error> {
    let (header, mut reader) = DiffReader::open(stream, Path::new("diff"))?;
    let mut piece = [0; 4096];
    while let Some(change) = reader.next_change()? {
        let (Change::Data(extent) | Change::Zero(extent)) = change;
        assert!(extent.start <= extent.end && extent.end <= header.size);
        if let Change::Data(extent) = change {
            let mut left = extent.len();
            while left > 0 {
                let count = usize::try_from(left.min(4096)).expect("at most 4096");
                reader.read(&mut piece[..count])?;
                left -= count as u64;
            }
        }
    }
    Ok(reader.position())
}
