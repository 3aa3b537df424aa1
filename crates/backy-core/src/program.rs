//! A program that hands over a source or takes a target: started without a shell, watched while we talk to it, and
//! gone when we are.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::control::Control;
use crate::error::{Code, Context, Error, Result};
use crate::{platform, sys};

/// How long a cancelled run may go unnoticed.
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// A program that has closed its output has nothing left to do, but one that took a target has to make it durable.
const PATIENCE: Duration = Duration::from_secs(10);
const LONG_PATIENCE: Duration = Duration::from_secs(600);
/// Of its complaints, the end is what counts.
const MOST_COMPLAINT: usize = 4096;

/// A running program. Dropping it kills it, with all that it has started.
pub(crate) struct Program {
    child: Child,
    complaint: Option<JoinHandle<Vec<u8>>>,
    /// The name it speaks under.
    own_name: String,
    name: PathBuf,
    patience: Duration,
    /// Whether all of its output was read.
    ended: Arc<AtomicBool>,
}

impl Program {
    /// Starts a program whose output is a source; `name` is that source in errors.
    pub(crate) fn exporter(command: &[String], name: &Path) -> Result<Self> {
        Self::spawn(command, name, Stdio::null(), Stdio::piped(), PATIENCE)
    }

    /// Starts a program whose input is a target; `name` is that target in errors.
    pub(crate) fn importer(command: &[String], name: &Path) -> Result<Self> {
        Self::spawn(command, name, Stdio::piped(), Stdio::null(), LONG_PATIENCE)
    }

    /// What it says on standard error is kept for the message.
    fn spawn(
        command: &[String],
        name: &Path,
        stdin: Stdio,
        stdout: Stdio,
        patience: Duration,
    ) -> Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| Error::new(Code::InvalidArgument).detail("a command has a program"))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        command.process_group(0);
        platform::die_with_parent(&mut command);
        let failed = |error: io::Error| {
            let detail = format!("{program} cannot be started: {error}");
            Error::new(Code::ProgramFailed).at(name).detail(detail)
        };
        let mut child = command.spawn().map_err(failed)?;
        let stderr = child.stderr.take();
        let complaint = stderr.map(|stderr| thread::spawn(move || tail_of(stderr)));
        let own_name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { child, complaint, own_name, name: name.to_owned(), patience, ended: Arc::default() })
    }

    /// What it writes; to be taken once.
    pub(crate) fn output<'a>(&mut self, control: &'a Control) -> ProgramOutput<'a> {
        let stdout = self.child.stdout.take().expect("taken once");
        platform::widen_pipe(&stdout);
        ProgramOutput { stdout, control, ended: Arc::clone(&self.ended) }
    }

    /// What it reads; to be taken once, and dropped when there is nothing more.
    pub(crate) fn input<'a>(&mut self, control: &'a Control) -> Result<ProgramInput<'a>> {
        let stdin = self.child.stdin.take().expect("taken once");
        platform::widen_pipe(&stdin);
        // What the pipe does not take at once is waited for, with an eye on the control.
        sys::io::set_nonblocking(&stdin).on("ioctl", &self.name)?;
        Ok(ProgramInput { stdin, control })
    }

    /// What came of reading its output, unless it has something to say about that itself: only a program that
    /// ends well has handed over all there is.
    pub(crate) fn conclude<T>(mut self, result: Result<T>, control: &Control) -> Result<T> {
        control.check()?;
        let Err(error) = result else {
            return match self.wait()? {
                Some(status) if status.success() => result,
                Some(status) => Err(self.failure(status)),
                None => {
                    let detail = "it does not end after its work has ended";
                    Err(Error::new(Code::ProgramFailed).at(&self.name).detail(detail))
                }
            };
        };
        // That its output is too short, or that it takes no more, says less than why it ended. Whatever else goes
        // wrong is not its fault, and that it then cannot write any more is ours.
        let is_cut_off = error.code == Code::DiffDamaged && self.ended.load(Relaxed);
        if (is_cut_off || error.errno == Some(Errno::PIPE))
            && let Some(status) = self.wait()?.filter(|status| !status.success())
        {
            return Err(self.failure(status));
        }
        Err(error)
    }

    /// None when it goes on after its output was closed.
    fn wait(&mut self) -> Result<Option<ExitStatus>> {
        let begin = Instant::now();
        let mut pause = Duration::from_millis(1);
        while begin.elapsed() < self.patience {
            if let Some(status) = self.child.try_wait().map_err(|error| self.io(&error))? {
                return Ok(Some(status));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
        Ok(None)
    }

    fn failure(&mut self, status: ExitStatus) -> Error {
        self.kill();
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&complaint);
        let lines: Vec<&str> =
            text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
        // What it says under its own name is for people; libraries tell the same before, in more detail.
        let own = lines.iter().rfind(|line| line.starts_with(&format!("{}: ", self.own_name)));
        let words = own.map_or_else(|| lines.join("; "), |line| (*line).to_owned());
        let words = if words.is_empty() { "it said nothing".to_owned() } else { words };
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => status.to_string(),
        };
        Error::new(Code::ProgramFailed).at(&self.name).detail(format!("{words} ({end})"))
    }

    fn io(&self, error: &io::Error) -> Error {
        Error::io("wait", &self.name, Errno::from_io_error(error).unwrap_or(Errno::IO))
    }

    /// Best effort, and harmless when it has ended: until it is waited for, its number is not given away.
    fn kill(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// The output of a program; reading it ends when the run is cancelled, however silent the program is.
#[derive(Debug)]
pub(crate) struct ProgramOutput<'a> {
    stdout: ChildStdout,
    control: &'a Control,
    ended: Arc<AtomicBool>,
}

impl Read for ProgramOutput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // The message does not matter: whoever sees this asks the control.
            self.control.check().map_err(|_| io::Error::from(Errno::CANCELED))?;
            let mut descriptors = [PollFd::new(&self.stdout, PollFlags::IN)];
            match poll(&mut descriptors, Some(&POLL)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    let count = self.stdout.read(buffer)?;
                    self.ended.fetch_or(count == 0 && !buffer.is_empty(), Relaxed);
                    return Ok(count);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The input of a program; writing to it ends when the run is cancelled, however lazy the program is.
#[derive(Debug)]
pub(crate) struct ProgramInput<'a> {
    stdin: ChildStdin,
    control: &'a Control,
}

impl Write for ProgramInput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.control.check().map_err(|_| io::Error::from(Errno::CANCELED))?;
            match self.stdin.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut descriptors = [PollFd::new(&self.stdin, PollFlags::OUT)];
                    match poll(&mut descriptors, Some(&POLL)) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tail_of(mut stream: impl Read) -> Vec<u8> {
    let mut tail = Vec::new();
    let mut piece = [0; 1024];
    // An error here only makes the message shorter.
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        tail.extend_from_slice(&piece[..count]);
        let surplus = tail.len().saturating_sub(MOST_COMPLAINT);
        tail.drain(..surplus);
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str, control: &Control) -> Result<Vec<u8>> {
        let command = ["sh", "-c", script].map(str::to_owned);
        let mut program = Program::exporter(&command, Path::new("disk"))?;
        let mut bytes = Vec::new();
        let result = program.output(control).read_to_end(&mut bytes);
        program.conclude(result.map(|_| bytes).map_err(|_| Error::new(Code::DiffDamaged)), control)
    }

    #[test]
    fn output_counts_when_the_program_ends_well() {
        assert_eq!(read("printf abc; echo progress >&2", &Control::default()).unwrap(), b"abc");
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let error = read("echo abc; echo rbd: error opening image >&2; exit 2", &Control::default());
        let error = error.unwrap_err();
        assert_eq!(error.code, Code::ProgramFailed);
        assert_eq!(error.detail.unwrap(), "rbd: error opening image (exit status 2)");
        let script = "echo 2026 librbd: details >&2; echo sh: in short >&2; echo >&2; exit 2";
        let error = read(script, &Control::default()).unwrap_err();
        assert_eq!(error.detail.unwrap(), "sh: in short (exit status 2)");
        let error = read("kill -KILL $$", &Control::default()).unwrap_err();
        assert_eq!(error.detail.unwrap(), "it said nothing (ended by signal 9)");
    }

    #[test]
    fn endless_complaints_do_not_block_it_and_their_end_is_kept() {
        let script = "yes complaint | head -c 1000000 >&2; echo last words >&2; exit 1";
        let detail = read(script, &Control::default()).unwrap_err().detail.unwrap();
        assert!(detail.ends_with("last words (exit status 1)") && detail.len() < 2 * MOST_COMPLAINT);
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Program::exporter(&["no-such-program".to_owned()], Path::new("disk")).err().unwrap();
        assert_eq!(error.code, Code::ProgramFailed);
        assert!(error.detail.unwrap().starts_with("no-such-program cannot be started"));
    }

    fn write(script: &str, bytes: &[u8], control: &Control) -> Result<()> {
        let command = ["sh", "-c", script].map(str::to_owned);
        let mut program = Program::importer(&command, Path::new("disk"))?;
        let mut input = program.input(control)?;
        let result = input.write_all(bytes).on("write", Path::new("disk"));
        drop(input);
        program.conclude(result, control)
    }

    #[test]
    fn input_counts_when_the_program_took_it_and_ends_well() {
        let bytes = vec![7; 3 << 20];
        write("test $(wc -c) = 3145728", &bytes, &Control::default()).unwrap();
        let error = write("echo no room >&2; exit 3", &bytes, &Control::default()).unwrap_err();
        assert_eq!(error.code, Code::ProgramFailed);
        assert_eq!(error.detail.unwrap(), "no room (exit status 3)");
        assert!(write("exit 0", &bytes, &Control::default()).is_err(), "it did not read what it was given");
    }

    #[test]
    fn cancelling_ends_a_silent_program_and_its_children() {
        let control = Control::default();
        let (mut reader, writer) = io::pipe().unwrap();
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                // What the program's child holds open is how we see that it lives, and then that it is gone.
                let mut byte = [0];
                reader.read_exact(&mut byte).unwrap();
                control.cancel();
            });
            let path = format!("/proc/{}/fd/{}", std::process::id(), {
                use std::os::fd::AsRawFd;
                writer.as_raw_fd()
            });
            read(&format!("exec 3>{path}; (echo >&3; sleep 1000) & wait"), &control)
        });
        drop(writer);
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0, "nobody holds the pipe any more");
    }
}
