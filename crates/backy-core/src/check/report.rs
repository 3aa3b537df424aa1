//! The list of all bad blocks of an image in a file. It can be too long for a terminal.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::error::{BadBlock, Error, Found, Result};
use crate::files::directory::make_directory;
use crate::files::durable::{Existing, write_file_by};
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

    /// Writes the header and a line of JSON for each block, durably. It makes a missing directory. Without bad blocks
    /// it writes nothing.
    pub(crate) fn write(&self, blocks: &[BadBlock]) -> Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        let path: &Path = &self.path;
        make_directory(directory_of(path))?;
        write_file_by(path, READ_ONLY, Existing::Keep, |file| {
            let mut lines = BufWriter::new(file);
            writeln!(lines, "{}", self.header)?;
            blocks.iter().try_for_each(|block| writeln!(lines, "{}", json(block)))?;
            lines.flush()
        })
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
        report.write(&[]).unwrap();
        assert!(report.expect_free().is_ok(), "nothing bad, no report");
        report.write(&blocks).unwrap();
        let (zeros, found) = ("0".repeat(64), "ab".repeat(32));
        let expected = format!(
            "{{\"uuid\":1}}\n\
             {{\"offset\":0,\"length\":7,\"expected\":\"{zeros}\",\"found\":\"{found}\"}}\n\
             {{\"offset\":262144,\"length\":7,\"expected\":\"{zeros}\",\"error\":\"EIO\"}}\n"
        );
        assert_eq!(std::fs::read_to_string(&report.path).unwrap(), expected);
        assert_eq!(std::fs::metadata(&report.path).unwrap().permissions().mode() & 0o7777, 0o400);
        assert_eq!(report.write(&blocks).unwrap_err().errno, Some(Errno::EXIST));
        assert_eq!(report.expect_free().unwrap_err().errno, Some(Errno::EXIST));
    }
}
