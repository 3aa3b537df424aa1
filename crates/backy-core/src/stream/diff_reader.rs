//! The stream that `rbd export-diff` writes and `rbd import-diff` reads: the changes of an image between two snapshots.
//! The format is in Ceph's doc/dev/rbd-diff.rst. Both of its versions are read.
//!
//! The stream may be hostile. No length in it causes an allocation, every flaw is an error with its offset, and only a
//! stream with its end record counts. It is read once, in constant memory.

use std::io::Read;
use std::path::Path;

use crate::bytes::extent::Extent;
use crate::error::{Error, Result};
use crate::stream::counted::Counted;

const BANNER_1: &[u8] = b"rbd diff v1\n";
const BANNER_2: &[u8] = b"rbd diff v2\n";
/// Ceph's own names are shorter.
const LONGEST_NAME: u32 = 4096;

/// The facts that a stream states before its first change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffHeader {
    /// The snapshot that the changes start from; none when they start from nothing.
    pub from_snapshot: Option<String>,
    /// The snapshot that they lead to; none for the image as it was.
    pub to_snapshot: Option<String>,
    /// Size of the image there, in bytes.
    pub size: u64,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// These bytes follow: [`DiffReader::read`] must fetch them all before the next change.
    Data(Extent),
    /// The range reads as zeros.
    Zero(Extent),
}

/// Reads a stream, change by change. Changes come in any order.
#[derive(Debug)]
pub struct DiffReader<Input: Read> {
    input: Counted<Input>,
    tagged: bool,
    size: u64,
    /// Bytes of data that belong to the last change and were not fetched yet.
    pending: u64,
}

impl<Input: Read> DiffReader<Input> {
    /// Reads up to the first change. `name` is what errors call the stream.
    ///
    /// # Errors
    /// [`crate::Code::DiffDamaged`], [`crate::Code::Io`].
    pub fn open(input: Input, name: &Path) -> Result<(DiffHeader, Self)> {
        let mut input = Counted::new(input, name);
        let tagged = match &input.bytes::<12>()?[..] {
            BANNER_1 => false,
            BANNER_2 => true,
            _ => return Err(input.damaged(0, "it does not start like one")),
        };
        let mut reader = Self { input, tagged, size: 0, pending: 0 };
        let header = reader.header()?;
        reader.size = header.size;
        Ok((header, reader))
    }

    /// The next change; none when the stream is complete.
    ///
    /// # Errors
    /// [`crate::Code::DiffDamaged`], [`crate::Code::Io`].
    ///
    /// # Panics
    /// When data of the last change were not fetched.
    pub fn next_change(&mut self) -> Result<Option<Change>> {
        assert_eq!(self.pending, 0, "the data of a change come before the next one");
        let at = self.input.position();
        match self.input.byte()? {
            b'w' => {
                let announced = self.record_length()?;
                let extent = self.extent(at)?;
                self.expect_length(at, announced, 16_u64.checked_add(extent.len()))?;
                self.pending = extent.len();
                Ok(Some(Change::Data(extent)))
            }
            b'z' => {
                let announced = self.record_length()?;
                self.expect_length(at, announced, Some(16))?;
                Ok(Some(Change::Zero(self.extent(at)?)))
            }
            b'e' => self.input.expect_end().map(|()| None),
            tag => Err(self.unknown(at, tag)),
        }
    }

    /// Fills `buffer` with the next bytes of the last change, which has at least as many left.
    ///
    /// # Errors
    /// [`crate::Code::DiffDamaged`] when the stream ends before, [`crate::Code::Io`].
    ///
    /// # Panics
    /// When the change has fewer.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<()> {
        let length = buffer.len() as u64;
        self.pending = self.pending.checked_sub(length).expect("no more than the change has");
        self.input.fill(buffer)
    }

    /// Bytes of the stream that were read.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    fn header(&mut self) -> Result<DiffHeader> {
        let (mut from, mut to, mut size) = (None, None, None);
        while let Some(tag) = self.input.peek_tag_of(b"ftps")? {
            let at = self.input.position();
            self.input.byte()?;
            let announced = self.record_length()?;
            let twice = match tag {
                b'f' => from.replace(self.snapshot_name(at, announced)?).is_some(),
                b't' => to.replace(self.snapshot_name(at, announced)?).is_some(),
                b's' => {
                    self.expect_length(at, announced, Some(8))?;
                    size.replace(self.input.number()?).is_some()
                }
                // The flag of a protected snapshot. A backup ignores it. Only tagged streams have it: Ceph announces 8
                // bytes and writes one.
                _ if announced == Some(8) => self.input.byte().map(|_| false)?,
                _ => return Err(self.unknown(at, tag)),
            };
            if twice {
                return Err(self.input.damaged(at, format!("the record {:?} comes twice", char::from(tag))));
            }
        }
        let missing =
            |reader: &Self| reader.input.damaged(reader.input.position(), "it does not tell the size");
        let size = size.ok_or_else(|| missing(self))?;
        Ok(DiffHeader { from_snapshot: from, to_snapshot: to, size })
    }

    /// Tagged streams announce the length of each record.
    fn record_length(&mut self) -> Result<Option<u64>> {
        if self.tagged { self.input.number().map(Some) } else { Ok(None) }
    }

    fn expect_length(&self, at: u64, announced: Option<u64>, actual: Option<u64>) -> Result<()> {
        if announced.is_none() || announced == actual {
            return Ok(());
        }
        Err(self.input.damaged(at, "a record has another length than it says"))
    }

    fn snapshot_name(&mut self, at: u64, announced: Option<u64>) -> Result<String> {
        let length = u32::from_le_bytes(self.input.bytes()?);
        if length > LONGEST_NAME {
            return Err(self.input.damaged(at, format!("the name of a snapshot has {length} bytes")));
        }
        self.expect_length(at, announced, Some(u64::from(length) + 4))?;
        let mut name = vec![0; length as usize];
        self.input.fill(&mut name)?;
        String::from_utf8(name).map_err(|_| self.input.damaged(at, "the name of a snapshot is no text"))
    }

    fn extent(&mut self, at: u64) -> Result<Extent> {
        let (start, length) = (self.input.number()?, self.input.number()?);
        match start.checked_add(length) {
            Some(end) if end <= self.size => Ok(Extent { start, end }),
            _ => {
                let size = self.size;
                let why = format!("a change of {length} bytes at {start} in an image of {size} bytes");
                Err(self.input.damaged(at, why))
            }
        }
    }

    fn unknown(&self, at: u64, tag: u8) -> Error {
        self.input.damaged(at, format!("there is no record {:?} here", char::from(tag)))
    }
}
