//! The two ends of a program's pipes. Reading and writing them ends when the run is cancelled.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::stream::complaint::Complaint;
use crate::work::control::Control;

/// The longest time for which a cancelled run goes unnoticed.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// The output of a program. Reading it ends when the run is cancelled, even if the program is silent.
#[derive(Debug)]
pub(crate) struct ProgramOutput<'a> {
    pub stdout: ChildStdout,
    pub control: &'a Control,
    pub complaint: Rc<RefCell<Complaint>>,
    pub ended: Rc<Cell<bool>>,
}

impl Read for ProgramOutput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // The message does not matter: the caller checks the control.
            self.control.check().map_err(|_| io::Error::from(Errno::CANCELED))?;
            let stdout = PollFd::new(&self.stdout, PollFlags::IN);
            if self.complaint.borrow_mut().poll(Some(stdout), POLL)? {
                let count = self.stdout.read(buffer)?;
                self.ended.set(self.ended.get() || count == 0 && !buffer.is_empty());
                return Ok(count);
            }
        }
    }
}

/// The input of a program. Writing to it ends when the run is cancelled, even if the program reads nothing. It fails
/// with [`Errno::TIMEDOUT`] if the program has read nothing for too long.
#[derive(Debug)]
pub(crate) struct ProgramInput<'a> {
    pub stdin: ChildStdin,
    pub control: &'a Control,
    pub complaint: Rc<RefCell<Complaint>>,
    pub patience: Duration,
    /// After a timeout, buffered writers try to flush at the end. They must not wait again.
    pub stalled: bool,
}

impl Write for ProgramInput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begin = Instant::now();
        loop {
            self.control.check().map_err(|_| io::Error::from(Errno::CANCELED))?;
            match self.stdin.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled = self.stalled || begin.elapsed() >= self.patience;
                    if self.stalled {
                        return Err(Errno::TIMEDOUT.into());
                    }
                    let stdin = PollFd::new(&self.stdin, PollFlags::OUT);
                    self.complaint.borrow_mut().poll(Some(stdin), POLL)?;
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
