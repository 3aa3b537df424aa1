//! The reader of indexes: a header with a good checksum and whatever it likes to say, then pages.
#![no_main]

use std::fs::File;
use std::io::Write;

use backy_core::{Code, Control, Header, IndexReader, index_length};
use libfuzzer_sys::fuzz_target;

const PAGE_SIZE: usize = 4096;
/// Bytes under the checksum, which is made right so that fuzzing gets past it.
const SEALED: usize = PAGE_SIZE - 32;

fuzz_target!(|bytes: &[u8]| {
    let mut page = [0; PAGE_SIZE];
    let length = bytes.len().min(SEALED);
    page[..length].copy_from_slice(&bytes[..length]);
    // A flag in the first byte decides whether the magic is right, the last bit whether the checksum is.
    if bytes.first().is_some_and(|byte| byte & 1 == 0) {
        let header = Header { image_size: 1, zero_blocks: 0 }.encode();
        page[..16].copy_from_slice(&header[..16]);
    }
    let checksum = blake3::hash(&page[..SEALED]);
    page[SEALED..].copy_from_slice(checksum.as_bytes());
    let Ok(header) = Header::decode(&page) else { return };
    assert!(header.image_size < 1 << 53);
    assert_eq!(Header::decode(&header.encode()), Ok(header));
    read(&page, &bytes[length..], header);
});

fn read(page: &[u8], rest: &[u8], header: Header) {
    let file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a temporary file");
    file.as_file().write_all(&[page, rest].concat()).expect("written");
    let expected = index_length(header.image_size);
    // Sparse, so the length is free; beyond this it takes time to hash.
    let fits = expected <= 1 << 20;
    let file_length = if fits { expected } else { expected / 2 };
    if File::options().write(true).open(file.path()).expect("opened").set_len(file_length).is_err() {
        return;
    }
    match IndexReader::open(file.path(), &Control::default()) {
        Ok(index) => {
            assert!(fits, "a wrong length is noticed");
            let digest = index.digest(&Control::default()).expect("readable");
            index.expect(header.image_size, &digest, &Control::default()).expect("its own digest");
            for segment in [0, 1, u64::MAX] {
                index.page(segment).expect("readable, or behind the end");
            }
        }
        Err(error) => assert!(!fits && error.code == Code::IndexDamaged, "{error}"),
    }
}
