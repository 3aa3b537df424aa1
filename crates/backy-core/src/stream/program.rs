//! A program that writes a source or reads a target. It is started without a shell, watched while it works, and killed
//! when we end.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};

use crate::error::{Code, Context, Error, Result};
use crate::platform;
use crate::stream::complaint::Complaint;
use crate::stream::pipes::{POLL, ProgramInput, ProgramOutput};
use crate::sys;
use crate::work::control::Control;

/// A program that has closed its output has nothing left to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program. Dropping it kills it, with all that it has started.
pub(crate) struct Program {
    /// It is not reaped while it may have to be killed, so that its pid stays its own.
    child: Child,
    complaint: Rc<RefCell<Complaint>>,
    /// The name in front of its own messages.
    own_name: String,
    name: PathBuf,
    /// The time for which it may take nothing, or go on after its work.
    patience: Duration,
    /// Whether it reads a target.
    takes: bool,
    /// Whether all of its output was read.
    ended: Rc<Cell<bool>>,
}

impl Program {
    /// Starts a program whose output is a source; `name` is that source in errors.
    pub(crate) fn exporter(command: &[String], name: &Path) -> Result<Self> {
        Self::spawn(command, name, false, PATIENCE)
    }

    /// Starts a program whose input is a target; `name` is that target in errors. It fails with [`Code::TargetStalled`]
    /// if it reads nothing for `patience`, or does not end within `patience` after its input.
    pub(crate) fn importer(command: &[String], name: &Path, patience: Duration) -> Result<Self> {
        Self::spawn(command, name, true, patience)
    }

    /// Its standard error is kept for the message.
    fn spawn(command: &[String], name: &Path, takes: bool, patience: Duration) -> Result<Self> {
        let (stdin, stdout) =
            if takes { (Stdio::piped(), Stdio::null()) } else { (Stdio::null(), Stdio::piped()) };
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| Error::new(Code::InvalidArgument).detail("a command has a program"))?;
        let (complaint, stderr) = io::pipe().on("pipe", name)?;
        sys::io::set_nonblocking(&complaint).on("ioctl", name)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(stdin).stdout(stdout).stderr(stderr);
        command.process_group(0);
        platform::die_with_parent(&mut command);
        let failed = |error: io::Error| {
            let detail = format!("{program} cannot be started: {error}");
            Error::new(Code::ProgramFailed).at(name).detail(detail)
        };
        let child = command.spawn().map_err(failed)?;
        let complaint = Rc::new(RefCell::new(Complaint::new(complaint)));
        let own_name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { child, complaint, own_name, name: name.to_owned(), patience, takes, ended: Rc::default() })
    }

    /// Its output. It can be taken once.
    pub(crate) fn output<'a>(&mut self, control: &'a Control) -> ProgramOutput<'a> {
        let stdout = self.child.stdout.take().expect("taken once");
        platform::widen_pipe(&stdout);
        ProgramOutput {
            stdout,
            control,
            complaint: Rc::clone(&self.complaint),
            ended: Rc::clone(&self.ended),
        }
    }

    /// Its input. It can be taken once, and must be dropped at its end.
    pub(crate) fn input<'a>(&mut self, control: &'a Control) -> Result<ProgramInput<'a>> {
        let stdin = self.child.stdin.take().expect("taken once");
        platform::widen_pipe(&stdin);
        // Bytes that the pipe does not take at once wait in a loop that checks the control.
        sys::io::set_nonblocking(&stdin).on("ioctl", &self.name)?;
        let (complaint, patience) = (Rc::clone(&self.complaint), self.patience);
        Ok(ProgramInput { stdin, control, complaint, patience, stalled: false })
    }

    /// Returns `result` if the program ends well. Otherwise its own message may explain more: only a program that ends
    /// well has handed over everything.
    pub(crate) fn conclude<T>(self, result: Result<T>, control: &Control) -> Result<T> {
        control.check()?;
        let Err(error) = result else {
            return match self.wait(control)? {
                Some(status) if status.exit_status() == Some(0) => result,
                Some(status) => Err(self.failure(&status)),
                None if self.takes => Err(self.stalled()),
                None => {
                    let detail = "it does not end after its work has ended";
                    Err(Error::new(Code::ProgramFailed).at(&self.name).detail(detail))
                }
            };
        };
        // Reading the image may time out, too, but that is not the target.
        if error.errno == Some(Errno::TIMEDOUT) && error.path.as_ref() == Some(&self.name) {
            return Err(self.stalled());
        }
        // The reason why it ended says more than output that is too short, or input that it does not take. Other
        // failures are not its fault, and after them we are the reason why it cannot write.
        let is_cut_off = error.code == Code::DiffDamaged && self.ended.get();
        if (is_cut_off || error.errno == Some(Errno::PIPE))
            && let Some(status) = self.wait(control)?.filter(|status| status.exit_status() != Some(0))
        {
            return Err(self.failure(&status));
        }
        Err(error)
    }

    /// Waits for its end. Returns `None` if it does not end in time.
    fn wait(&self, control: &Control) -> Result<Option<WaitIdStatus>> {
        let pid = Pid::from_child(&self.child);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let begin = Instant::now();
        let mut pause = Duration::from_millis(1);
        while begin.elapsed() < self.patience {
            control.check()?;
            if let Some(status) = waitid(WaitId::Pid(pid), options).on("waitid", &self.name)? {
                return Ok(Some(status));
            }
            self.complaint.borrow_mut().poll(None, pause).on("poll", &self.name)?;
            pause = (pause * 2).min(POLL);
        }
        Ok(None)
    }

    fn stalled(&self) -> Error {
        let detail = format!("for {} s", self.patience.as_secs());
        Error::new(Code::TargetStalled).at(&self.name).detail(detail)
    }

    fn failure(&self, status: &WaitIdStatus) -> Error {
        let words = self.complaint.borrow_mut().in_words(&self.own_name);
        let end = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
        };
        Error::new(Code::ProgramFailed).at(&self.name).detail(format!("{words} ({end})"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::thread;

    use super::*;
    use crate::stream::complaint::MOST_COMPLAINT;

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
        write_for(Duration::from_secs(100), script, bytes, control)
    }

    fn write_for(patience: Duration, script: &str, bytes: &[u8], control: &Control) -> Result<()> {
        let command = ["sh", "-c", script].map(str::to_owned);
        let mut program = Program::importer(&command, Path::new("disk"), patience)?;
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
    fn a_program_that_takes_nothing_or_does_not_end_is_given_up() {
        let patience = Duration::from_millis(300);
        for (script, size) in
            [("exec sleep 1000", 3 << 20), ("cat; exec sleep 1000", 5), ("exec sleep 1000", 5)]
        {
            let error = write_for(patience, script, &vec![7; size], &Control::default()).unwrap_err();
            assert_eq!(error.code, Code::TargetStalled, "{script}");
        }
    }

    #[test]
    fn a_line_of_several_threads_is_taken_apart() {
        let stamp = "2026-11-27T22:17:14.300+0000 7f22 -1";
        for script in [
            format!("{stamp} librbd: details sh: in short"),
            format!("sh: in short{stamp} librbd: details"),
            format!("5% ...sh: in short\r{stamp} ö librbd: push: x"),
        ] {
            let script = format!("printf '{}' >&2; exit 2", script.replace('%', "%%"));
            let error = read(&script, &Control::default()).unwrap_err();
            assert_eq!(error.detail.unwrap(), "sh: in short (exit status 2)");
        }
    }

    /// Cancels `run` as soon as a program writes to the file that `run` gets. In the end nobody holds that file open,
    /// which shows that the program and its children are gone.
    fn cancelled<T: std::fmt::Debug>(run: impl FnOnce(&Control, &str) -> Result<T>) {
        let control = Control::default();
        let (mut reader, writer) = io::pipe().unwrap();
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                reader.read_exact(&mut [0]).unwrap();
                control.cancel();
            });
            run(&control, &format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd()))
        });
        drop(writer);
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0, "nobody holds the pipe any more");
    }

    #[test]
    fn cancelling_ends_a_silent_program_and_its_children() {
        cancelled(|control, path| read(&format!("exec 3>{path}; (echo >&3; sleep 1000) & wait"), control));
    }

    #[test]
    fn cancelling_ends_a_program_that_took_everything_and_is_not_done() {
        cancelled(|control, path| {
            write(&format!("exec 3>{path}; cat; echo >&3; sleep 60"), &[7; 4096], control)
        });
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn others_that_hold_its_standard_error_open_are_not_waited_for() {
        let beside = |command: &str| {
            let away = format!("setsid sh -c 'echo $$; exec {command}'");
            let script = format!("({away} &) | {{ read pid; echo $pid >&2; exit 1; }}");
            read(&script, &Control::default()).unwrap_err().detail.unwrap()
        };
        let begin = Instant::now();
        let detail = beside("sleep 60 >&-");
        let pid = detail.strip_suffix(" (exit status 1)").unwrap().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        // This one ends when its pipe is closed.
        let detail = beside("timeout 60 yes >&2");
        assert!(detail.ends_with("(exit status 1)") && detail.len() < 2 * MOST_COMPLAINT);
        assert!(begin.elapsed() < Duration::from_secs(50), "the others take 60 seconds");
    }

    #[test]
    fn its_number_is_not_given_away_before_it_is_killed() {
        let program = Program::exporter(&["true".to_owned()], Path::new("disk")).unwrap();
        assert_eq!(program.wait(&Control::default()).unwrap().unwrap().exit_status(), Some(0));
        let pid = Pid::from_child(&program.child);
        let is_ours = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_ok();
        assert!(is_ours());
        drop(program);
        assert!(!is_ours(), "it is reaped in the end");
    }
}
