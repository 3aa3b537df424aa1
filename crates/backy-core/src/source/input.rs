//! Descriptions of a source: its bytes, and everything known about its changes before it is read.

use std::path::PathBuf;

use crate::bytes::extent::ExtentMap;
use crate::error::{Code, Error, Result};
use crate::files::identity::FileIdentity;
use crate::stream::diff_reader::DiffHeader;

/// A source.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file or block device.
    Path(PathInput),
    /// The output of a program.
    Command(CommandInput),
}

/// A source that a program writes as a stream of changes.
#[derive(Debug, Clone, Default)]
pub struct CommandInput {
    /// The name of the source in errors.
    pub name: PathBuf,
    /// The snapshot that the stream must lead to.
    pub snapshot: String,
    /// Size of the source in that snapshot, in bytes.
    pub size: u64,
    /// The program that writes everything, with its arguments.
    pub everything: Vec<String>,
    /// The program that writes only the changes, if there is one.
    pub changes: Option<ChangesInput>,
    /// The program that writes a sample of the blocks. The two numbers of the sample are added to its arguments. The
    /// new image is compared with the sample.
    pub sample: Option<Vec<String>>,
}

impl CommandInput {
    /// Fails unless a stream starts from the right base, and leads to this snapshot.
    pub(crate) fn expect_header(&self, header: &DiffHeader, since: Option<&str>) -> Result<()> {
        let other = |what: &str, found: &Option<String>| {
            let found = found.as_deref().unwrap_or("nothing");
            Error::new(Code::DiffDamaged).at(&self.name).offset(0).detail(format!("it {what} {found}"))
        };
        if header.from_snapshot.as_deref() != since {
            return Err(other("starts from", &header.from_snapshot));
        }
        if header.to_snapshot.as_deref() != Some(&self.snapshot) {
            return Err(other("leads to", &header.to_snapshot));
        }
        if header.size != self.size {
            let detail = format!("from {} to {} bytes", self.size, header.size);
            return Err(Error::new(Code::SourceResized).at(&self.name).detail(detail));
        }
        Ok(())
    }
}

/// A program that writes only the changes.
#[derive(Debug, Clone, Default)]
pub struct ChangesInput {
    /// The parent's snapshot, which the stream must start from.
    pub since: String,
    /// The program, with its arguments.
    pub command: Vec<String>,
}

/// A file or block device, and the known facts about it.
#[derive(Debug, Clone, Default)]
pub struct PathInput {
    /// Symbolic links are followed, but not to a snapshot. A snapshot with the name of the image is the image.
    pub path: PathBuf,
    /// The file that it must be, for a snapshot of ours. Nobody will ever write to that.
    pub identity: Option<FileIdentity>,
    /// Knowledge of its changes. It narrows the read; all bytes that are read are still compared.
    pub hint: Hint,
}

/// Knowledge of the differences between a source and the parent's snapshot of it.
#[derive(Debug, Clone, Default)]
pub enum Hint {
    /// None. Everything is read.
    #[default]
    None,
    /// Extents at the same place on the disk as in the parent's snapshot are the same.
    Previous(Previous),
    /// Nothing outside of these ranges has changed.
    Changed(ExtentMap),
}

/// The snapshot that the parent was made from.
#[derive(Debug, Clone)]
pub struct Previous {
    /// A file on the filesystem of the source. Symbolic links are not followed.
    pub path: PathBuf,
    /// The file that it must be.
    pub identity: FileIdentity,
}

impl Default for Input {
    fn default() -> Self {
        Self::Path(PathInput::default())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::Path(PathInput { path, ..PathInput::default() })
    }
}
