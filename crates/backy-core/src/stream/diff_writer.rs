//! A stream as `rbd export-diff` writes it and `rbd import-diff` reads it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::bytes::extent::Extent;
use crate::error::{Context, Result};

/// Writes a stream, change by change.
#[derive(Debug)]
pub struct DiffWriter<Output: Write> {
    output: BufWriter<Output>,
    name: PathBuf,
}

impl<Output: Write> DiffWriter<Output> {
    /// Starts a stream that leads to a snapshot, or to the image as it is now, which has `size` bytes then. `name` is
    /// what errors call the stream.
    ///
    /// # Errors
    /// [`crate::Code::Io`], as for the other calls.
    ///
    /// # Panics
    /// When the name of the snapshot has 4 GiB.
    pub fn start(output: Output, name: &Path, snapshot: Option<&str>, size: u64) -> Result<Self> {
        let mut writer = Self { output: BufWriter::new(output), name: name.to_owned() };
        writer.put(b"rbd diff v1\n")?;
        if let Some(snapshot) = snapshot {
            let length = u32::try_from(snapshot.len()).expect("a short name");
            writer.put(b"t")?;
            writer.put(&length.to_le_bytes())?;
            writer.put(snapshot.as_bytes())?;
        }
        writer.put(b"s")?;
        writer.put(&size.to_le_bytes())?;
        Ok(writer)
    }

    /// Writes the new bytes of a range.
    ///
    /// # Errors
    /// [`crate::Code::Io`].
    pub fn data(&mut self, extent: Extent, bytes: &[u8]) -> Result<()> {
        debug_assert_eq!(extent.len(), bytes.len() as u64);
        self.range(b"w", extent)?;
        self.put(bytes)
    }

    /// Writes that a range reads as zeros.
    ///
    /// # Errors
    /// [`crate::Code::Io`].
    pub fn zero(&mut self, extent: Extent) -> Result<()> {
        self.range(b"z", extent)
    }

    /// Ends the stream. It does not count without its end.
    ///
    /// # Errors
    /// [`crate::Code::Io`].
    pub fn finish(mut self) -> Result<()> {
        self.put(b"e")?;
        self.output.flush().on("write", &self.name)
    }

    fn range(&mut self, tag: &[u8], extent: Extent) -> Result<()> {
        self.put(tag)?;
        self.put(&extent.start.to_le_bytes())?;
        self.put(&extent.len().to_le_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).on("write", &self.name)
    }
}
