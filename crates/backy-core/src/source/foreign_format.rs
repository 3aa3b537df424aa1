//! Formats of disk images that are not raw: a backup of such a file holds the file, not the disk inside it.
//!
//! A guest can write any of these headers to the first sector of its raw disk. So the answer is good for a warning or a
//! refusal only. It never decides how a disk is read.

use std::fs::File;
use std::path::Path;

use crate::error::Result;
use crate::files::device::open_source;
use crate::files::positioned::read_up_to;

/// A format other than raw, shown by the first bytes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignFormat {
    /// Such as `qcow2`.
    pub name: &'static str,
    /// The reason why part of the disk is in another file, if it is.
    pub elsewhere: Option<&'static str>,
}

const BACKING: &str = "it has a backing file";
const DATA_FILE: &str = "its data is in another file";
const DIFFERENCE: &str = "it holds only the difference to another image";

/// Bytes at the start that hold every signature.
const HEAD: usize = 512;
/// The longest descriptor of a VMDK; real ones are shorter.
const DESCRIPTOR: usize = 64 * 1024;

/// The apparent format of an image or device, unless it is raw. Unreadable bytes show no format: reading the image
/// fails then.
#[must_use]
pub fn foreign_format(path: &Path) -> Option<ForeignFormat> {
    look(path).ok().flatten()
}

fn look(path: &Path) -> Result<Option<ForeignFormat>> {
    let image = Bytes { file: &open_source(path)?, path };
    let head = image.read(0, HEAD)?;
    let format = |name, elsewhere| Ok(Some(ForeignFormat { name, elsewhere }));
    match &head[..] {
        [b'Q', b'F', b'I', 0xfb, ..] => qcow(&head).map_or(Ok(None), |found| Ok(Some(found))),
        [b'Q', b'E', b'D', 0, ..] => format("qed", (le(&head, 16, 8) & 1 == 1).then_some(BACKING)),
        [b'K', b'D', b'M', b'V', ..] => format("vmdk", vmdk_sparse(&image, &head)?),
        [b'C', b'O', b'W', b'D', ..] => format("vmdk", names_a_parent(&head).then_some(DIFFERENCE)),
        [b'#', ..] if head.starts_with(b"# Disk DescriptorFile") => format("vmdk", Some(DATA_FILE)),
        [b'v', b'h', ..] if head.starts_with(b"vhdxfile") => format("vhdx", vhdx(&image)?),
        [b'c', b'o', ..] if head.starts_with(b"conectix") => {
            format("vhd", (be(&head, 60, 4) == 4).then_some(DIFFERENCE))
        }
        _ if le(&head, 64, 4) == 0xbeda_107f => format("vdi", (le(&head, 76, 4) == 4).then_some(DIFFERENCE)),
        _ => Ok(None),
    }
}

/// QCOW, versions 1 to 3: `docs/interop/qcow2.rst` of QEMU.
fn qcow(head: &[u8]) -> Option<ForeignFormat> {
    let version = be(head, 4, 4);
    let has_data_file = version == 3 && be(head, 72, 8) & 4 != 0;
    let elsewhere = if be(head, 8, 8) != 0 { Some(BACKING) } else { has_data_file.then_some(DATA_FILE) };
    match version {
        1 => Some(ForeignFormat { name: "qcow", elsewhere }),
        2 | 3 => Some(ForeignFormat { name: "qcow2", elsewhere }),
        _ => None,
    }
}

/// A hosted sparse extent, whose descriptor lies inside: "Virtual Disk Format 5.0" by `VMware`.
fn vmdk_sparse(image: &Bytes, head: &[u8]) -> Result<Option<&'static str>> {
    let (start, sectors) = (le(head, 28, 8), le(head, 36, 8));
    let length = usize::try_from(sectors.saturating_mul(512)).unwrap_or(DESCRIPTOR).min(DESCRIPTOR);
    let descriptor = image.read(start.saturating_mul(512), length)?;
    let text = String::from_utf8_lossy(&descriptor).to_ascii_lowercase();
    let parent = text.lines().find_map(|line| line.trim().strip_prefix("parentcid="));
    Ok(parent.is_some_and(|id| id.trim_matches(['\0', ' ']) != "ffffffff").then_some(DIFFERENCE))
}

/// A COWD has the name of its parent in place of the small numbers of one without a parent.
fn names_a_parent(head: &[u8]) -> bool {
    head.get(32..36).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_graphic))
}

/// The flag `HasParent` of the file parameters, by way of the regions and the metadata: [MS-VHDX], 2.2.3 and 2.6.
fn vhdx(image: &Bytes) -> Result<Option<&'static str>> {
    const REGIONS: u64 = 192 * 1024;
    const METADATA: &[u8] = b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e";
    const FILE_PARAMETERS: &[u8] = b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b";
    let regions = image.read(REGIONS, 64 * 1024)?;
    let Some(metadata) = entry_of(&regions, 16, METADATA) else { return Ok(None) };
    let start = le(metadata, 16, 8);
    let table = image.read(start, 64 * 1024)?;
    let Some(item) = entry_of(&table, 32, FILE_PARAMETERS) else { return Ok(None) };
    let parameters = image.read(start.saturating_add(le(item, 16, 4)), 8)?;
    Ok((le(&parameters, 4, 4) & 2 != 0).then_some(DIFFERENCE))
}

/// The entry of 32 bytes that begins with an id, in a table whose entries begin at `first`.
fn entry_of<'t>(table: &'t [u8], first: usize, id: &[u8]) -> Option<&'t [u8]> {
    table.get(first..)?.chunks_exact(32).find(|entry| entry.starts_with(id))
}

/// A number of `length` bytes, lowest byte first; 0 behind the end.
fn le(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same, highest byte first.
fn be(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A file from which a few bytes are read.
struct Bytes<'a> {
    file: &'a File,
    path: &'a Path,
}

impl Bytes<'_> {
    /// `length` bytes, or fewer at the end of the file.
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        // No file reaches behind the largest offset.
        if i64::try_from(offset.saturating_add(length as u64)).is_err() {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; length];
        let done = read_up_to(self.file, self.path, &mut bytes, offset)?;
        bytes.truncate(done);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn found(bytes: &[u8]) -> Option<(&'static str, Option<&'static str>)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        foreign_format(file.path()).map(|format| (format.name, format.elsewhere))
    }

    /// A header with bytes in some places.
    fn header(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        for (at, part) in parts {
            bytes[*at..*at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    #[test]
    fn an_empty_file_or_one_of_other_bytes_is_raw() {
        assert_eq!(found(b""), None);
        assert_eq!(found(b"QF"), None);
        assert_eq!(found(&header(&[(0, b"QFI\xfb\0\0\0\x09")])), None, "no version of qcow");
        assert_eq!(found(&[0xeb; 8192]), None);
    }

    #[test]
    fn qcow2_says_where_its_data_is() {
        let v3: &[u8] = b"QFI\xfb\0\0\0\x03";
        assert_eq!(found(&header(&[(0, v3)])), Some(("qcow2", None)));
        assert_eq!(found(&header(&[(0, v3), (15, &[1])])), Some(("qcow2", Some(BACKING))));
        assert_eq!(found(&header(&[(0, v3), (79, &[4])])), Some(("qcow2", Some(DATA_FILE))));
        let v2: &[u8] = b"QFI\xfb\0\0\0\x02";
        assert_eq!(found(&header(&[(0, v2), (79, &[4])])), Some(("qcow2", None)), "version 2 has no flags");
    }

    #[test]
    fn other_formats_are_known() {
        assert_eq!(found(&header(&[(0, b"QED\0"), (16, &[1])])), Some(("qed", Some(BACKING))));
        assert_eq!(
            found(&header(&[(64, &[0x7f, 0x10, 0xda, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 1])])),
            Some(("vdi", None))
        );
        assert_eq!(
            found(&header(&[(64, &[0x7f, 0x10, 0xda, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 4])])),
            Some(("vdi", Some(DIFFERENCE)))
        );
        assert_eq!(found(b"# Disk DescriptorFile\nversion=1\n"), Some(("vmdk", Some(DATA_FILE))));
        assert_eq!(
            found(&header(&[(0, b"COWD"), (32, b"/vmfs/base.vmdk")])),
            Some(("vmdk", Some(DIFFERENCE)))
        );
        let sparse = |descriptor: &[u8]| header(&[(0, b"KDMV"), (28, &[1]), (36, &[1]), (512, descriptor)]);
        assert_eq!(found(&sparse(b"# Disk\nparentCID=ffffffff\n")), Some(("vmdk", None)));
        assert_eq!(found(&sparse(b"# Disk\nparentCID=12345678\n")), Some(("vmdk", Some(DIFFERENCE))));
        assert_eq!(found(&header(&[(0, b"conectix"), (63, &[4])])), Some(("vhd", Some(DIFFERENCE))));
    }

    proptest! {
        #[test]
        fn hostile_headers_are_read_without_harm(
            magic in prop::sample::select(vec![&b"QFI\xfb"[..], b"QED\0", b"KDMV", b"COWD", b"vhdxfile", b"conectix"]),
            rest in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            found(&[magic, &rest].concat());
        }
    }
}
