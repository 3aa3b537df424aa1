//! The messages of a program on its standard error.

use std::io::{PipeReader, Read};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sys;

/// Only the end of the messages is kept.
pub(crate) const MOST_COMPLAINT: usize = 4096;
/// No pipe holds more, unless it was widened.
const MOST_IN_PIPE: u64 = 1024 * 1024;

/// The standard error of a program. It is read whenever the program is waited for, and no longer: programs that it has
/// started may run for ever, and hold the pipe open.
#[derive(Debug)]
pub(crate) struct Complaint {
    /// `None` after its end.
    stderr: Option<PipeReader>,
    tail: Vec<u8>,
}

impl Complaint {
    /// Listens to a pipe that does not block.
    pub(crate) fn new(stderr: PipeReader) -> Self {
        Self { stderr: Some(stderr), tail: Vec::new() }
    }

    /// Returns the last line under the own name of the program, which is meant for people, or else everything.
    pub(crate) fn in_words(&mut self, own_name: &str) -> String {
        self.listen();
        let text = String::from_utf8_lossy(&self.tail);
        let mark = format!("{own_name}: ");
        let lines: Vec<&str> = text
            .split(['\n', '\r'])
            .flat_map(|line| voices_of(line, &mark))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        // Libraries write the same before, in more detail.
        let own = lines.iter().rfind(|line| line.starts_with(&mark));
        let words = own.map_or_else(|| lines.join("; "), |line| (*line).to_owned());
        if words.is_empty() { "it said nothing".to_owned() } else { words }
    }

    /// Waits for `other`, for `patience` at most, and listens meanwhile. Returns whether `other` is ready.
    pub(crate) fn poll(&mut self, other: Option<PollFd>, patience: Duration) -> sys::io::Result<bool> {
        let is_other = other.is_some();
        let stderr = self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN));
        let timeout = Timespec::try_from(patience).expect("short");
        let mut descriptors: Vec<PollFd> = other.into_iter().chain(stderr).collect();
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        let mut ready = descriptors.iter().map(|descriptor| !descriptor.revents().is_empty());
        let is_ready = is_other && ready.next() == Some(true);
        if ready.next() == Some(true) {
            self.listen();
        }
        Ok(is_ready)
    }

    /// Reads the messages so far. The limit keeps a busy writer from holding us here.
    fn listen(&mut self) {
        let Some(stderr) = &mut self.stderr else { return };
        // An empty pipe is an error, too.
        if let Ok(0) = stderr.take(MOST_IN_PIPE).read_to_end(&mut self.tail) {
            self.stderr = None;
        }
        let surplus = self.tail.len().saturating_sub(MOST_COMPLAINT);
        self.tail.drain(..surplus);
    }
}

/// A time at the begin of a log line of Ceph's libraries; 0 stands for any digit.
const STAMP: &[u8] = b"0000-00-00T00:00:00.";

/// Splits a line that several threads have written into: the program under its own name, or a library that logs.
fn voices_of<'a>(line: &'a str, mark: &str) -> Vec<&'a str> {
    let begins = |at: usize| {
        let is_word = at.checked_sub(1).is_some_and(|before| line.as_bytes()[before].is_ascii_alphanumeric());
        !is_word && line[at..].starts_with(mark) || is_stamp(&line.as_bytes()[at..])
    };
    let mut starts: Vec<usize> = line.char_indices().map(|(at, _)| at).filter(|at| begins(*at)).collect();
    starts.insert(0, 0);
    starts.push(line.len());
    starts.windows(2).map(|pair| &line[pair[0]..pair[1]]).collect()
}

fn is_stamp(bytes: &[u8]) -> bool {
    let fits =
        |(byte, pattern): (&u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern };
    bytes.len() >= STAMP.len() && bytes.iter().zip(STAMP).all(fits)
}
