//! The list of all bad blocks of an image in a file. It can be too long for a terminal.

use std::fmt::Write as _;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::PathBuf;

use rustix::io::Errno;

use crate::error::{BadBlock, Context, Error, Found, Result};
use crate::files::directory::make_directory;
use crate::files::durable::{Draft, Existing};
use crate::files::names::directory_of;
use crate::sys::errno::errno_name;
use crate::sys::fs;

/// The owner may read it, and nobody may change it.
const READ_ONLY: u32 = 0o400;

/// The file that lists the bad blocks of an image.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file to create; the name must be free.
    pub path: PathBuf,
    /// Its first line, without the line feed.
    pub header: String,
}

impl Report {
    /// Fails if the name is taken, before a disk is read for hours. Other problems with the report are no reason not to
    /// verify.
    pub(crate) fn expect_free(&self) -> Result<()> {
        match fs::lstat(&self.path) {
            Ok(_) => Err(Error::io("open", &self.path, Errno::EXIST)),
            Err(_) => Ok(()),
        }
    }

    /// A report that gets its blocks one by one.
    pub(crate) fn writer(&self) -> ReportWriter<'_> {
        ReportWriter { report: self, lines: None, problem: None }
    }
}

/// A report on its way to the disk. No file is made before the first block, and none has the name of the report before
/// it is complete.
pub(crate) struct ReportWriter<'r> {
    report: &'r Report,
    lines: Option<BufWriter<Draft>>,
    problem: Option<Error>,
}

impl ReportWriter<'_> {
    /// Adds a line of JSON. What keeps it from being written is what [`Self::finish`] returns.
    pub(crate) fn add(&mut self, block: &BadBlock) {
        if self.problem.is_none() {
            self.problem = self.write(block).err();
        }
    }

    /// Gives the file its name, durably; does nothing where no block is bad.
    ///
    /// # Errors
    /// [`crate::Code::Io`], also of a line before; no file is left then.
    pub(crate) fn finish(self) -> Result<()> {
        let path = &self.report.path;
        self.problem.map_or(Ok(()), Err)?;
        let Some(lines) = self.lines else { return Ok(()) };
        let draft = lines.into_inner().map_err(IntoInnerError::into_error).on("write", path)?;
        draft.finish(READ_ONLY, Existing::Keep)
    }

    fn write(&mut self, block: &BadBlock) -> Result<()> {
        let path = &self.report.path;
        if self.lines.is_none() {
            make_directory(directory_of(path))?;
            let mut lines = BufWriter::new(Draft::create(path)?);
            writeln!(lines, "{}", self.report.header).on("write", path)?;
            self.lines = Some(lines);
        }
        let lines = self.lines.as_mut().expect("just made");
        writeln!(lines, "{}", json(block)).on("write", path)
    }
}

/// The block as an object with the keys of the public API. Numbers, hashes and names of errors need no escapes.
fn json(BadBlock { offset, length, expected, found }: &BadBlock) -> String {
    let mut text = format!(r#"{{"offset":{offset},"length":{length},"expected":"{expected}","#);
    let written = match found {
        Found::Other(hash) => write!(text, r#""found":"{hash}"}}"#),
        Found::Unreadable(errno) => write!(text, r#""error":"{}"}}"#, errno_name(*errno)),
    };
    written.expect("a String takes everything");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::block::Hash;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_block_is_a_line_of_json() {
        let directory = tempfile::tempdir().unwrap();
        let report = Report { path: directory.path().join("bad"), header: "{\"uuid\":1}".to_owned() };
        let block = |offset, found| BadBlock { offset, length: 7, expected: Hash::ZERO, found };
        let blocks = [block(0, Found::Other(Hash([0xab; 32]))), block(262_144, Found::Unreadable(Errno::IO))];
        let write = |blocks: &[BadBlock]| {
            let mut writer = report.writer();
            for block in blocks {
                writer.add(block);
            }
            writer.finish()
        };
        write(&[]).unwrap();
        assert!(report.expect_free().is_ok(), "nothing bad, no report");
        let mut unfinished = report.writer();
        unfinished.add(&blocks[0]);
        drop(unfinished);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "what is not finished is gone");
        write(&blocks).unwrap();
        let (zeros, found) = ("0".repeat(64), "ab".repeat(32));
        let expected = format!(
            "{{\"uuid\":1}}\n\
             {{\"offset\":0,\"length\":7,\"expected\":\"{zeros}\",\"found\":\"{found}\"}}\n\
             {{\"offset\":262144,\"length\":7,\"expected\":\"{zeros}\",\"error\":\"EIO\"}}\n"
        );
        assert_eq!(std::fs::read_to_string(&report.path).unwrap(), expected);
        assert_eq!(std::fs::metadata(&report.path).unwrap().permissions().mode() & 0o7777, 0o400);
        assert_eq!(write(&blocks).unwrap_err().errno, Some(Errno::EXIST));
        assert_eq!(report.expect_free().unwrap_err().errno, Some(Errno::EXIST));
    }
}
