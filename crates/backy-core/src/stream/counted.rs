//! A stream that counts its bytes, so that errors have an offset.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Code, Context, Error, Result};

const BUFFER_SIZE: usize = 64 * 1024;

/// A counted stream.
#[derive(Debug)]
pub(crate) struct Counted<Input: Read> {
    input: BufReader<Input>,
    position: u64,
    name: PathBuf,
}

impl<Input: Read> Counted<Input> {
    /// `name` is what errors call the stream.
    pub(crate) fn new(input: Input, name: &Path) -> Self {
        let input = BufReader::with_capacity(BUFFER_SIZE, input);
        Self { input, position: 0, name: name.to_owned() }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Reads exactly as many bytes as the buffer has.
    pub(crate) fn fill(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            match self.input.read(buffer) {
                Ok(0) => return Err(self.damaged(self.position, "it ends in the middle")),
                Ok(count) => {
                    self.position += count as u64;
                    buffer = &mut buffer[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).on("read", &self.name),
            }
        }
        Ok(())
    }

    pub(crate) fn bytes<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// The next 8 bytes, little-endian.
    pub(crate) fn number(&mut self) -> Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// The next byte, without taking it, if it is one of `tags`.
    pub(crate) fn peek_tag_of(&mut self, tags: &[u8]) -> Result<Option<u8>> {
        let next = self.peek()?;
        Ok(next.filter(|tag| tags.contains(tag)))
    }

    /// Fails unless the stream has ended.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.damaged(self.position, "there is more behind its end")),
        }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).on("read", &self.name),
            }
        }
    }

    /// An error about the byte `at`.
    pub(crate) fn damaged(&self, at: u64, why: impl Into<String>) -> Error {
        Error::new(Code::DiffDamaged).at(&self.name).offset(at).detail(why)
    }
}
