//! Building the index of an image without one, such as an image of another tool. Every later check compares with the
//! bytes of this moment.

use std::path::Path;

use crate::bytes::block::{
    BLOCK_SIZE, Hash, blocks_of, outside_segments, segment_range, segments_of, slot_of,
};
use crate::bytes::buffer::Buffer;
use crate::bytes::extent::ExtentMap;
use crate::disk::sparse;
use crate::error::{Code, Error, Result};
use crate::files::device;
use crate::files::durable::sync_directory_of;
use crate::image::header::check_size;
use crate::image::index::IndexReader;
use crate::image::index_writer::IndexWriter;
use crate::image::page::Page;
use crate::image::read_back::{Checksum, Touched, read_back};
use crate::image::reader::{READ_SIZE, Reader, windows_of};
use crate::work::control::Control;
use crate::work::pool;

/// Figures of a new index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStats {
    /// Size of the image in bytes.
    pub size: u64,
    /// BLAKE3 of the index.
    pub digest: Hash,
    /// Bytes in blocks that are all zeros.
    pub bytes_zero: u64,
}

/// Builds the index of `image` as a new file and makes it durable. The name `index` must be free; on failure it
/// may be left behind, incomplete.
///
/// # Errors
/// [`Code::SourceKind`] when the image is no file, [`Code::TooLarge`], [`Code::SourceShort`], [`Code::ReadBack`], [`Code::Cancelled`],
/// [`Code::Io`].
pub fn index_image(image: &Path, index: &Path, control: &Control) -> Result<IndexStats> {
    let reader = Reader::open(image)?;
    let facts = device::facts(reader.file(), image)?.ok_or_else(|| Error::new(Code::SourceKind).at(image))?;
    let size = facts.size;
    check_size(size, image)?;
    let data = sparse::data_extents(reader.file(), facts, image, BLOCK_SIZE as u64, control)?;
    control.add_total(data.bytes());
    let (zero_bytes, zero_blocks) = outside_segments(&data, size);
    let mut sum = Indexed { zero_blocks, zero_bytes, ..Indexed::default() };
    let mut touched = Touched::default();
    let work =
        Indexer { reader, size, data, writer: IndexWriter::create(index, size, None, control)?, control };
    let take = |segment: Indexed| {
        sum.zero_blocks += segment.zero_blocks;
        sum.zero_bytes += segment.zero_bytes;
        touched.add(segment.number, 0, segment.page);
    };
    let buffer = || Buffer::new(READ_SIZE);
    let read = |buffer: &mut Buffer, segment| work.index(buffer, segment);
    pool::for_each(segments_of(&work.data), control, buffer, read, take)?;
    work.writer.finish(sum.zero_blocks)?;
    sync_directory_of(index)?;

    let index = IndexReader::open(index, control)?;
    read_back(&work.reader, &index, size, &touched, control)?;
    Ok(IndexStats { size, digest: index.digest(control)?, bytes_zero: sum.zero_bytes })
}

struct Indexer<'a> {
    reader: Reader,
    size: u64,
    /// The ranges that may hold anything but zeros, in whole blocks.
    data: ExtentMap,
    writer: IndexWriter,
    control: &'a Control,
}

/// Figures of a segment.
#[derive(Default)]
struct Indexed {
    number: u64,
    zero_blocks: u64,
    zero_bytes: u64,
    /// The checksum of its page of the index.
    page: Option<Checksum>,
}

impl Indexer<'_> {
    fn index(&self, buffer: &mut Buffer, segment: u64) -> Result<Indexed> {
        let range = segment_range(segment, self.size);
        let mut page = Page::ZERO;
        for data in self.data.within(range) {
            let via = self.reader.way(data);
            for window in windows_of(data) {
                self.control.pass(window.len())?;
                let bytes = self.reader.read(via, buffer, window)?;
                for (block, bytes) in blocks_of(window).zip(bytes.chunks(BLOCK_SIZE)) {
                    page.set(slot_of(block), Hash::of(bytes));
                }
                self.control.add_done(window.len());
            }
        }
        self.writer.put(segment, &page)?;
        let zeros = || blocks_of(range).filter(|block| page.hash(slot_of(*block)).is_zero());
        Ok(Indexed {
            zero_blocks: zeros().count() as u64,
            zero_bytes: zeros().map(|block| block.len()).sum(),
            page: Some(Checksum::of(segment, &page)),
            number: segment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::options::WriteOptions;
    use crate::backup::write::write_image;
    use crate::bytes::block::SEGMENT_SIZE;
    use crate::check::verify::verify_image;
    use crate::image::sealed::ImageOptions;
    use crate::sys::faults::{Fault, Injection, watch};
    use rustix::io::Errno;
    use std::os::unix::fs::FileExt;

    /// The index of a backup equals the index that is built of its finished image.
    #[test]
    fn it_is_the_index_that_a_backup_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let source = std::fs::File::create(path("source")).unwrap();
        source.set_len(3 * SEGMENT_SIZE + 777).unwrap();
        source.write_all_at(&[1; 5000], 12_345).unwrap();
        source.write_all_at(&[0; BLOCK_SIZE], BLOCK_SIZE as u64).unwrap();
        source.write_all_at(&[2; 777], 3 * SEGMENT_SIZE).unwrap();
        let (source, image, index) = (path("source"), path("image"), path("index"));
        let options =
            WriteOptions { source: source.into(), image: image.clone(), index, ..WriteOptions::default() };
        let written = write_image(&options, &Control::default()).unwrap();

        let control = Control::default();
        let stats = index_image(&image, &path("built"), &control).unwrap();

        let expected =
            IndexStats { size: written.size, digest: written.digest, bytes_zero: written.bytes_zero };
        assert_eq!(stats, expected);
        assert_eq!(std::fs::read(path("built")).unwrap(), std::fs::read(path("index")).unwrap());
        assert_eq!(control.progress().done, control.progress().total);
        let (index, size, digest) = (path("built"), stats.size, stats.digest);
        let verified = verify_image(&ImageOptions { image, index, size, digest }, None, &Control::default());
        assert_eq!(verified.unwrap().bad_blocks, []);
    }

    #[test]
    fn a_write_that_is_lost_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("image"), vec![1; BLOCK_SIZE]).unwrap();
        let run =
            |injection| watch(injection, || index_image(&path("image"), &path("index"), &Control::default()));
        let (result, calls) = run(None);
        result.unwrap();
        for (at, _) in calls.iter().enumerate().filter(|(_, call)| call.name == "pwrite") {
            std::fs::remove_file(path("index")).unwrap();
            run(Some(Injection { at, fault: Fault::Lost, lasting: false })).0.unwrap_err();
        }
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("image"), "image").unwrap();
        std::fs::write(path("index"), "precious").unwrap();
        let error = index_image(&path("image"), &path("index"), &Control::default()).unwrap_err();
        assert_eq!(error.errno, Some(Errno::EXIST));
        assert_eq!(std::fs::read(path("index")).unwrap(), b"precious");
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("image"), "image").unwrap();
        let control = Control::default();
        control.cancel();
        let error = index_image(&path("image"), &path("index"), &control).unwrap_err();
        assert_eq!(error.code, Code::Cancelled);
    }
}
