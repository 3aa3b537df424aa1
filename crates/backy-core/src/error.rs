//! One error for the whole engine: a code for programs, a sentence for logs, and the facts of the case.
//!
//! A function that touches a file names the file and the system call. Callers never reword the error. They only add
//! facts, such as an offset or the damaged blocks.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::bytes::block::Hash;
use crate::platform::{BLOCK_ERRORS, Holder};

/// Result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of a failure. The names are a contract with `src/errors.ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The caller asked to stop.
    Cancelled,
    /// A system call failed; `path`, `syscall` and `errno` say which.
    Io,
    /// The source changed its size while it was read.
    SourceResized,
    /// The source ended before its size.
    SourceShort,
    /// The source is neither a regular file nor a block device.
    SourceKind,
    /// A source or an image has more bytes than an index can be made of; `detail` says how many.
    TooLarge,
    /// A restore is writing to the source.
    SourceRestoring,
    /// The source has other bytes when it is read again.
    SourceDiffers,
    /// The snapshot is not the file that was made for this backup; `detail` says how that shows.
    SnapshotReplaced,
    /// A file cannot be sealed because it is not ours alone; `detail` says why.
    SealRefused,
    /// The stream of changes from the source is malformed, or belongs to another snapshot.
    DiffDamaged,
    /// A program that writes a source or reads a target failed, or could not be started.
    ProgramFailed,
    /// The target cannot share blocks and the caller insists on it.
    ReflinkUnsupported,
    /// The index is incomplete, or not an index, or not the one that the record names.
    IndexDamaged,
    /// Blocks of the image do not match the index; `bad_blocks` names them.
    ImageDamaged,
    /// Written bytes read back differently.
    ReadBack,
    /// The restore target is a device smaller than the image.
    TargetSmall,
    /// The restore target is mounted or otherwise in use.
    TargetBusy,
    /// The restore target is neither a regular file nor a block device; `detail` says what it is.
    TargetKind,
    /// The restore target is protected against writing, `detail` names how: `device`, `immutable`, `append-only`,
    /// `verity`.
    TargetProtected,
    /// The restore target has stopped accepting data; `detail` says for how long.
    TargetStalled,
    /// A symbolic link on the path belongs to somebody who does not own what it leads to; `detail` names it.
    LinkForeign,
    /// The file may have been put there by somebody else; `detail` says why.
    FileForeign,
    /// Another file has taken the name of the one that was to be used.
    FileReplaced,
    /// Lines cannot be appended to the log; `detail` says what it is.
    LogKind,
    /// The directory keeps no files.
    NoPlace,
    /// The restore target cannot share blocks with the image.
    CloneRefused,
    /// Another process holds the lock; `pid` and `holders` name it if it is known.
    Locked,
    /// A file of a repository must not be written; `detail` says what it is.
    FileUnfit,
    /// An argument out of range.
    InvalidArgument,
    /// A bug in the engine.
    Panic,
}

impl Code {
    /// The name of the code in TypeScript, JSON and documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "BACKY_CANCELLED",
            Self::Io => "BACKY_IO",
            Self::SourceResized => "BACKY_SOURCE_RESIZED",
            Self::SourceShort => "BACKY_SOURCE_SHORT",
            Self::SourceKind => "BACKY_SOURCE_KIND",
            Self::TooLarge => "BACKY_TOO_LARGE",
            Self::SourceRestoring => "BACKY_SOURCE_RESTORING",
            Self::SourceDiffers => "BACKY_SOURCE_DIFFERS",
            Self::SnapshotReplaced => "BACKY_SNAPSHOT_REPLACED",
            Self::SealRefused => "BACKY_SEAL_REFUSED",
            Self::DiffDamaged => "BACKY_DIFF_DAMAGED",
            Self::ProgramFailed => "BACKY_PROGRAM_FAILED",
            Self::ReflinkUnsupported => "BACKY_REFLINK_UNSUPPORTED",
            Self::IndexDamaged => "BACKY_INDEX_DAMAGED",
            Self::ImageDamaged => "BACKY_IMAGE_DAMAGED",
            Self::ReadBack => "BACKY_READ_BACK",
            Self::TargetSmall => "BACKY_TARGET_SMALL",
            Self::TargetBusy => "BACKY_TARGET_BUSY",
            Self::TargetKind => "BACKY_TARGET_KIND",
            Self::TargetProtected => "BACKY_TARGET_PROTECTED",
            Self::TargetStalled => "BACKY_TARGET_STALLED",
            Self::LinkForeign => "BACKY_LINK_FOREIGN",
            Self::FileForeign => "BACKY_FILE_FOREIGN",
            Self::FileReplaced => "BACKY_FILE_REPLACED",
            Self::LogKind => "BACKY_LOG_KIND",
            Self::NoPlace => "BACKY_NO_PLACE",
            Self::CloneRefused => "BACKY_CLONE_REFUSED",
            Self::Locked => "BACKY_LOCKED",
            Self::FileUnfit => "BACKY_FILE_UNFIT",
            Self::InvalidArgument => "BACKY_INVALID_ARGUMENT",
            Self::Panic => "BACKY_PANIC",
        }
    }
}

/// A block that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadBlock {
    /// The offset of its first byte in the image.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The hash in the index.
    pub expected: Hash,
    /// The finding.
    pub found: Found,
}

/// Bad blocks, counted; only the first ones are kept, as a lost image of a terabyte has millions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BadBlocks {
    /// The first [`MOST_BAD_BLOCKS`].
    pub first: Vec<BadBlock>,
    /// Number of all of them.
    pub count: u64,
}

/// As many bad blocks as results and errors list.
pub const MOST_BAD_BLOCKS: usize = 10_000;

impl BadBlocks {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Extend<BadBlock> for BadBlocks {
    fn extend<Blocks: IntoIterator<Item = BadBlock>>(&mut self, blocks: Blocks) {
        for block in blocks {
            self.count += 1;
            if self.first.len() < MOST_BAD_BLOCKS {
                self.first.push(block);
            }
        }
    }
}

/// The state of a bad block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Readable, with another hash.
    Other(Hash),
    /// Not readable.
    Unreadable(Errno),
}

/// A failed operation of the engine.
#[derive(Debug, Clone)]
pub struct Error {
    /// The kind of failure.
    pub code: Code,
    /// Words for everything that no other field says.
    pub detail: Option<String>,
    /// The file concerned.
    pub path: Option<PathBuf>,
    /// The system call that failed.
    pub syscall: Option<&'static str>,
    /// The error number of that call.
    pub errno: Option<Errno>,
    /// The offset in `path`, in bytes.
    pub offset: Option<u64>,
    /// The process holding a lock.
    pub pid: Option<u32>,
    /// Damaged blocks of an image; the first [`MOST_BAD_BLOCKS`].
    pub bad_blocks: Vec<BadBlock>,
    /// The number of damaged blocks.
    pub bad_count: u64,
    /// The users that have a target open.
    pub holders: Vec<Holder>,
    /// Whether a target was changed and is incomplete.
    pub begun: bool,
}

impl Error {
    /// An error with only its code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            path: None,
            syscall: None,
            errno: None,
            offset: None,
            pid: None,
            bad_blocks: Vec::new(),
            bad_count: 0,
            holders: Vec::new(),
            begun: false,
        }
    }

    /// A failed system call on `path`.
    #[must_use]
    pub fn io(syscall: &'static str, path: &Path, errno: Errno) -> Self {
        Self { syscall: Some(syscall), errno: Some(errno), ..Self::new(Code::Io) }.at(path)
    }

    /// The error number of a block that cannot be read. `None` for errors that concern more than one block.
    pub(crate) fn unreadable(&self) -> Option<Errno> {
        match self.code {
            Code::SourceShort => Some(Errno::NODATA),
            Code::Io => self.errno.filter(|errno| BLOCK_ERRORS.contains(errno)),
            _ => None,
        }
    }

    /// The same error, naming the file.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// The same error, with the damaged blocks.
    pub(crate) fn bad(self, blocks: impl IntoIterator<Item = BadBlock>) -> Self {
        let mut bad = BadBlocks::default();
        bad.extend(blocks);
        self.all_bad(bad)
    }

    /// The same error, with the damaged blocks, of which some may be counted only.
    pub(crate) fn all_bad(self, BadBlocks { first, count }: BadBlocks) -> Self {
        Self { bad_blocks: first, bad_count: count, ..self }
    }

    /// The same error of a restore that has begun to change its target.
    #[must_use]
    pub fn begun(self) -> Self {
        Self { begun: true, ..self }
    }

    /// The same error, naming the byte offset in the file.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The same error with further words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        if let Some(syscall) = self.syscall {
            write!(f, ": {syscall} failed")?;
        }
        if let Some(path) = &self.path {
            write!(f, " on {}", path.display())?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        if let Some(errno) = self.errno {
            write!(f, ": {}", std::io::Error::from(errno))?;
        }
        if let Some(pid) = self.pid {
            write!(f, ", held by pid {pid}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for holder in &self.holders {
            write!(f, ": {} {}", holder.kind.name(), holder.name)?;
        }
        if self.bad_count > 0 {
            write!(f, ", {} bad blocks", self.bad_count)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Names the system call and the file of a failure.
pub trait Context<T> {
    /// `Err` becomes [`Code::Io`] with these facts.
    ///
    /// # Errors
    /// The failure, with context.
    fn on(self, syscall: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for std::result::Result<T, Errno> {
    fn on(self, syscall: &'static str, path: &Path) -> Result<T> {
        self.map_err(|errno| Error::io(syscall, path, errno))
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn on(self, syscall: &'static str, path: &Path) -> Result<T> {
        self.map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            Error::io(syscall, path, errno)
        })
    }
}
