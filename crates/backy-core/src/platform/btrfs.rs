//! The whole extents that a file on btrfs has parts of, compressed or not. FIEMAP does not show them.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Updater, opcode};

/// A part of a file, and the extent on the disk that it is a part of. Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Offset of the part in the file.
    pub logical: u64,
    /// Offset of the whole extent on the disk.
    pub start: u64,
    /// Length of the whole extent on the disk.
    pub length: u64,
}

/// `struct btrfs_ioctl_search_key` and the size of the buffer behind it, include/uapi/linux/btrfs.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct TreeSearch {
    tree: u64,
    min_object: u64,
    max_object: u64,
    min_offset: u64,
    max_offset: u64,
    min_transaction: u64,
    max_transaction: u64,
    min_type: u32,
    max_type: u32,
    items: u32,
    unused: u32,
    reserved: [u64; 4],
    buffer_size: u64,
}

const BUFFER_SIZE: usize = 64 * 1024;

#[repr(C)]
struct Request {
    search: TreeSearch,
    buffer: [u8; BUFFER_SIZE],
}

/// `BTRFS_EXTENT_DATA_KEY` of `include/uapi/linux/btrfs_tree.h`.
const EXTENT_DATA: u32 = 108;
/// Bytes of `struct btrfs_ioctl_search_header`.
const HEADER_SIZE: usize = 32;

/// Calls `take` with every extent that a file refers to, in the order of the file. It leaves out holes and inline data.
/// `EPERM` without the privileges of root, `ENOTTY` on other filesystems.
pub(crate) fn each_stored(file: &File, mut take: impl FnMut(Stored)) -> Result<()> {
    const OPCODE: ioctl::Opcode = opcode::read_write::<TreeSearch>(0x94, 17);
    let inode = file.metadata().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?.ino();
    let mut request = Box::new(Request { search: TreeSearch::default(), buffer: [0; BUFFER_SIZE] });
    let mut from = Some(0);
    while let Some(min_offset) = from {
        // Tree 0 is that of the file itself.
        request.search = TreeSearch {
            min_object: inode,
            max_object: inode,
            min_offset,
            max_offset: u64::MAX,
            max_transaction: u64::MAX,
            min_type: EXTENT_DATA,
            max_type: EXTENT_DATA,
            items: u32::MAX,
            buffer_size: BUFFER_SIZE as u64,
            ..TreeSearch::default()
        };
        // SAFETY: the opcode takes this header, and the kernel fills at most `buffer_size` bytes behind it.
        let updater = unsafe { Updater::<OPCODE, Request>::new(&mut request) };
        // SAFETY: as above.
        unsafe { ioctl::ioctl(file, updater)? };
        let last = items(&request.buffer, request.search.items).inspect(|(logical, item)| {
            if let Some((start, length)) = decode(item) {
                take(Stored { logical: *logical, start, length });
            }
        });
        from = last.last().and_then(|(logical, _)| logical.checked_add(1));
    }
    Ok(())
}

/// The items of an answer, each with its offset in the file.
fn items(buffer: &[u8], count: u32) -> impl Iterator<Item = (u64, &[u8])> {
    let mut at = 0;
    (0..count).map_while(move |_| {
        let header = buffer.get(at..at + HEADER_SIZE)?;
        let length = usize::try_from(u32::from_ne_bytes(header[28..32].try_into().ok()?)).ok()?;
        let start = at + HEADER_SIZE;
        at = start.checked_add(length)?;
        Some((u64::from_ne_bytes(header[16..24].try_into().ok()?), buffer.get(start..at)?))
    })
}

/// Decodes place and length on the disk from a `struct btrfs_file_extent_item`.
fn decode(item: &[u8]) -> Option<(u64, u64)> {
    const INLINE: u8 = 0;
    let number = |at: usize| Some(u64::from_le_bytes(item.get(at..at + 8)?.try_into().ok()?));
    let (start, length) = (number(21)?, number(29)?);
    (item[20] != INLINE && start != 0).then_some((start, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_decoded_and_ones_that_are_cut_off_are_ignored() {
        let mut item = vec![0; 53];
        item[20] = 1;
        item[21..29].copy_from_slice(&4096_u64.to_le_bytes());
        item[29..37].copy_from_slice(&8192_u64.to_le_bytes());
        assert_eq!(decode(&item), Some((4096, 8192)));
        item[20] = 0;
        assert_eq!(decode(&item), None, "inline");
        assert_eq!(decode(&item[..30]), None);
        let mut buffer = vec![0; HEADER_SIZE];
        buffer[16..24].copy_from_slice(&77_u64.to_ne_bytes());
        buffer[28..32].copy_from_slice(&53_u32.to_ne_bytes());
        buffer.extend(&item);
        buffer.extend([1; 40]);
        let found: Vec<_> = items(&buffer, 9).collect();
        assert_eq!(found, [(77, item.as_slice())], "the second one claims more than there is");
    }
}
